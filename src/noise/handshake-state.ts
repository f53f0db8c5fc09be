/**
 * HandshakeState (Noise revision 34, section 5.3, with the `psk` and `hfs` modifiers). What flows through here:
 * tokens of the pattern's next message, each writing or reading one key and mixing one secret, then the payload.
 * Any failure ends the handshake for good: its secrets are overwritten and every later call is refused.
 */
import { concat } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type NoiseKem, type NoiseSuite, noiseSuite } from '../crypto/noise-suite.ts';
import type { Random } from '../ports.ts';
import type { CipherState } from './cipher-state.ts';
import type { HandshakePattern, Token } from './pattern.ts';
import { parseProtocolName } from './protocol-name.ts';
import { SymmetricState } from './symmetric-state.ts';

export type Role = 'initiator' | 'responder';

/** Section 3: no message is longer. */
export const MAX_MESSAGE_BYTES = 65535;
const TAG_BYTES = 16;
const PSK_BYTES = 32;

export interface HandshakeOptions {
  /** For example `Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256`. */
  protocolName: string;
  role: Role;
  prologue?: Uint8Array;
  /** Private key of one's own static pair; needed where the pattern sends or pre-shares it. Stays the caller's. */
  staticKey?: Uint8Array | undefined;
  /** The peer's static public key, where the pattern takes it as known. */
  remoteStatic?: Uint8Array | undefined;
  /** One for each `psk` token, in order, 32 bytes each. They stay the caller's. */
  psks?: readonly Uint8Array[];
  /** Replaces drawn ephemerals by given ones, for published vectors only: reuse breaks every promise. */
  dangerouslyFixedEphemerals?: FixedEphemerals;
}

export interface FixedEphemerals {
  e?: Uint8Array | undefined;
  e1?: { ek: Uint8Array; dk: Uint8Array } | undefined;
  /** What `ekem1` encapsulates from. */
  coins?: Uint8Array | undefined;
}

/** A payload, or a function that makes it from `h` as it stands after the message's tokens. */
export type PayloadSource = Uint8Array | ((transcript: Uint8Array) => Uint8Array);

export interface ReadResult {
  payload: Uint8Array;
  /** `h` after the message's tokens, before its payload: what a signature inside the payload covers. */
  transcript: Uint8Array;
}

export interface SplitResult extends Disposable {
  send: CipherState;
  receive: CipherState;
  /** HASHLEN bytes; the owner derives what it needs and overwrites it. */
  exporterSecret: Uint8Array;
  /** The final `h`. */
  handshakeHash: Uint8Array;
}

export class HandshakeState implements Disposable {
  readonly role: Role;
  readonly pattern: HandshakePattern;
  readonly #suite: NoiseSuite;
  readonly #random: Random;
  readonly #symmetric: SymmetricState;
  readonly #staticKey: Uint8Array | undefined;
  readonly #psks: Uint8Array[];
  readonly #fixed: FixedEphemerals;
  #e: Uint8Array | undefined;
  #e1: Uint8Array | undefined;
  #remoteE: Uint8Array | undefined;
  #remoteE1: Uint8Array | undefined;
  #remoteStatic: Uint8Array | undefined;
  #position = 0;
  #ended = false;

