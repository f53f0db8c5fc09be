/**
 * The set of what is revoked: nodes, with all their keys and for ever, and single keys. What flows through here: the
 * set begins empty and only grows; each version signs the Merkle root over all entries in the order they came, so that
 * a reader who has the first of them is sent the others, and sees at once if one of its own is missing.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, encode } from '../envelope/cbor.ts';
import { bytes, bytesBetween, type Fields, list, object, text, uint, variant } from '../envelope/fields.ts';
import { encodeStatement, readStatement, statementMessage, verifyStatement } from '../envelope/statement.ts';
import type { GenesisRecord } from './genesis.ts';

export const MOST_REVOCATIONS = 65_536;
/** A version says when the next one comes at the latest. */
export const REVOCATIONS_LIFE_MS = 24 * 3_600_000;
/** Entries that are sent at once take about so much; whoever lacks more asks again. */
const MOST_SENT_BYTES = 1024 * 1024;
const MOST_STATEMENT_BYTES = 1024;
/** An entry in its encoding. */
export const MOST_ENTRY_BYTES = 4 * 1024;

const why = {
  /** For people. */
  reason: text(1024),
  /** Milliseconds since 1970; what was signed before may have been signed by its owner. */
  time: uint(),
} as const;

/** What is revoked. */
export const readRevocation = variant('kind', {
  /** A node by its SPIFFE id, all its keys, for ever. */
  node: { id: text(2048), ...why },
  /** A key by its SHA-256. */
  key: { key: bytes(32), ...why },
});
export type Revocation = ReturnType<typeof readRevocation>;

const bodyShape = {
  /** The mesh id. */
  mesh: bytes(32),
  /** Counts from 0, the empty set. */
  version: uint(),
  /** How many entries there are. */
  count: uint(MOST_REVOCATIONS),
  /** RFC 6962 root over the encoded entries. */
  root: bytes(32),
  /** Milliseconds since 1970. */
  time: uint(),
  /** When the next version comes at the latest. */
  next: uint(),
} as const;

export type RevocationsBody = Fields<typeof bodyShape>;
/** The body as a member reads it from a proposal. @throws OOTO_ENVELOPE_FIELD (peer). */
export const readRevocationsBody = object(bodyShape);

/** A version as it is sent: what the group signed, and the entries from the place `from` on. */
export const revocationsDelta = object({
  statement: bytesBetween(1, MOST_STATEMENT_BYTES),
  from: uint(MOST_REVOCATIONS),
  entries: list(readRevocation, { max: MOST_REVOCATIONS }),
});
export type RevocationsDelta = ReturnType<typeof revocationsDelta>;

/** The set in one version; it does not change. */
export class RevocationSet {
  readonly body: RevocationsBody;
  /** Of what is signed, so that it is the same whoever signed. */
  readonly digest: Uint8Array;
  /** In the order they came. */
  readonly entries: readonly Revocation[];
  /** Absent in version 0, which nobody sends. */
  readonly statement: Uint8Array | undefined;
  readonly #times: ReadonlyMap<string, number>;

  private constructor(
    crypto: Crypto,
    body: RevocationsBody,
    entries: readonly Revocation[],
    statement?: Uint8Array,
  ) {
    this.body = body;
    this.digest = crypto.sha256(revocationsMessage(body));
    this.entries = entries;
    this.statement = statement;
    this.#times = new Map(entries.map((entry) => [subjectOf(entry), entry.time]));
  }

  /** What every mesh begins with: nothing is revoked. */
  static empty(crypto: Crypto, { meshId, draft }: GenesisRecord): RevocationSet {
    const root = rootOf(crypto, []);
    const { created: time } = draft;
    return new RevocationSet(
      crypto,
      { mesh: meshId, version: 0, count: 0, root, time, next: time + REVOCATIONS_LIFE_MS },
      [],
    );
  }

  get version(): number {
    return this.body.version;
  }

  /** The body of the next version, with these entries besides. @throws OOTO_AUTHORITY_REVOCATION (peer). */
  next(crypto: Crypto, added: readonly Revocation[], time: number): RevocationsBody {
    const entries = this.#grown(added);
    return {
      mesh: this.body.mesh,
      version: this.version + 1,
      count: entries.length,
      root: rootOf(crypto, entries),
      time,
      next: time + REVOCATIONS_LIFE_MS,
    };
  }

