/**
 * Buffers for sealed records. What flows through here: a large record is sealed into a buffer; once the transport has
 * taken its bytes the buffer serves another. Large memory asked for anew each time costs more than sealing.
 */

/** Records below this are given memory of their own. */
const LEAST_BYTES = 32 * 1024;
const BUFFER_BYTES = 264 * 1024;
const MOST_SPARE = 6;

export class WireBuffers {
  #spare: Uint8Array[] = [];
  /** Whether the owner gives anything back: for others memory of the right size is better. */
  #isGivenBack = false;

  /** A buffer for a record of `bytes`; undefined where it needs none of these. */
  take(bytes: number): Uint8Array | undefined {
    if (!this.#isGivenBack || bytes < LEAST_BYTES || bytes > BUFFER_BYTES) return undefined;
    return this.#spare.pop() ?? new Uint8Array(BUFFER_BYTES);
  }

  /** Takes a buffer back, by any view of it; other arrays are let go. */
  release({ buffer }: Uint8Array): void {
    this.#isGivenBack = true;
    if (buffer.byteLength !== BUFFER_BYTES || this.#spare.length >= MOST_SPARE) return;
    // One that is given back twice would serve two records at once.
    if (this.#spare.some((spare) => spare.buffer === buffer)) return;
    this.#spare.push(new Uint8Array(buffer));
  }

  clear(): void {
    this.#spare = [];
  }
}
