/** Every member is killed at every request, and before and after every commit, of ceremonies that change the committee. */
import { CHANGES, surviveDeath, VICTIMS } from '../support/ceremony-crash.ts';
import { testCrypto } from '../support/crypto.ts';
import { suite } from '../support/suite.ts';

const test = suite('long/ceremony-crash', { timeout: 300_000 });
const crypto = testCrypto();

for (const what of CHANGES)
  for (const victim of VICTIMS)
    for (const death of ['request', 'before-commit', 'after-commit'] as const)
      test(`${what}: ${victim} is killed at any ${death}`, async () => {
        for (let at = 1; await surviveDeath(crypto, what, victim, at, death); ) at++;
      });
