/**
 * The mesh head: what the whole mesh agrees on, signed by the group key every few minutes. What flows through
 * here: the authority signs {number, time, expiry, versions and digests}; a node verifies it, never goes back to
 * a lower number, keeps it in its store, and takes its time as the lower bound of its own clock.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { bytes, type Fields, object, uint } from '../envelope/fields.ts';
import { encodeStatement, readStatement, statementMessage, verifyStatement } from '../envelope/statement.ts';
import type { StoreChange } from '../ports.ts';

/** A clock further than this from the head's time is wrong, and the node says so. */
export const MOST_CLOCK_SKEW_MS = 120_000;
/** How long a head says something. */
export const HEAD_LIFE_MS = 3_600_000;
const MOST_BYTES = 4 * 1024;
const STORE_KEY = 'head/current';

const versioned = object({ version: uint(), digest: bytes(32) });

const headShape = {
  mesh: bytes(32),
  /** Counts from 1; a node never accepts a lower one than it has. */
  number: uint(),
  /** Milliseconds since 1970. */
  time: uint(),
  /** After this the head says nothing any more. */
  expires: uint(),
  bundle: versioned,
  policy: versioned,
  committee: versioned,
  revocations: versioned,
} as const;

export type MeshHeadBody = Fields<typeof headShape>;

export interface MeshHead extends MeshHeadBody {
  encoded: Uint8Array;
}

/** The bytes that the group key signs. */
export function headMessage(body: MeshHeadBody): Uint8Array {
  return statementMessage('mesh-head', plain(body));
}

/** The body as a member reads it from a proposal. @throws OOTO_ENVELOPE_FIELD (peer). */
export const headBody = object(headShape);

export function encodeHead(body: MeshHeadBody, signature: Uint8Array): Uint8Array {
  return encodeStatement(plain(body), signature);
}

/** @throws OOTO_ENVELOPE_* or OOTO_AUTHORITY_HEAD (peer) unless the group key signed it for this mesh. */
export function verifyHead(
  crypto: Crypto,
  mesh: { meshId: Uint8Array; groupKey: Uint8Array },
  encoded: Uint8Array,
): MeshHead {
  const statement = readStatement('mesh-head', encoded, { body: headBody, maxBytes: MOST_BYTES });
  const body = verifyStatement(crypto, statement, { algorithm: 'ed25519', bytes: mesh.groupKey });
  if (hex(body.mesh) !== hex(mesh.meshId))
    throw refuse('OOTO_AUTHORITY_HEAD', 'the head is that of another mesh');
  return { ...body, encoded };
}

/** What a head claims. @throws OOTO_ENVELOPE_* (peer). */
export function peekHead(encoded: Uint8Array): MeshHeadBody {
  return readStatement('mesh-head', encoded, { body: headBody, maxBytes: MOST_BYTES }).unverified;
}

/** Whose heads count. */
export interface HeadIssuer {
  readonly meshId: Uint8Array;
  /** The one in force. */
  readonly groupKey: Uint8Array;
  /** That of a trust bundle of this version, which may have been followed by others since. */
  groupKeyOf?(bundle: number): Uint8Array | undefined;
}

/** The newest head a node has seen. Stage, commit the changes, then accept. */
export class HeadView {
  readonly #crypto: Crypto;
  readonly #mesh: HeadIssuer;
  readonly #onFork: (known: MeshHead, shown: MeshHead) => void;
  #head: MeshHead | undefined;

  /**
   * `stored` is the value under {@link HeadView.storeKey}, if there is one; `onFork` is told of two heads that
   * contradict each other, which together are proof against the authority.
   */
  constructor(
    crypto: Crypto,
    mesh: HeadIssuer,
    stored: Uint8Array | undefined,
    onFork: (known: MeshHead, shown: MeshHead) => void = () => {},
  ) {
    this.#onFork = onFork;
    this.#crypto = crypto;
    this.#mesh = mesh;
    this.#head = stored && verifyHead(crypto, { meshId: mesh.meshId, groupKey: keyOf(mesh, stored) }, stored);
  }

  static readonly storeKey = STORE_KEY;

  get current(): MeshHead | undefined {
    return this.#head;
  }

