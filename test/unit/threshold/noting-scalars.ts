/**
 * Every array that holds a secret scalar on its way through a ceremony. What flows through here: a Crypto whose group
 * and cipher note the arrays of secrets that they give; whoever is done must have overwritten them all, but for what
 * was sent in the clear.
 */
import { hex } from '../../../src/base/hex.ts';
import type { Crypto } from '../../../src/crypto/crypto.ts';

export function notingScalars(crypto: Crypto): {
  crypto: Crypto;
  left(said: readonly Uint8Array[]): string[];
} {
  const noted: { name: string; array: Uint8Array }[] = [];
  const note = <T extends Uint8Array>(name: string, array: T): T => {
    noted.push({ name, array });
    return array;
  };
  const group = crypto.edwards25519;
  const noting: Crypto = {
    ...crypto,
    random: { bytes: (length) => note('random', crypto.random.bytes(length)) },
    xchacha20poly1305: {
      ...crypto.xchacha20poly1305,
      open: (key, nonce, sealed) =>
        note('opened', crypto.xchacha20poly1305.open(note('key', key), nonce, sealed)),
    },
    edwards25519: {
      ...group,
      multiply: (scalar, point) => note('agreed', group.multiply(note('multiplier', scalar), point)),
      scalarAdd: (a, b) => note('sum', group.scalarAdd(a, b)),
      scalarMultiplyAdd: (a, b, c) => note('product and sum', group.scalarMultiplyAdd(a, b, c)),
    },
  };
  const left = (said: readonly Uint8Array[]) => {
    const sent = said.map(hex).join(' ');
    return noted
      .filter(({ array }) => array.some((byte) => byte !== 0) && !sent.includes(hex(array)))
      .map(({ name, array }) => `${name} (${array.length})`);
  };
  return { crypto: noting, left };
}
