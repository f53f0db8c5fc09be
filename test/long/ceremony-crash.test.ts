/** Every member is killed at every request of every ceremony that changes the committee. */
import { CHANGES, surviveDeath, VICTIMS } from '../support/ceremony-crash.ts';
import { testCrypto } from '../support/crypto.ts';
import { suite } from '../support/suite.ts';

const test = suite('long/ceremony-crash', { timeout: 300_000 });
const crypto = testCrypto();

for (const what of CHANGES)
  for (const victim of VICTIMS)
    test(`${what}: ${victim} is killed at any request`, async () => {
      for (let at = 1; await surviveDeath(crypto, what, victim, at); ) at++;
    });
