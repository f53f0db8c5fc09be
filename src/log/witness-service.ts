/**
 * A witness over plain HTTP (C2SP tlog-witness). What flows through here: `add-checkpoint` is read, judged, stored and
 * answered with cosignatures, or with the status that the specification has for what is wrong; whoever monitors reads
 * the checkpoint last cosigned of a log under the hash of its origin. No request is authenticated: a checkpoint is
 * signed by its log.
 */
import { utf8, utf8Decode } from '../base/bytes.ts';
import { isOotoError, type OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { HttpRequest, HttpResponse, StoreChange } from '../ports.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { parseNote } from './note.ts';
import { PLAIN_TEXT, refusal } from './tile-service.ts';
import type { Witness } from './witness.ts';
import { parseWitnessRequest, type WitnessRequest } from './witness-request.ts';

const SIZE_TYPE = 'text/x.tlog.size';
const MONITORED = /^\/([0-9a-f]{64})\/checkpoint$/;
/** What a judgement throws, and the status it becomes; whatever else it throws is this witness's own failure. */
const STATUSES: Readonly<Record<string, number>> = {
  OOTO_LOG_RANGE: 400,
  OOTO_LOG_SIGNATURE: 403,
  OOTO_LOG_ORIGIN: 404,
  OOTO_LOG_CHECKPOINT: 422,
  OOTO_LOG_CONSISTENCY: 422,
  OOTO_LOG_FORK: 422,
};

export interface WitnessServiceOptions {
  crypto: Crypto;
  witness: Witness;
  /** Stores what a checkpoint changes, durably. */
  commit(changes: readonly StoreChange[]): Promise<void>;
  /** Milliseconds since 1970. */
  now(): number;
}

/**
 * Answers a request whose path is below the witness's prefix. One request at a time: the caller keeps the turns.
 * @throws what `commit` throws, and OOTO_LOG_STORE (environment).
 */
export async function answerWitness(
  options: WitnessServiceOptions,
  { method, path, body }: HttpRequest,
): Promise<HttpResponse> {
  if (path === '/add-checkpoint')
    return method === 'POST' ? addCheckpoint(options, body) : refusal(405, 'by POST', { allow: 'POST' });
  if (method !== 'GET' && method !== 'HEAD') return refusal(405, 'by GET', { allow: 'GET, HEAD' });
  const note = monitored(options, MONITORED.exec(path)?.[1]);
  if (note === undefined) return refusal(404, 'no checkpoint of such a log was cosigned');
  return plain(PLAIN_TEXT, note);
}

async function addCheckpoint(
  { witness, commit, now }: WitnessServiceOptions,
  body: Uint8Array,
): Promise<HttpResponse> {
  const request = readRequest(body);
  if (!request) return refusal(400, 'no request for a cosignature');
  let staged: ReturnType<Witness['stage']>;
  try {
    staged = witness.stage(request, now());
  } catch (error) {
    return answerRefusal(witness, request, error);
  }
  try {
    await commit(staged.changes);
  } catch (error) {
    witness.discard(staged);
    throw error;
  }
  return plain(PLAIN_TEXT, witness.accept(staged));
}

/** The parts that can be read without knowing any log; undefined for what is none. */
function readRequest(body: Uint8Array): WitnessRequest | undefined {
  try {
    const request = parseWitnessRequest(utf8Decode(body));
    parseCheckpoint(parseNote(request.note).text);
    return request;
  } catch (error) {
    if (isOotoError(error)) return undefined;
    throw error;
  }
}

function answerRefusal(witness: Witness, { note }: WitnessRequest, error: unknown): HttpResponse {
  if (isOotoError(error, 'OOTO_LOG_CONFLICT')) {
    const { origin } = parseCheckpoint(parseNote(note).text);
    return { ...plain(SIZE_TYPE, `${witness.sizeOf(origin)}\n`), status: 409 };
  }
  const status = isOotoError(error) ? STATUSES[error.code] : undefined;
  if (status === undefined) throw error;
  return refusal(status, (error as OotoError).message);
}

function monitored({ crypto, witness }: WitnessServiceOptions, hash: string | undefined): string | undefined {
  const origin = witness.origins.find((candidate) => hex(crypto.sha256(utf8(candidate))) === hash);
  return origin === undefined ? undefined : witness.checkpointOf(origin);
}

function plain(type: string, text: string): HttpResponse {
  return { status: 200, headers: { 'content-type': type, 'cache-control': 'no-store' }, body: utf8(text) };
}
