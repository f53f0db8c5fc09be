/**
 * Proofs of single messages, as third parties take them. What flows through here: a file that a receiver made (see
 * proof-maker.ts) is taken apart by a verifier that trusts neither side; out come the message, who sent it to whom, in
 * which session and at which place, and nothing of its neighbours.
 */
import { concat, equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode } from '../envelope/cbor.ts';
import {
  boolean,
  bytes,
  bytesBetween,
  type Fields,
  fields,
  list,
  literal,
  nullable,
  object,
  oneOf,
  text,
  uint,
} from '../envelope/fields.ts';
import { BatchMessages, type BatchPlace } from './batch.ts';
import { leafHash, MAX_PATH_HASHES, rootOfPath } from './batch-tree.ts';
import {
  type CredentialVerifier,
  judgeCredential,
  MAX_CREDENTIAL_BYTES,
  MAX_ID_BYTES,
  type PeerIdentity,
} from './credential.ts';
import { MAX_DELEGATION_BYTES, partyHash, readDelegation, verifyDelegation } from './delegation.ts';
import type { Moment } from './limits.ts';
import { ROLE_BYTE } from './transcript.ts';

export interface ProvenMessage {
  readonly message: Uint8Array;
  readonly sender: PeerIdentity;
  readonly receiver: PeerIdentity;
  readonly sessionId: Uint8Array;
  readonly epoch: number;
  /** Counter of the record in which the message, or its first part, stood. */
  readonly counter: number;
}

export interface ProofContext {
  readonly meshId: Uint8Array;
  readonly verifier: CredentialVerifier;
  /** At which time the credentials are judged; both delegations must be valid then. */
  readonly at: Moment;
}

export const PROOF_TYPE = 'ooto.message-proof/1';
/** A proof at most: the longest message, its parts' paths, two credentials. */
export const MAX_PROOF_BYTES = 17 * 2 ** 20;
const MAX_PARTS = 300;
const MAX_COUNT = 2 ** 32 - 1;

const PARTY = {
  kind: oneOf('member', 'enrol', 'founder'),
  id: text(MAX_ID_BYTES),
  credential: bytesBetween(0, MAX_CREDENTIAL_BYTES),
  delegation: bytesBetween(1, MAX_DELEGATION_BYTES),
};
const FRAGMENT = { message: uint(), index: uint(MAX_PARTS), last: boolean };
const PART = {
  counter: uint(MAX_COUNT),
  batch: uint(),
  leafCount: uint(MAX_COUNT),
  leafIndex: uint(MAX_COUNT),
  salt: bytes(16),
  path: list(bytes(32), { max: MAX_PATH_HASHES }),
  signature: bytes(64),
  fragment: nullable(object(FRAGMENT)),
  bytes: bytesBetween(0, MAX_PROOF_BYTES),
};
const PROOF = {
  type: literal(PROOF_TYPE),
  meshId: bytes(32),
  sessionId: bytes(32),
  epochHash: bytes(32),
  epoch: uint(MAX_COUNT),
  direction: uint(2),
  sender: object(PARTY),
  receiver: object(PARTY),
  parts: list(object(PART), { min: 1, max: MAX_PARTS }),
};
type Proof = Fields<typeof PROOF>;
type Part = Fields<typeof PART>;

/**
 * What a proof proves.
 * @throws OOTO_CHANNEL_PROOF (peer) for a proof whose parts do not make one message of one place;
 *   OOTO_CHANNEL_SIGNATURE, OOTO_CHANNEL_DELEGATION, OOTO_CHANNEL_CREDENTIAL and what the
 *   decoders and the verifier throw (peer).
 */
export function verifyMessageProof(
  crypto: Crypto,
  encoded: Uint8Array,
  context: ProofContext,
): ProvenMessage {
  const proof = fields(decode(encoded, { maxBytes: MAX_PROOF_BYTES }), PROOF, 'message proof');
  if (!equal(proof.meshId, context.meshId)) throw badProof('is of another mesh');
  const sender = verifyParty(crypto, context, proof.sender, proof.direction);
  const receiver = verifyParty(crypto, context, proof.receiver, 3 - proof.direction);
  const { meshId, sessionId, epochHash, epoch, direction } = proof;
  const place: BatchPlace = {
    meshId,
    sessionId,
    epochHash,
    epoch,
    direction,
    senderHash: sender.hash,
    receiverHash: receiver.hash,
  };
  requireOneMessage(proof.parts);
  const messages = new BatchMessages(place);
  for (const part of proof.parts) verifyPart(crypto, messages, sender.messageKey, part);
  return {
    message: concat(...proof.parts.map((part) => part.bytes)),
    sender: sender.identity,
    receiver: receiver.identity,
    sessionId,
    epoch,
    counter: proof.parts[0].counter,
  };
}

/** One whole message in one part, or all parts of one message in their order. */
function requireOneMessage(parts: readonly Part[]): void {
  const whole = parts.length === 1 && parts[0].fragment === null;
  const number = parts[0].fragment?.message;
  const complete = parts.every(
    ({ fragment }, i) =>
      fragment?.message === number && fragment?.index === i && fragment?.last === (i === parts.length - 1),
  );
  if (!whole && !(parts.length > 1 && complete)) throw badProof('does not hold all parts of one message');
}

function verifyParty(
  crypto: Crypto,
  { meshId, verifier, at }: ProofContext,
  { kind, id, credential, delegation: encoded }: Proof['sender'],
  direction: number,
): { identity: PeerIdentity; messageKey: Uint8Array; hash: Uint8Array } {
  const role = direction === ROLE_BYTE.initiator ? 'initiator' : 'responder';
  if (direction !== ROLE_BYTE[role]) throw badProof('names no direction');
  const identity = judgeCredential(verifier, { kind, id, credential, meshId, role }, at);
  const delegation = verifyDelegation(crypto, readDelegation(encoded), {
    meshId,
    noiseStatic: undefined,
    identityKey: identity.identityKey,
    subject: identity.subject,
    identityNotAfter: identity.notAfter,
    wall: at.wall,
  });
  const { messageKey } = delegation;
  return { identity, messageKey, hash: partyHash(crypto, identity.id, delegation) };
}

function verifyPart(crypto: Crypto, messages: BatchMessages, senderKey: Uint8Array, part: Part): void {
  const { counter, batch, leafCount, leafIndex, salt, path, signature, fragment } = part;
  const leaf = leafHash(crypto, { bytes: part.bytes, fragment: fragment ?? undefined }, salt);
  const root = rootOfPath(crypto, leaf, leafIndex, leafCount, path);
  try {
    crypto.ed25519.verify(senderKey, messages.of(counter, batch, leafCount, root), signature);
  } catch (cause) {
    throw new OotoError(
      'OOTO_CHANNEL_SIGNATURE',
      'peer',
      'the signature over the message is not the sender’s',
      { cause },
    );
  }
}

function badProof(what: string): OotoError {
  return new OotoError('OOTO_CHANNEL_PROOF', 'peer', `the proof ${what}`);
}
