/**
 * Proofs of single messages for third parties. What flows through here: a received message with the batches that
 * vouch for it becomes one file that shows who sent it to whom, in which session and at which place, and nothing
 * of its neighbours; a verifier that trusts neither side takes the file apart and comes to the same message.
 */
import { concat, equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
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
import { leafHash, MAX_PATH_HASHES, pathOf, rootOfPath } from './batch-tree.ts';
import {
  type CredentialVerifier,
  judgeCredential,
  MAX_CREDENTIAL_BYTES,
  MAX_ID_BYTES,
  type PeerIdentity,
  type ShownCredential,
} from './credential.ts';
import { MAX_DELEGATION_BYTES, partyHash, readDelegation, verifyDelegation } from './delegation.ts';
import type { Moment } from './limits.ts';
import type { SignedItem } from './signed-batch.ts';
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

const TYPE = 'ooto.message-proof/1';
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
  type: literal(TYPE),
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
 * The proof of a message that a channel delivered.
 * @param items the `items` of the message's event
 * @throws OOTO_CHANNEL_PROOF (local) for a message longer than a proof may be.
 */
export function exportMessageProof(crypto: Crypto, items: readonly SignedItem[]): Uint8Array {
  const { place, sender, receiver } = items[0].batch;
  const sameKeys = ({ batch }: SignedItem) =>
    batch.place.epoch === place.epoch && batch.sender === sender && batch.receiver === receiver;
  if (!items.every(sameKeys))
    throw new OotoError('OOTO_CHANNEL_PROOF', 'local', 'the parts of the message came under different keys');
  const { meshId, sessionId, epochHash, epoch, direction } = place;
  const proof = encode({
    type: TYPE,
    meshId,
    sessionId,
    epochHash,
    epoch,
    direction,
    sender: partyOf(sender),
    receiver: partyOf(receiver),
    parts: items.map((item) => partOf(crypto, item)),
  });
  if (proof.length > MAX_PROOF_BYTES)
    throw new OotoError('OOTO_CHANNEL_PROOF', 'local', 'the message is too long for a proof', {
      hint: `a proof has at most ${MAX_PROOF_BYTES} bytes; sign a digest of what is longer`,
    });
  return proof;
}

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

function partyOf({ kind, id, credential, delegation }: ShownCredential) {
  return { kind, id, credential, delegation };
}

function partOf(crypto: Crypto, { item, batch, index }: SignedItem) {
  const { message = 0, index: part = 0, last = true } = item.fragment ?? {};
  const { count, salts } = batch.items;
  const leaves = rowsOf(crypto.saltedTree.leaves(batch.items));
  return {
    counter: batch.counter,
    batch: batch.number,
    leafCount: count,
    leafIndex: index,
    salt: salts.slice(16 * index, 16 * (index + 1)),
    path: pathOf(crypto, leaves, index),
    signature: batch.signature,
    fragment: item.fragment ? { message, index: part, last } : null,
    bytes: item.bytes,
  };
}

function rowsOf(digests: Uint8Array): Uint8Array[] {
  return Array.from({ length: digests.length / 32 }, (_, i) => digests.subarray(32 * i, 32 * (i + 1)));
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
