/**
 * Signatures by several keys over one message. What flows through here: the signatures listed beside a message
 * and the keys that may give them; out come the names of those who signed. Every listed signature must verify,
 * nobody is counted twice, and a signature that nobody asked for is an error, not a decoration.
 */
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { verifySignature } from './keys.ts';

/** An Ed25519 key under the name by which signatures refer to it. */
export interface NamedKey {
  keyid: string;
  /** 32 bytes. */
  publicKey: Uint8Array;
}

export interface NamedSignature {
  keyid: string;
  /** 64 bytes. */
  signature: Uint8Array;
}

export interface Quorum {
  keys: readonly NamedKey[];
  /** Distinct keys that must have signed. */
  threshold: number;
}

/** Most signatures that one object may list. */
export const MAX_SIGNATURES = 64;

/**
 * Who signed `message`, in the order listed.
 * @throws OOTO_ENVELOPE_SIZE, _DUPLICATE, _UNKNOWN_KEY, _SIGNATURE, _THRESHOLD (peer);
 * OOTO_ENVELOPE_QUORUM (caller) for a quorum that names a key twice or cannot be met.
 */
export function verifyQuorum(
  crypto: Crypto,
  message: Uint8Array,
  signatures: readonly NamedSignature[],
  quorum: Quorum,
): string[] {
  requireSoundQuorum(quorum);
  requireDistinct(signatures);
  for (const { keyid, signature } of signatures) {
    const key = quorum.keys.find((candidate) => candidate.keyid === keyid);
    if (!key)
      throw refuse('OOTO_ENVELOPE_UNKNOWN_KEY', 'a listed signature is by a key that may not sign here');
    verifySignature(crypto, { algorithm: 'ed25519', bytes: key.publicKey }, message, signature);
  }
  if (signatures.length < quorum.threshold)
    throw refuse(
      'OOTO_ENVELOPE_THRESHOLD',
      `${signatures.length} of the needed ${quorum.threshold} signatures are there`,
    );
  return signatures.map(({ keyid }) => keyid);
}

/** A key under two names would be counted twice, so a quorum holds each key and each name once. */
function requireSoundQuorum({ keys, threshold }: Quorum): void {
  const names = new Set(keys.map(({ keyid }) => keyid));
  const distinct = new Set(keys.map(({ publicKey }) => hex(publicKey)));
  if (names.size !== keys.length || distinct.size !== keys.length)
    throw new OotoError('OOTO_ENVELOPE_QUORUM', 'caller', 'a quorum names a key twice');
  if (!Number.isSafeInteger(threshold) || threshold < 1 || threshold > keys.length)
    throw new OotoError(
      'OOTO_ENVELOPE_QUORUM',
      'caller',
      `a threshold of ${threshold} cannot be met by ${keys.length} keys`,
    );
}

function requireDistinct(signatures: readonly NamedSignature[]): void {
  if (signatures.length > MAX_SIGNATURES)
    throw refuse('OOTO_ENVELOPE_SIZE', `more than ${MAX_SIGNATURES} signatures are listed`);
  if (new Set(signatures.map(({ keyid }) => keyid)).size !== signatures.length)
    throw refuse('OOTO_ENVELOPE_DUPLICATE', 'one key is listed twice');
}

function refuse(code: string, message: string): OotoError {
  return new OotoError(code, 'peer', message);
}
