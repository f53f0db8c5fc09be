/**
 * Checkpoints (C2SP tlog-checkpoint): what a log signs when it has grown. What flows through here: origin, size
 * and root are written as the text of a note; a reader takes a note, checks the log's signature and the cosignatures
 * of the witnesses it trusts, counts them against its quorum, and gets origin, size, root and the times.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { base64, unbase64 } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { cosignatureTime } from './cosignature.ts';
import { isSignedBy, type Note, type NoteKey, parseNote } from './note.ts';
import { HASH_BYTES } from './proof.ts';

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Whom a reader believes. */
export interface CheckpointPolicy {
  readonly origin: string;
  /** Keys of the log; one good signature suffices. */
  readonly keys: readonly NoteKey[];
  readonly witnesses?: readonly NoteKey[];
  /** Witnesses that must have cosigned; none when absent. */
  readonly quorum?: number;
}

export interface Cosigned {
  readonly name: string;
  /** Seconds since 1970. */
  readonly time: number;
}

export interface VerifiedCheckpoint extends Checkpoint {
  /** The whole note, to be kept and passed on. */
  readonly note: string;
  /** One by each witness of the policy that cosigned; the latest, when it did so more than once. */
  readonly cosignatures: readonly Cosigned[];
}

const SIZE = /^(?:0|[1-9][0-9]{0,15})$/;

/** The text that is signed. @throws OOTO_LOG_CHECKPOINT (caller) for an origin that is no line. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  const text = `${origin}\n${size}\n${base64(root)}\n`;
  parseCheckpoint(text);
  return text;
}

/**
 * Reads the text of a note as a checkpoint; extension lines are allowed and not returned.
 * @throws OOTO_LOG_CHECKPOINT (peer).
 */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const [origin, size, root] = lines;
  const isWhole = lines.length >= 4 && lines.pop() === '' && lines.every((line) => line.length > 0);
  if (!isWhole || !SIZE.test(size) || !Number.isSafeInteger(Number(size)))
    throw noCheckpoint('three lines are needed: origin, size, root');
  return { origin, size: Number(size), root: readRoot(root) };
}

/**
 * Judges a checkpoint note.
 * @throws OOTO_LOG_NOTE, OOTO_LOG_CHECKPOINT, OOTO_LOG_ORIGIN, OOTO_LOG_SIGNATURE (also when any signature of a
 * known key is wrong), OOTO_LOG_QUORUM (all peer).
 */
export function verifyCheckpoint(crypto: Crypto, note: string, policy: CheckpointPolicy): VerifiedCheckpoint {
  const parsed = parseNote(note);
  const checkpoint = parseCheckpoint(parsed.text);
  requireEmptyRoot(crypto, checkpoint);
  requireOrigin(checkpoint, policy);
  requireLogSignature(crypto, parsed, policy);
  const cosignatures = cosignaturesOf(crypto, parsed, checkpoint, policy.witnesses ?? []);
  requireQuorum(cosignatures, policy);
  return { ...checkpoint, note, cosignatures };
}

/** The empty tree has one root. */
function requireEmptyRoot(crypto: Crypto, { size, root }: Checkpoint): void {
  if (size === 0 && !equal(root, crypto.sha256(new Uint8Array())))
    throw noCheckpoint('an empty tree has another root');
}

function requireOrigin({ origin }: Checkpoint, policy: CheckpointPolicy): void {
  if (origin !== policy.origin)
    throw new OotoError(
      'OOTO_LOG_ORIGIN',
      'peer',
      `a checkpoint of ${origin} where ${policy.origin} is meant`,
    );
}

function requireLogSignature(crypto: Crypto, note: Note, { origin, keys }: CheckpointPolicy): void {
  const good = keys.filter((key) => isSignedBy(crypto, note, key));
  if (good.length === 0)
    throw new OotoError('OOTO_LOG_SIGNATURE', 'peer', `no known key of ${origin} signed this checkpoint`);
}

function cosignaturesOf(
  crypto: Crypto,
  note: Note,
  checkpoint: Checkpoint,
  witnesses: readonly NoteKey[],
): Cosigned[] {
  return witnesses.flatMap((witness) => {
    const time = cosignatureTime(crypto, note, checkpoint, witness);
    return time === undefined ? [] : [{ name: witness.name, time }];
  });
}

function requireQuorum(cosignatures: readonly Cosigned[], { quorum = 0 }: CheckpointPolicy): void {
  const names = new Set(cosignatures.map(({ name }) => name));
  if (names.size < quorum)
    throw new OotoError('OOTO_LOG_QUORUM', 'peer', `${names.size} witnesses cosigned, ${quorum} are needed`);
}

function readRoot(text: string): Uint8Array {
  try {
    const root = unbase64(text);
    if (root.length === HASH_BYTES) return root;
  } catch {
    // Falls through: one refusal for all that is no root.
  }
  throw noCheckpoint('the root is not the base64 of 32 bytes');
}

function noCheckpoint(why: string): OotoError {
  return new OotoError('OOTO_LOG_CHECKPOINT', 'peer', `no checkpoint: ${why}`);
}