  /**
   * The later version that the group signed, if it holds all of this one and nothing but the entries sent besides.
   * @param groupKeys any of them may have signed
   * @throws OOTO_AUTHORITY_REVOCATION, OOTO_AUTHORITY_DOCUMENTS_FORK, OOTO_ENVELOPE_* (peer).
   */
  followedBy(crypto: Crypto, groupKeys: readonly Uint8Array[], delta: RevocationsDelta): RevocationSet {
    const body = signedBody(crypto, groupKeys, delta.statement);
    const { mesh, version } = this.body;
    if (!equal(body.mesh, mesh)) throw refuse('it is of another mesh');
    if (body.version === version && version > 0) return this.#requireSame(crypto, body);
    if (body.version <= version) throw refuse(`version ${body.version} does not follow version ${version}`);
    if (body.time < this.body.time || body.next < body.time) throw refuse('its times go back');
    if (delta.from > this.entries.length) throw refuse('entries before those sent are missing');
    const entries = this.#grown(delta.entries.slice(this.entries.length - delta.from));
    if (entries.length !== body.count || !equal(rootOf(crypto, entries), body.root))
      throw refuse('it is not over the entries that are known and those that were sent');
    return new RevocationSet(crypto, body, entries, delta.statement);
  }

  /**
   * What whoever has the first `from` entries needs for this version, or the beginning of it where that is too much
   * for one message; undefined for version 0.
   */
  deltaFrom(from: number): RevocationsDelta | undefined {
    if (!this.statement || from > this.entries.length) return undefined;
    let [end, room] = [from, MOST_SENT_BYTES];
    while (end < this.entries.length && room > 0) room -= encodeRevocation(this.entries[end++]).length;
    return { statement: this.statement, from, entries: this.entries.slice(from, end) };
  }

  /** When this node was revoked, in milliseconds since 1970. */
  nodeRevokedAt(id: string): number | undefined {
    return this.#times.get(`node ${id}`);
  }

  /** When the key of this SHA-256 was revoked, in milliseconds since 1970. */
  keyRevokedAt(key: Uint8Array): number | undefined {
    return this.#times.get(`key ${hex(key)}`);
  }

  /** The same once more changes nothing; another under its number is proof against the authority. */
  #requireSame(crypto: Crypto, body: RevocationsBody): this {
    if (equal(crypto.sha256(revocationsMessage(body)), this.digest)) return this;
    throw new OotoError(
      'OOTO_AUTHORITY_DOCUMENTS_FORK',
      'peer',
      `there are two versions ${body.version} of the revocations: the authority is compromised`,
    );
  }

  /** All that is known and these, none of them twice. */
  #grown(added: readonly Revocation[]): readonly Revocation[] {
    const entries = [...this.entries, ...added];
    if (entries.length > MOST_REVOCATIONS) throw refuse(`more than ${MOST_REVOCATIONS} entries`);
    if (new Set(entries.map(subjectOf)).size !== entries.length) throw refuse('an entry comes twice');
    return entries;
  }
}

/** The bytes that the group key signs. */
export function revocationsMessage(body: RevocationsBody): Uint8Array {
  return statementMessage('revocation-set', plain(body));
}

export function encodeRevocations(body: RevocationsBody, signature: Uint8Array): Uint8Array {
  return encodeStatement(plain(body), signature);
}

/** How many entries the version counts that this delta leads to; not verified. @throws OOTO_ENVELOPE_* (peer). */
export function countIn({ statement }: RevocationsDelta): number {
  const read = { body: readRevocationsBody, maxBytes: MOST_STATEMENT_BYTES };
  return readStatement('revocation-set', statement, read).unverified.count;
}

/** An entry as it is sent and hashed. */
export function encodeRevocation(entry: Revocation): Uint8Array {
  return encode({ ...entry } as CborValue);
}

/** @throws OOTO_ENVELOPE_* (peer) unless one of these keys has signed. */
function signedBody(crypto: Crypto, groupKeys: readonly Uint8Array[], encoded: Uint8Array): RevocationsBody {
  const read = { body: readRevocationsBody, maxBytes: MOST_STATEMENT_BYTES };
  const statement = readStatement('revocation-set', encoded, read);
  const signer = groupKeys.find((groupKey) => hasSigned(crypto, groupKey, statement));
  const key = signer ?? groupKeys[groupKeys.length - 1];
  return verifyStatement(crypto, statement, { algorithm: 'ed25519', bytes: key });
}

function hasSigned(
  crypto: Crypto,
  key: Uint8Array,
  { message, signature }: { message: Uint8Array; signature: Uint8Array },
): boolean {
  try {
    crypto.ed25519.verify(key, message, signature);
    return true;
  } catch {
    return false;
  }
}

function subjectOf(entry: Revocation): string {
  return entry.kind === 'node' ? `node ${entry.id}` : `key ${hex(entry.key)}`;
}

function rootOf(crypto: Crypto, entries: readonly Revocation[]): Uint8Array {
  return crypto.merkle.root(entries.map(encodeRevocation));
}

function plain({ mesh, version, count, root, time, next }: RevocationsBody): CborValue {
  return { mesh, version, count, root, time, next };
}

function refuse(what: string): OotoError {
  return new OotoError('OOTO_AUTHORITY_REVOCATION', 'peer', `no version of the revocations: ${what}`);
}
