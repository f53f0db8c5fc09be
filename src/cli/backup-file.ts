/**
 * The file of a backup. What flows through here: a fresh key is encrypted to the operators' recovery key and stands in
 * the header; what is kept goes through it piece by piece, each encrypted under its number, the last one marked as such,
 * all bound to the header. A reader that has the recovery key gets the same pieces back in the same order, or an error:
 * nothing can be cut off, left out, exchanged or added.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { concat, equal, u32be, u64be } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import { bytesBetween, fields, text, uint } from '../envelope/fields.ts';
import { label } from '../envelope/labels.ts';
import { openForRecovery, sealForRecovery } from '../envelope/recovery.ts';
import { flushFolder, PRIVATE_FILE } from '../platform/node/files.ts';
import { nodeRandom } from '../platform/node/random.ts';

const PURPOSE = 'authority-backup';
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const MAX_HEADER_BYTES = 16 * 1024;
/** Of one piece; the largest value of a store is a bundle of log entries. */
const MAX_PIECE_BYTES = 64 * 1024 * 1024;

const headerShape = {
  /** SPIFFE id of the node; public, for people. */
  node: text(2048),
  /** Milliseconds since 1970. */
  created: uint(),
  /** The key of the pieces, for whoever has the recovery key. */
  key: bytesBetween(1, 4096),
} as const;

export interface BackupHeader {
  node: string;
  created: number;
}

/** Writes pieces; the last says of all. Call {@link finish}, or {@link abandon}. */
export class BackupWriter {
  readonly #crypto: Crypto;
  readonly #key: Uint8Array;
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  readonly #binding: Uint8Array;
  #pieces = 0;
  #digest: Uint8Array = new Uint8Array(32);
  #bytes: number;

  private constructor(
    crypto: Crypto,
    {
      path,
      temporary,
      file,
      key,
      head,
    }: { path: string; temporary: string; file: FileHandle; key: Uint8Array; head: Uint8Array },
  ) {
    this.#crypto = crypto;
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
    this.#key = key;
    this.#binding = crypto.sha256(head);
    this.#bytes = head.length;
  }

  /** `recoveryKey` is the public half. */
  static async create(
    crypto: Crypto,
    path: string,
    { node, created }: BackupHeader,
    recoveryKey: Uint8Array,
  ): Promise<BackupWriter> {
    const key = crypto.random.bytes(KEY_BYTES);
    const header = encode({ node, created, key: sealForRecovery(crypto, recoveryKey, key, PURPOSE) });
    const head = concat(label('backup'), u32be(header.length), header);
    const temporary = `${path}.${hex(nodeRandom().bytes(8))}.tmp`;
    const file = await open(temporary, 'wx', PRIVATE_FILE);
    await file.write(head);
    return new BackupWriter(crypto, { path, temporary, file, key, head });
  }

  async write(piece: CborValue): Promise<void> {
    await this.#write(piece, false);
  }

