/**
 * Who is in the mesh and where. What flows through here: a node states its addresses, signed by its message key
 * and carried with its credential and delegation; authority members keep the newest statement of each node; a
 * reader verifies every record itself before it believes a word of it.
 */

import { readNodeId } from '../authority/certification.ts';
import { HeadView } from '../authority/head.ts';
import { OotoError } from '../base/errors.ts';
import type { CredentialVerifier } from '../channel/credential.ts';
import { MAX_DELEGATION_BYTES, readDelegation, verifyDelegation } from '../channel/delegation.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import {
  bytes,
  bytesBetween,
  type Fields,
  fields,
  list,
  nullable,
  object,
  text,
  uint,
} from '../envelope/fields.ts';
import { readStatement, signStatement, verifyStatement } from '../envelope/statement.ts';
import { memberVerifier } from './identity.ts';
import type { MeshNode } from './node.ts';
import type { OwnCredentials } from './own-credential.ts';

export const MOST_RECORD_BYTES = 80 * 1024;
export const MOST_ID_BYTES = 2048;
const MOST_PAGES = 4_096;

const statementShape = {
  mesh: bytes(32),
  id: text(2048),
  addresses: list(text(255), { max: 8 }),
  /** Protocol versions spoken. */
  versions: list(uint(0xffff), { min: 1, max: 8 }),
  /** Rises with every statement of a node; its wall clock serves. */
  sequence: uint(),
} as const;

const recordShape = {
  statement: bytesBetween(1, 8 * 1024),
  delegation: bytesBetween(1, MAX_DELEGATION_BYTES),
  credential: bytesBetween(1, 60 * 1024),
} as const;

export interface MembershipRecord extends Fields<typeof statementShape> {
  role: string;
  name: string;
  encoded: Uint8Array;
  /** As presented, for proofs to third parties. */
  credential: Uint8Array;
  delegation: Uint8Array;
}

/** This node's record, signed with the message key that its delegation names. */
export function createRecord(own: OwnCredentials, addresses: readonly string[], now: number): Uint8Array {
  const { meshId, id, credential } = own.presentation;
  const body = { mesh: meshId, id, addresses: [...addresses], versions: [1], sequence: now };
  const statement = signStatement('membership', body, own.messageKey);
  return encode({ statement, delegation: own.delegation, credential });
}

/**
 * A record that is true as far as its node can say: its credential is judged like in a handshake, its delegation
 * and signature hold.
 * @throws OOTO_MESH_MEMBERSHIP and whatever judging credential, delegation and signature throws (peer).
 */
export function verifyRecord(
  crypto: Crypto,
  verifier: CredentialVerifier,
  meshId: Uint8Array,
  encoded: Uint8Array,
  wall: number,
): MembershipRecord {
  const record = fields(decode(encoded, { maxBytes: MOST_RECORD_BYTES }), recordShape, 'membership record');
  const statement = readStatement('membership', record.statement, {
    body: object(statementShape),
    maxBytes: 8 * 1024,
  });
  const { id } = statement.unverified;
  const presented = {
    kind: 'member' as const,
    id,
    credential: record.credential,
    meshId,
    role: 'responder' as const,
  };
  const identity = verifier(presented, { wall, monotonic: 0 });
  const delegation = readDelegation(record.delegation);
  const { messageKey } = verifyDelegation(crypto, delegation, {
    meshId,
    noiseStatic: delegation.unverified.noiseStatic,
    identityKey: identity.identityKey,
    subject: identity.subject,
    identityNotAfter: identity.notAfter,
    wall,
  });
  const body = verifyStatement(crypto, statement, { algorithm: 'ed25519', bytes: messageKey });
  if (identity.id !== id)
    throw new OotoError('OOTO_MESH_MEMBERSHIP', 'peer', 'the record is of another node');
  const { role, name } = readNodeId(id);
  return { ...body, role, name, encoded, credential: record.credential, delegation: record.delegation };
}

/** @throws what {@link verifyRecord} throws. */
export function judgeRecord(node: MeshNode, encoded: Uint8Array): MembershipRecord {
  const { crypto, clock } = node.options;
  const { trust } = node;
  const shown = new HeadView(crypto, trust.authority, node.head.current?.encoded);
  const verifier = memberVerifier(crypto, trust, shown, (head) => shown.accept(head));
  return verifyRecord(crypto, verifier, trust.authority.meshId, encoded, clock.now());
}

/** A part of the list; `next` is the id to go on after. */
const pageShape = {
  records: list(bytesBetween(1, MOST_RECORD_BYTES), { max: 4_096 }),
  next: nullable(text(MOST_ID_BYTES)),
} as const;

/**
 * The whole list, unverified, one part after the other.
 * @throws OOTO_MESH_MEMBERSHIP (peer) for a list that does not go on or does not end; OOTO_ENVELOPE_FIELD (peer).
 */
export async function* listRecords(ask: (body: CborValue) => Promise<CborValue>): AsyncGenerator<Uint8Array> {
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer: CborValue = await ask({ after });
    const { records, next } = fields(answer, pageShape, 'membership.list');
    yield* records;
    if (next === null) return;
    if (after !== null && next <= after) break;
    after = next;
  }
  throw new OotoError('OOTO_MESH_MEMBERSHIP', 'peer', 'the list of members does not come to an end');
}

/** The newest record of every node. */
export class Membership {
  readonly #records = new Map<string, MembershipRecord>();

  /** Keeps a verified record unless a newer one is known; whether it was kept. */
  keep(record: MembershipRecord): boolean {
    const known = this.#records.get(record.id);
    if (known && known.sequence >= record.sequence) return false;
    this.#records.set(record.id, record);
    return true;
  }

  /** Forgets these. */
  forget(isOver: (record: MembershipRecord) => boolean): void {
    for (const record of this.all) if (isOver(record)) this.#records.delete(record.id);
  }

  get(id: string): MembershipRecord | undefined {
    return this.#records.get(id);
  }

  withRole(role: string): MembershipRecord[] {
    return this.all.filter((record) => record.role === role);
  }

  /** In the order of their ids. */
  get all(): MembershipRecord[] {
    return [...this.#records.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}
