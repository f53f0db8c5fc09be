/**
 * The primitives that Node's OpenSSL runs on the processor's own instructions (AES-NI, SHA extensions), behind
 * the Hardware port. What flows through here: raw keys become OpenSSL's, and results leave as plain Uint8Arrays.
 * Judging keys and signatures by the mesh's rule is not done here.
 */
import * as node from 'node:crypto';
import { concat, equal } from '../../base/bytes.ts';
import { unhex } from '../../base/hex.ts';
import type { Hardware } from '../../ports.ts';
import { giveBack, SpareMemory } from './spent-memory.ts';

const TAG_BYTES = 16;
/** Results of this size lie in memory that the process has; larger ones are mapped anew each time. */
const PIECE_BYTES = 64 * 1024;
/** From here on a cipher begins in 11 µs with raw bytes and in 3 µs with a KeyObject; before, raw bytes are faster. */
const NODE_WITH_SLOW_RAW_KEYS = 24;

/** What stands before a raw private key in PKCS #8 (RFC 8410 section 7). */
const ED25519_PRIVATE = unhex('302e020100300506032b657004220420');
const P256_KEY_BYTES = 65;
const SHA256_BYTES = 32;
const UNCOMPRESSED = 4;

/** All of the port; Node has every part of it. */
export function nodeHardware(): Required<Hardware> {
  const memory = new SpareMemory();
  return {
    aes256gcmSeal,
    aes256gcmSealInto,
    aes256gcmOpen: (key, iv, aad, sealed, into) => aes256gcmOpen(memory, key, iv, aad, sealed, into),
    giveBack: (bytes) => memory.giveBack(bytes),
    memory: (length) => memory.take(length),
    aes256ctr: (key, counterBlock, text) =>
      plain(node.createCipheriv('aes-256-ctr', cipherKey(key), counterBlock).update(text)),
    sha256(message) {
      const digest = new Uint8Array(SHA256_BYTES);
      sha256Into(message, digest, 0);
      return digest;
    },
    sha256Into,
    sha512: digestOf('sha512'),
    ed25519Verify: (publicKey, message, signature) =>
      accepts(() => node.verify(null, message, ed25519Key(publicKey), signature)),
    ed25519Sign: (seed, message) => plain(node.sign(null, message, privateKeyOf(seed))),
    p256Verify: (publicKey, message, signature, encoding) =>
      accepts(() => {
        const key = p256Key(publicKey);
        const dsaEncoding = encoding === 'der' ? 'der' : 'ieee-p1363';
        return node.verify('sha256', message, { key, dsaEncoding }, signature);
      }),
  };
}

const cipherKey: (raw: Uint8Array) => node.CipherKey =
  Number.parseInt(process.versions.node, 10) >= NODE_WITH_SLOW_RAW_KEYS ? node.createSecretKey : (raw) => raw;

function aes256gcmSeal(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  aes256gcmSealInto(key, iv, aad, plaintext, sealed, 0);
  return sealed;
}

function aes256gcmSealInto(
  key: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  to: Uint8Array,
  at: number,
): void {
  const cipher = node.createCipheriv('aes-256-gcm', cipherKey(key), iv).setAAD(aad);
  for (let from = 0; from < plaintext.length; from += PIECE_BYTES) {
    const piece = cipher.update(pieceOf(plaintext, from, plaintext.length));
    to.set(piece, at + from);
    giveBack(piece);
  }
  cipher.final();
  to.set(cipher.getAuthTag(), at + plaintext.length);
}

function aes256gcmOpen(
  memory: SpareMemory,
  key: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
  into?: Uint8Array,
): Uint8Array | undefined {
  const end = sealed.length - TAG_BYTES;
  if (end < 0) return undefined;
  const options = { authTagLength: TAG_BYTES };
  const decipher = node.createDecipheriv('aes-256-gcm', cipherKey(key), iv, options).setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const text = sealed.subarray(0, end);
  const opened =
    into === undefined && end <= PIECE_BYTES
      ? plain(decipher.update(text))
      : openInto(decipher, text, into ?? memory.take(end));
  if (accepts(() => decipher.final().length === 0)) return opened;
  opened.fill(0);
  return undefined;
}

/** Piece by piece, each of which is wiped and given back. */
function openInto(decipher: node.Decipher, text: Uint8Array, to: Uint8Array): Uint8Array {
  for (let at = 0; at < text.length; at += PIECE_BYTES) {
    const piece = decipher.update(pieceOf(text, at, text.length));
    to.set(piece, at);
    piece.fill(0);
    giveBack(piece);
  }
  return to;
}

/** As a string of one byte a character a digest costs 0.2 µs, as a Buffer 0.6 µs. */
function sha256Into(message: Uint8Array, to: Uint8Array, at: number): void {
  if (typeof node.hash !== 'function') {
    to.set(node.createHash('sha256').update(message).digest(), at);
    return;
  }
  const digest = node.hash('sha256', message, 'binary');
  for (let i = 0; i < SHA256_BYTES; i++) to[at + i] = digest.charCodeAt(i);
}

/** The piece from `at` on of what ends at `end`. */
function pieceOf(bytes: Uint8Array, at: number, end: number): Uint8Array {
  const to = Math.min(end, at + PIECE_BYTES);
  return to - at === bytes.length ? bytes : bytes.subarray(at, to);
}

/** `crypto.hash` is one call; before Node 20.12 and 21.7 only the longer way exists. */
function digestOf(algorithm: 'sha256' | 'sha512'): (message: Uint8Array) => Uint8Array {
  if (typeof node.hash === 'function')
    return (message) => {
      const text = node.hash(algorithm, message, 'binary');
      const digest = new Uint8Array(text.length);
      for (let i = 0; i < digest.length; i++) digest[i] = text.charCodeAt(i);
      return digest;
    };
  return (message) => plain(node.createHash(algorithm).update(message).digest());
}

/** As a JWK (RFC 8037): OpenSSL 3 takes thirty times as long to read the same key from DER. */
function ed25519Key(raw: Uint8Array): node.KeyObject {
  return publicJwk({ kty: 'OKP', crv: 'Ed25519', x: base64url(raw) });
}

let lastP256: { point: Uint8Array; key: node.KeyObject } | undefined;

/** As a JWK (RFC 7518 section 6.2), from the uncompressed point; a TPM's key is mostly asked for twice in a row. */
function p256Key(point: Uint8Array): node.KeyObject {
  if (lastP256 && equal(lastP256.point, point)) return lastP256.key;
  if (point.length !== P256_KEY_BYTES || point[0] !== UNCOMPRESSED)
    throw new Error('not an uncompressed point');
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map(base64url);
  const key = publicJwk({ kty: 'EC', crv: 'P-256', x, y });
  lastP256 = { point: point.slice(), key };
  return key;
}

function publicJwk(key: node.JsonWebKey): node.KeyObject {
  return node.createPublicKey({ key, format: 'jwk' });
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

/** By way of DER, slow as it is: a JWK would leave the seed in a string, which cannot be wiped. */
function privateKeyOf(seed: Uint8Array): node.KeyObject {
  const der = concat(ED25519_PRIVATE, seed);
  try {
    return node.createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}

/** OpenSSL throws for some bad keys and signatures and returns false for others: both are a refusal. */
function accepts(verify: () => boolean): boolean {
  try {
    return verify();
  } catch {
    return false;
  }
}

function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
