/**
 * The `Crypto` interface from @noble and node:crypto alone: an implementation nobody here wrote, against which
 * the core is compared, and a stand-in with which single rooms are tested.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { expand, hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { concat, readU32be, readU64be, u32be, u64be } from '../../src/base/bytes.ts';
import { OotoError } from '../../src/base/errors.ts';
import { hex } from '../../src/base/hex.ts';
import type { Aes256GcmKey, Crypto, Ed25519Item, SaltedItems } from '../../src/crypto/crypto.ts';
import { createMlDsa44 } from '../../src/crypto/mldsa44.ts';
import type { Random } from '../../src/ports.ts';

const refuse = (code: string, cause?: unknown) => new OotoError(code, 'peer', 'refused', { cause });

function seal(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad);
  return new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]));
}

function open(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array {
  if (sealed.length < 16) throw refuse('OOTO_CRYPTO_AUTHENTICATION');
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 }).setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]));
  } catch (cause) {
    throw refuse('OOTO_CRYPTO_AUTHENTICATION', cause);
  }
}

function nobleKey(key: Uint8Array): Aes256GcmKey {
  const held = key.slice();
  const to = (result: Uint8Array, into?: Uint8Array): Uint8Array => {
    into?.set(result);
    return into ?? result;
  };
  return {
    seal: (iv, aad, plaintext, into) => to(seal(held, iv, aad, plaintext), into),
    open: (iv, aad, sealed, into) => to(open(held, iv, aad, sealed), into),
    sealMany: (messages, into) =>
      to(concat(...messages.map(({ iv, aad, plaintext }) => seal(held, iv, aad, plaintext))), into),
    openMany: (messages, into) =>
      to(concat(...messages.map(({ iv, aad, sealed }) => open(held, iv, aad, sealed))), into),
    [Symbol.dispose]: () => void held.fill(0),
  };
}

/** Canonical encodings and cofactored equation, as docs/protocol.md has it. */
function verifies({ publicKey, message, signature }: Ed25519Item): boolean {
  try {
    const { Point } = ed25519;
    if (Point.fromBytes(publicKey).isSmallOrder() || signature.length !== 64) return false;
    const A = Point.fromBytes(publicKey);
    const R = Point.fromBytes(signature.subarray(0, 32));
    const little = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
    const S = little(signature.subarray(32));
    if (S >= Point.Fn.ORDER) return false;
    const k = little(sha512(concat(signature.subarray(0, 32), publicKey, message))) % Point.Fn.ORDER;
    const left = S === 0n ? Point.ZERO : Point.BASE.multiplyUnsafe(S);
    return left.subtract(R).subtract(A.multiplyUnsafe(k)).clearCofactor().is0();
  } catch {
    return false;
  }
}

const header = (type: number, epoch: number, counter: bigint) =>
  concat(Uint8Array.of(type), u32be(epoch), u64be(counter));
const nonce = (counter: bigint) => concat(new Uint8Array(4), u64be(counter));
const leafHash = (leaf: Uint8Array) => sha256(concat(Uint8Array.of(0), leaf));
const nodeHash = (left: Uint8Array, right: Uint8Array) => sha256(concat(Uint8Array.of(1), left, right));

function rootOfHashes(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return sha256(new Uint8Array());
  if (hashes.length === 1) return hashes[0];
  const split = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return nodeHash(rootOfHashes(hashes.slice(0, split)), rootOfHashes(hashes.slice(split)));
}

function chained(head: Uint8Array, leafHashes: readonly Uint8Array[]): Uint8Array[] {
  let current = head;
  return leafHashes.map((hash) => {
    current = sha256(concat(Uint8Array.of(2), current, hash));
    return current;
  });
}

const chainedBatch = (head: Uint8Array, leafHashes: readonly Uint8Array[]) =>
  sha256(concat(Uint8Array.of(3), head, u32be(leafHashes.length), rootOfHashes(leafHashes)));

type Guarded = <T>(code: string, body: () => T) => T;

function nobleGroup(guarded: Guarded): Crypto['edwards25519'] {
  const { Point } = ed25519;
  const { Fn } = Point;
  const number = (bytes: Uint8Array) => Fn.create(BigInt(`0x${hex(bytes.slice().reverse())}`));
  const point = (bytes: Uint8Array) => guarded('OOTO_CRYPTO_KEY', () => Point.fromBytes(bytes));
  return {
    scalarAdd: (a, b) => Fn.toBytes(Fn.add(number(a), number(b))),
    scalarSubtract: (a, b) => Fn.toBytes(Fn.sub(number(a), number(b))),
    scalarMultiply: (a, b) => Fn.toBytes(Fn.mul(number(a), number(b))),
    scalarMultiplyAdd: (a, b, c) => Fn.toBytes(Fn.add(Fn.mul(number(a), number(b)), number(c))),
    scalarInvert: (a) => Fn.toBytes(guarded('OOTO_CRYPTO_KEY', () => Fn.inv(number(a)))),
    scalarReduce: (wide) => Fn.toBytes(number(wide)),
    multiplyBase: (a) => Point.BASE.multiplyUnsafe(number(a)).toBytes(),
    multiply: (a, P) => point(P).multiplyUnsafe(number(a)).toBytes(),
    add: (a, b) => point(a).add(point(b)).toBytes(),
    sumOfPublicMultiples: (terms) =>
      terms
        .map((term) => point(term.point).multiplyUnsafe(number(term.scalar)))
        .reduce((sum, product) => sum.add(product), Point.ZERO)
        .toBytes(),
    admitElement: (bytes) =>
      guarded('OOTO_CRYPTO_KEY', () => {
        if (point(bytes).is0() || !point(bytes).isTorsionFree()) throw new Error('not of prime order');
      }),
    admitScalar: (bytes) => guarded('OOTO_CRYPTO_KEY', () => void Fn.fromBytes(bytes)),
  };
}

