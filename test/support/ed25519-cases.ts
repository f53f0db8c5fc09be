/**
 * Signatures on which verifiers of Ed25519 differ, made here with noble's points: small and mixed order, other
 * spellings of the same point, S beyond the order. Each says what the mesh's rule decides.
 */
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { unhex } from '../../src/base/hex.ts';
import type { Ed25519Item } from '../../src/crypto/crypto.ts';

export interface RuleCase extends Ed25519Item {
  name: string;
  accepted: boolean;
}

type Point = ReturnType<typeof ed25519.Point.fromBytes>;

const { BASE, Fn, ZERO } = ed25519.Point;
const P = 2n ** 255n - 19n;
const SECRET = 0x1234567890abcdef1234567890abcdefn;
const NONCE = 0xfedcba0987654321n;

/** The eight points whose order divides 8. */
export const SMALL_ORDER: readonly Uint8Array[] = ED25519_TORSION_SUBGROUP.map(unhex);

/** The encodings of points by a y from p to 2^255 − 1, and zero x with a sign: decodable, never written. */
export const OTHER_SPELLINGS: readonly Uint8Array[] = [
  ...Array.from({ length: 19 }, (_, i) => little(P + BigInt(i))),
  ...Array.from({ length: 19 }, (_, i) => withSign(little(P + BigInt(i)))),
  withSign(little(1n)),
  withSign(little(P - 1n)),
];

/** Every pair of small-order key and R, both signs of y = −1, 0 and 1 included, with S = 0: all refused. */
export function smallOrderPairs(): Ed25519Item[] {
  return SMALL_ORDER.flatMap((publicKey) =>
    SMALL_ORDER.map((R) => ({ publicKey, message: utf8('small'), signature: concat(R, new Uint8Array(32)) })),
  );
}

export function ruleCases(): RuleCase[] {
  const torsion = SMALL_ORDER.map((bytes) => ed25519.Point.fromBytes(bytes));
  const key = BASE.multiply(SECRET);
  const cases: RuleCase[] = [];
  torsion.forEach((T, i) => {
    cases.push({
      name: `R with torsion ${i}`,
      accepted: true,
      ...signed(key, BASE.multiply(NONCE).add(T), NONCE),
    });
    cases.push({
      name: `key with torsion ${i}`,
      accepted: true,
      ...signed(key.add(T), BASE.multiply(NONCE), NONCE),
    });
    cases.push({ name: `R of small order ${i}`, accepted: true, ...signed(key, T, 0n) });
    cases.push({
      name: `key of small order ${i}`,
      accepted: false,
      ...signed(T, BASE.multiply(NONCE), NONCE, 0n),
    });
  });
  for (const bytes of OTHER_SPELLINGS.filter(isSmallOrder))
    cases.push({
      name: 'another spelling of R',
      accepted: false,
      ...signedWith(key.toBytes(), bytes, 0n, SECRET),
    });
  const good = signed(key, BASE.multiply(NONCE), NONCE);
  for (const times of [1n, 2n, 3n, 15n])
    cases.push({
      name: `S + ${times} L`,
      accepted: times === 0n,
      ...good,
      signature: malleated(good.signature, times),
    });
  return [...cases, { name: 'an honest signature', accepted: true, ...good }];
}

/** The same signature with S + times * L. */
export function malleated(signature: Uint8Array, times: bigint): Uint8Array {
  const S = fromLittle(signature.subarray(32));
  return concat(signature.subarray(0, 32), little(S + times * Fn.ORDER));
}

function signed(A: Point, R: Point, nonce: bigint, secret = SECRET): Ed25519Item {
  return signedWith(A.toBytes(), R.toBytes(), nonce, secret);
}

function signedWith(publicKey: Uint8Array, R: Uint8Array, nonce: bigint, secret: bigint): Ed25519Item {
  const message = utf8('a message on which verifiers differ');
  const k = Fn.create(fromLittle(sha512(concat(R, publicKey, message))));
  return { publicKey, message, signature: concat(R, little(Fn.create(nonce + k * secret))) };
}

function isSmallOrder(bytes: Uint8Array): boolean {
  try {
    const point = ed25519.Point.fromBytes(bytes, true);
    return point.isSmallOrder() || point.equals(ZERO);
  } catch {
    return false;
  }
}

function little(value: bigint): Uint8Array {
  return unhex(value.toString(16).padStart(64, '0')).reverse();
}

function fromLittle(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function withSign(bytes: Uint8Array): Uint8Array {
  bytes[31] |= 0x80;
  return bytes;
}
