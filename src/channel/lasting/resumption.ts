/**
 * The three messages by which a session goes on over a new connection. What flows through here: who dials proves that
 * it knows the key of a running epoch and says what has come; who answers does the same; who dialled confirms, over the
 * nonces of both. Only then is anything changed, so that a message heard before changes nothing.
 */
import { concat, equal, u16be, u32be, u64be } from '../../base/bytes.ts';
import { wipe } from '../../base/disposal.ts';
import { OotoError } from '../../base/errors.ts';
import { ByteReader } from '../../base/reader.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { label } from '../../envelope/labels.ts';
import type { Role } from '../../noise/handshake-state.ts';
import type { ExportRequest } from '../exporter.ts';
import { MESH_ID_BYTES, PROTOCOL_VERSION } from '../preamble.ts';
import { otherRole, ROLE_BYTE } from '../transcript.ts';
import { encodeFrame, FRAME, type Frame } from '../wire.ts';

const MAC_BYTES = 32;
const NONCE_BYTES = 32;
const LOCATOR_BYTES = 32;
const COUNT_BYTES = 8;
const RESUME_BYTES = 2 + MESH_ID_BYTES + LOCATOR_BYTES + 4 + COUNT_BYTES + NONCE_BYTES + MAC_BYTES;
const RESUMED_BYTES = COUNT_BYTES + NONCE_BYTES + MAC_BYTES;
/** A resumption takes no longer. */
export const RESUMPTION_MS = 5_000;
/** What the length of such a frame may say. */
export const MAX_RESUMPTION_BYTES = 1 + RESUME_BYTES;

export const KEY_CONTEXT = Uint8Array.of(1);
export const LOCATOR_CONTEXT = Uint8Array.of(2);
/** What a channel exports so that its session can go on elsewhere. */
export const RESUMPTION_EXPORTS: readonly ExportRequest[] = [
  { label: 'resumption', context: KEY_CONTEXT },
  { label: 'resumption', context: LOCATOR_CONTEXT },
];

/** What a `resume` says; nothing of it is proven yet. */
export interface Resume {
  readonly meshId: Uint8Array;
  readonly locator: Uint8Array;
  readonly generation: number;
  /** Records that the dialler has. */
  readonly received: number;
  /** The message, without its frame. */
  readonly bytes: Uint8Array;
}

export interface ResumptionContext {
  readonly crypto: Crypto;
  /** One's own role in the session. */
  readonly role: Role;
  /** Taken over, and wiped by disposing. */
  readonly key: Uint8Array;
}

/** The dialler's part. */
export class ResumptionAttempt implements Disposable {
  readonly generation: number;
  /** For the wire. */
  readonly frame: Uint8Array;
  readonly #context: ResumptionContext;
  readonly #resume: Uint8Array;

  constructor(context: ResumptionContext, resume: Omit<Resume, 'bytes'>) {
    const { meshId, locator, generation, received } = resume;
    const nonce = context.crypto.random.bytes(NONCE_BYTES);
    const head = [u16be(PROTOCOL_VERSION), meshId, locator, u32be(generation), u64be(received), nonce];
    this.generation = generation;
    this.#context = context;
    this.#resume = withMac(context, 1, context.role, concat(...head));
    this.frame = encodeFrame(FRAME.resume, this.#resume);
  }

  /**
   * The answer: how many records the peer has, and what confirms the resumption.
   * @throws OOTO_CHANNEL_RESUMPTION (peer).
   */
  complete({ type, rest }: Frame): { received: number; confirmation: Uint8Array } {
    if (type !== FRAME.resumed || rest.length !== RESUMED_BYTES) throw refused('no answer to a resumption');
    const { role } = this.#context;
    requireMac(this.#context, 2, otherRole(role), rest, this.#resume);
    const mac = macOf(this.#context, 3, role, concat(this.#resume, rest));
    return { received: count(new ByteReader(rest)), confirmation: encodeFrame(FRAME.resumption, mac) };
  }

  [Symbol.dispose](): void {
    wipe(this.#context.key);
  }
}

/** @throws OOTO_CHANNEL_RESUMPTION (peer). */
export function readResume(bytes: Uint8Array): Resume {
  if (bytes.length !== RESUME_BYTES) throw refused('a resumption of another length');
  const reader = new ByteReader(bytes);
  if (reader.u16() !== PROTOCOL_VERSION) throw refused('a resumption of another version');
  const [meshId, locator] = [reader.bytes(MESH_ID_BYTES), reader.bytes(LOCATOR_BYTES)];
  return { meshId, locator, generation: reader.u32(), received: count(reader), bytes };
}

/** The part of who was dialled. */
export class ResumptionAnswer implements Disposable {
  readonly resume: Resume;
  /** For the wire. */
  readonly frame: Uint8Array;
  readonly #context: ResumptionContext;
  readonly #transcript: Uint8Array;

  /** @throws OOTO_CHANNEL_RESUMPTION (peer) unless the peer made `resume`, now or before. */
  constructor(context: ResumptionContext, resume: Resume, received: number) {
    requireMac(context, 1, otherRole(context.role), resume.bytes);
    const body = concat(u64be(received), context.crypto.random.bytes(NONCE_BYTES));
    const answer = withMac(context, 2, context.role, body, resume.bytes);
    this.resume = resume;
    this.#context = context;
    this.#transcript = concat(resume.bytes, answer);
    this.frame = encodeFrame(FRAME.resumed, answer);
  }

  /** @throws OOTO_CHANNEL_RESUMPTION (peer) unless the peer has this answer: it is here, now. */
  requireConfirmed({ type, rest }: Frame): void {
    if (type !== FRAME.resumption || rest.length !== MAC_BYTES)
      throw refused('a resumption is not confirmed');
    requireMac(this.#context, 3, otherRole(this.#context.role), rest, this.#transcript);
  }

  [Symbol.dispose](): void {
    wipe(this.#context.key);
  }
}

export function refused(why: string): OotoError {
  return new OotoError('OOTO_CHANNEL_RESUMPTION', 'peer', why);
}

function count(reader: ByteReader): number {
  const high = reader.u32();
  return high * 2 ** 32 + reader.u32();
}

/** Over label, step, role, what was said before, and `body`. */
function macOf({ crypto, key }: ResumptionContext, step: number, role: Role, body: Uint8Array): Uint8Array {
  return crypto.hmac256(key, concat(label('resumption'), Uint8Array.of(step, ROLE_BYTE[role]), body));
}

function withMac(
  context: ResumptionContext,
  step: number,
  role: Role,
  body: Uint8Array,
  before: Uint8Array = new Uint8Array(),
): Uint8Array {
  return concat(body, macOf(context, step, role, concat(before, body)));
}

/** `message` ends with its MAC. */
function requireMac(
  context: ResumptionContext,
  step: number,
  role: Role,
  message: Uint8Array,
  before: Uint8Array = new Uint8Array(),
): void {
  const end = message.length - MAC_BYTES;
  const expected = macOf(context, step, role, concat(before, message.subarray(0, end)));
  if (!equal(message.subarray(end), expected)) throw refused('a resumption is not authentic');
}