  /** @throws OOTO_NOISE_KEYS (caller) when a key that the pattern needs is missing or has another length. */
  constructor(crypto: Crypto, options: HandshakeOptions) {
    const { pattern, suite } = parseProtocolName(options.protocolName);
    this.role = options.role;
    this.pattern = pattern;
    this.#suite = noiseSuite(crypto, suite);
    this.#random = crypto.random;
    requireKeys(options, pattern, this.#suite.dh.bytes);
    this.#staticKey = options.staticKey?.slice();
    this.#remoteStatic = options.remoteStatic?.slice();
    this.#psks = (options.psks ?? []).map((psk) => psk.slice());
    this.#fixed = options.dangerouslyFixedEphemerals ?? {};
    this.#symmetric = new SymmetricState(this.#suite, options.protocolName);
    this.#symmetric.mixHash(options.prologue ?? new Uint8Array());
    this.#mixPreMessages();
  }

  /** Whether {@link writeMessage} is the next step. */
  get isMyTurn(): boolean {
    const mine = this.role === 'initiator' ? 0 : 1;
    return !this.isFinished && this.#position % 2 === mine;
  }

  /** Whether all messages have passed, so that {@link split} is the next step. */
  get isFinished(): boolean {
    return this.#position === this.pattern.messages.length;
  }

  /** The peer's static public key, once given or received. Who holds it is not proven before the DH with it. */
  get remoteStatic(): Uint8Array | undefined {
    return this.#remoteStatic?.slice();
  }

  /**
   * The next message.
   * @throws OOTO_NOISE_TURN (caller) out of turn; OOTO_NOISE_LENGTH (caller) for a message over 65535 bytes;
   *   OOTO_CRYPTO_KEY (peer) for a key that the peer sent and that gives no secret.
   */
  writeMessage(payload: PayloadSource = new Uint8Array()): Uint8Array {
    return this.#step(true, (tokens) => {
      const parts = tokens.map((token) => this.#write(token));
      const content = typeof payload === 'function' ? payload(this.#symmetric.handshakeHash()) : payload;
      parts.push(this.#symmetric.encryptAndHash(content));
      const message = concat(...parts);
      if (message.length > MAX_MESSAGE_BYTES)
        throw new OotoError('OOTO_NOISE_LENGTH', 'caller', 'a handshake message would exceed 65535 bytes');
      return message;
    });
  }

  /**
   * Takes the peer's next message.
   * @throws OOTO_NOISE_TURN (caller) out of turn; OOTO_NOISE_LENGTH (peer) for a message too long or too short;
   *   OOTO_CRYPTO_AUTHENTICATION (peer); OOTO_CRYPTO_KEY (peer).
   */
  readMessage(message: Uint8Array): ReadResult {
    return this.#step(false, (tokens) => {
      if (message.length > MAX_MESSAGE_BYTES) throw badLength(message.length);
      const reader = new MessageReader(message);
      for (const token of tokens) this.#read(token, reader);
      const transcript = this.#symmetric.handshakeHash();
      const rest = reader.rest();
      if (this.#symmetric.hasKey && rest.length < TAG_BYTES) throw badLength(message.length);
      return { payload: this.#symmetric.decryptAndHash(rest), transcript };
    });
  }

  /**
   * Transport keys, exporter secret and final `h`; the handshake is over and its secrets are overwritten.
   * In a one-way pattern only the initiator's sending key may be used.
   * @throws OOTO_NOISE_TURN (caller) before the last message or a second time.
   */
  split(): SplitResult {
    if (this.#ended || !this.isFinished) throw outOfTurn();
    const handshakeHash = this.#symmetric.handshakeHash();
    const { first, second, exporterSecret } = this.#symmetric.split();
    this[Symbol.dispose]();
    const [send, receive] = this.role === 'initiator' ? [first, second] : [second, first];
    const dispose = () => {
      send[Symbol.dispose]();
      receive[Symbol.dispose]();
      wipe(exporterSecret);
    };
    return { send, receive, exporterSecret, handshakeHash, [Symbol.dispose]: dispose };
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    wipe(this.#e, this.#e1, this.#staticKey, ...this.#psks);
    this.#symmetric[Symbol.dispose]();
  }

  #step<T>(writing: boolean, run: (tokens: readonly Token[]) => T): T {
    if (this.#ended || this.isFinished || this.isMyTurn !== writing) throw outOfTurn();
    try {
      const result = run(this.pattern.messages[this.#position]);
      this.#position++;
      return result;
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Section 5.3, Initialize: the initiator's key first. */
  #mixPreMessages(): void {
    const initiating = this.role === 'initiator';
    const own = () => this.#suite.dh.publicKey(this.#staticKey!);
    if (this.pattern.initiatorKnown) this.#symmetric.mixHash(initiating ? own() : this.#remoteStatic!);
    if (this.pattern.responderKnown) this.#symmetric.mixHash(initiating ? this.#remoteStatic! : own());
  }

  #write(token: Token): Uint8Array {
    if (token === 'e') return this.#writeEphemeral();
    if (token === 's') return this.#symmetric.encryptAndHash(this.#suite.dh.publicKey(this.#staticKey!));
    if (token === 'e1') return this.#writeKemKey();
    if (token === 'ekem1') return this.#writeKemCiphertext();
    this.#mixSecret(token);
    return new Uint8Array();
  }

  #read(token: Token, reader: MessageReader): void {
    if (token === 'e') this.#readEphemeral(reader);
    else if (token === 's') this.#readStatic(reader);
    else if (token === 'e1') this.#remoteE1 = this.#readEncrypted(reader, this.#kem.publicKeyBytes);
    else if (token === 'ekem1') this.#readKemCiphertext(reader);
    else this.#mixSecret(token);
  }

  #writeEphemeral(): Uint8Array {
    this.#e = this.#fixed.e?.slice() ?? this.#random.bytes(this.#suite.dh.bytes);
    const publicKey = this.#suite.dh.publicKey(this.#e);
    this.#mixEphemeral(publicKey);
    return publicKey;
  }

  #readEphemeral(reader: MessageReader): void {
    this.#remoteE = reader.take(this.#suite.dh.bytes);
    this.#mixEphemeral(this.#remoteE);
  }

  /** Section 9.2: where a psk is in use, ephemerals also randomise the chaining key. */
  #mixEphemeral(publicKey: Uint8Array): void {
    this.#symmetric.mixHash(publicKey);
    if (this.pattern.pskCount > 0) this.#symmetric.mixKey(publicKey);
  }

  #readStatic(reader: MessageReader): void {
    this.#remoteStatic = this.#readEncrypted(reader, this.#suite.dh.bytes);
  }

  #writeKemKey(): Uint8Array {
    const { e1 } = this.#fixed;
    const { ek, dk } = e1 ? { ek: e1.ek, dk: e1.dk.slice() } : this.#generateKemPair();
    this.#e1 = dk;
    return this.#symmetric.encryptAndHash(ek);
  }

