/** The `Crypto` that tests of the rooms above use. */
import type { Crypto } from '../../src/crypto/crypto.ts';
import type { Random } from '../../src/ports.ts';
import { nobleCrypto } from './noble-crypto.ts';

/** With `random` given, everything drawn from it is repeatable. */
export function testCrypto(random?: Random): Crypto {
  return nobleCrypto(random);
}
