/**
 * Workload definitions: what shall run on which input, said by its originator. What flows through here: a
 * definition is written as an in-toto Statement v1 (subjects: the module and every chunk of the input, by
 * SHA-256) in one canonical JSON spelling and signed in a DSSE envelope; a reader takes the envelope, has exactly
 * one originator's signature verified, and gets the definition back with its digest, by which assignments,
 * receipts and logs name it. (in-toto attestation framework, spec/v1/statement.md; DSSE v1.)
 */
import { utf8, utf8Decode } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex, unhex } from '../base/hex.ts';
import { TIERS, type Tier } from '../cert/tier.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { formatEnvelope, parseEnvelope, signEnvelope, verifyEnvelope } from '../envelope/dsse.ts';
import { fields, list, literal, object, oneOf, text, uint } from '../envelope/fields.ts';
import type { SigningKey } from '../envelope/keys.ts';
import type { SandboxLimits } from '../ports.ts';

export interface WorkloadDefinition {
  /** Names the job among those of its originator. */
  name: string;
  /** The name under which the originator's key is trusted; also the `keyid` of the signature. */
  originator: string;
  /** Ascends with every definition of this originator and name, from 1. */
  sequence: number;
  /** Milliseconds since 1970 from which on the definition is void. */
  expires: number;
  /** SHA-256 of the WASI module. */
  module: Uint8Array;
  /** The input is cut into pieces of `chunkBytes`; the last may be shorter. */
  input: { bytes: number; chunkBytes: number };
  /** SHA-256 of each chunk, in order. */
  chunks: readonly Uint8Array[];
  arguments: readonly string[];
  /** For the execution of one chunk. */
  limits: SandboxLimits;
  /** What a node must have to run it. */
  requires: { tier: Tier; labels: readonly string[] };
}

export interface VerifiedDefinition extends WorkloadDefinition {
  /** SHA-256 of the envelope. */
  digest: Uint8Array;
  /** The canonical bytes that were verified. */
  envelope: Uint8Array;
}

/** The key of an originator who may define workloads now; throws for one who may not. */
export type OriginatorTrust = (originator: string) => Uint8Array;

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PREDICATE_TYPE = 'ooto:workload-definition/1';
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const CHUNK_BYTES_MOST = 4 * 1024 * 1024;
export const CHUNKS_MOST = 4096;
/** An envelope with the most chunks and arguments stays below this. */
export const DEFINITION_BYTES_MOST = 1024 * 1024;

const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?$/;
const ORIGINATOR = /^[!-~](?:[ -~]{0,254}[!-~])?$/;
const LABEL = /^[a-z0-9][a-z0-9._=/-]{0,62}$/;
const NO_NUL = /^[^\0]*$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const LATEST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const DIGEST = text(64, /^[0-9a-f]{64}$/);

const subject = object({ name: text(32), digest: object({ sha256: DIGEST }) });
const predicateShape = {
  name: text(64, NAME),
  originator: text(256, ORIGINATOR),
  sequence: uint(),
  expires: text(24, TIME),
  input: object({ bytes: uint(), chunkBytes: uint(CHUNK_BYTES_MOST) }),
  arguments: list(text(4096, NO_NUL), { max: 32 }),
  limits: object({ memoryBytes: uint(2 ** 32), timeMs: uint(86_400_000), outputBytes: uint(2 ** 32) }),
  requires: object({ tier: oneOf(...TIERS), labels: list(text(63, LABEL), { max: 32 }) }),
} as const;
const statementShape = {
  _type: literal(STATEMENT_TYPE),
  subject: list(subject, { min: 1, max: CHUNKS_MOST + 1 }),
  predicateType: literal(PREDICATE_TYPE),
  predicate: object(predicateShape),
} as const;

/**
 * The envelope of `definition`, signed by its originator.
 * @throws OOTO_WORKLOAD_DEFINITION (caller) or OOTO_ENVELOPE_FIELD for what a reader would refuse.
 */
export function signDefinition(definition: WorkloadDefinition, key: SigningKey): Uint8Array {
  const statement = formatStatement(definition);
  readStatement(statement);
  return formatEnvelope(signEnvelope(PAYLOAD_TYPE, statement, [{ keyid: definition.originator, key }]));
}