  #generateKemPair(): { ek: Uint8Array; dk: Uint8Array } {
    const seed = this.#random.bytes(this.#kem.seedBytes);
    const pair = this.#kem.keygen(seed);
    wipe(seed);
    return pair;
  }

  #writeKemCiphertext(): Uint8Array {
    const coins = this.#fixed.coins?.slice() ?? this.#random.bytes(this.#kem.coinBytes);
    const { c, k } = this.#kem.encaps(this.#remoteE1!, coins);
    const sealed = this.#symmetric.encryptAndHash(c);
    this.#symmetric.mixKey(k);
    wipe(coins, k);
    return sealed;
  }

  #readKemCiphertext(reader: MessageReader): void {
    const ciphertext = this.#readEncrypted(reader, this.#kem.ciphertextBytes);
    const secret = this.#kem.decaps(this.#e1!, ciphertext);
    this.#symmetric.mixKey(secret);
    wipe(secret);
  }

  #readEncrypted(reader: MessageReader, bytes: number): Uint8Array {
    const sealedBytes = bytes + (this.#symmetric.hasKey ? TAG_BYTES : 0);
    return this.#symmetric.decryptAndHash(reader.take(sealedBytes));
  }

  #mixSecret(token: Token): void {
    if (token === 'psk') this.#mixPsk();
    else this.#mixShared(token);
  }

  /** A DH token: its first letter is the initiator's key, the second the responder's. */
  #mixShared(token: Token): void {
    const [own, remote] = this.role === 'initiator' ? [token[0], token[1]] : [token[1], token[0]];
    const secret = this.#suite.dh.sharedSecret(
      (own === 'e' ? this.#e : this.#staticKey)!,
      (remote === 'e' ? this.#remoteE : this.#remoteStatic)!,
    );
    this.#symmetric.mixKey(secret);
    wipe(secret);
  }

  #mixPsk(): void {
    const psk = this.#psks.shift()!;
    this.#symmetric.mixKeyAndHash(psk);
    wipe(psk);
  }

  get #kem(): NoiseKem {
    return this.#suite.kem!;
  }
}

/** Takes a message apart from the front; every byte is taken once. */
class MessageReader {
  readonly #message: Uint8Array;
  #at = 0;

  constructor(message: Uint8Array) {
    this.#message = message;
  }

  take(length: number): Uint8Array {
    if (this.#at + length > this.#message.length) throw badLength(this.#message.length);
    this.#at += length;
    return this.#message.slice(this.#at - length, this.#at);
  }

  rest(): Uint8Array {
    return this.#message.slice(this.#at);
  }
}

function requireKeys(options: HandshakeOptions, pattern: HandshakePattern, keyBytes: number): void {
  const initiating = options.role === 'initiator';
  const sendsStatic = pattern.messages.some(
    (tokens, i) => (i % 2 === 0) === initiating && tokens.includes('s'),
  );
  const knownStatic = initiating ? pattern.initiatorKnown : pattern.responderKnown;
  const knowsRemote = initiating ? pattern.responderKnown : pattern.initiatorKnown;
  requireKey('staticKey', options.staticKey, sendsStatic || knownStatic, keyBytes);
  requireKey('remoteStatic', options.remoteStatic, knowsRemote, keyBytes);
  const psks = options.psks ?? [];
  if (psks.length !== pattern.pskCount || psks.some((psk) => psk.length !== PSK_BYTES))
    throw badKeys(`${pattern.name} takes ${pattern.pskCount} psks of 32 bytes`);
}

function requireKey(what: string, key: Uint8Array | undefined, needed: boolean, keyBytes: number): void {
  if ((key !== undefined) !== needed) throw badKeys(`${what} is ${needed ? 'needed' : 'not part of it'}`);
  if (key && key.length !== keyBytes) throw badKeys(`${what} has ${key.length} bytes, not ${keyBytes}`);
}

function badKeys(why: string): OotoError {
  return new OotoError('OOTO_NOISE_KEYS', 'caller', `the keys do not fit the pattern: ${why}`);
}

function badLength(length: number): OotoError {
  return new OotoError('OOTO_NOISE_LENGTH', 'peer', `no handshake message here has ${length} bytes`);
}

function outOfTurn(): OotoError {
  return new OotoError('OOTO_NOISE_TURN', 'caller', 'this step of the handshake is not the next one');
}