/** As docs/protocol.md has it, "Records". */
function saltedLeaves({ bytes, start, count, salts, long }: SaltedItems): Uint8Array[] {
  let at = start;
  return Array.from({ length: count }, (_, i) => {
    const length = readU32be(bytes, at) & 0x3fffffff;
    const place = long.find(({ index }) => index === i)?.place;
    const prefix = place ? concat(Uint8Array.of(4), salts.subarray(16 * i, 16 * i + 16), place) : undefined;
    const before = prefix ?? concat(Uint8Array.of(0), salts.subarray(16 * i, 16 * i + 16));
    at += 4 + length;
    return sha256(concat(before, bytes.subarray(at - length, at)));
  });
}

function rootOfWide(level: readonly Uint8Array[]): Uint8Array {
  if (level.length === 1) return level[0];
  const nodes = Array.from({ length: Math.ceil(level.length / 32) }, (_, i) =>
    sha256(concat(Uint8Array.of(5), ...level.slice(32 * i, 32 * i + 32))),
  );
  return rootOfWide(nodes);
}

export function nobleCrypto(random: Random = { bytes: (n) => new Uint8Array(randomBytes(n)) }): Crypto {
  const guarded = <T>(code: string, body: () => T): T => {
    try {
      return body();
    } catch (cause) {
      throw refuse(code, cause);
    }
  };
  return {
    random,
    giveBack: () => {},
    join: (parts) => concat(...parts),
    aes256gcm: {
      key: nobleKey,
      seal,
      open,
      sealMany: (key, records) => records.map((r) => seal(key, r.iv, r.aad, r.plaintext)),
      openMany: (key, records) => records.map((r) => open(key, r.iv, r.aad, r.sealed)),
    },
    recordCipher: (key) => ({
      seal: (records) =>
        concat(
          ...records.map((r) => {
            const aad = header(r.type, r.epoch, r.counter);
            const sealed = seal(key, nonce(r.counter), aad, r.plaintext);
            return concat(u32be(aad.length + sealed.length), aad, sealed);
          }),
        ),
      open: (frames) =>
        frames.map((frame) => {
          const counter = readU64be(frame, 9);
          const plaintext = open(key, nonce(counter), frame.subarray(4, 17), frame.subarray(17));
          return { type: frame[4], epoch: readU32be(frame, 5), counter, plaintext };
        }),
      [Symbol.dispose]() {},
    }),
    keystream: (key) => ({
      bytes: (number, length) =>
        seal(
          key,
          concat(new Uint8Array(8), u32be(number)),
          new Uint8Array(),
          new Uint8Array(length),
        ).subarray(0, length),
      [Symbol.dispose]() {},
    }),
    saltedTree: {
      longFrom: 300,
      leaves: (items) => concat(...saltedLeaves(items)),
      root: (items) => rootOfWide(saltedLeaves(items)),
    },
    sha256: (message) => sha256(message),
    sha256Many: (messages) => messages.map((message) => sha256(message)),
    sha256ManyInto: (messages, digests) => digests.set(concat(...messages.map((message) => sha256(message)))),
    sha512: (message) => sha512(message),
    hmac256: (key, ...parts) => hmac(sha256, key, concat(...parts)),
    hkdf256: (ikm, salt, info, length) => hkdf(sha256, ikm, salt, info, length),
    hkdf256Expand: (prk, info, length) => expand(sha256, prk, info, length),
    ed25519: {
      publicKey: (seed) => ed25519.getPublicKey(seed),
      sign: (seed, message) => ed25519.sign(message, seed),
      signingKey: (seed) => ({
        publicKey: ed25519.getPublicKey(seed),
        sign: (message) => ed25519.sign(message, seed),
        [Symbol.dispose]() {},
      }),
      verify: (publicKey, message, signature) => {
        if (!verifies({ publicKey, message, signature })) throw refuse('OOTO_CRYPTO_SIGNATURE');
      },
      verifyBatch: (items) => items.flatMap((item, i) => (verifies(item) ? [] : [i])),
      admitKey: (publicKey) => {
        guarded('OOTO_CRYPTO_KEY', () => {
          if (ed25519.Point.fromBytes(publicKey).isSmallOrder()) throw new Error('small order');
        });
      },
    },
    edwards25519: nobleGroup(guarded),
    mldsa44: createMlDsa44(random),
    xchacha20poly1305: {
      seal: (key, nonce, plaintext) => xchacha20poly1305(key, nonce).encrypt(plaintext),
      open: (key, nonce, sealed) =>
        guarded('OOTO_CRYPTO_AUTHENTICATION', () => xchacha20poly1305(key, nonce).decrypt(sealed)),
    },
    x25519: {
      publicKey: (scalar) => x25519.getPublicKey(scalar),
      sharedSecret: (scalar, point) =>
        guarded('OOTO_CRYPTO_KEY', () => x25519.getSharedSecret(scalar, point)),
    },
    mlkem768: {
      keygen: (seed) => {
        const { publicKey, secretKey } = ml_kem768.keygen(seed);
        return { ek: publicKey, dk: secretKey };
      },
      encaps: (ek, m) =>
        guarded('OOTO_CRYPTO_KEY', () => {
          const { cipherText, sharedSecret } = ml_kem768.encapsulate(ek, m);
          return { c: cipherText, k: sharedSecret };
        }),
      decaps: (dk, c) => guarded('OOTO_CRYPTO_KEY', () => ml_kem768.decapsulate(c, dk)),
    },
    p256: {
      verify: (publicKey, message, signature, encoding) => {
        const format = encoding === 'der' ? 'der' : 'compact';
        const good = guarded('OOTO_CRYPTO_SIGNATURE', () =>
          p256.verify(signature, message, publicKey, { format, lowS: false }),
        );
        if (!good) throw refuse('OOTO_CRYPTO_SIGNATURE');
      },
      admitKey: (publicKey) => {
        guarded('OOTO_CRYPTO_KEY', () => {
          if (publicKey.length !== 65) throw new Error('not uncompressed');
          p256.Point.fromBytes(publicKey);
        });
      },
      keygen: (seed) => {
        const secretKey = p256.utils.randomSecretKey(seed);
        return { secretKey, publicKey: p256.getPublicKey(secretKey, false) };
      },
      sharedSecret: (secretKey, publicKey) =>
        guarded('OOTO_CRYPTO_KEY', () => p256.getSharedSecret(secretKey, publicKey, false).slice(1, 33)),
    },
    rsa: {
      // node:crypto draws the seed itself.
      encryptOaep256: ({ modulus }, message, label) => {
        const n = Buffer.from(modulus).toString('base64url');
        const key = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
        const padding = constants.RSA_PKCS1_OAEP_PADDING;
        const oaep = { key, padding, oaepHash: 'sha256', oaepLabel: Buffer.from(label) };
        return new Uint8Array(publicEncrypt(oaep, message));
      },
      verifyPkcs1: ({ modulus }, message, signature, hash) =>
        nodeVerify(hash, message, { ...rsaKey(modulus), padding: constants.RSA_PKCS1_PADDING }, signature),
      verifyPss: ({ modulus }, message, signature, hash) => {
        const padding = {
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        };
        nodeVerify(hash, message, { ...rsaKey(modulus), ...padding }, signature);
      },
    },
    p384: {
      verify: (publicKey, message, signature, hash) =>
        nodeVerify(hash, message, p384Key(publicKey), signature),
      admitKey: (publicKey) => {
        guarded('OOTO_CRYPTO_KEY', () => p384Key(publicKey));
      },
    },
    aes128cfbEncrypt: (key, iv, plaintext) => {
      const cipher = createCipheriv('aes-128-cfb', key, iv);
      return new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final()]));
    },
    chain: {
      append: (head, records) => chained(head, records.map(leafHash)),
      appendInto: (head, records, heads) => heads.set(concat(...chained(head, records.map(leafHash)))),
      appendBatch: (head, records) => chainedBatch(head, records.map(leafHash)),
      appendHashes: chained,
      appendBatchHashes: chainedBatch,
    },
    merkle: {
      leafHash,
      leafHashes: (leaves) => leaves.map(leafHash),
      nodeHash,
      root: (leaves) => rootOfHashes(leaves.map(leafHash)),
      rootOfHashes,
    },
  };
}

function nodeVerify(
  hash: string,
  message: Uint8Array,
  key: Parameters<typeof verify>[2],
  signature: Uint8Array,
): void {
  if (!verify(hash, message, key, signature)) throw refuse('OOTO_CRYPTO_SIGNATURE');
}

function rsaKey(modulus: Uint8Array) {
  const n = Buffer.from(modulus).toString('base64url');
  return { key: createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' }) };
}

function p384Key(point: Uint8Array) {
  if (point.length !== 97 || point[0] !== 4) throw refuse('OOTO_CRYPTO_KEY');
  const [x, y] = [point.subarray(1, 49), point.subarray(49)].map((part) =>
    Buffer.from(part).toString('base64url'),
  );
  return createPublicKey({ key: { kty: 'EC', crv: 'P-384', x, y }, format: 'jwk' });
}
