/**
 * Ed25519 signing (RFC 8032 section 5.1.6). What flows through here: a seed comes in and is expanded, or the host
 * brings an expanded key that it had prepared before; then it gives the message twice through `sha512Update`, once
 * for the nonce, once for the challenge; R and S go out. Every secret lies in SECRETS or in the scratch areas that
 * `ed25519Wipe` overwrites.
 */
import { pointEncode, pointWipe, PROJECTIVE_BYTES } from './edwards25519';
import { baseMultiply, baseWipe } from './edwards25519-base';
import { fieldMultiply, FIELD_BYTES } from './field25519';
import { fieldInvert } from './field25519-power';
import { inputArea, outputArea } from './memory';
import { scalarMultiplyAdd, scalarReduce, scalarWipe } from './scalar25519';
import { sha512StreamAppend, sha512StreamBegin, sha512StreamEnd, sha512StreamWipe } from './sha512-stream';

const SECRETS_BYTES: i32 = 896;
const SECRETS: usize = memory.data(896, 16);
/** The expanded seed: scalar a, then the prefix of the nonce's hash. */
const SCALAR: usize = SECRETS;
const PREFIX: usize = SECRETS + 32;
const DIGEST: usize = SECRETS + 64;
const NONCE: usize = SECRETS + 128;
const CHALLENGE: usize = SECRETS + 160;
/** a B and r B, projective: coordinates that are not divided out tell about the scalar. */
const KEY_POINT: usize = SECRETS + 192;
const NONCE_POINT: usize = KEY_POINT + PROJECTIVE_BYTES;
const PRODUCT: usize = NONCE_POINT + PROJECTIVE_BYTES;
const INVERSE: usize = PRODUCT + FIELD_BYTES;

const KEY: usize = memory.data(32, 16);
const SIGNATURE: usize = memory.data(64, 16);

let keyKnown: bool = false;

/** From the 32-byte seed at the start of the input area, the public key to the output area. */
export function ed25519PublicKey(): void {
  expandSeed();
  computeKey();
  memory.copy(outputArea(), KEY, 32);
  ed25519Wipe();
}

/** From the seed in the input area, the expanded key to the output area: scalar, prefix, public key. */
export function ed25519Prepare(): void {
  expandSeed();
  computeKey();
  memory.copy(outputArea(), SCALAR, 64);
  memory.copy(outputArea() + 64, KEY, 32);
  ed25519Wipe();
}

/** Takes the seed from the input area, or an expanded key when `prepared` is 1; the message follows, in pieces. */
export function ed25519SignStart(prepared: i32): void {
  keyKnown = prepared == 1;
  if (keyKnown) {
    memory.copy(SCALAR, inputArea(), 64);
    memory.copy(KEY, inputArea() + 64, 32);
  } else expandSeed();
  sha512StreamBegin();
  sha512StreamAppend(PREFIX, 32);
}

/** Ends the message's first passing: R, and A if need be, are computed; the message follows again. */
export function ed25519SignCommit(): void {
  sha512StreamEnd(DIGEST);
  scalarReduce(NONCE, DIGEST);
  baseMultiply(NONCE_POINT, NONCE);
  if (keyKnown) encodeAlone(SIGNATURE, NONCE_POINT);
  else {
    baseMultiply(KEY_POINT, SCALAR);
    encodeBoth();
  }
  sha512StreamBegin();
  sha512StreamAppend(SIGNATURE, 32);
  sha512StreamAppend(KEY, 32);
}

/** Ends the message's second passing: the signature goes to the output area. */
export function ed25519SignFinish(): void {
  sha512StreamEnd(DIGEST);
  scalarReduce(CHALLENGE, DIGEST);
  scalarMultiplyAdd(SIGNATURE + 32, CHALLENGE, SCALAR, NONCE);
  memory.copy(outputArea(), SIGNATURE, 64);
  ed25519Wipe();
}

/** Overwrites all that a signature leaves; for the host when it stops half-way. */
export function ed25519Wipe(): void {
  memory.fill(SECRETS, 0, SECRETS_BYTES);
  sha512StreamWipe();
  scalarWipe();
  baseWipe();
  pointWipe();
}

function expandSeed(): void {
  sha512StreamBegin();
  sha512StreamAppend(inputArea(), 32);
  sha512StreamEnd(SCALAR);
  store<u8>(SCALAR, load<u8>(SCALAR) & 248);
  store<u8>(SCALAR, (load<u8>(SCALAR, 31) & 127) | 64, 31);
}

function computeKey(): void {
  baseMultiply(KEY_POINT, SCALAR);
  encodeAlone(KEY, KEY_POINT);
}

function encodeAlone(bytes: usize, point: usize): void {
  fieldInvert(INVERSE, point + 2 * FIELD_BYTES);
  pointEncode(bytes, point, INVERSE);
}

/** Encodes both points with one inversion: 1/Za = Zr / (Za Zr) and the other way round. */
function encodeBoth(): void {
  const keyZ = KEY_POINT + 2 * FIELD_BYTES, nonceZ = NONCE_POINT + 2 * FIELD_BYTES;
  fieldMultiply<i64>(PRODUCT, keyZ, nonceZ);
  fieldInvert(PRODUCT, PRODUCT);
  fieldMultiply<i64>(INVERSE, PRODUCT, nonceZ);
  pointEncode(KEY, KEY_POINT, INVERSE);
  fieldMultiply<i64>(INVERSE, PRODUCT, keyZ);
  pointEncode(SIGNATURE, NONCE_POINT, INVERSE);
}
