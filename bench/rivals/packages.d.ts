/** What is used of the rivals' packages, so that types hold where they are not installed. */
declare module 'libsodium-wrappers-sumo' {
  const sodium: {
    readonly ready: Promise<void>;
    crypto_aead_chacha20poly1305_ietf_encrypt(
      message: Uint8Array,
      aad: Uint8Array,
      secretNonce: null,
      iv: Uint8Array,
      key: Uint8Array,
    ): Uint8Array;
    /** Throws unless it is authentic. */
    crypto_aead_chacha20poly1305_ietf_decrypt(
      secretNonce: null,
      sealed: Uint8Array,
      aad: Uint8Array,
      iv: Uint8Array,
      key: Uint8Array,
    ): Uint8Array;
    crypto_hash_sha256(message: Uint8Array): Uint8Array;
    crypto_sign_seed_keypair(seed: Uint8Array): { publicKey: Uint8Array; privateKey: Uint8Array };
    crypto_sign_detached(message: Uint8Array, privateKey: Uint8Array): Uint8Array;
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
    crypto_scalarmult(scalar: Uint8Array, point: Uint8Array): Uint8Array;
    crypto_kem_mlkem768_seed_keypair(seed: Uint8Array): { publicKey: Uint8Array; privateKey: Uint8Array };
    crypto_kem_mlkem768_enc_deterministic(
      publicKey: Uint8Array,
      coins: Uint8Array,
    ): { ciphertext: Uint8Array; sharedSecret: Uint8Array };
    crypto_kem_mlkem768_dec(ciphertext: Uint8Array, privateKey: Uint8Array): Uint8Array;
  };
  export default sodium;
}

declare module 'hash-wasm' {
  interface Hasher {
    init(): Hasher;
    update(message: Uint8Array): Hasher;
    digest(form: 'binary'): Uint8Array;
  }
  export function createSHA256(): Promise<Hasher>;
}

declare module 'node-forge' {
  interface ByteBuffer {
    getBytes(): string;
  }
  interface Cipher {
    start(options: { iv: string; additionalData: string; tag?: ByteBuffer }): void;
    update(input: ByteBuffer): void;
    finish(): boolean;
    readonly output: ByteBuffer;
    readonly mode: { readonly tag: ByteBuffer };
  }
  const forge: {
    cipher: {
      createCipher(algorithm: 'AES-GCM', key: string): Cipher;
      createDecipher(algorithm: 'AES-GCM', key: string): Cipher;
    };
    md: { sha256: { create(): { update(message: string): { digest(): ByteBuffer } } } };
    pki: {
      ed25519: {
        generateKeyPair(options: { seed: Uint8Array }): { publicKey: Uint8Array; privateKey: Uint8Array };
        sign(options: { message: Uint8Array; privateKey: Uint8Array }): Uint8Array;
        verify(options: { message: Uint8Array; publicKey: Uint8Array; signature: Uint8Array }): boolean;
      };
    };
    util: {
      createBuffer(bytes: Uint8Array): ByteBuffer;
      binary: { raw: { encode(bytes: Uint8Array): string } };
    };
  };
  export default forge;
}

declare module '@stablelib/aes' {
  export class AES {
    constructor(key: Uint8Array);
  }
}

declare module '@stablelib/gcm' {
  import type { AES } from '@stablelib/aes';
  export class GCM {
    constructor(cipher: AES);
    seal(iv: Uint8Array, plaintext: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array;
    open(iv: Uint8Array, sealed: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array | null;
  }
}

declare module '@stablelib/sha256' {
  export class SHA256 {
    readonly digestLength: number;
    reset(): this;
    update(message: Uint8Array): this;
    finish(digest: Uint8Array): this;
  }
}

declare module '@stablelib/ed25519' {
  export function generateKeyPairFromSeed(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array };
  export function sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array;
  export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

declare module '@stablelib/x25519' {
  export function scalarMult(scalar: Uint8Array, point: Uint8Array): Uint8Array;
}

declare module 'libp2p' {
  export function createLibp2p(options: {
    addresses: { listen: readonly string[] };
    transports: readonly unknown[];
    connectionEncrypters: readonly unknown[];
    streamMuxers: readonly unknown[];
  }): Promise<unknown>;
}

declare module '@libp2p/tcp' {
  export function tcp(): unknown;
}

declare module '@chainsafe/libp2p-noise' {
  export function noise(): unknown;
}

declare module '@chainsafe/libp2p-yamux' {
  export function yamux(): unknown;
}

declare module '@multiformats/multiaddr' {
  export function multiaddr(text: string): unknown;
}
