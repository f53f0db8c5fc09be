/**
 * Messages that came before anybody listened. What flows through here: the first messages of a channel wait for the first
 * listener, in order; if they hold too much memory nobody seems to listen, and from then on nothing waits.
 */

/** A record of many small messages, or some large ones. */
const WAITING_BYTES_MOST = 2 ** 20;
/** What an event costs beside its bytes. */
const EVENT_BYTES = 256;

export class EarlyMessages<T extends { readonly data: Uint8Array }> {
  #waiting: T[] = [];
  #bytes = 0;
  #memory: ArrayBufferLike | undefined;
  #isOver = false;

  /** Whether the message waits; if not, it is for those who listen now. */
  keep(event: T): boolean {
    if (this.#isOver) return false;
    const { buffer } = event.data;
    // A message holds all that came in its record.
    this.#bytes += EVENT_BYTES + (buffer === this.#memory ? 0 : buffer.byteLength);
    this.#memory = buffer;
    this.#waiting.push(event);
    if (this.#bytes <= WAITING_BYTES_MOST) return true;
    this.take();
    return false;
  }

  /** All that waits, in order; nothing waits any more. */
  take(): T[] {
    this.#isOver = true;
    this.#memory = undefined;
    return this.#waiting.splice(0);
  }
}
