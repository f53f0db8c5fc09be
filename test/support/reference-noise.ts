/**
 * The two protocols of a channel, derived a second time from node:crypto and noble calls alone, as straight-line
 * code: no line of src/ runs here but the type of the result. Generator and judge of the project's own vectors.
 */
import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { x25519 } from '@noble/curves/ed25519.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';

/** Private keys and seeds, all fixed. */
export interface ReferenceKeys {
  initiatorStatic: Uint8Array;
  responderStatic: Uint8Array;
  initiatorEphemeral: Uint8Array;
  responderEphemeral: Uint8Array;
  /** 64 bytes. */
  kemSeed: Uint8Array;
  /** 32 bytes. */
  coins: Uint8Array;
  psk: Uint8Array;
}

export interface ReferenceRun {
  messages: Uint8Array[];
  /** `h` before the payload of each message. */
  transcripts: Uint8Array[];
  handshakeHash: Uint8Array;
  /** Outputs 1 to 3 of the last HKDF. */
  outputs: Uint8Array[];
}

const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const sha256 = (...parts: Uint8Array[]) =>
  new Uint8Array(
    createHash('sha256')
      .update(join(...parts))
      .digest(),
  );
const hmac = (key: Uint8Array, ...parts: Uint8Array[]) =>
  new Uint8Array(
    createHmac('sha256', key)
      .update(join(...parts))
      .digest(),
  );

function hkdf(ck: Uint8Array, secret: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
  const temporary = hmac(ck, secret);
  const first = hmac(temporary, Uint8Array.of(1));
  const second = hmac(temporary, first, Uint8Array.of(2));
  return [first, second, hmac(temporary, second, Uint8Array.of(3))];
}

function gcm(key: Uint8Array, counter: number, ad: Uint8Array, text: Uint8Array): Uint8Array {
  const iv = Buffer.alloc(12);
  iv.writeUInt32BE(counter, 8);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(ad);
  return join(cipher.update(text), cipher.final(), cipher.getAuthTag());
}

/** A message after the handshake, under one of the outputs. */
export function transportMessage(key: Uint8Array, counter: number, text: Uint8Array): Uint8Array {
  return gcm(key, counter, new Uint8Array(), text);
}

const publicOf = (scalar: Uint8Array) => x25519.getPublicKey(scalar);
const dh = (scalar: Uint8Array, point: Uint8Array) => x25519.getSharedSecret(scalar, point);

/** Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256. */
export function referenceXXhfs(
  keys: ReferenceKeys,
  prologue: Uint8Array,
  payloads: Uint8Array[],
): ReferenceRun {
  const { initiatorStatic, responderStatic, initiatorEphemeral, responderEphemeral, kemSeed, coins } = keys;
  const name = Buffer.from('Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256');
  const { publicKey: ek } = ml_kem768.keygen(kemSeed);
  let h: Uint8Array = sha256(name);
  let ck: Uint8Array = h;
  let k: Uint8Array;
  h = sha256(h, prologue);

  // -> e, e1
  h = sha256(h, publicOf(initiatorEphemeral));
  h = sha256(h, ek);
  const transcripts = [h];
  h = sha256(h, payloads[0]);
  const first = join(publicOf(initiatorEphemeral), ek, payloads[0]);

  // <- e, ee, ekem1, s, es
  h = sha256(h, publicOf(responderEphemeral));
  [ck, k] = hkdf(ck, dh(responderEphemeral, publicOf(initiatorEphemeral)));
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(ek, coins);
  const sealedCiphertext = gcm(k, 0, h, cipherText);
  h = sha256(h, sealedCiphertext);
  [ck, k] = hkdf(ck, sharedSecret);
  const sealedResponder = gcm(k, 0, h, publicOf(responderStatic));
  h = sha256(h, sealedResponder);
  [ck, k] = hkdf(ck, dh(responderStatic, publicOf(initiatorEphemeral)));
  transcripts.push(h);
  const sealedSecondPayload = gcm(k, 0, h, payloads[1]);
  h = sha256(h, sealedSecondPayload);
  const second = join(publicOf(responderEphemeral), sealedCiphertext, sealedResponder, sealedSecondPayload);

  // -> s, se
  const sealedInitiator = gcm(k, 1, h, publicOf(initiatorStatic));
  h = sha256(h, sealedInitiator);
  [ck, k] = hkdf(ck, dh(initiatorStatic, publicOf(responderEphemeral)));
  transcripts.push(h);
  const sealedThirdPayload = gcm(k, 0, h, payloads[2]);
  h = sha256(h, sealedThirdPayload);
  const third = join(sealedInitiator, sealedThirdPayload);

  return {
    messages: [first, second, third],
    transcripts,
    handshakeHash: h,
    outputs: hkdf(ck, new Uint8Array()),
  };
}

/** Noise_NNhfs+psk0_25519+MLKEM768_AESGCM_SHA256. */
export function referenceNNhfsPsk0(
  keys: ReferenceKeys,
  prologue: Uint8Array,
  payloads: Uint8Array[],
): ReferenceRun {
  const { initiatorEphemeral, responderEphemeral, kemSeed, coins, psk } = keys;
  const name = Buffer.from('Noise_NNhfs+psk0_25519+MLKEM768_AESGCM_SHA256');
  const { publicKey: ek } = ml_kem768.keygen(kemSeed);
  let h: Uint8Array = sha256(name);
  h = sha256(h, prologue);

  // -> psk, e, e1
  let [ck, hashed, k] = hkdf(sha256(name), psk);
  h = sha256(h, hashed);
  h = sha256(h, publicOf(initiatorEphemeral));
  [ck, k] = hkdf(ck, publicOf(initiatorEphemeral));
  const sealedKey = gcm(k, 0, h, ek);
  h = sha256(h, sealedKey);
  const transcripts = [h];
  const sealedFirstPayload = gcm(k, 1, h, payloads[0]);
  h = sha256(h, sealedFirstPayload);
  const first = join(publicOf(initiatorEphemeral), sealedKey, sealedFirstPayload);

  // <- e, ee, ekem1
  h = sha256(h, publicOf(responderEphemeral));
  [ck, k] = hkdf(ck, publicOf(responderEphemeral));
  [ck, k] = hkdf(ck, dh(responderEphemeral, publicOf(initiatorEphemeral)));
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(ek, coins);
  const sealedCiphertext = gcm(k, 0, h, cipherText);
  h = sha256(h, sealedCiphertext);
  [ck, k] = hkdf(ck, sharedSecret);
  transcripts.push(h);
  const sealedSecondPayload = gcm(k, 0, h, payloads[1]);
  h = sha256(h, sealedSecondPayload);
  const second = join(publicOf(responderEphemeral), sealedCiphertext, sealedSecondPayload);

  return { messages: [first, second], transcripts, handshakeHash: h, outputs: hkdf(ck, new Uint8Array()) };
}
