/**
 * Where ML-KEM works. What flows through here: the polynomials, states and seeds of one operation at fixed places,
 * public ones apart from secret ones, all overwritten at its end.
 */
import { KECCAK_BYTES } from './keccak';
import { PAIR_BYTES } from './keccak-pair';
import { MATRIX_BYTES } from './mlkem-matrix';
import { POLYNOMIAL_BYTES } from './mlkem-ntt';
import { PREPARED_BYTES, RANK } from './mlkem-product';

const VECTOR_BYTES: usize = RANK * POLYNOMIAL_BYTES;
const SEED_BYTES: usize = 32;

const PUBLIC_BYTES: usize = PAIR_BYTES + MATRIX_BYTES + VECTOR_BYTES + SEED_BYTES;
const PUBLIC: usize = memory.data(7264, 16);
/** The states that make the matrix and hash encapsulation keys. */
export const PUBLIC_STATES: usize = PUBLIC;
export const MATRIX: usize = PUBLIC_STATES + PAIR_BYTES;
/** The decoded encapsulation key. */
export const KEY: usize = MATRIX + MATRIX_BYTES;
/** The hash of the encapsulation key. */
export const KEY_HASH: usize = KEY + VECTOR_BYTES;

/** Polynomials of noise in one encryption: y, e1 and e2. */
export const NOISE_POLYNOMIALS: usize = 2 * RANK + 1;
export const CIPHERTEXT_BYTES: usize = 1088;

const SECRET_BYTES: usize = KECCAK_BYTES + PAIR_BYTES + (NOISE_POLYNOMIALS + 1) * POLYNOMIAL_BYTES +
  RANK * PREPARED_BYTES + VECTOR_BYTES + 5 * SEED_BYTES + CIPHERTEXT_BYTES;
const SECRET: usize = memory.data(11152, 16);
export const SECRET_STATE: usize = SECRET;
export const SECRET_STATES: usize = SECRET_STATE + KECCAK_BYTES;
export const NOISE: usize = SECRET_STATES + PAIR_BYTES;
export const PRODUCT: usize = NOISE + NOISE_POLYNOMIALS * POLYNOMIAL_BYTES;
export const PREPARED: usize = PRODUCT + POLYNOMIAL_BYTES;
/** The decoded decapsulation key. */
export const SECRET_VECTOR: usize = PREPARED + RANK * PREPARED_BYTES;
/** Message or seed that is hashed, and the hash of the encapsulation key behind it. */
export const MESSAGE: usize = SECRET_VECTOR + VECTOR_BYTES;
/** What G gives: shared secret and coins, or ρ and σ. */
export const SEEDS: usize = MESSAGE + 2 * SEED_BYTES;
export const REJECTION: usize = SEEDS + 2 * SEED_BYTES;
/** The ciphertext made again from the decrypted message. */
export const CIPHERTEXT: usize = REJECTION + SEED_BYTES;

/** Overwrites all of it. */
export function wipeMlkem(): void {
  memory.fill(PUBLIC, 0, PUBLIC_BYTES);
  memory.fill(SECRET, 0, SECRET_BYTES);
}
