/** Every member is killed at every request, and before and after every commit, of ceremonies. */
import { CEREMONIES, surviveDeath, victimsOf } from '../support/ceremony-crash.ts';
import { testCrypto } from '../support/crypto.ts';
import { suite } from '../support/suite.ts';

const test = suite('long/ceremony-crash', { timeout: 300_000 });
const crypto = testCrypto();

for (const what of CEREMONIES)
  for (const victim of victimsOf(what))
    for (const death of ['request', 'before-commit', 'after-commit'] as const)
      test(`${what}: ${victim} is killed at any ${death}`, async () => {
        for (let at = 1; await surviveDeath(crypto, what, victim, at, death); ) at++;
      });
