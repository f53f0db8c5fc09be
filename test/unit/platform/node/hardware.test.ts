/** Node's hardware behind the port: agrees with @noble, refuses without throwing, leaks no pooled memory. */
import { gcm } from '@noble/ciphers/aes.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { utf8 } from '../../../../src/base/bytes.ts';
import { nodeHardware } from '../../../../src/platform/node/hardware.ts';
import { bytes, is } from '../../../support/assert.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('node hardware');
const hardware = nodeHardware();
const key = new Uint8Array(32).fill(7);
const iv = new Uint8Array(12).fill(8);
const aad = utf8('header');
const message = utf8('what the platform computes');

function flipped(source: Uint8Array, at: number): Uint8Array {
  const copy = source.slice();
  copy[at] ^= 1;
  return copy;
}

test('AES-256-GCM agrees with noble and opens what it sealed', () => {
  const sealed = hardware.aes256gcmSeal(key, iv, aad, message);
  bytes(sealed, gcm(key, iv, aad).encrypt(message));
  bytes(hardware.aes256gcmOpen(key, iv, aad, sealed)!, message);
});

test('AES-256-GCM gives nothing for altered or short input', () => {
  const sealed = hardware.aes256gcmSeal(key, iv, aad, message);
  for (let at = 0; at < sealed.length; at++)
    is(hardware.aes256gcmOpen(key, iv, aad, flipped(sealed, at)), undefined);
  is(hardware.aes256gcmOpen(key, iv, utf8('other'), sealed), undefined);
  is(hardware.aes256gcmOpen(key, iv, aad, sealed.subarray(0, 15)), undefined);
});

test('hashes agree with noble', () => {
  bytes(hardware.sha256(message), sha256(message));
  bytes(hardware.sha512(message), sha512(message));
});

test('Ed25519 agrees with noble and refuses without throwing', () => {
  const publicKey = ed25519.getPublicKey(key);
  const signature = hardware.ed25519Sign(key, message);
  bytes(signature, ed25519.sign(message, key));
  is(hardware.ed25519Verify(publicKey, message, signature), true);
  is(hardware.ed25519Verify(publicKey, message, flipped(signature, 40)), false);
  is(hardware.ed25519Verify(publicKey.subarray(1), message, signature), false);
  is(hardware.ed25519Verify(publicKey, message, signature.subarray(1)), false);
});

test('P-256 verifies both encodings and refuses without throwing', () => {
  const publicKey = p256.getPublicKey(key, false);
  const p1363 = p256.sign(message, key);
  const der = p256.Signature.fromBytes(p1363).toBytes('der');
  is(hardware.p256Verify(publicKey, message, p1363, 'p1363'), true);
  is(hardware.p256Verify(publicKey, message, der, 'der'), true);
  is(hardware.p256Verify(publicKey, message, der, 'p1363'), false);
  is(hardware.p256Verify(publicKey, message, flipped(p1363, 40), 'p1363'), false);
  is(hardware.p256Verify(flipped(publicKey, 5), message, p1363, 'p1363'), false);
});

test('results are plain arrays that own their memory', () => {
  const results = [
    hardware.aes256gcmSeal(key, iv, aad, message),
    hardware.aes256gcmOpen(key, iv, aad, hardware.aes256gcmSeal(key, iv, aad, message))!,
    hardware.sha256(message),
    hardware.sha512(message),
    hardware.ed25519Sign(key, message),
  ];
  for (const result of results) {
    is(result.constructor, Uint8Array);
    is(result.buffer.byteLength, result.length);
  }
});
