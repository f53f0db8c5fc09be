/**
 * Who is at the other end. What flows through here: the payload of handshake message 2 or 3, or of a renewal, is
 * taken apart; the injected verifier judges the credential; the delegation, the transcript signature and the ids are checked; out
 * comes a {@link Peer}, or the handshake ends. This is the security decision of the channel, in
 * {@link authenticatePeer}, to be read from top to bottom.
 */
import { equal } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { bytes, bytesBetween, fields, oneOf, text } from '../envelope/fields.ts';
import type { SigningKey, VerificationKey } from '../envelope/keys.ts';
import type { Role } from '../noise/handshake-state.ts';
import { type Delegation, MAX_DELEGATION_BYTES, readDelegation, verifyDelegation } from './delegation.ts';
import type { Moment } from './limits.ts';
import { ownContent, ownDelegation } from './own-content.ts';
import { otherRole } from './transcript.ts';

/**
 * `member` has a certificate; `enrol` has an identity key and asks for one; `founder` is pinned by the genesis
 * draft. A side accepts only the kinds it names.
 */
export type CredentialKind = 'member' | 'enrol' | 'founder';

/** What one's own side presents and signs with. The keys stay the caller's. */
export interface OwnCredential {
  readonly kind: CredentialKind;
  /** For members the SPIFFE id. The peer's verifier must come to the same id. */
  readonly id: string;
  /** Opaque to the channel: certificate, inclusion proofs, mesh head. At most {@link MAX_CREDENTIAL_BYTES}. */
  readonly credential: Uint8Array;
  /** Encoded delegation for the two keys below. */
  readonly delegation: Uint8Array;
  /** X25519 private key, 32 bytes. */
  readonly noiseStatic: Uint8Array;
  readonly messageKey: SigningKey;
}

/** The part of a credential that everyone may see. */
export type ShownCredential = Pick<OwnCredential, 'kind' | 'id' | 'credential' | 'delegation'>;

/** What a peer presented; nothing of it is proven yet. */
export interface PresentedCredential {
  readonly kind: CredentialKind;
  readonly id: string;
  readonly credential: Uint8Array;
  readonly meshId: Uint8Array;
  /** The peer's role in the handshake. */
  readonly role: Role;
  /** Whether a peer that has proven itself renews on a live channel what it has shown; else it begins a session. */
  readonly isRenewal?: boolean;
}

/** What the verifier found to be true. */
export interface PeerIdentity {
  readonly id: string;
  readonly kind: CredentialKind;
  readonly identityKey: VerificationKey;
  /** SHA-256 that the delegation must name. */
  readonly subject: Uint8Array;
  /** Milliseconds since 1970 until which the credential is valid; the channel closes then. */
  readonly notAfter: number;
  /** Whatever else the rooms above want to know of the peer. */
  readonly details?: unknown;
}

/** Judges a credential at once: returns the identity it proves, or throws. */
export type CredentialVerifier = (presented: PresentedCredential, now: Moment) => PeerIdentity;

/** A peer that has proven who it is. */
export interface Peer {
  readonly identity: PeerIdentity;
  readonly delegation: Delegation;
  /** As presented, for proofs to third parties. */
  readonly presented: PresentedCredential;
  readonly encodedDelegation: Uint8Array;
}

export interface PeerContext {
  readonly crypto: Crypto;
  readonly meshId: Uint8Array;
  /** One's own role. */
  readonly role: Role;
  readonly own: OwnCredential;
  /** The id that was dialled. */
  readonly expectedId: string | undefined;
  readonly accept: readonly CredentialKind[];
  readonly verifier: CredentialVerifier;
}

export const MAX_CREDENTIAL_BYTES = 60_000;
const MAX_PAYLOAD_BYTES = 62_000;
export const MAX_ID_BYTES = 2048;

/** What the message key signs, given the hash of the payload's content. */
export type PayloadMessage = (contentHash: Uint8Array) => Uint8Array;

/** A payload that shows `own`, signed by its message key. */
export function makePayload(crypto: Crypto, own: OwnCredential, message: PayloadMessage): Uint8Array {
  const { content, hash } = ownContent(crypto, own);
  return encode({ content, signature: own.messageKey.sign(message(hash)) });
}

export interface PeerEvidence {
  readonly payload: Uint8Array;
  /** What the payload's signature must cover. */
  readonly message: PayloadMessage;
  /** The static key that the handshake gave; none when a known peer renews its credential. */
  readonly noiseStatic?: Uint8Array;
}

/**
 * The peer, once it has proven everything a peer must prove.
 * @throws OotoError (peer) with the code of the check that failed; whatever the verifier throws.
 */
