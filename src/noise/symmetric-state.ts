/**
 * SymmetricState (Noise revision 34, section 5.2). What flows through here: public bytes into the handshake hash
 * `h`, secrets into the chaining key `ck`; each mixed secret gives a fresh cipher key; at the end `ck` splits
 * into the transport keys and the exporter secret.
 */
import { concat, utf8 } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import type { NoiseHash, NoiseSuite } from '../crypto/noise-suite.ts';
import { CipherState } from './cipher-state.ts';

const EMPTY = new Uint8Array();
const KEY_BYTES = 32;

export class SymmetricState implements Disposable {
  readonly #suite: NoiseSuite;
  #h: Uint8Array;
  #ck: Uint8Array;
  #cipher: CipherState | undefined;

  constructor(suite: NoiseSuite, protocolName: string) {
    this.#suite = suite;
    this.#h = initialHash(suite.hash, utf8(protocolName));
    this.#ck = this.#h.slice();
  }

  get hasKey(): boolean {
    return this.#cipher !== undefined;
  }

  /** The hash of everything public so far. */
  handshakeHash(): Uint8Array {
    return this.#h.slice();
  }

  mixHash(data: Uint8Array): void {
    this.#h = this.#suite.hash.digest(concat(this.#h, data));
  }

  mixKey(secret: Uint8Array): void {
    const [ck, key] = this.#hkdf(secret, 2);
    this.#replaceChainingKey(ck);
    this.#replaceCipher(key);
  }

  mixKeyAndHash(secret: Uint8Array): void {
    const [ck, hashed, key] = this.#hkdf(secret, 3);
    this.#replaceChainingKey(ck);
    const text = concat(this.#h, hashed);
    this.#h = this.#suite.hash.digest(text);
    wipe(hashed, text);
    this.#replaceCipher(key);
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#cipher?.encryptWithAd(this.#h, plaintext) ?? plaintext.slice();
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** @throws OOTO_CRYPTO_AUTHENTICATION (peer) when the tag does not match; then `h` is unchanged. */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array {
    const plaintext = this.#cipher?.decryptWithAd(this.#h, ciphertext) ?? ciphertext.slice();
    this.mixHash(ciphertext);
    return plaintext;
  }

  /**
   * The two transport states, the initiator's sending one first, and a third HKDF output of HASHLEN bytes from
   * which exporters are derived (the first two outputs are those of section 5.2). The state is spent.
   */
  split(): { first: CipherState; second: CipherState; exporterSecret: Uint8Array } {
    const [first, second, exporterSecret] = this.#hkdf(EMPTY, 3);
    this[Symbol.dispose]();
    return {
      first: new CipherState(this.#suite.cipher, truncated(first)),
      second: new CipherState(this.#suite.cipher, truncated(second)),
      exporterSecret,
    };
  }

  [Symbol.dispose](): void {
    wipe(this.#ck);
    this.#cipher?.[Symbol.dispose]();
    this.#cipher = undefined;
  }

  /** Section 4.3. */
  #hkdf(secret: Uint8Array, outputs: 2 | 3): Uint8Array[] {
    const { hash } = this.#suite;
    const temporaryKey = hash.hmac(this.#ck, secret);
    const results: Uint8Array[] = [];
    for (let i = 1; i <= outputs; i++)
      results.push(hash.hmac(temporaryKey, results.at(-1) ?? EMPTY, Uint8Array.of(i)));
    wipe(temporaryKey);
    return results;
  }

  #replaceChainingKey(ck: Uint8Array): void {
    wipe(this.#ck);
    this.#ck = ck;
  }

  #replaceCipher(key: Uint8Array): void {
    this.#cipher?.[Symbol.dispose]();
    this.#cipher = new CipherState(this.#suite.cipher, truncated(key));
  }
}

/** Section 5.2: a name no longer than the hash is padded with zeros, a longer one is hashed. */
function initialHash(hash: NoiseHash, name: Uint8Array): Uint8Array {
  return name.length <= hash.bytes
    ? concat(name, new Uint8Array(hash.bytes - name.length))
    : hash.digest(name);
}

/** Cipher keys are the first 32 bytes of an output; the rest is overwritten. */
function truncated(output: Uint8Array): Uint8Array {
  const key = output.slice(0, KEY_BYTES);
  wipe(output);
  return key;
}
