/**
 * Memory of which it is certain that nobody needs it any more. What flows through here: the large array that a cipher or
 * a socket made is used once and given back at once, not when garbage is collected. The next one then lies in the same
 * memory, still in the processor's cache; and collections of garbage that are due for nothing but such arrays fall away.
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
