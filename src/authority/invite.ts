/**
 * Invites. What flows through here: operators grant one name to one fresh key; the invite carries the grant, the
 * authority's addresses and the key's seed to the one who joins; the seed signs the digest of its request and is
 * never sent; a member that sees the claim binds the invite to that one request, durably.
 */
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import {
  type DocumentDraft,
  decodeDocument,
  documentMessage,
  encodeDocument,
  type SignedDocument,
  verifyDocument,
  withSignature,
} from '../envelope/document.ts';
import {
  bytes,
  bytesBetween,
  type Fields,
  fields,
  list,
  object,
  optional,
  text,
  uint,
} from '../envelope/fields.ts';
import type { SigningKey } from '../envelope/keys.ts';
import { statementMessage } from '../envelope/statement.ts';
import type { GenesisRecord } from './genesis.ts';

const MOST_BYTES = 16 * 1024;

const grantShape = {
  mesh: bytes(32),
  /** Public half of the invite's one-time key. */
  publicKey: bytes(32),
  /** The one SPIFFE id that may be claimed. */
  id: text(2048),
  /** Milliseconds since 1970. */
  expires: uint(),
  /** The one TPM that may claim it, by the fingerprint of its endorsement key; absent for a node without. */
  endorsementKey: optional(bytes(32)),
} as const;

export type InviteGrant = Fields<typeof grantShape>;

const inviteShape = {
  grant: bytesBetween(1, MOST_BYTES),
  genesis: bytesBetween(1, 2 * 1024 * 1024),
  /** The group key's own certificate. */
  root: bytesBetween(1, 8 * 1024),
  addresses: list(text(255), { min: 1, max: 64 }),
  seed: bytes(32),
} as const;

/** What is handed to the one who joins; holds a secret. */
export type Invite = Fields<typeof inviteShape>;

/** A grant for `id`, signed by one operator; further operators add theirs with {@link signGrant}. */
export function createGrant(
  grant: InviteGrant,
  operator: { keyid: string; key: SigningKey },
): SignedDocument {
  return signGrant({ kind: 'invite', version: 1, body: { ...grant } }, operator);
}

export function signGrant(
  grant: DocumentDraft & { signatures?: SignedDocument['signatures'] },
  operator: { keyid: string; key: SigningKey },
): SignedDocument {
  return withSignature(grant, {
    keyid: operator.keyid,
    signature: operator.key.sign(documentMessage(grant)),
  });
}

export function encodeInvite(invite: Invite): Uint8Array {
  return encode({ ...invite });
}

/** @throws OOTO_ENVELOPE_* (peer). */
export function readInvite(encoded: Uint8Array): Invite {
  return fields(decode(encoded, { maxBytes: 4 * 1024 * 1024 }), inviteShape, 'invite');
}

/** What a grant says, for whoever holds it; members verify it. @throws OOTO_ENVELOPE_* (peer). */
export function readGrant(encoded: Uint8Array): InviteGrant {
  return object(grantShape)(decodeDocument(encoded, { maxBytes: MOST_BYTES }).body, 'invite');
}

export function encodeGrant(grant: SignedDocument): Uint8Array {
  return encodeDocument(grant);
}

/** The invite key's signature over the digest of the one request it is spent on. */
export function claimInvite(crypto: Crypto, invite: Invite, requestDigest: Uint8Array): Uint8Array {
  return crypto.ed25519.sign(invite.seed, statementMessage('invite-claim', requestDigest));
}

/**
 * Judges a claim: the operators granted this id to this key in this mesh, the grant has not ended, and the key
 * signed this very request.
 * @throws OOTO_AUTHORITY_INVITE_EXPIRED, OOTO_AUTHORITY_INVITE, OOTO_ENVELOPE_*, OOTO_CRYPTO_* (peer).
 */
export function verifyClaim(
  crypto: Crypto,
  genesis: GenesisRecord,
  claim: { grant: Uint8Array; signature: Uint8Array; id: string; requestDigest: Uint8Array; now: number },
): InviteGrant {
  const { operators, operatorQuorum } = genesis.draft;
  const { body: grant } = verifyDocument(crypto, decodeDocument(claim.grant, { maxBytes: MOST_BYTES }), {
    kind: 'invite',
    body: object(grantShape),
    keys: operators,
    threshold: operatorQuorum,
  });
  if (hex(grant.mesh) !== hex(genesis.meshId))
    throw refuse('OOTO_AUTHORITY_INVITE', 'the invite is for another mesh');
  if (grant.id !== claim.id) throw refuse('OOTO_AUTHORITY_INVITE', 'the invite is for another name');
  if (claim.now > grant.expires) throw refuse('OOTO_AUTHORITY_INVITE_EXPIRED', 'the invite has expired');
  crypto.ed25519.admitKey(grant.publicKey);
  crypto.ed25519.verify(
    grant.publicKey,
    statementMessage('invite-claim', claim.requestDigest),
    claim.signature,
  );
  return grant;
}

/** Where a member keeps which request an invite was spent on. */
export function inviteStoreKey(grant: InviteGrant): string {
  return `invite/${hex(grant.publicKey)}`;
}

/**
 * An invite is spent once: on the request it was first seen with.
 * @throws OOTO_AUTHORITY_INVITE_USED (peer).
 */
export function requireUnspent(boundTo: Uint8Array | undefined, requestDigest: Uint8Array): void {
  if (boundTo && hex(boundTo) !== hex(requestDigest))
    throw refuse('OOTO_AUTHORITY_INVITE_USED', 'the invite has been spent on another request');
}

function refuse(code: string, message: string): OotoError {
  return new OotoError(code, 'peer', message, { hint: 'ask an operator for a new invite' });
}
