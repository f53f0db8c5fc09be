/**
 * What evidence is bound to: 32 bytes that stand where a TPM has its qualifyingData. What flows through here: a
 * verifier's challenge on one channel becomes one leaf, and the leaves of many challenges become one root, so that
 * a single quote answers them all; an enrolment becomes a hash over the request and every member's challenge.
 */
import { compare, concat, lengthPrefixed, u32be, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { label } from '../envelope/labels.ts';

/** One challenge on one channel. All are 32 bytes. */
export interface ChallengeContext {
  /** The channel's exported value, of the epoch that the challenge names. */
  exporter: Uint8Array;
  /** Drawn by the verifier for this challenge alone. */
  nonce: Uint8Array;
  /** SHA-256 of the TBS (or genesis draft) of the one who gives evidence. */
  attester: Uint8Array;
  /** The same of the one who judges it. */
  verifier: Uint8Array;
}

/** SHA-256(label ‖ exporter ‖ nonce ‖ attester ‖ verifier): the leaf that evidence must hold. */
export function challengeLeaf(crypto: Crypto, context: ChallengeContext): Uint8Array {
  const parts = [context.exporter, context.nonce, context.attester, context.verifier];
  for (const part of parts) requireHash(part);
  return crypto.sha256(concat(label('attestation-challenge'), ...parts));
}

/** One authority member's challenge to whoever enrols. */
export interface MemberNonce {
  /** The member's name in the committee. */
  member: string;
  /** 32 bytes. */
  nonce: Uint8Array;
}

export interface EnrolmentContext {
  /** 32 bytes. */
  meshId: Uint8Array;
  /** SHA-256 of the enrolment request. */
  request: Uint8Array;
  /** In any order; each member once. */
  nonces: readonly MemberNonce[];
}

/**
 * SHA-256(label ‖ mesh id ‖ request ‖ H(member nonces, ascending by member)): bound to the request, not to a channel.
 * @throws OOTO_ATTEST_INPUT (caller) when a member is listed twice or nobody is.
 */
export function enrolmentQualifyingData(crypto: Crypto, context: EnrolmentContext): Uint8Array {
  const { meshId, request, nonces } = context;
  for (const part of [meshId, request, ...nonces.map(({ nonce }) => nonce)]) requireHash(part);
  const ordered = nonces.map(({ member, nonce }) => ({ name: utf8(member), nonce }));
  ordered.sort((a, b) => compare(a.name, b.name));
  if (
    ordered.length === 0 ||
    ordered.some(({ name }, i) => i > 0 && compare(ordered[i - 1].name, name) === 0)
  )
    throw new OotoError('OOTO_ATTEST_INPUT', 'caller', 'every member challenges an enrolment once');
  const nonceList = ordered.map(({ name, nonce }) => concat(lengthPrefixed(name), nonce));
  const nonceHash = crypto.sha256(concat(label('enrolment-nonces'), u32be(nonceList.length), ...nonceList));
  return crypto.sha256(concat(label('enrolment-qualifying'), meshId, request, nonceHash));
}

function requireHash(part: Uint8Array): void {
  if (part.length !== 32)
    throw new OotoError('OOTO_ATTEST_INPUT', 'caller', `${part.length} bytes where evidence binds 32`);
}
