/**
 * HMAC-SHA-256 (RFC 2104, FIPS 198-1), always in the core, which wipes what passes through it. What flows through
 * here: the key becomes two pads; message and inner digest are hashed behind them; pads and inner digest are
 * overwritten.
 */
import { wipe } from '../base/disposal.ts';
import type { Core } from '../core/index.ts';

const BLOCK_BYTES = 64;
const INNER = 0x36;
const OUTER = 0x5c;

/** The MAC of `parts`, one after the other. */
export type Hmac256 = (key: Uint8Array, ...parts: readonly Uint8Array[]) => Uint8Array;

export function createHmac256({ core }: { core: Core }): Hmac256 {
  const { hash } = core.sha256;
  return (key, ...parts) => {
    const short = key.length > BLOCK_BYTES ? hash(key) : key;
    const innerPad = pad(short, INNER);
    const outerPad = pad(short, OUTER);
    const inner = hash(innerPad, ...parts);
    const mac = hash(outerPad, inner);
    wipe(innerPad, outerPad, inner);
    if (short !== key) wipe(short);
    return mac;
  };
}

function pad(key: Uint8Array, value: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES).fill(value);
  for (let i = 0; i < key.length; i++) block[i] ^= key[i];
  return block;
}
