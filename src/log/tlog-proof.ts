/**
 * Proof for anybody that an entry is in a log (C2SP tlog-proof). What flows through here: index, hashes and the signed
 * checkpoint are written as lines of text, with the entry itself as extra data; a reader takes the text apart strictly,
 * and believes the entry once its hash leads to the root that the log signed.
 */
import { OotoError } from '../base/errors.ts';
import { base64, unbase64 } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CheckpointPolicy, type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { MAX_ENTRY_BYTES } from './entry-bundle.ts';
import { MAX_NOTE_BYTES } from './note.ts';
import { HASH_BYTES, MAX_PROOF_HASHES, verifyInclusion } from './proof.ts';

export interface EntryProof {
  /** The entry: nothing of it is believed before it leads to the root. */
  readonly entry: Uint8Array;
  readonly index: number;
  readonly proof: readonly Uint8Array[];
  /** The note, as the log gives it. */
  readonly checkpoint: string;
}

export interface JudgedEntry {
  readonly entry: Uint8Array;
  readonly index: number;
  readonly checkpoint: VerifiedCheckpoint;
}

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';
const MOST_CHARACTERS = 2 * MAX_ENTRY_BYTES + 64 * MAX_PROOF_HASHES + MAX_NOTE_BYTES;
const INDEX = /^index (0|[1-9][0-9]{0,15})$/;
const EXTRA = 'extra ';

export function formatEntryProof({ entry, index, proof, checkpoint }: EntryProof): string {
  const lines = [FIRST_LINE, `${EXTRA}${base64(entry)}`, `index ${index}`, ...proof.map(base64)];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/** Reads the text in its one form. @throws OOTO_LOG_PROOF (peer), also for a proof that brings no entry. */
export function parseEntryProof(text: string): EntryProof {
  if (text.length > MOST_CHARACTERS) throw noProof('it is too long');
  const end = text.indexOf('\n\n');
  const [first, extra = '', indexLine = '', ...hashes] = text.slice(0, Math.max(0, end)).split('\n');
  const index = INDEX.exec(indexLine);
  if (first !== FIRST_LINE) throw noProof('it has another first line');
  if (!extra.startsWith(EXTRA)) throw noProof('the entry is not with it');
  if (!index || !Number.isSafeInteger(Number(index[1]))) throw noProof('it names no index');
  if (hashes.length > MAX_PROOF_HASHES) throw noProof(`${hashes.length} hashes`);
  return {
    entry: decoded(extra.slice(EXTRA.length)),
    index: Number(index[1]),
    proof: hashes.map(readHash),
    checkpoint: text.slice(end + 2),
  };
}

/**
 * Judges a proof against the log that `policy` names.
 * @throws as {@link parseEntryProof} and {@link verifyCheckpoint}; OOTO_LOG_INCLUSION (peer).
 */
export function verifyEntryProof(crypto: Crypto, text: string, policy: CheckpointPolicy): JudgedEntry {
  const { entry, index, proof, checkpoint: note } = parseEntryProof(text);
  const checkpoint = verifyCheckpoint(crypto, note, policy);
  const { size, root } = checkpoint;
  verifyInclusion(crypto, { index, size, leafHash: crypto.merkle.leafHash(entry), root, proof });
  return { entry, index, checkpoint };
}

function readHash(line: string): Uint8Array {
  const hash = decoded(line);
  if (hash.length !== HASH_BYTES) throw noProof('a hash is not of 32 bytes');
  return hash;
}

function decoded(text: string): Uint8Array {
  try {
    return unbase64(text);
  } catch (cause) {
    throw noProof('a line is not canonical base64', cause);
  }
}

function noProof(why: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_LOG_PROOF', 'peer', `no proof of an entry: ${why}`, { cause });
}
