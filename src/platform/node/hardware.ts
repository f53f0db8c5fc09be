/**
 * The primitives that Node's OpenSSL runs on the processor's own instructions (AES-NI, SHA extensions), behind
 * the Hardware port. What flows through here: raw keys are given the few bytes of DER that OpenSSL wants before
 * them, and results leave as plain Uint8Arrays. Judging keys and signatures by the mesh's rule is not done here.
 */
import * as node from 'node:crypto';
import { concat } from '../../base/bytes.ts';
import { unhex } from '../../base/hex.ts';
import type { Hardware } from '../../ports.ts';

const TAG_BYTES = 16;

/** What stands before a raw key in PKCS #8 and SubjectPublicKeyInfo (RFC 8410 section 10, RFC 5480 section 2). */
const ED25519_PRIVATE = unhex('302e020100300506032b657004220420');
const ED25519_PUBLIC = unhex('302a300506032b6570032100');
const P256_PUBLIC = unhex('3059301306072a8648ce3d020106082a8648ce3d030107034200');

/** All of the port; Node has every part of it. */
export function nodeHardware(): Required<Hardware> {
  return {
    aes256gcmSeal,
    aes256gcmOpen,
    sha256: digestOf('sha256'),
    sha512: digestOf('sha512'),
    ed25519Verify: (publicKey, message, signature) =>
      accepts(() => node.verify(null, message, publicKeyOf(ED25519_PUBLIC, publicKey), signature)),
    ed25519Sign: (seed, message) => plain(node.sign(null, message, privateKeyOf(seed))),
    p256Verify: (publicKey, message, signature, encoding) =>
      accepts(() => {
        const key = publicKeyOf(P256_PUBLIC, publicKey);
        const dsaEncoding = encoding === 'der' ? 'der' : 'ieee-p1363';
        return node.verify('sha256', message, { key, dsaEncoding }, signature);
      }),
  };
}

function aes256gcmSeal(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = node.createCipheriv('aes-256-gcm', key, iv).setAAD(aad);
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  sealed.set(cipher.update(plaintext));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
}

function aes256gcmOpen(
  key: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const end = sealed.length - TAG_BYTES;
  if (end < 0) return undefined;
  const decipher = node.createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES }).setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const opened = decipher.update(sealed.subarray(0, end));
  if (accepts(() => decipher.final().length === 0)) return plain(opened);
  opened.fill(0);
  return undefined;
}

/** `crypto.hash` is one call; before Node 20.12 and 21.7 only the longer way exists. */
function digestOf(algorithm: 'sha256' | 'sha512'): (message: Uint8Array) => Uint8Array {
  if (typeof node.hash === 'function') return (message) => plain(node.hash(algorithm, message, 'buffer'));
  return (message) => plain(node.createHash(algorithm).update(message).digest());
}

function publicKeyOf(prefix: Uint8Array, raw: Uint8Array): node.KeyObject {
  return node.createPublicKey({ key: der(prefix, raw), format: 'der', type: 'spki' });
}

function privateKeyOf(seed: Uint8Array): node.KeyObject {
  const key = der(ED25519_PRIVATE, seed);
  try {
    return node.createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    key.fill(0);
  }
}

/** Node's type wants a Buffer; this one is a view, not a copy. */
function der(prefix: Uint8Array, raw: Uint8Array): Buffer {
  const { buffer } = concat(prefix, raw);
  return Buffer.from(buffer);
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
