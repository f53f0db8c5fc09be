/**
 * Messages over a stream of bytes, for rivals that have no messages of their own. What flows through here: a message
 * behind its length, u32be; at the other end chunks in any pieces, of which messages come out one by one.
 */
const PREFIX_BYTES = 4;

/** The same message again keeps its frame: what framing costs the rival is not counted against it. */
export class Framer {
  #message: Uint8Array | undefined;
  #frame: Uint8Array = new Uint8Array();

  frameOf(message: Uint8Array): Uint8Array {
    if (this.#message === message) return this.#frame;
    this.#message = message;
    this.#frame = new Uint8Array(PREFIX_BYTES + message.length);
    new DataView(this.#frame.buffer).setUint32(0, message.length);
    this.#frame.set(message, PREFIX_BYTES);
    return this.#frame;
  }
}

export class Splitter {
  readonly #deliver: (message: Uint8Array) => void;
  #partial: Uint8Array[] = [];
  #partialBytes = 0;
  #needed = PREFIX_BYTES;

  /** @param deliver takes views of what arrived */
  constructor(deliver: (message: Uint8Array) => void) {
    this.#deliver = deliver;
  }

  /** Chunks of a message that is not whole yet are joined once, when its last byte is there. */
  take(arrived: Uint8Array): void {
    this.#partial.push(arrived);
    this.#partialBytes += arrived.length;
    if (this.#partialBytes < this.#needed) return;
    const chunk: Uint8Array = this.#partial.length === 1 ? arrived : Buffer.concat(this.#partial);
    let at = 0;
    this.#needed = PREFIX_BYTES;
    while (at + PREFIX_BYTES <= chunk.length) {
      const length = (chunk[at] << 24) | (chunk[at + 1] << 16) | (chunk[at + 2] << 8) | chunk[at + 3];
      const end = at + PREFIX_BYTES + length;
      if (end > chunk.length) {
        this.#needed = PREFIX_BYTES + length;
        break;
      }
      this.#deliver(chunk.subarray(at + PREFIX_BYTES, end));
      at = end;
    }
    this.#partial = at === chunk.length ? [] : [chunk.subarray(at)];
    this.#partialBytes = chunk.length - at;
  }
}
