/**
 * ML-KEM-768 (FIPS 203 sections 6 and 7) for the host. What flows through here: seeds, keys and ciphertexts from the
 * input area; keys, ciphertexts and shared secrets to the output area. The hashes of keys run beside the making of
 * the matrix, the one for implicit rejection beside the making of noise. Decapsulation takes the same steps whatever
 * the ciphertext: which secret goes out is chosen under a mask. All working memory is overwritten.
 */
import { KECCAK_BYTES } from './keccak';
import { besideFinish, besideStart } from './keccak-beside';
import { RATE_136, RATE_72, SHA3, SHAKE, spongeHash } from './keccak-sponge';
import { ENCODED_BYTES } from './mlkem-bytes';
import { decodeKey, decrypt, deriveKeys, encrypt } from './mlkem-encryption';
import { makeMatrix, wipeStreams } from './mlkem-matrix';
import {
  CIPHERTEXT, CIPHERTEXT_BYTES, KEY_HASH, MATRIX, MESSAGE, NOISE, NOISE_POLYNOMIALS, PUBLIC_STATES, REJECTION,
  SECRET_STATE, SECRET_STATES, SEEDS, wipeMlkem,
} from './mlkem-memory';
import { makeNoise, makeNoiseBeside, wipeNoise } from './mlkem-noise';
import { RANK } from './mlkem-product';
import { prepareZetas } from './mlkem-zetas';
import { inputArea, outputArea } from './memory';

const VECTOR_BYTES: usize = RANK * ENCODED_BYTES;
const EK_BYTES: usize = VECTOR_BYTES + 32;
const EK_WORDS: usize = EK_BYTES / 8;
/** Words of z ‖ c. */
const REJECTION_WORDS: usize = (32 + CIPHERTEXT_BYTES) / 8;

/** Places in a decapsulation key: s, ek, H(ek), z. */
const EK: usize = VECTOR_BYTES;
const HASH: usize = EK + EK_BYTES;
const Z: usize = HASH + 32;
const DK_BYTES: usize = Z + 32;

/** d from the input area; ρ, which is published, then σ, which is secret, to the output area. */
export function mlkemExpandSeed(): void {
  spongeHash(SECRET_STATE, inputArea(), 4, RANK | (SHA3 << 8), RATE_72, outputArea(), 8);
  memory.fill(SECRET_STATE, 0, KECCAK_BYTES);
}

/** ρ, σ, z from the input area; dk, which holds ek, to the output area. */
export function mlkemKeygen(): void {
  prepareZetas();
  const rho = inputArea(), sigma = rho + 32, z = sigma + 32;
  const dk = outputArea(), ek = dk + EK;
  makeMatrix(rho, MATRIX, false, 1, PUBLIC_STATES);
  makeNoise(sigma, NOISE, 2 * RANK, SECRET_STATES);
  deriveKeys(dk, ek);
  memory.copy(ek + VECTOR_BYTES, rho, 32);
  spongeHash(SECRET_STATE, ek, EK_WORDS, SHA3, RATE_136, dk + HASH, 4);
  memory.copy(dk + Z, z, 32);
  wipe();
}

/** ek, then m from the input area; shared secret, then ciphertext to the output area. 1 when ek is refused, else 0. */
export function mlkemEncaps(): i32 {
  prepareZetas();
  const ek = inputArea(), m = ek + EK_BYTES;
  const refused = decodeKey(ek);
  if (refused) return refused;
  hashKeyAndMakeMatrix(ek);
  memory.copy(MESSAGE, m, 32);
  deriveSecretAndCoins(KEY_HASH);
  makeNoise(SEEDS + 32, NOISE, NOISE_POLYNOMIALS, SECRET_STATES);
  encrypt(MESSAGE, outputArea() + 32);
  memory.copy(outputArea(), SEEDS, 32);
  wipe();
  return 0;
}

/** dk, then ciphertext from the input area; shared secret to the output area. 1 when dk is refused, else 0. */
export function mlkemDecaps(): i32 {
  prepareZetas();
  const dk = inputArea(), c = dk + DK_BYTES;
  const ek = dk + EK;
  hashKeyAndMakeMatrix(ek);
  const refused = differ(KEY_HASH, dk + HASH, 32);
  if (!refused) {
    decodeKey(ek);
    decrypt(dk, c, MESSAGE);
    deriveSecretAndCoins(dk + HASH);
    besideStart(SECRET_STATES, dk + Z, REJECTION_WORDS, SHAKE, REJECTION);
    makeNoiseBeside(SEEDS + 32, NOISE, NOISE_POLYNOMIALS, SECRET_STATES);
    besideFinish(SECRET_STATES);
    encrypt(MESSAGE, CIPHERTEXT);
    choose(differ(c, CIPHERTEXT, CIPHERTEXT_BYTES));
  }
  wipe();
  return refused;
}

/** H(ek) and the transposed matrix of its ρ. */
function hashKeyAndMakeMatrix(ek: usize): void {
  besideStart(PUBLIC_STATES, ek, EK_WORDS, SHA3, KEY_HASH);
  makeMatrix(ek + VECTOR_BYTES, MATRIX, true, RANK, PUBLIC_STATES);
}

/** G of the message and the hash of the encapsulation key. */
function deriveSecretAndCoins(hash: usize): void {
  memory.copy(MESSAGE + 32, hash, 32);
  spongeHash(SECRET_STATE, MESSAGE, 8, SHA3, RATE_72, SEEDS, 8);
}

/** 1 when the strings differ, else 0; their length is a multiple of 16. */
function differ(a: usize, b: usize, bytes: usize): i32 {
  let difference = i64x2.splat(0);
  for (let i: usize = 0; i < bytes; i += 16)
    difference = v128.or(difference, v128.xor(v128.load(a + i), v128.load(b + i)));
  return i32(v128.any_true(difference));
}

/** The shared secret, or with `rejected` 1 the secret of implicit rejection, goes out. */
function choose(rejected: i32): void {
  const mask = i32x4.splat(0 - rejected);
  for (let i: usize = 0; i < 32; i += 16)
    v128.store(outputArea() + i, v128.bitselect(v128.load(REJECTION + i), v128.load(SEEDS + i), mask));
}

function wipe(): void {
  wipeMlkem();
  wipeStreams();
  wipeNoise();
}
