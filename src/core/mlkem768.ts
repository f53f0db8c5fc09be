/**
 * ML-KEM-768 in the core (FIPS 203). What flows through here: seeds, keys and ciphertexts in, checked for their
 * lengths alone; keys, ciphertexts and shared secrets out, each an array of its own; the areas are wiped after each
 * call.
 */
import { type Fault, OotoError } from '../base/errors.ts';
import type { Engine } from './engine.ts';

const SEED_BYTES = 64;
const D_BYTES = 32;
/** ρ ‖ σ. */
const EXPANDED_BYTES = 64;
const COINS_BYTES = 32;
const SECRET_BYTES = 32;
const EK_BYTES = 1184;
const DK_BYTES = 2400;
const CIPHERTEXT_BYTES = 1088;

/** The encapsulation key's place in a decapsulation key. */
const EK_START = 1152;

export interface CoreMlKem768 {
  /** From the 64-byte seed d ‖ z (algorithm 16). */
  keygen(seed: Uint8Array): { ek: Uint8Array; dk: Uint8Array };
  /** From 32 bytes m (algorithm 17); undefined when `ek` fails the modulus check of section 7.2. */
  encaps(ek: Uint8Array, m: Uint8Array): { c: Uint8Array; k: Uint8Array } | undefined;
  /** Algorithm 18; undefined when `dk` fails the hash check of section 7.3. */
  decaps(dk: Uint8Array, c: Uint8Array): Uint8Array | undefined;
}

export function createCoreMlKem768({ exports, input, output }: Engine): CoreMlKem768 {
  return {
    keygen(seed) {
      requireLength('seed', seed, SEED_BYTES, 'caller');
      input.set(seed);
      exports.mlkemExpandSeed();
      input.set(seed.subarray(D_BYTES), EXPANDED_BYTES);
      input.set(output.subarray(0, EXPANDED_BYTES));
      exports.mlkemKeygen();
      const ek = new Uint8Array(output.subarray(EK_START, EK_START + EK_BYTES));
      const dk = new Uint8Array(output.subarray(0, DK_BYTES));
      input.fill(0, 0, EXPANDED_BYTES + D_BYTES);
      output.fill(0, 0, DK_BYTES);
      return { ek, dk };
    },
    encaps(ek, m) {
      requireLength('encapsulation key', ek, EK_BYTES, 'peer');
      requireLength('coins', m, COINS_BYTES, 'caller');
      input.set(ek);
      input.set(m, EK_BYTES);
      const refused = exports.mlkemEncaps() === 1;
      const k = new Uint8Array(output.subarray(0, SECRET_BYTES));
      const c = new Uint8Array(output.subarray(SECRET_BYTES, SECRET_BYTES + CIPHERTEXT_BYTES));
      input.fill(0, 0, EK_BYTES + COINS_BYTES);
      output.fill(0, 0, SECRET_BYTES + CIPHERTEXT_BYTES);
      return refused ? undefined : { c, k };
    },
    decaps(dk, c) {
      requireLength('decapsulation key', dk, DK_BYTES, 'caller');
      requireLength('ciphertext', c, CIPHERTEXT_BYTES, 'peer');
      input.set(dk);
      input.set(c, DK_BYTES);
      const refused = exports.mlkemDecaps() === 1;
      const k = new Uint8Array(output.subarray(0, SECRET_BYTES));
      input.fill(0, 0, DK_BYTES + CIPHERTEXT_BYTES);
      output.fill(0, 0, SECRET_BYTES);
      return refused ? undefined : k;
    },
  };
}

/** @throws OOTO_CRYPTO_KEY. */
function requireLength(what: string, { length }: Uint8Array, expected: number, fault: Fault): void {
  if (length !== expected)
    throw new OotoError('OOTO_CRYPTO_KEY', fault, `${what} of ${length} bytes, expected ${expected}`);
}
