/**
 * The TPM behind a node, as a member of the authority judges it. What flows through here, in order: a request names
 * the endorsement key and the attestation key; the member seals a secret that only the TPM with both opens; the
 * answer shows that it was opened for this very request; operators, the genesis record or an earlier certificate
 * vouch for the endorsement key, by its public key and nothing else; the member binds it to one node, durably.
 */

import { type CredentialAnswer, credentialAnswer } from '../attest/evidence.ts';
import type { TpmClock } from '../attest/tpm/attestation-data.ts';
import { type Credential, makeCredential } from '../attest/tpm/credential.ts';
import { endorsementFingerprint } from '../attest/tpm/endorsement.ts';
import { readPublicArea, requireAttestationKey } from '../attest/tpm/public-area.ts';
import { concat, equal } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import { hex, unhex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { bytesBetween, type Fields, fields, list, object, optional, text, uint } from '../envelope/fields.ts';
import type { StoreChange } from '../ports.ts';

const MOST_KEY_BYTES = 1024;
const MOST_CERTIFICATE_BYTES = 4096;
const MOST_AUTHORITIES = 6;

const tpmShape = {
  /** TPMT_PUBLIC. */
  endorsementKey: bytesBetween(1, MOST_KEY_BYTES),
  /** DER, of the manufacturer, where the TPM has one. */
  certificate: optional(bytesBetween(1, MOST_CERTIFICATE_BYTES)),
  /** DER: authorities between it and the manufacturer's root, where the TPM has them. */
  chain: optional(list(bytesBetween(1, MOST_CERTIFICATE_BYTES), { min: 1, max: MOST_AUTHORITIES })),
  /** TPMT_PUBLIC. */
  attestationKey: bytesBetween(1, MOST_KEY_BYTES),
} as const;

/** The keys of a TPM, as a request or a genesis draft names them. */
export const readTpmKeys = object(tpmShape);
export type TpmKeys = Fields<typeof tpmShape>;

/** A TPM as the log and certificates' proofs name it: both are 32 bytes. */
export interface Device {
  /** What operators compare; see `endorsementFingerprint`. */
  endorsementKey: Uint8Array;
  /** SHA-256 of the TPMT_PUBLIC. */
  attestationKey: Uint8Array;
}

/** The same as an entry of a log has it. */
export interface LoggedDevice extends Device {
  vouched: Vouched;
}

/**
 * Whose word an endorsement key stands on: operators have named it, in an invite or in the committee's record; or it was
 * judged by the rules, and is judged again at each renewal.
 */
export type Vouched = 'named' | 'judged';

/**
 * Decides on an endorsement key: one that no operator has named by a list, or by its certificate and its maker's root;
 * any by its algorithm. Throws to refuse.
 */
export type EndorsementJudge = (keys: TpmKeys, vouched: Vouched, now: number) => void;

/** What this member's store holds under a key. */
type Bound = (storeKey: string) => Uint8Array | undefined;

/** @throws OOTO_ATTEST_TPM_* (peer) for keys of another kind. */
export function deviceOf(crypto: Crypto, { endorsementKey, attestationKey }: TpmKeys): Device {
  requireAttestationKey(crypto, readPublicArea(attestationKey));
  return {
    endorsementKey: unhex(endorsementFingerprint(crypto, readPublicArea(endorsementKey))),
    attestationKey: crypto.sha256(attestationKey),
  };
}

/** A challenge that only the TPM of these keys answers. @throws as `makeCredential` (peer). */
export function sealChallenge(crypto: Crypto, seed: Uint8Array, keys: TpmKeys): Credential {
  const secret = secretFor(crypto, seed, keys);
  try {
    return makeCredential(
      crypto,
      readPublicArea(keys.endorsementKey),
      readPublicArea(keys.attestationKey),
      secret,
    );
  } finally {
    wipe(secret);
  }
}

/** @throws OOTO_AUTHORITY_CREDENTIAL (peer) unless `answers` holds that of this member for this request. */
export function requireOpened(
  crypto: Crypto,
  seed: Uint8Array,
  keys: TpmKeys,
  { member, request, answers }: { member: string; request: Uint8Array; answers: readonly CredentialAnswer[] },
): void {
  const secret = secretFor(crypto, seed, keys);
  const expected = credentialAnswer(crypto, secret, request);
  wipe(secret);
  const given = answers.filter((answer) => answer.member === member);
  if (given.length !== 1 || !equal(given[0].mac, expected))
    throw refuse('CREDENTIAL', 'the TPM did not open the challenge of this member for this request');
}

/** Its own for every pair of keys: what one TPM opens says nothing for another. */
function secretFor(
  crypto: Crypto,
  seed: Uint8Array,
  { endorsementKey, attestationKey }: TpmKeys,
): Uint8Array {
  return crypto.hmac256(seed, concat(crypto.sha256(endorsementKey), crypto.sha256(attestationKey)));
}

export interface DeviceBinding {
  crypto: Crypto;
  /** What this member's store holds. */
  bound(storeKey: string): Uint8Array | undefined;
}

/**
 * What to store so that this TPM serves this node and no other, ever. Which TPM a node may show is decided by its
 * right: the invite, the genesis record, or the certificate that it renews.
 * @throws OOTO_AUTHORITY_DEVICE (peer) when it is bound to another node.
 */
export function bindDevice(bound: Bound, device: Device, id: string): StoreChange {
  const key = `authority/device/${hex(device.endorsementKey)}`;
  const node = bound(key);
  if (node && text(2048)(decode(node, { maxBytes: 4096 }), key) !== id)
    throw refuse('DEVICE', 'this TPM is bound to another node');
  return { put: key, value: encode(id) };
}

/** The last that this member has seen of the TPM. */
export function lastClock(bound: Bound, device: Device): TpmClock | undefined {
  const stored = bound(clockKey(device));
  if (!stored) return undefined;
  const { clock, ...counts } = fields(decode(stored, { maxBytes: 64 }), clockShape, 'clock');
  return { clock: BigInt(clock), ...counts };
}

export function keepClock(device: Device, { clock, resetCount, restartCount }: TpmClock): StoreChange {
  return { put: clockKey(device), value: encode({ clock: Number(clock), resetCount, restartCount }) };
}

const clockShape = { clock: uint(), resetCount: uint(0xffff_ffff), restartCount: uint(0xffff_ffff) } as const;

function clockKey({ endorsementKey }: Device): string {
  return `authority/device-clock/${hex(endorsementKey)}`;
}

function refuse(what: string, message: string): OotoError {
  return new OotoError(`OOTO_AUTHORITY_${what}`, 'peer', message);
}
