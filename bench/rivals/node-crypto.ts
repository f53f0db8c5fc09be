/**
 * OpenSSL through node:crypto, in its fastest forms (measured on Node 20, 22 and 24): a digest leaves `crypto.hash` as a
 * latin1 string that is written into the caller's array, which takes half as long as a Buffer made for it; keys are
 * KeyObjects made before the clock runs; a point that arrives as bytes becomes a key by way of a JWK, a third of
 * the time of DER.
 */
import * as node from 'node:crypto';
import type { Engine, GcmKey } from '../engine.ts';
import { type HashInto, hashingWith } from './hashing.ts';

const TAG_BYTES = 16;
/** A mebibyte goes faster in pieces: the Buffer of a larger result is mapped anew each time. */
const PIECE_BYTES = 64 * 1024;
const DIGEST_BYTES = 32;
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const X25519_PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** Part of every Buffer, though not of its documentation; it writes to any Uint8Array. */
const { latin1Write } = Buffer.prototype as unknown as {
  latin1Write(this: Uint8Array, text: string, at: number, length: number): number;
};

const hashToString: HashInto = (message, to, at) => {
  latin1Write.call(to, node.hash('sha256', message, 'binary'), at, DIGEST_BYTES);
};
const hashToBuffer: HashInto = (message, to, at) => to.set(node.hash('sha256', message, 'buffer'), at);

export const nodeCrypto: Engine = {
  name: 'node-crypto',
  gcm,
  ...hashingWith(hashToString),
  ed25519Sign(seed) {
    const key = privateKey(ED25519_PKCS8, seed);
    return (message, signature) => signature.set(node.sign(null, message, key));
  },
  ed25519Verify(publicKey) {
    const key = publicKeyOf('Ed25519', publicKey);
    return (message, signature) => node.verify(null, message, key, signature);
  },
  ed25519VerifyBatch(publicKeys) {
    const distinct = new Map(publicKeys.map((bytes) => [bytes, publicKeyOf('Ed25519', bytes)]));
    const keys = publicKeys.map((bytes) => distinct.get(bytes)!);
    return (messages, signatures, verdicts) => {
      for (let i = 0; i < keys.length; i++)
        verdicts[i] = node.verify(null, messages[i], keys[i], signatures[i]) ? 1 : 0;
    };
  },
  x25519(scalar) {
    const own = privateKey(X25519_PKCS8, scalar);
    return (point, secret) =>
      secret.set(node.diffieHellman({ privateKey: own, publicKey: publicKeyOf('X25519', point) }));
  },
};

/** The form that most programs use: digests as Buffers. Shown beside the fastest one. */
export const nodeCryptoBuffer: Engine = { name: 'node-crypto-buffer', ...hashingWith(hashToBuffer) };

function gcm(raw: Uint8Array): GcmKey {
  const key = node.createSecretKey(raw);
  return {
    seal(iv, aad, plaintext, sealed) {
      const cipher = node.createCipheriv('aes-256-gcm', key, iv).setAAD(aad);
      eachPiece(plaintext, (piece, at) => sealed.set(cipher.update(piece), at));
      cipher.final();
      sealed.set(cipher.getAuthTag(), plaintext.length);
    },
    open(iv, aad, sealed, plaintext) {
      const end = sealed.length - TAG_BYTES;
      const decipher = node.createDecipheriv('aes-256-gcm', key, iv).setAAD(aad);
      decipher.setAuthTag(sealed.subarray(end));
      eachPiece(sealed.subarray(0, end), (piece, at) => plaintext.set(decipher.update(piece), at));
      decipher.final();
    },
  };
}

function eachPiece(bytes: Uint8Array, use: (piece: Uint8Array, at: number) => void): void {
  if (bytes.length <= PIECE_BYTES) use(bytes, 0);
  else for (let at = 0; at < bytes.length; at += PIECE_BYTES) use(bytes.subarray(at, at + PIECE_BYTES), at);
}

function privateKey(before: Uint8Array, raw: Uint8Array): node.KeyObject {
  return node.createPrivateKey({ key: Buffer.concat([before, raw]), format: 'der', type: 'pkcs8' });
}

function publicKeyOf(crv: 'Ed25519' | 'X25519', raw: Uint8Array): node.KeyObject {
  const x = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString('base64url');
  return node.createPublicKey({ key: { kty: 'OKP', crv, x }, format: 'jwk' });
}
