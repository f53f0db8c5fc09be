/** The body of `add-checkpoint` (C2SP tlog-witness): old size, proof lines, an empty line, the checkpoint note. */
import { OotoError } from '../base/errors.ts';
import { base64, unbase64 } from '../base/hex.ts';
import { MAX_NOTE_BYTES } from './note.ts';
import { HASH_BYTES, MAX_PROOF_HASHES } from './proof.ts';

export interface WitnessRequest {
  /** The size that the witness cosigned last; 0 before the first. */
  readonly oldSize: number;
  /** From the old size to that of the note; empty from 0. */
  readonly proof: readonly Uint8Array[];
  readonly note: string;
}

const OLD = /^old (0|[1-9][0-9]{0,15})$/;
const MAX_REQUEST_CHARACTERS = MAX_NOTE_BYTES + 8192;

export function formatWitnessRequest({ oldSize, proof, note }: WitnessRequest): string {
  return `old ${oldSize}\n${proof.map((hash) => `${base64(hash)}\n`).join('')}\n${note}`;
}

/** @throws OOTO_LOG_REQUEST (peer); the note itself is judged by the witness. */
export function parseWitnessRequest(text: string): WitnessRequest {
  const blank = text.indexOf('\n\n');
  if (blank < 0 || text.length > MAX_REQUEST_CHARACTERS) throw noRequest('no empty line, or too long');
  const [first, ...lines] = text.slice(0, blank).split('\n');
  const oldSize = Number(OLD.exec(first)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(oldSize)) throw noRequest('no old size');
  if (lines.length > MAX_PROOF_HASHES) throw noRequest(`${lines.length} proof lines`);
  return { oldSize, proof: lines.map(readHash), note: text.slice(blank + 2) };
}

function readHash(line: string): Uint8Array {
  try {
    const hash = unbase64(line);
    if (hash.length === HASH_BYTES) return hash;
  } catch {
    // Falls through: one refusal for all that is no hash.
  }
  throw noRequest('a proof line is not the base64 of 32 bytes');
}

function noRequest(why: string): OotoError {
  return new OotoError('OOTO_LOG_REQUEST', 'peer', `no witness request: ${why}`);
}
