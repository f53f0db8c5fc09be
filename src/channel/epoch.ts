/**
 * One epoch: the keys that a Noise Split gave, and what is derived from them. What flows through here: records
 * are sealed and opened under one key a direction; the counter is the nonce, begins at 0, moves by one after
 * success and is never set. The two directions end separately, since each side switches on its own.
 */
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto, Keystream, RecordCipher, RecordFrame } from '../crypto/crypto.ts';
import type { Role, SplitResult } from '../noise/handshake-state.ts';
import { deriveExport, ExportedValues, type ExportRequest } from './exporter.ts';
import type { ChannelLimits } from './limits.ts';
import { otherRole, ROLE_BYTE } from './transcript.ts';
import { LENGTH_BYTES } from './wire.ts';

/** Told of each use of a key: the SHA-256 of the key and the counter. For audits of nonce reuse. */
export type NonceAudit = (keyId: string, counter: bigint) => void;

export interface EpochOptions {
  readonly crypto: Crypto;
  readonly role: Role;
  readonly number: number;
  /** Disposed of once the epoch has what it needs. */
  readonly split: SplitResult;
  /** Monotonic milliseconds. */
  readonly since: number;
  readonly limits: ChannelLimits;
  readonly exports: readonly ExportRequest[];
  readonly onNonce: NonceAudit | undefined;
}

export class Epoch {
  readonly number: number;
  /** The final `h` of its handshake. */
  readonly hash: Uint8Array;
  /** Monotonic milliseconds at which its keys came to be. */
  readonly since: number;
  readonly exports: ExportedValues;
  readonly sending: Direction;
  readonly receiving: Direction;
  readonly #psk: Uint8Array;

  constructor({ crypto, role, number, split, since, limits, exports, onNonce }: EpochOptions) {
    this.number = number;
    this.hash = split.handshakeHash;
    this.since = since;
    const { exporterSecret } = split;
    this.exports = new ExportedValues(crypto, exporterSecret, this.hash, exports);
    this.#psk = deriveExport(crypto, exporterSecret, this.hash, 'epoch-psk');
    const direction = (key: Uint8Array, sender: Role) => {
      const context = Uint8Array.of(ROLE_BYTE[sender]);
      const saltKey = deriveExport(crypto, exporterSecret, this.hash, 'batch-salts', context);
      return new Direction({ crypto, key, saltKey, epoch: number, limits, onNonce });
    };
    this.sending = direction(split.send.copyKey(), role);
    this.receiving = direction(split.receive.copyKey(), otherRole(role));
    split[Symbol.dispose]();
  }

  /** The pre-shared key of the next epoch's handshake. The caller overwrites its copy. */
  copyPsk(): Uint8Array {
    return this.#psk.slice();
  }

  /** Overwrites every key; exported values stay readable. */
  disposeKeys(): void {
    wipe(this.#psk);
    this.sending[Symbol.dispose]();
    this.receiving[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.disposeKeys();
    this.exports[Symbol.dispose]();
  }
}

interface DirectionOptions {
  readonly crypto: Crypto;
  /** Both keys are copied and wiped. */
  readonly key: Uint8Array;
  readonly saltKey: Uint8Array;
  readonly epoch: number;
  readonly limits: ChannelLimits;
  readonly onNonce: NonceAudit | undefined;
}

const SALT_BYTES = 16;

/** One key and its counter. */
export class Direction implements Disposable {
  readonly #cipher: RecordCipher;
  readonly #salts: Keystream;
  readonly #epoch: number;
  readonly #limits: ChannelLimits;
  readonly #audit: ((counter: number) => void) | undefined;
  #counter = 0;
  #bytes = 0;
  #disposed = false;

  constructor({ crypto, key, saltKey, epoch, limits, onNonce }: DirectionOptions) {
    this.#cipher = crypto.recordCipher(key);
    this.#salts = crypto.keystream(saltKey);
    this.#epoch = epoch;
    this.#limits = limits;
    this.#audit = onNonce && auditOf(onNonce, hex(crypto.sha256(key)));
    wipe(key, saltKey);
  }

  /** The counter of the next record. */
  get counter(): number {
    return this.#counter;
  }

  /** Whether so much went under this key that the epoch should be replaced. */
  get isWorn(): boolean {
    return this.#counter >= this.#limits.epochRecords || this.#bytes >= this.#limits.epochBytes;
  }

  /**
   * Frames of the next records, one after the other; in `into` where they fit.
   * @throws OOTO_CHANNEL_KEY_SPENT (local) when the key has sealed all it may.
   */
  seal(records: readonly { type: number; plaintext: Uint8Array }[], into?: Uint8Array): Uint8Array {
    this.#requireRoom(records.length);
    const first = this.#counter;
    const framed = records.map(({ type, plaintext }, i): RecordFrame => {
      this.#audit?.(first + i);
      return { type, epoch: this.#epoch, counter: BigInt(first + i), plaintext };
    });
    const sealed = this.#cipher.seal(framed, into);
    this.#advance(records.length, sealed.length);
    return sealed;
  }

  /**
   * The plain text of the next record, whose header the caller has found to be in order. When it is not authentic the
   * counter stays where it is.
   * @throws OOTO_CRYPTO_AUTHENTICATION (peer); OOTO_CHANNEL_KEY_SPENT (peer).
   */
  open(frame: Uint8Array): Uint8Array {
    this.#requireRoom(1);
    const [{ plaintext }] = this.#cipher.open([frame]);
    this.#advance(1, frame.length - LENGTH_BYTES);
    return plaintext;
  }

  /**
   * `count` salts of 16 bytes, end to end, for the record with this counter: the AES-256-CTR key stream of the
   * salt key under that counter, so that each is unique and tells nothing of the others.
   */
  salts(counter: number, count: number): Uint8Array {
    return this.#salts.bytes(counter, count * SALT_BYTES);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#cipher[Symbol.dispose]();
    this.#salts[Symbol.dispose]();
  }

  #requireRoom(records: number): void {
    if (this.#disposed || this.#counter + records > this.#limits.keyRecords)
      throw new OotoError('OOTO_CHANNEL_KEY_SPENT', 'local', 'this key has protected all it may', {
        hint: 'the channel could not change its epoch in time; open a new one',
      });
  }

  #advance(records: number, bytes: number): void {
    this.#counter += records;
    this.#bytes += bytes;
  }
}

function auditOf(onNonce: NonceAudit, keyId: string): (counter: number) => void {
  return (counter) => onNonce(keyId, BigInt(counter));
}
