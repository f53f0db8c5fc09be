/**
 * Memory of which it is certain that nobody needs it any more. What flows through here: the large array that a cipher or
 * a socket made is used once and given back at once, not when garbage is collected. The next one then lies in the same
 * memory, still in the processor's cache; and collections of garbage that are due for nothing but such arrays fall away.
 * Of the largest the system would take the memory away and give it anew, page by page: a few are kept here instead.
 *
 * A port that is closed takes what is transferred to it and keeps nothing (HTML, section 9.4.4).
 */

/** Below this size giving back costs more than it saves. */
const LEAST_BYTES = 8 * 1024;

const { port1: nowhere } = new MessageChannel();
nowhere.close();

/**
 * Gives the memory of `bytes` back, if nothing else can lie in it. The array is empty afterwards, as is every other view
 * of the same memory: to be called by its only holder.
 */
export function giveBack({ buffer, length }: Uint8Array): void {
  if (length < LEAST_BYTES || buffer.byteLength !== length) return;
  nowhere.postMessage(undefined, [buffer as ArrayBuffer]);
}

/** Sizes are multiples of this, so that memory serves arrays of about the same length. */
const STEP_BYTES = 8 * 1024;
/** What a receiver has in hand at once: some records that wait for their check, and a message of several. */
const MOST_KEPT_BYTES = 6 * 1024 * 1024;
const REST_MS = 1_000;

/** Calls back again and again, until the function that it returns is called; holds up no end of the program. */
export type Every = (ms: number, callback: () => void) => () => void;

const everySoOften: Every = (ms, callback) => {
  const timer = setInterval(callback, ms).unref();
  return () => clearInterval(timer);
};

/** Memory of large arrays that serves again. Nothing is kept once it was not needed for a second or two. */
export class SpareMemory {
  readonly #every: Every;
  /** How many of its bytes are in use, of memory that holds an array from here and nothing else. */
  readonly #inUse = new WeakMap<ArrayBufferLike, number>();
  #kept: ArrayBuffer[] = [];
  #keptBytes = 0;
  #wasUsed = false;
  #stop: (() => void) | undefined;

  constructor(every: Every = everySoOften) {
    this.#every = every;
  }

  /** An array of `length` bytes, whatever they are. */
  take(length: number): Uint8Array {
    const bytes = Math.ceil(length / STEP_BYTES) * STEP_BYTES;
    const memory = this.#find(bytes) ?? Buffer.allocUnsafeSlow(bytes).buffer;
    this.#inUse.set(memory, length);
    return new Uint8Array(memory, 0, length);
  }

  /** {@link giveBack}; memory of an array that came from here, and fits, is kept for others. */
  giveBack(bytes: Uint8Array): void {
    const memory = bytes.buffer as ArrayBuffer;
    if (this.#inUse.get(memory) !== bytes.length) giveBack(bytes);
    else if (this.#keptBytes + memory.byteLength > MOST_KEPT_BYTES) nowhere.postMessage(undefined, [memory]);
    else this.#keep(structuredClone(memory, { transfer: [memory] }));
  }

  /** What was kept last is the likeliest to be in the cache. */
  #find(bytes: number): ArrayBuffer | undefined {
    const at = this.#kept.findLastIndex(({ byteLength }) => byteLength === bytes);
    if (at < 0) return undefined;
    this.#keptBytes -= bytes;
    return this.#kept.splice(at, 1)[0];
  }

  #keep(memory: ArrayBuffer): void {
    this.#kept.push(memory);
    this.#keptBytes += memory.byteLength;
    this.#wasUsed = true;
    this.#stop ??= this.#every(REST_MS, () => this.#rest());
  }

  #rest(): void {
    if (!this.#wasUsed) {
      this.#kept = [];
      this.#keptBytes = 0;
      this.#stop?.();
      this.#stop = undefined;
    }
    this.#wasUsed = false;
  }
}