/**
 * Judges a definition by itself: one signature, by the originator it names, who is trusted; canonical; its parts
 * fit each other. Expiry, sequence and logging are judged where it is used.
 * @throws OOTO_WORKLOAD_SIGNATURES, OOTO_WORKLOAD_ORIGINATOR, OOTO_WORKLOAD_DEFINITION, OOTO_ENVELOPE_* (peer), and
 * what `trust` throws.
 */
export function verifyDefinition(
  crypto: Crypto,
  envelope: Uint8Array,
  trust: OriginatorTrust,
): VerifiedDefinition {
  const parsed = parseEnvelope(envelope, { maxBytes: DEFINITION_BYTES_MOST });
  if (parsed.signatures.length !== 1)
    throw refuse('OOTO_WORKLOAD_SIGNATURES', 'a definition carries one signature, that of its originator');
  const [{ keyid }] = parsed.signatures;
  const { payload } = verifyEnvelope(crypto, parsed, {
    keys: [{ keyid, publicKey: trust(keyid) }],
    threshold: 1,
    payloadTypes: [PAYLOAD_TYPE],
  });
  const definition = readStatement(payload);
  if (definition.originator !== keyid)
    throw refuse('OOTO_WORKLOAD_ORIGINATOR', 'the definition names another originator than its signature');
  return { ...definition, digest: crypto.sha256(envelope), envelope };
}

/** How many bytes chunk `index` has. */
export function chunkLength({ input }: WorkloadDefinition, index: number): number {
  return Math.min(input.chunkBytes, input.bytes - index * input.chunkBytes);
}

function formatStatement(definition: WorkloadDefinition): Uint8Array {
  requireTime(definition.expires);
  const { name, originator, sequence, expires, input, limits, requires } = definition;
  const named = (title: string, digest: Uint8Array) => ({ name: title, digest: { sha256: hex(digest) } });
  return utf8(
    JSON.stringify({
      _type: STATEMENT_TYPE,
      subject: [
        named('module', definition.module),
        ...definition.chunks.map((digest, i) => named(chunkName(i), digest)),
      ],
      predicateType: PREDICATE_TYPE,
      predicate: {
        name,
        originator,
        sequence,
        expires: new Date(expires).toISOString(),
        input: { bytes: input.bytes, chunkBytes: input.chunkBytes },
        arguments: definition.arguments,
        limits: { memoryBytes: limits.memoryBytes, timeMs: limits.timeMs, outputBytes: limits.outputBytes },
        requires: { tier: requires.tier, labels: requires.labels },
      },
    }),
  );
}

function readStatement(payload: Uint8Array): WorkloadDefinition {
  const { subject: subjects, predicate } = fields(parseJson(payload), statementShape, 'statement');
  const [module, ...chunks] = subjects.map(({ digest }) => unhex(digest.sha256));
  const definition = { ...predicate, expires: Date.parse(predicate.expires), module, chunks };
  requireConsistent(definition);
  if (utf8Decode(formatStatement(definition)) !== utf8Decode(payload))
    throw refuse('OOTO_WORKLOAD_DEFINITION', 'the statement is not in its canonical form');
  return definition;
}

function parseJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Decode(payload));
  } catch (cause) {
    throw refuse('OOTO_WORKLOAD_DEFINITION', 'the statement is not JSON', cause);
  }
}

/** From 1970 to the end of the year 9999, whole milliseconds: what the timestamp form has room for. */
function requireTime(expires: number): void {
  if (!Number.isSafeInteger(expires) || expires < 0 || expires > LATEST_TIME)
    throw refuse('OOTO_WORKLOAD_DEFINITION', 'the expiry is no time');
}

/** Names of subjects need no check here: the canonical form has them. */
function requireConsistent({ sequence, input, chunks, limits }: WorkloadDefinition): void {
  const expected = Math.ceil(input.bytes / input.chunkBytes);
  if (input.chunkBytes === 0 || chunks.length !== expected)
    throw refuse('OOTO_WORKLOAD_DEFINITION', 'the subjects are not the module and every chunk of the input');
  if (sequence < 1) throw refuse('OOTO_WORKLOAD_DEFINITION', 'sequences count from 1');
  if (limits.memoryBytes === 0 || limits.timeMs === 0)
    throw refuse('OOTO_WORKLOAD_DEFINITION', 'nothing runs without memory or time');
}

function chunkName(index: number): string {
  return `chunk/${index}`;
}

function refuse(code: string, message: string, cause?: unknown): OotoError {
  return new OotoError(code, 'peer', message, { cause });
}
