/**
 * ML-KEM-768 (FIPS 203), always in the core: few platforms have it, none everywhere. What flows through here: the
 * core's refusals of keys become errors; a ciphertext that does not fit gives another secret, not an error.
 */
import { type Fault, OotoError } from '../base/errors.ts';
import type { Core } from '../core/index.ts';
import type { MlKem768 } from './crypto.ts';

export function createMlKem768({ core: { mlkem768 } }: { core: Core }): MlKem768 {
  return {
    keygen: (seed) => mlkem768.keygen(seed),
    encaps: (ek, m) =>
      admitted(mlkem768.encaps(ek, m), 'peer', 'the encapsulation key fails the modulus check'),
    decaps: (dk, c) =>
      admitted(
        mlkem768.decaps(dk, c),
        'caller',
        'the decapsulation key does not hold the hash of its own encapsulation key',
      ),
  };
}

/** @throws OOTO_CRYPTO_KEY (FIPS 203 sections 7.2 and 7.3). */
function admitted<T>(result: T | undefined, fault: Fault, reason: string): T {
  if (result === undefined) throw new OotoError('OOTO_CRYPTO_KEY', fault, reason);
  return result;
}
