/** X25519 of `Crypto`: agreement between two sides, refusal of an all-zero secret. */
import fc from 'fast-check';
import { createX25519 } from '../../../src/crypto/x25519.ts';
import { bytes, is, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { suite } from '../../support/suite.ts';

const test = suite('crypto x25519', { timeout: 30_000 });
const scalars = fc.uint8Array({ minLength: 32, maxLength: 32 });

for (const { name, core } of testCores()) {
  const x25519 = createX25519({ core });

  test(`${name}: both sides agree`, () => {
    fc.assert(
      fc.property(scalars, scalars, (a, b) => {
        const left = x25519.sharedSecret(a, x25519.publicKey(b));
        bytes(left, x25519.sharedSecret(b, x25519.publicKey(a)));
      }),
      { numRuns: 50 },
    );
  });

  test(`${name}: points of small order are refused as the peer's fault`, () => {
    for (const first of [0, 1]) {
      const point = new Uint8Array(32);
      point[0] = first;
      const error = throwsCode(
        () => x25519.sharedSecret(new Uint8Array(32).fill(9), point),
        'OOTO_CRYPTO_KEY',
      );
      is(error.fault, 'peer');
    }
  });
}
