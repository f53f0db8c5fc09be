/**
 * Committee records in the logs of the members. What flows through here: before a head names a committee record, and
 * before its old share is erased, a member writes into its own log which record follows and who certified it, once; it
 * keeps the certificate of the ceremony beside, for auditors; the proofs of enough members let the head be signed.
 * No committee comes about, and no share of the one before is worth nothing any more, of which the logs do not tell.
 */
import { type CommitteeRecord, certificateDigest } from '../../../authority/committee-record.ts';
import { type LogProof, verifyLogProof } from '../../../authority/credential.ts';
import { type CommitteeLeaf, encodeLeaf, readLeaf } from '../../../authority/leaf.ts';
import { equal } from '../../../base/bytes.ts';
import { OotoError } from '../../../base/errors.ts';
import { hex } from '../../../base/hex.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { decode, encode } from '../../../envelope/cbor.ts';
import { bytesBetween, fields, nullable, uint } from '../../../envelope/fields.ts';
import type { LogJudgement } from '../../../log/index.ts';
import type { Store } from '../../../ports.ts';

const PREFIX = 'authority/committee/';
const MOST_TRANSCRIPT_BYTES = 256 * 1024;

const entryShape = {
  /** Where it is in this member's log. */
  index: uint(),
  /** The certificate of the ceremony, of the threshold room; null where the record came from others. */
  transcript: nullable(bytesBetween(1, MOST_TRANSCRIPT_BYTES)),
} as const;

export interface CommitteeLogOptions {
  crypto: Crypto;
  store: Pick<Store, 'get'>;
  /** Adds to this member's log, or proves again what `judge` finds there. */
  append(judge: LogJudgement): Promise<LogProof>;
}

export class CommitteeLog {
  readonly #options: CommitteeLogOptions;

  constructor(options: CommitteeLogOptions) {
    this.#options = options;
  }

  /** Durable once it resolves: the record is in this member's log. */
  write(record: CommitteeRecord, transcript: Uint8Array | null): Promise<LogProof> {
    const { crypto, append } = this.#options;
    const key = keyOf(record);
    return append((state, index) => {
      const known = state.get(key);
      if (known) return readEntry(known).index;
      const leaf = encodeLeaf({
        ...{ kind: 'committee', epoch: record.epoch, record: record.digest },
        certificate: certificateDigest(crypto, record),
        ...(transcript ? { transcript: crypto.sha256(transcript) } : {}),
      });
      return { leaf, changes: [{ put: key, value: encode({ index, transcript }) }] };
    });
  }

  /** Where the record is in this member's log; the first record is there in every log by nature. */
  has(record: CommitteeRecord): boolean {
    return record.epoch === 0 || this.#options.store.get(keyOf(record)) !== undefined;
  }

  /** What this member has of a record. */
  entry(record: CommitteeRecord): { index: number; transcript: Uint8Array | null } | undefined {
    const stored = this.#options.store.get(keyOf(record));
    return stored && readEntry(stored);
  }
}

/**
 * The entry that a proof shows, if it is of this record.
 * @param committee one that has the log's member
 * @throws OOTO_MESH_CEREMONY_RECORD (peer) with the member; OOTO_AUTHORITY_LOG, OOTO_LOG_* (peer).
 */
export function requireRecorded(
  crypto: Crypto,
  committee: CommitteeRecord,
  record: CommitteeRecord,
  proof: LogProof,
): CommitteeLeaf {
  const leaf = readLeaf(proof.leaf);
  const isIts =
    leaf.kind === 'committee' &&
    equal(leaf.record, record.digest) &&
    equal(leaf.certificate, certificateDigest(crypto, record));
  if (!isIts) throw unrecorded(`the entry of ${proof.log} is about something else`, [proof.log]);
  verifyLogProof(crypto, committee, proof);
  return leaf;
}

/**
 * Enough members of the committee before have the record in their logs.
 * @throws OOTO_MESH_CEREMONY_RECORD (peer), and what {@link requireRecorded} throws.
 */
export function requireRecordedByEnough(
  crypto: Crypto,
  before: CommitteeRecord,
  record: CommitteeRecord,
  proofs: readonly LogProof[],
): void {
  for (const proof of proofs) requireRecorded(crypto, before, record, proof);
  const logs = new Set(proofs.map(({ log }) => log));
  if (logs.size < before.threshold)
    throw unrecorded(`${logs.size} logs have the committee record, and ${before.threshold} must`, []);
}

function readEntry(stored: Uint8Array) {
  return fields(decode(stored, { maxBytes: MOST_TRANSCRIPT_BYTES + 64 }), entryShape, 'logged committee');
}

function keyOf({ epoch, digest }: CommitteeRecord): string {
  return `${PREFIX}${String(epoch).padStart(10, '0')}/${hex(digest)}`;
}

function unrecorded(message: string, culprits: string[]): OotoError {
  return new OotoError('OOTO_MESH_CEREMONY_RECORD', 'peer', message, {
    culprits,
    hint: 'it goes on when enough members have it in their logs',
  });
}
