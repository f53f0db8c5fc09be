/**
 * What travels between the member that leads a ceremony and those that take part. What flows through here: the leader
 * carries the messages of the threshold machines from one member to the other; each is signed by its sender for its
 * receiver, so that a leader that changes one on its way blames itself and nobody else.
 */
import { authorityDocuments } from '../../../authority/authority-view.ts';
import { readCommitteeBody } from '../../../authority/committee-record.ts';
import { logProof } from '../../../authority/credential.ts';
import { plainFounder } from '../../../authority/genesis.ts';
import { headBody } from '../../../authority/head.ts';
import { plainBundle, readBundleBody } from '../../../authority/trust-bundle.ts';
import type { CborValue } from '../../../envelope/cbor.ts';
import {
  bytes,
  bytesBetween,
  type Fields,
  list,
  nullable,
  object,
  optional,
  text,
  uint,
} from '../../../envelope/fields.ts';
import { statementMessage } from '../../../envelope/statement.ts';

const MOST_MEMBERS = 64;
const MOST_MESSAGE_BYTES = 64 * 1024;
const MOST_CERTIFICATE_BYTES = 256 * 1024;
const SIGNATURE_BYTES = 64;

const session = bytes(32);
const encodedHead = bytesBetween(1, 4 * 1024);
const memberName = text(63);

/** The action that a ceremony is held for, as every member has it in its own log. */
export const actionReference = { number: uint(), digest: bytes(32) } as const;

/** A message on its way: `bytes` are the machine's, `signature` is its sender's key-generation key's. */
const carried = { bytes: bytesBetween(1, MOST_MESSAGE_BYTES), signature: bytes(SIGNATURE_BYTES) } as const;

/** What a member wants carried. */
export const saidShape = object({ to: memberName, ...carried });
export type Said = ReturnType<typeof saidShape>;
const heardShape = object({ from: memberName, ...carried });
export type Heard = ReturnType<typeof heardShape>;

export const openShape = {
  action: object(actionReference),
  session,
  /** Identifiers of who deals or helps; none where all members do. */
  dealers: list(uint(0xffff), { max: MOST_MEMBERS }),
} as const;

export const deliverShape = { session, heard: list(heardShape, { max: MOST_MEMBERS }) } as const;

/** Why a machine ended, for the leader to tell. */
const failureShape = object({
  code: text(96),
  message: text(2048),
  culprits: list(memberName, { max: MOST_MEMBERS }),
});

export const stepShape = {
  said: list(saidShape, { max: MOST_MEMBERS }),
  /** Of the threshold room, once this member has it. */
  certificate: nullable(bytesBetween(1, MOST_CERTIFICATE_BYTES)),
  failure: nullable(failureShape),
} as const;
export type Step = Fields<typeof stepShape>;

/** All that follows what is in force, before the group has signed it. */
export const successorShape = {
  action: object(actionReference),
  /** Where the group key changes. */
  bundle: optional(readBundleBody),
  committee: readCommitteeBody,
  /** Of each new member, in their order, over the committee's transcript. */
  certificate: list(bytes(SIGNATURE_BYTES), { min: 1, max: MOST_MEMBERS }),
  /** The certificate of the threshold room. */
  proof: bytesBetween(1, MOST_CERTIFICATE_BYTES),
} as const;
export type Successor = Fields<typeof successorShape>;

export const certifyShape = {
  action: object(actionReference),
  session,
  committee: readCommitteeBody,
  proof: bytesBetween(1, MOST_CERTIFICATE_BYTES),
} as const;

/** A successor that the group has signed, to be written into the logs. */
export const recordShape = { successor: object(successorShape), documents: authorityDocuments } as const;

/** The head that puts documents into force, and what lets it be signed. */
export const headShape = {
  session,
  body: headBody,
  documents: authorityDocuments,
  /** That members of the committee in force have the record in their logs. */
  proofs: list(logProof, { max: MOST_MEMBERS }),
} as const;

/** Documents and the head that names them: what goes into force. What operators let in needs no head. */
export const adoptShape = { head: nullable(encodedHead), documents: authorityDocuments } as const;

/** How far a member is. */
export const stateShape = {
  /** Null before the first. */
  head: nullable(encodedHead),
  documents: authorityDocuments,
  successor: nullable(object(successorShape)),
} as const;

/** What of a successor is to be signed: by the group key in force, or by the new one. */
export type Part = 'root' | 'own' | 'previous' | 'committee';

/** What the sender signs when it has a message carried. */
export function relayMessage(route: {
  session: Uint8Array;
  from: string;
  to: string;
  bytes: Uint8Array;
}): Uint8Array {
  const { session: id, from, to, bytes: message } = route;
  return statementMessage('ceremony-relay', { session: id, from, to, message });
}

export function plainCommittee({ members, ...committee }: Successor['committee']): CborValue {
  return { ...committee, members: members.map(plainFounder) } as CborValue;
}

export function plainSuccessor({ action, bundle, committee, certificate, proof }: Successor): CborValue {
  return {
    action: { ...action },
    ...(bundle ? { bundle: plainBundle(bundle) } : {}),
    committee: plainCommittee(committee),
    certificate,
    proof,
  };
}
