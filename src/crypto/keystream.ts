/**
 * The key stream of AES-256 in counter mode as a source of bytes that only holders of a key know. What flows through
 * here: a number and a length; few bytes come from the core, where the key stands expanded, many from the hardware.
 * Both count blocks as GCM does: u32be 0, u32be 0, u32be number, and a block counter that begins at 2.
 */
import type { Core } from '../core/index.ts';
import type { Hardware } from '../ports.ts';
import { CROSSOVERS, usesHardware } from './crossover.ts';
import type { Keystream } from './crypto.ts';

const NOTHING = new Uint8Array();
const BLOCK_BYTES = 16;
const IV_BYTES = 12;
const FIRST_BLOCK = 2;

export function createKeystreams({ core, hardware }: { core: Core; hardware: Hardware }) {
  const { aes256ctr } = hardware;
  let zeros = new Uint8Array(1024);
  const counterBlock = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(counterBlock.buffer);

  return (keyBytes: Uint8Array): Keystream => {
    const key = core.keys.prepare(keyBytes);
    return {
      bytes(number, length) {
        if (zeros.length < length) zeros = new Uint8Array(length);
        view.setUint32(8, number);
        view.setUint32(12, FIRST_BLOCK);
        const text = zeros.subarray(0, length);
        return usesHardware(aes256ctr !== undefined, 'auto', length, CROSSOVERS.keystream)
          ? aes256ctr!(core.keys.bytesOf(key), counterBlock, text)
          : core.aes256gcm.seal(key, counterBlock.subarray(0, IV_BYTES), NOTHING, text).subarray(0, length);
      },
      [Symbol.dispose]: () => core.keys.release(key),
    };
  };
}
