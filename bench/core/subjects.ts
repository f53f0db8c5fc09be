/**
 * The subjects: `Crypto` over the core alone (`wasm`), and with its choice of engine (`auto`). Each has a core of its
 * own, so that neither finds what the other left in caches or slots.
 */
import { wipe } from '../../src/base/disposal.ts';
import { type Crypto, createCrypto } from '../../src/crypto/index.ts';
import type { Engine } from '../engine.ts';
import type { Platform } from '../platform.ts';

export async function createSubjects(platform: Platform): Promise<Engine[]> {
  const { hardware, random } = platform;
  const alone = createCrypto({ core: await platform.startCore(), hardware: {}, random });
  const choosing = createCrypto({ core: await platform.startCore(), hardware, random });
  return [subject('wasm', alone), subject('auto', choosing)];
}

function subject(name: string, crypto: Crypto): Engine {
  const { aes256gcm, chain, ed25519, merkle, mlkem768, x25519 } = crypto;
  return {
    name,
    gcm(bytes) {
      const key = aes256gcm.key(bytes);
      return {
        seal: (iv, aad, plaintext, sealed) => void key.seal(iv, aad, plaintext, sealed),
        open: (iv, aad, sealed, plaintext) => void key.open(iv, aad, sealed, plaintext),
        sealMany: (messages, sealed) => void key.sealMany(messages, sealed),
        openMany: (messages, plaintexts) => void key.openMany(messages, plaintexts),
      };
    },
    sha256: (message, digest) => digest.set(crypto.sha256(message)),
    sha256Many: (messages, digests) => crypto.sha256ManyInto(messages, digests),
    chain: (head, records, heads) => chain.appendInto(head, records, heads),
    chainBatched: (head, records, next) => next.set(chain.appendBatch(head, records)),
    merkleRoot: (leaves, root) => root.set(merkle.root(leaves)),
    ed25519Sign(seed) {
      const key = ed25519.signingKey(seed);
      return (message, signature) => signature.set(key.sign(message));
    },
    ed25519Verify: (publicKey) => (message, signature) => accepts(crypto, publicKey, message, signature),
    ed25519VerifyBatch: (publicKeys) => (messages, signatures, verdicts) => {
      const items = publicKeys.map((publicKey, i) => ({
        publicKey,
        message: messages[i],
        signature: signatures[i],
      }));
      verdicts.fill(1);
      for (const refused of ed25519.verifyBatch(items)) verdicts[refused] = 0;
    },
    x25519: (scalar) => (point, secret) => secret.set(x25519.sharedSecret(scalar, point)),
    mlkem768: {
      keygen(seed, ek, dk) {
        const made = mlkem768.keygen(seed);
        ek.set(made.ek);
        dk.set(made.dk);
        wipe(made.dk);
      },
      encaps(ek, coins, ciphertext, secret) {
        const made = mlkem768.encaps(ek, coins);
        ciphertext.set(made.c);
        secret.set(made.k);
      },
      decaps: (dk, ciphertext, secret) => secret.set(mlkem768.decaps(dk, ciphertext)),
    },
  };
}

function accepts({ ed25519 }: Crypto, ...signed: [Uint8Array, Uint8Array, Uint8Array]): boolean {
  try {
    ed25519.verify(...signed);
    return true;
  } catch {
    return false;
  }
}