export function authenticatePeer(context: PeerContext, evidence: PeerEvidence, now: Moment): Peer {
  const { crypto, meshId } = context;
  const { content, signature } = readPayload(evidence.payload);
  const claim = readContent(content);
  requireAcceptedKind(context, claim.kind);
  requireExpectedId(context, claim.id);
  const statement = readDelegation(claim.delegation);
  const message = evidence.message(crypto.sha256(content));
  requireTranscriptSignature(crypto, statement.unverified.messageKey, message, signature);
  const presented = { ...presentedBy(context, claim), isRenewal: evidence.noiseStatic === undefined };
  const identity = judgeCredential(context.verifier, presented, now);
  const delegation = verifyDelegation(crypto, statement, {
    meshId,
    noiseStatic: evidence.noiseStatic,
    identityKey: identity.identityKey,
    subject: identity.subject,
    identityNotAfter: identity.notAfter,
    wall: now.wall,
  });
  requireOtherKeys(context, delegation);
  // What was found equal is kept once.
  const kept = { ...delegation, meshId, subject: identity.subject };
  return { identity, delegation: kept, presented, encodedDelegation: claim.delegation };
}

function readPayload(payload: Uint8Array) {
  return fields(
    decode(payload, { maxBytes: MAX_PAYLOAD_BYTES, maxItems: 8 }),
    { content: bytesBetween(1, MAX_PAYLOAD_BYTES), signature: bytes(64) },
    'handshake payload',
  );
}

function readContent(content: Uint8Array) {
  return fields(
    decode(content, { maxBytes: MAX_PAYLOAD_BYTES, maxItems: 16 }),
    {
      kind: oneOf('member', 'enrol', 'founder'),
      id: text(MAX_ID_BYTES),
      credential: bytesBetween(0, MAX_CREDENTIAL_BYTES),
      delegation: bytesBetween(1, MAX_DELEGATION_BYTES),
    },
    'handshake payload',
  );
}

function presentedBy(context: PeerContext, claim: ReturnType<typeof readContent>): PresentedCredential {
  const { kind, id, credential } = claim;
  return { kind, id, credential, meshId: context.meshId, role: otherRole(context.role) };
}

function requireAcceptedKind({ accept }: PeerContext, kind: CredentialKind): void {
  if (!accept.includes(kind))
    throw new OotoError('OOTO_CHANNEL_KIND', 'peer', `a peer of kind "${kind}" is not accepted here`, {
      hint: 'only authority nodes take enrolments, and only founders meet before the mesh exists',
    });
}

function requireExpectedId({ own, expectedId }: PeerContext, id: string): void {
  if (id === own.id)
    throw new OotoError('OOTO_CHANNEL_SELF', 'peer', 'the peer presents our own id', {
      hint: 'the address dialled is our own, or someone reflects our messages',
    });
  if (expectedId !== undefined && id !== expectedId)
    throw new OotoError('OOTO_CHANNEL_PEER_ID', 'peer', `dialled ${expectedId}, but ${id} answered`);
}

function requireTranscriptSignature(
  crypto: Crypto,
  messageKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): void {
  try {
    crypto.ed25519.verify(messageKey, message, signature);
  } catch (cause) {
    throw new OotoError(
      'OOTO_CHANNEL_TRANSCRIPT',
      'peer',
      'the signature over the transcript is not by the key that the peer presents',
      { cause },
    );
  }
}

/**
 * Runs the verifier; whatever it returns that is no complete identity for this claim is a refusal.
 * @throws OOTO_CHANNEL_CREDENTIAL (peer); whatever the verifier throws.
 */
export function judgeCredential(
  verifier: CredentialVerifier,
  presented: PresentedCredential,
  now: Moment,
): PeerIdentity {
  const identity = runVerifier(verifier, presented, now) as Partial<PeerIdentity> | undefined;
  const complete =
    identity?.id === presented.id &&
    identity.kind === presented.kind &&
    identity.identityKey?.bytes instanceof Uint8Array &&
    identity.subject instanceof Uint8Array &&
    typeof identity.notAfter === 'number' &&
    now.wall < identity.notAfter;
  if (!complete) throw refusedCredential('the verifier did not confirm the identity that the peer claims');
  return identity as PeerIdentity;
}

function runVerifier(verifier: CredentialVerifier, presented: PresentedCredential, now: Moment): unknown {
  try {
    return verifier(presented, now);
  } catch (cause) {
    if (isOotoError(cause)) throw cause;
    throw refusedCredential('the credential could not be verified', cause);
  }
}

function refusedCredential(why: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_CHANNEL_CREDENTIAL', 'peer', why, { cause });
}

/** A peer that holds one of our own keys is ourselves, or a thief of them. */
function requireOtherKeys({ own }: PeerContext, delegation: Delegation): void {
  const { noiseStatic } = ownDelegation(own);
  if (equal(delegation.messageKey, own.messageKey.publicKey) || equal(delegation.noiseStatic, noiseStatic))
    throw new OotoError('OOTO_CHANNEL_SELF', 'peer', 'the peer presents one of our own keys');
}
