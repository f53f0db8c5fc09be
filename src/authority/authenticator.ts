/**
 * The authenticator behind a page's key, as a member of the authority remembers it. What flows through here: a credential
 * that was shown with a request serves one node from then on, and its counter, which tells of copies, never falls.
 */
import { requireLaterCount } from '../attest/webauthn/authenticator-key.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { fields, text, uint } from '../envelope/fields.ts';
import type { StoreChange } from '../ports.ts';

const shape = { id: text(2048), signCount: uint(0xffff_ffff) } as const;

/** A credential and its counter, as evidence has shown them. */
export interface ShownCredential {
  /** P-256, uncompressed. */
  readonly credential: Uint8Array;
  readonly signCount: number;
}

/**
 * What to store so that this credential serves this node alone, and is not shown again.
 * @throws OOTO_AUTHORITY_DEVICE (peer) when it serves another node; OOTO_ATTEST_WEBAUTHN_COUNTER (peer).
 */
export function bindAuthenticator(
  crypto: Crypto,
  bound: (storeKey: string) => Uint8Array | undefined,
  { credential, signCount }: ShownCredential,
  id: string,
): StoreChange {
  const key = `authority/authenticator/${hex(crypto.sha256(credential))}`;
  const stored = bound(key);
  if (stored) {
    const known = fields(decode(stored, { maxBytes: 4096 }), shape, key);
    if (known.id !== id)
      throw new OotoError('OOTO_AUTHORITY_DEVICE', 'peer', 'this authenticator is bound to another node');
    requireLaterCount(known.signCount, signCount);
  }
  return { put: key, value: encode({ id, signCount }) };
}
