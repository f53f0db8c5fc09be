/**
 * K-PKE (FIPS 203 section 5). What flows through here: with the matrix, the noise and the decoded key in their
 * places, seeds become keys, a message becomes u and v in a ciphertext, and these become the message again. Vectors
 * that are multiplied several times are transformed and prepared once.
 */
import { companion, timesFactor } from './mlkem-field';
import { decodePolynomial, ENCODED_BYTES, encodePolynomial } from './mlkem-bytes';
import { addMessage, decodeU, decodeV, encodeMessage, encodeU, encodeV, U_BYTES } from './mlkem-compression';
import { ENTRY_BYTES } from './mlkem-matrix';
import { KEY, MATRIX, NOISE, PREPARED, PRODUCT, SECRET_VECTOR } from './mlkem-memory';
import { POLYNOMIAL_BYTES, transform, transformBack } from './mlkem-ntt';
import { innerProduct, prepareFactor, PREPARED_BYTES, RANK } from './mlkem-product';

/** 2^16 mod q: undoes the 2^-16 of a product. */
const RADIX: i32 = 2285;

const ROW_BYTES: usize = RANK * ENTRY_BYTES;

/** From noise, s then e: the encoded decryption key s, and the encoded A s + e. */
export function deriveKeys(decryption: usize, encryption: usize): void {
  for (let i: usize = 0; i < RANK; i++) {
    const s = NOISE + i * POLYNOMIAL_BYTES;
    transform(s);
    encodePolynomial(s, decryption + i * ENCODED_BYTES);
    prepareFactor(s, PREPARED + i * PREPARED_BYTES);
  }
  for (let i: usize = 0; i < RANK; i++) {
    const e = NOISE + (RANK + i) * POLYNOMIAL_BYTES;
    transform(e);
    innerProduct(MATRIX + i * ROW_BYTES, ENTRY_BYTES, PREPARED, PRODUCT);
    addScaled(e, PRODUCT);
    encodePolynomial(e, encryption + i * ENCODED_BYTES);
  }
}

/** Decodes the encryption key. 1 when it fails the modulus check, else 0. */
export function decodeKey(encryption: usize): i32 {
  let large = 0;
  for (let i: usize = 0; i < RANK; i++) large |= decodePolynomial(encryption + i * ENCODED_BYTES, KEY + i * POLYNOMIAL_BYTES);
  return large;
}

/** From the transposed matrix, the decoded key and noise, y then e1 and e2. */
export function encrypt(message: usize, ciphertext: usize): void {
  for (let i: usize = 0; i < RANK; i++) {
    const y = NOISE + i * POLYNOMIAL_BYTES;
    transform(y);
    prepareFactor(y, PREPARED + i * PREPARED_BYTES);
  }
  for (let i: usize = 0; i < RANK; i++) {
    innerProduct(MATRIX + i * ROW_BYTES, ENTRY_BYTES, PREPARED, PRODUCT);
    transformBack(PRODUCT);
    add(PRODUCT, NOISE + (RANK + i) * POLYNOMIAL_BYTES);
    encodeU(PRODUCT, ciphertext + i * U_BYTES);
  }
  innerProduct(KEY, POLYNOMIAL_BYTES, PREPARED, PRODUCT);
  transformBack(PRODUCT);
  add(PRODUCT, NOISE + 2 * RANK * POLYNOMIAL_BYTES);
  addMessage(message, PRODUCT);
  encodeV(PRODUCT, ciphertext + RANK * U_BYTES);
}

export function decrypt(decryption: usize, ciphertext: usize, message: usize): void {
  for (let i: usize = 0; i < RANK; i++) {
    decodePolynomial(decryption + i * ENCODED_BYTES, SECRET_VECTOR + i * POLYNOMIAL_BYTES);
    decodeU(ciphertext + i * U_BYTES, PRODUCT);
    transform(PRODUCT);
    prepareFactor(PRODUCT, PREPARED + i * PREPARED_BYTES);
  }
  innerProduct(SECRET_VECTOR, POLYNOMIAL_BYTES, PREPARED, PRODUCT);
  transformBack(PRODUCT);
  decodeV(ciphertext + RANK * U_BYTES, NOISE);
  subtract(NOISE, PRODUCT);
  encodeMessage(NOISE, message);
}

/** a += b. */
function add(a: usize, b: usize): void {
  for (let i: usize = 0; i < POLYNOMIAL_BYTES; i += 16) v128.store(a + i, i16x8.add(v128.load(a + i), v128.load(b + i)));
}

/** a -= b. */
function subtract(a: usize, b: usize): void {
  for (let i: usize = 0; i < POLYNOMIAL_BYTES; i += 16) v128.store(a + i, i16x8.sub(v128.load(a + i), v128.load(b + i)));
}

/** a += 2^16 b. */
function addScaled(a: usize, b: usize): void {
  for (let i: usize = 0; i < POLYNOMIAL_BYTES; i += 16) {
    const scaled = timesFactor(v128.load(b + i), i16x8.splat(<i16>RADIX), i16x8.splat(companion(RADIX)));
    v128.store(a + i, i16x8.add(v128.load(a + i), scaled));
  }
}
