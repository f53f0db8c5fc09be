/**
 * A log that asks a witness for cosignatures (C2SP tlog-witness), as a machine. What flows through here: the body of a
 * request for the log's newest checkpoint; the answer's status and text become cosignatures that hold, or the size
 * from which to prove anew, or a refusal. A witness can withhold its signature and nothing else.
 */
import { utf8, utf8Decode } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { HttpResponse } from '../ports.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { cosignatureTime } from './cosignature.ts';
import type { Log } from './log.ts';
import {
  cosignatureTypeOf,
  type NoteKey,
  type NoteSignature,
  parseNote,
  parseNoteSignature,
  signaturesBy,
} from './note.ts';
import { formatWitnessRequest } from './witness-request.ts';

const MOST_LINES = 16;
const SIZE = /^(0|[1-9][0-9]{0,15})\n$/;

export type WitnessAnswer =
  | { readonly kind: 'cosigned'; readonly note: string; readonly signatures: readonly NoteSignature[] }
  /** The size that the witness cosigned last. */
  | { readonly kind: 'conflict'; readonly size: number };

export interface WitnessAsked {
  readonly note: string;
  readonly body: Uint8Array;
}

/**
 * The request for the log's newest checkpoint, for a witness that cosigned it at `oldSize` last.
 * @throws OOTO_LOG_STAGED (caller) before the first commit, OOTO_LOG_RANGE (caller) for an old size beyond the end.
 */
export function askWitness(
  log: Pick<Log, 'ownCheckpoint' | 'proveConsistency'>,
  oldSize: number,
): WitnessAsked {
  const note = log.ownCheckpoint;
  if (note === undefined) throw new OotoError('OOTO_LOG_STAGED', 'caller', 'this log has no checkpoint yet');
  return { note, body: utf8(formatWitnessRequest({ oldSize, proof: log.proveConsistency(oldSize), note })) };
}

/**
 * What the witness answered; lines of unknown keys are ignored, as the specification demands.
 * @throws OOTO_LOG_WITNESS (peer) for a refusal, or when no line of a known key holds.
 */
export function readWitnessAnswer(
  crypto: Crypto,
  { note }: WitnessAsked,
  { status, body }: Pick<HttpResponse, 'status' | 'body'>,
  keys: readonly NoteKey[],
): WitnessAnswer {
  const text = textOf(body);
  if (status === 409) return { kind: 'conflict', size: readSize(text) };
  if (status !== 200) throw refused(`it answered with status ${status}`);
  const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n') : [];
  if (lines.length === 0 || lines.length > MOST_LINES)
    throw refused(`it answered with ${lines.length} lines`);
  const asked = parseNote(note);
  const cosigned = { ...asked, signatures: lines.map(readLine) };
  const head = parseCheckpoint(asked.text);
  const signatures = keys.flatMap((key) => {
    if (cosignatureTime(crypto, cosigned, head, key) === undefined) return [];
    return signaturesBy(crypto, cosigned, cosignatureTypeOf(key), key);
  });
  if (signatures.length === 0) throw refused('no known key signed its answer');
  return { kind: 'cosigned', note, signatures };
}

function textOf(body: Uint8Array): string {
  try {
    return utf8Decode(body);
  } catch (cause) {
    throw refused('it answered with no text', cause);
  }
}

function readSize(text: string): number {
  const size = Number(SIZE.exec(text)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(size)) throw refused('it answered a conflict without a size');
  return size;
}

function readLine(line: string): NoteSignature {
  try {
    return parseNoteSignature(line);
  } catch (cause) {
    if (!isOotoError(cause)) throw cause;
    throw refused('it answered with a line that is no signature', cause);
  }
}

function refused(why: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_LOG_WITNESS', 'peer', `the witness did not cosign: ${why}`, { cause });
}
