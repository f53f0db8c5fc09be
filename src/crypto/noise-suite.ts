/**
 * The primitives of one Noise protocol, found by the names that the Noise specification gives them (revision
 * 34, section 12). What flows through here: a protocol name's four parts in, one object with `dh`, `cipher`,
 * `hash` and perhaps `kem` out. The mesh itself uses 25519, MLKEM768, AESGCM and SHA256; the other names exist
 * so that published vectors of other suites run on the same engine.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { blake2b, blake2s } from '@noble/hashes/blake2.js';
import { concat, u64be } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from './crypto.ts';

export interface NoiseSuiteNames {
  dh: '25519';
  kem?: 'MLKEM768' | undefined;
  cipher: 'AESGCM' | 'ChaChaPoly';
  hash: 'SHA256' | 'SHA512' | 'BLAKE2s' | 'BLAKE2b';
}

/** Noise section 4.1. Keys and results are `bytes` long. */
export interface NoiseDh {
  readonly bytes: number;
  publicKey(scalar: Uint8Array): Uint8Array;
  /** @throws OOTO_CRYPTO_KEY (peer) when the result is all zero. */
  sharedSecret(scalar: Uint8Array, point: Uint8Array): Uint8Array;
}

/** Noise section 4.2. Keys are 32 bytes; sealed text is 16 bytes longer than plain text. */
export interface NoiseCipher {
  seal(key: Uint8Array, nonce: bigint, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** @throws OOTO_CRYPTO_AUTHENTICATION (peer) when the tag does not match. */
  open(key: Uint8Array, nonce: bigint, aad: Uint8Array, sealed: Uint8Array): Uint8Array;
}

/** Noise section 4.3. */
export interface NoiseHash {
  readonly bytes: number;
  digest(message: Uint8Array): Uint8Array;
  /** The MAC of `parts`, one after the other, of which no copy stays. */
  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
}

/** The key encapsulation of the `hfs` modifier. */
export interface NoiseKem {
  readonly seedBytes: number;
  readonly coinBytes: number;
  readonly publicKeyBytes: number;
  readonly ciphertextBytes: number;
  keygen(seed: Uint8Array): { ek: Uint8Array; dk: Uint8Array };
  encaps(ek: Uint8Array, coins: Uint8Array): { c: Uint8Array; k: Uint8Array };
  decaps(dk: Uint8Array, ciphertext: Uint8Array): Uint8Array;
}

export interface NoiseSuite {
  readonly dh: NoiseDh;
  readonly cipher: NoiseCipher;
  readonly hash: NoiseHash;
  readonly kem: NoiseKem | undefined;
}

/**
 * The primitives with these names.
 * @throws OOTO_CRYPTO_NOISE_NAME (caller) for a name that is not known.
 */
export function noiseSuite(crypto: Crypto, names: NoiseSuiteNames): NoiseSuite {
  return {
    dh: named(names.dh, { '25519': () => x25519(crypto) }),
    cipher: named(names.cipher, { AESGCM: () => aesGcm(crypto), ChaChaPoly: () => chaChaPoly }),
    hash: named(names.hash, {
      SHA256: () => ({ bytes: 32, digest: (m) => crypto.sha256(m), hmac: crypto.hmac256 }),
      SHA512: () => hashOfBlocks((message) => crypto.sha512(message), 64, 128),
      BLAKE2s: () => hashOfBlocks(blake2s, 32, 64),
      BLAKE2b: () => hashOfBlocks(blake2b, 64, 128),
    } satisfies Record<string, () => NoiseHash>),
    kem: names.kem === undefined ? undefined : named(names.kem, { MLKEM768: () => mlKem768(crypto) }),
  };
}

function named<T>(name: string, makers: Readonly<Record<string, () => T>>): T {
  if (!Object.hasOwn(makers, name))
    throw new OotoError('OOTO_CRYPTO_NOISE_NAME', 'caller', `no Noise primitive is called ${name}`, {
      hint: `known here: ${Object.keys(makers).join(', ')}`,
    });
  return makers[name]();
}

function x25519(crypto: Crypto): NoiseDh {
  return {
    bytes: 32,
    publicKey: (scalar) => crypto.x25519.publicKey(scalar),
    sharedSecret: (scalar, point) => crypto.x25519.sharedSecret(scalar, point),
  };
}

function aesGcm(crypto: Crypto): NoiseCipher {
  const iv = (nonce: bigint) => concat(new Uint8Array(4), u64be(nonce));
  return {
    seal: (key, nonce, aad, plaintext) => crypto.aes256gcm.seal(key, iv(nonce), aad, plaintext),
    open: (key, nonce, aad, sealed) => crypto.aes256gcm.open(key, iv(nonce), aad, sealed),
  };
}

const chaChaPoly: NoiseCipher = {
  seal: (key, nonce, aad, plaintext) =>
    chacha20poly1305(key, concat(new Uint8Array(4), u64be(nonce).reverse()), aad).encrypt(plaintext),
  open: (key, nonce, aad, sealed) => {
    try {
      return chacha20poly1305(key, concat(new Uint8Array(4), u64be(nonce).reverse()), aad).decrypt(sealed);
    } catch (cause) {
      throw new OotoError('OOTO_CRYPTO_AUTHENTICATION', 'peer', 'the tag does not match', { cause });
    }
  },
};

function mlKem768(crypto: Crypto): NoiseKem {
  return {
    seedBytes: 64,
    coinBytes: 32,
    publicKeyBytes: 1184,
    ciphertextBytes: 1088,
    keygen: (seed) => crypto.mlkem768.keygen(seed),
    encaps: (ek, coins) => crypto.mlkem768.encaps(ek, coins),
    decaps: (dk, ciphertext) => crypto.mlkem768.decaps(dk, ciphertext),
  };
}

/** A hash with its HMAC (RFC 2104). Noise keys are never longer than a block, so none is hashed first. */
function hashOfBlocks(
  digest: (message: Uint8Array) => Uint8Array,
  bytes: number,
  blockBytes: number,
): NoiseHash {
  const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]) => {
    const [inner, outer] = [new Uint8Array(blockBytes).fill(0x36), new Uint8Array(blockBytes).fill(0x5c)];
    for (let i = 0; i < key.length; i++) {
      inner[i] ^= key[i];
      outer[i] ^= key[i];
    }
    const first = concat(inner, ...parts);
    const second = concat(outer, digest(first));
    const mac = digest(second);
    wipe(inner, outer, first, second);
    return mac;
  };
  return { bytes, digest: (message) => digest(message), hmac };
}
