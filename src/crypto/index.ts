/**
 * `Crypto` from its parts. What flows through here: a running core, what the platform does in hardware and a
 * source of randomness become one object with every primitive; each family's file decides which engine computes.
 */
import type { Core } from '../core/index.ts';
import type { Hardware, Random } from '../ports.ts';
import { aes128cfbEncrypt } from './aes128cfb.ts';
import { createAes256Gcm } from './aes256gcm.ts';
import { createHashChain } from './chain.ts';
import type { Crypto, EngineName } from './crypto.ts';
import { createEd25519 } from './ed25519.ts';
import { createEdwards25519 } from './edwards25519.ts';
import { createHkdf256 } from './hkdf.ts';
import { createHmac256 } from './hmac.ts';
import { join } from './join.ts';
import { createKeystreams } from './keystream.ts';
import { createMerkle } from './merkle.ts';
import { createMlDsa44 } from './mldsa44.ts';
import { createMlKem768 } from './mlkem768.ts';
import { createP256 } from './p256.ts';
import { p384 } from './p384.ts';
import { createRecordCipher } from './record-cipher.ts';
import { createRsa } from './rsa.ts';
import { createSaltedTree } from './salted-tree.ts';
import { createSha256 } from './sha256.ts';
import { createSha512 } from './sha512.ts';
import { createX25519 } from './x25519.ts';
import { createXChaCha20Poly1305 } from './xchacha20poly1305.ts';

export type * from './crypto.ts';

export interface CryptoParts {
  core: Core;
  /** Empty where the platform has nothing that can be called synchronously, as in browsers. */
  hardware: Hardware;
  random: Random;
  /** Forces the engine of record ciphers (tests, benchmarks); elsewhere the functions take it as an argument. */
  recordEngine?: EngineName;
}

export function createCrypto(parts: CryptoParts): Crypto {
  const hmac256 = createHmac256(parts);
  const cipher = { core: parts.core, hardware: parts.hardware, engine: parts.recordEngine ?? 'auto' };
  return {
    random: parts.random,
    aes256gcm: createAes256Gcm(parts),
    giveBack: parts.hardware.giveBack ?? (() => {}),
    join: (texts) => join(parts.hardware, texts),
    recordCipher: (key) => createRecordCipher(cipher, key),
    keystream: createKeystreams(parts),
    saltedTree: createSaltedTree(parts),
    ...createSha256(parts),
    sha512: createSha512(parts),
    hmac256,
    ...createHkdf256(hmac256),
    ed25519: createEd25519(parts),
    edwards25519: createEdwards25519(parts),
    xchacha20poly1305: createXChaCha20Poly1305(),
    mldsa44: createMlDsa44(parts.random),
    x25519: createX25519(parts),
    mlkem768: createMlKem768(parts),
    p256: createP256(parts),
    p384,
    rsa: createRsa(parts),
    aes128cfbEncrypt,
    chain: createHashChain(parts),
    merkle: createMerkle(parts),
  };
}
