/**
 * Watches every use of a key of AES-256-GCM from below the protocol. What flows through here: a `Crypto` whose
 * record ciphers and single seals note key and nonce before they work; a nonce that does not rise under its key,
 * or a key that two ciphers seal with, is a repeat. What it keeps does not grow but for eight bytes a key, in one array made at the
 * beginning, so that memory can be measured beside it.
 */
import { createHash } from 'node:crypto';
import type { Crypto } from '../../src/crypto/crypto.ts';

export class NonceAudit {
  /** Seals of records and of handshake payloads. */
  uses = 0;
  readonly repeats: string[] = [];
  readonly #keys: BigUint64Array;
  #count = 0;
  #single: { key: string; nonces: Set<string> } = { key: '', nonces: new Set() };

  constructor(mostKeys: number) {
    this.#keys = new BigUint64Array(mostKeys);
  }

  /** Keys that sealed something. */
  get keys(): number {
    return this.#count;
  }

  watch(crypto: Crypto): Crypto {
    return {
      ...crypto,
      recordCipher: (key) => {
        const id = idOf(key);
        const cipher = crypto.recordCipher(key);
        let last = -1n;
        return {
          ...cipher,
          seal: (records, into) => {
            if (last < 0n) this.#addKey(id);
            for (const { counter } of records) {
              this.uses++;
              if (counter <= last) this.repeats.push(`record ${counter} after ${last}`);
              last = counter;
            }
            return cipher.seal(records, into);
          },
        };
      },
      aes256gcm: {
        ...crypto.aes256gcm,
        seal: (key, iv, ...rest) => {
          this.#addSingle(idOf(key), iv);
          return crypto.aes256gcm.seal(key, iv, ...rest);
        },
      },
    };
  }

  /** Whether no key was taken up twice; call it at the end. */
  everyKeyIsNew(): boolean {
    const sorted = this.#keys.slice(0, this.#count).sort();
    return sorted.every((key, i) => i === 0 || key !== sorted[i - 1]);
  }

  /** Keys of a handshake live for a few seals and follow each other. */
  #addSingle(id: bigint, iv: Uint8Array): void {
    this.uses++;
    if (this.#single.key !== `${id}`) {
      this.#single = { key: `${id}`, nonces: new Set() };
      this.#addKey(id);
    }
    const nonce = Buffer.from(iv).toString('hex');
    if (this.#single.nonces.has(nonce)) this.repeats.push(`nonce ${nonce} of a handshake`);
    this.#single.nonces.add(nonce);
  }

  #addKey(id: bigint): void {
    if (this.#count === this.#keys.length) throw new Error('more keys than the audit has room for');
    this.#keys[this.#count++] = id;
  }
}

function idOf(key: Uint8Array): bigint {
  return createHash('sha256').update(key).digest().readBigUInt64BE();
}
