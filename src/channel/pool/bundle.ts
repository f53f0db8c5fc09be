/**
 * Messages that cross between threads together. What flows through here: messages of one turn are copied one behind
 * the other, each behind its length, into memory that then changes hands whole; the other side reads them in place.
 */

const LENGTH_BYTES = 4;
const FIRST_BYTES = 4 * 1024;

export class Bundle {
  #memory = new Uint8Array(0);
  #used = 0;

  /** Copies the message. Returns what it takes in the bundle. */
  add(message: Uint8Array): number {
    const bytes = LENGTH_BYTES + message.length;
    this.#makeRoom(bytes);
    new DataView(this.#memory.buffer).setUint32(this.#used, message.length, true);
    this.#memory.set(message, this.#used + LENGTH_BYTES);
    this.#used += bytes;
    return bytes;
  }

  /** What was added since the last call, in memory of its own; undefined for nothing. */
  take(): Uint8Array | undefined {
    if (this.#used === 0) return undefined;
    const bundle = this.#memory.subarray(0, this.#used);
    this.#memory = new Uint8Array(0);
    this.#used = 0;
    return bundle;
  }

  #makeRoom(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#memory.length) return;
    const larger = new Uint8Array(
      this.#used === 0 ? Math.max(needed, FIRST_BYTES) : Math.max(needed, 2 * this.#memory.length),
    );
    larger.set(this.#memory.subarray(0, this.#used));
    this.#memory = larger;
  }
}

/** The messages of a bundle in order, as views into it. */
export function* messagesOf(bundle: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.length);
  for (let at = 0; at < bundle.length; ) {
    const start = at + LENGTH_BYTES;
    at = start + view.getUint32(at, true);
    yield bundle.subarray(start, at);
  }
}