  /**
   * Writes the last piece, reads the whole file back and compares, then gives it its name. Returns its length in bytes.
   * @throws OOTO_CLI_BACKUP (environment) when what is on the disk is not what was written.
   */
  async finish(piece: CborValue): Promise<number> {
    try {
      await this.#write(piece, true);
      await this.#file.sync();
      await this.#file.close();
      await this.#requireSame();
      await rename(this.#temporary, this.#path);
      await flushFolder(dirname(resolve(this.#path)));
      return this.#bytes;
    } finally {
      await this.abandon();
    }
  }

  /** Nothing is left of it; without effect after {@link finish}. */
  async abandon(): Promise<void> {
    wipe(this.#key);
    await this.#file.close().catch(() => {});
    await rm(this.#temporary, { force: true });
  }

  async #write(piece: CborValue, isLast: boolean): Promise<void> {
    const plain = encode(piece);
    if (plain.length > MAX_PIECE_BYTES) throw damaged(`a piece of ${plain.length} bytes`, 'local');
    const sealed = this.#crypto.aes256gcm.seal(
      this.#key,
      nonce(this.#pieces++, isLast),
      this.#binding,
      plain,
    );
    const framed = concat(u32be(sealed.length), sealed);
    await this.#file.write(framed);
    this.#bytes += framed.length;
    this.#digest = this.#crypto.sha256(concat(this.#digest, this.#crypto.sha256(plain)));
    wipe(plain);
  }

  async #requireSame(): Promise<void> {
    let digest: Uint8Array = new Uint8Array(32);
    const reader = await BackupReader.withKey(this.#crypto, this.#temporary, this.#key.slice());
    for await (const plain of reader.plain()) {
      digest = this.#crypto.sha256(concat(digest, this.#crypto.sha256(plain)));
      wipe(plain);
    }
    if (!equal(digest, this.#digest))
      throw damaged('what was read back is not what was written', 'environment');
  }
}

export class BackupReader {
  readonly header: BackupHeader;
  readonly #crypto: Crypto;
  readonly #key: Uint8Array;
  readonly #file: FileHandle;
  readonly #binding: Uint8Array;

  private constructor(
    crypto: Crypto,
    header: BackupHeader,
    key: Uint8Array,
    file: FileHandle,
    head: Uint8Array,
  ) {
    this.#crypto = crypto;
    this.header = header;
    this.#key = key;
    this.#file = file;
    this.#binding = crypto.sha256(head);
  }

  /** @throws OOTO_CLI_BACKUP (caller) for what is no backup, OOTO_CRYPTO_AUTHENTICATION (peer) for another recovery key. */
  static async open(crypto: Crypto, path: string, recoverySeed: Uint8Array): Promise<BackupReader> {
    return BackupReader.#open(crypto, path, (sealed) =>
      openForRecovery(crypto, recoverySeed, sealed, PURPOSE),
    );
  }

  /** For who wrote it. */
  static async withKey(crypto: Crypto, path: string, key: Uint8Array): Promise<BackupReader> {
    return BackupReader.#open(crypto, path, () => key);
  }

  static async #open(
    crypto: Crypto,
    path: string,
    unsealed: (sealed: Uint8Array) => Uint8Array,
  ): Promise<BackupReader> {
    const file = await open(path, 'r').catch((cause) => {
      throw new OotoError('OOTO_CLI_BACKUP', 'caller', `${path} cannot be read`, { cause });
    });
    try {
      const start = label('backup');
      const prefix = await exactly(file, start.length + 4);
      if (!equal(prefix.slice(0, start.length), start)) throw damaged(`${path} is no backup`);
      const length = lengthOf(prefix, MAX_HEADER_BYTES);
      const encoded = await exactly(file, length);
      const { key, ...header } = fields(
        decode(encoded, { maxBytes: MAX_HEADER_BYTES }),
        headerShape,
        'backup',
      );
      return new BackupReader(crypto, header, unsealed(key), file, concat(prefix, encoded));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Every piece, in order; the file is closed and the key wiped at the end. @throws OOTO_CLI_BACKUP (caller) when it was altered. */
  async *pieces(): AsyncGenerator<CborValue> {
    for await (const plain of this.plain()) {
      const piece = decode(plain, { maxBytes: MAX_PIECE_BYTES });
      yield piece as CborValue;
    }
  }

  /** As {@link pieces}, encoded. */
  async *plain(): AsyncGenerator<Uint8Array> {
    try {
      for (let number = 0, isLast = false; !isLast; number++) {
        const sealed = await exactly(
          this.#file,
          lengthOf(await exactly(this.#file, 4), MAX_PIECE_BYTES + TAG_BYTES),
        );
        const piece = this.#opened(sealed, number);
        isLast = piece.isLast;
        yield piece.plain;
      }
      if ((await this.#file.read(new Uint8Array(1), 0, 1)).bytesRead > 0)
        throw damaged('something follows its end');
    } finally {
      wipe(this.#key);
      await this.#file.close();
    }
  }

  #opened(sealed: Uint8Array, number: number): { plain: Uint8Array; isLast: boolean } {
    for (const isLast of [false, true])
      try {
        const plain = this.#crypto.aes256gcm.open(this.#key, nonce(number, isLast), this.#binding, sealed);
        return { plain, isLast };
      } catch (error) {
        if (!isOotoError(error, 'OOTO_CRYPTO_AUTHENTICATION')) throw error;
      }
    throw damaged(`piece ${number + 1} of the backup is not what was written`);
  }
}

/** The key encrypts this backup alone, each piece under its own number. */
function nonce(number: number, isLast: boolean): Uint8Array {
  return concat(u64be(BigInt(number)), Uint8Array.of(isLast ? 1 : 0, 0, 0, 0));
}

async function exactly(file: FileHandle, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(bytes, at, length - at);
    if (bytesRead === 0) throw damaged('the backup ends before its end');
    at += bytesRead;
  }
  return bytes;
}

/** The number in the last four bytes. */
function lengthOf(bytes: Uint8Array, most: number): number {
  const length = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0);
  if (length < 1 || length > most) throw damaged(`a part of ${length} bytes`);
  return length;
}

export function damaged(what: string, fault: 'caller' | 'environment' | 'local' = 'caller'): OotoError {
  return new OotoError('OOTO_CLI_BACKUP', fault, `no good backup: ${what}`, {
    hint: 'take another backup, or another copy of this one',
  });
}