  /**
   * Judges a head that a peer shows. An older or equal one needs no change; a newer one must be persisted before
   * {@link accept}. One corrupt member can have honest ones sign one number at two moments, each with others: the one
   * seen first stays. Other versions under one number are signed by nobody honest.
   * @param groupKey that of the trust bundle which comes with the head, where one does
   * @throws OOTO_AUTHORITY_HEAD, OOTO_AUTHORITY_HEAD_FORK, OOTO_AUTHORITY_CLOCK, OOTO_ENVELOPE_* (peer).
   */
  stage(
    encoded: Uint8Array,
    now: number,
    groupKey = this.#mesh.groupKey,
  ): { head: MeshHead; changes: StoreChange[] } {
    const current = this.#head;
    const { meshId } = this.#mesh;
    const head =
      current && equal(encoded, current.encoded)
        ? current
        : verifyHead(this.#crypto, { meshId, groupKey }, encoded);
    if (current && head.number === current.number && !saysTheSame(head, current)) {
      this.#onFork(current, head);
      throw refuse(
        'OOTO_AUTHORITY_HEAD_FORK',
        `two heads carry the number ${head.number}: the authority is compromised`,
      );
    }
    if (head.time - now > MOST_CLOCK_SKEW_MS)
      throw new OotoError(
        'OOTO_AUTHORITY_CLOCK',
        'environment',
        'this clock is more than two minutes behind the mesh',
        {
          hint: 'set the clock of this machine',
        },
      );
    const newer = !current || head.number > current.number;
    return { head, changes: newer ? [{ put: STORE_KEY, value: encoded }] : [] };
  }

  accept(head: MeshHead): void {
    if (!this.#head || head.number > this.#head.number) this.#head = head;
  }

  /**
   * Whether a new session may begin: the head is there and young enough, or the verified one that the peer shows.
   * @throws OOTO_AUTHORITY_HEAD_STALE (environment).
   */
  requireFresh(now: number, maximumAgeMs: number, shown?: MeshHead): MeshHead {
    const head = shown && shown.number > (this.#head?.number ?? 0) ? shown : this.#head;
    if (!head) throw stale('no mesh head has been seen yet');
    if (now < head.time - MOST_CLOCK_SKEW_MS)
      throw new OotoError('OOTO_AUTHORITY_CLOCK', 'environment', 'the clock of this machine went back', {
        hint: 'set the clock of this machine',
      });
    if (now > head.expires || now - head.time > maximumAgeMs)
      throw stale(`mesh head ${head.number} is too old`);
    return head;
  }
}

/** The one that a head was signed under when it was kept: the next trust bundle may have come before the next head. */
function keyOf(mesh: HeadIssuer, stored: Uint8Array): Uint8Array {
  return mesh.groupKeyOf?.(peekHead(stored).bundle.version) ?? mesh.groupKey;
}

/** Whether nobody honest signs both: one number for other versions, or one version of a document that is two. */
export function headsContradict(a: MeshHeadBody, b: MeshHeadBody): boolean {
  const kinds = ['bundle', 'policy', 'committee', 'revocations'] as const;
  const isTwo = kinds.some(
    (kind) => a[kind].version === b[kind].version && !equal(a[kind].digest, b[kind].digest),
  );
  return isTwo || (a.number === b.number && !saysTheSame(a, b));
}

/** Whether both name the same versions of everything. */
function saysTheSame(a: MeshHeadBody, b: MeshHeadBody): boolean {
  const withoutTime = (body: MeshHeadBody) => hex(headMessage({ ...body, time: 0, expires: 0 }));
  return withoutTime(a) === withoutTime(b);
}

function plain(body: MeshHeadBody) {
  const { mesh, number, time, expires } = body;
  const copy = ({ version, digest }: { version: number; digest: Uint8Array }) => ({ version, digest });
  return {
    mesh,
    number,
    time,
    expires,
    bundle: copy(body.bundle),
    policy: copy(body.policy),
    committee: copy(body.committee),
    revocations: copy(body.revocations),
  };
}

function refuse(code: string, message: string): OotoError {
  return new OotoError(code, 'peer', message);
}

function stale(message: string): OotoError {
  return new OotoError('OOTO_AUTHORITY_HEAD_STALE', 'environment', message, {
    hint: 'an authority quorum must be reachable for new sessions',
  });
}
