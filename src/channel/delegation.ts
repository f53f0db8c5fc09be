/**
 * Delegations. What flows through here: an identity key (often in a TPM, slow) states once in a while that a
 * message key and a Noise static key speak for it; peers check that one statement, and everything else is signed
 * by the message key. The statement stands alone: making one never takes input from an unproven peer.
 */
import { concat, equal, lengthPrefixed, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { CborValue } from '../envelope/cbor.ts';
import { bytes, fields, uint } from '../envelope/fields.ts';
import type { VerificationKey } from '../envelope/keys.ts';
import {
  encodeStatement,
  readStatement,
  statementMessage,
  type UnverifiedStatement,
  verifyStatement,
} from '../envelope/statement.ts';
import { MAX_CLOCK_SKEW_MS } from './limits.ts';

export interface Delegation {
  /** 32 bytes. */
  meshId: Uint8Array;
  /** SHA-256 of what names the identity key: the certificate's TBS, the CSR, or the genesis draft. */
  subject: Uint8Array;
  /** Ed25519 public key, 32 bytes. */
  messageKey: Uint8Array;
  /** X25519 public key, 32 bytes. */
  noiseStatic: Uint8Array;
  /** Milliseconds since 1970. */
  notBefore: number;
  /** Milliseconds since 1970; the delegation is void from this moment on. */
  notAfter: number;
}

/** An encoded delegation at most. */
export const MAX_DELEGATION_BYTES = 512;

/** The bytes that the identity key signs (P-256: SHA-256, r ‖ s). */
export function delegationMessage(delegation: Delegation): Uint8Array {
  return statementMessage('delegation', bodyOf(delegation));
}

/** The delegation with its signature (64 bytes), as it travels. */
export function encodeDelegation(delegation: Delegation, signature: Uint8Array): Uint8Array {
  return encodeStatement(bodyOf(delegation), signature);
}

/** @throws OOTO_ENVELOPE_SIZE, OOTO_ENVELOPE_CBOR, OOTO_ENVELOPE_FIELD (peer). */
export function readDelegation(encoded: Uint8Array): UnverifiedStatement<Delegation> {
  return readStatement('delegation', encoded, {
    maxBytes: MAX_DELEGATION_BYTES,
    body: (value, path) =>
      fields(
        value,
        {
          meshId: bytes(32),
          subject: bytes(32),
          messageKey: bytes(32),
          noiseStatic: bytes(32),
          notBefore: uint(),
          notAfter: uint(),
        },
        path,
      ),
  });
}

export interface DelegationContext {
  meshId: Uint8Array;
  /** The static key that the handshake proved; undefined in a renewal, which needs no proof of one. */
  noiseStatic: Uint8Array | undefined;
  /** The identity key, which a certificate or the like has been shown to name. */
  identityKey: VerificationKey;
  subject: Uint8Array;
  /** Milliseconds since 1970 until which the identity itself is valid. */
  identityNotAfter: number;
  /** Milliseconds since 1970. */
  wall: number;
}

/**
 * The delegation, once everything about it is right.
 * @throws OOTO_CHANNEL_DELEGATION (peer) that says what is wrong; OOTO_ENVELOPE_SIGNATURE, OOTO_CRYPTO_KEY (peer).
 */
export function verifyDelegation(
  crypto: Crypto,
  statement: UnverifiedStatement<Delegation>,
  context: DelegationContext,
): Delegation {
  const claimed = statement.unverified;
  require(equal(claimed.meshId, context.meshId), 'is for another mesh');
  require(equal(claimed.subject, context.subject), 'is for another certificate');
  const { noiseStatic } = context;
  require(!noiseStatic || equal(claimed.noiseStatic, noiseStatic), 'is for another Noise static key');
  require(claimed.notBefore <= context.wall + MAX_CLOCK_SKEW_MS, 'is not valid yet');
  require(context.wall < claimed.notAfter, 'has expired');
  require(claimed.notAfter <= context.identityNotAfter, 'outlives the identity that gave it');
  crypto.ed25519.admitKey(claimed.messageKey);
  return verifyStatement(crypto, statement, context.identityKey);
}

/**
 * SHA-256 that names a party in what message keys sign: its id, what names its identity key, its message key. The key
 * alone would not do, for whoever has an identity key can delegate to the message key of somebody else.
 */
export function partyHash(
  crypto: Crypto,
  id: string,
  { subject, messageKey }: Pick<Delegation, 'subject' | 'messageKey'>,
): Uint8Array {
  return crypto.sha256(concat(lengthPrefixed(utf8(id)), subject, messageKey));
}

function bodyOf(delegation: Delegation): CborValue {
  const { meshId, subject, messageKey, noiseStatic, notBefore, notAfter } = delegation;
  return { meshId, subject, messageKey, noiseStatic, notBefore, notAfter };
}

function require(condition: boolean, what: string): void {
  if (!condition)
    throw new OotoError('OOTO_CHANNEL_DELEGATION', 'peer', `the peer's delegation ${what}`, {
      hint: 'a node renews its delegation every 10 minutes; check its clock and that it is running',
    });
}
