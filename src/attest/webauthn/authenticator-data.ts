/**
 * Authenticator data (WebAuthn Level 3, section 6.1). What flows through here: bytes that an authenticator has signed
 * become relying party, flags, counter and, at registration, the credential with its key; only ES256 in the one spelling
 * that CTAP2 gives it, and no extensions.
 */
import { concat, equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { unhex } from '../../base/hex.ts';
import { ByteReader } from '../../base/reader.ts';

const FLAG = { userPresent: 0x01, userVerified: 0x04, backupEligible: 0x08, backedUp: 0x10 } as const;
const ATTESTED = 0x40;
const KNOWN_FLAGS = 0x5d;
const MAX_CREDENTIAL_ID_BYTES = 1023;
/** COSE_Key: kty EC2, alg ES256, crv P-256, then x and y. */
const [KEY_HEAD, KEY_MIDDLE] = [unhex('a5010203262001215820'), unhex('225820')];

export interface Credential {
  /** 16 bytes that name the model. */
  readonly aaguid: Uint8Array;
  readonly id: Uint8Array;
  /** P-256, uncompressed. */
  readonly publicKey: Uint8Array;
}

export interface AuthenticatorData {
  readonly encoded: Uint8Array;
  /** SHA-256 of the relying party's id. */
  readonly rpIdHash: Uint8Array;
  readonly flags: number;
  readonly signCount: number;
  /** At registration alone. */
  readonly credential: Credential | undefined;
}

/** @throws OOTO_ATTEST_WEBAUTHN_FORM (peer). */
export function readAuthenticatorData(encoded: Uint8Array): AuthenticatorData {
  try {
    const reader = new ByteReader(encoded);
    const [rpIdHash, flags, signCount] = [reader.bytes(32), reader.u8(), reader.u32()];
    if ((flags & ~KNOWN_FLAGS) !== 0) throw malformed('extensions, or flags that are reserved');
    const credential = (flags & ATTESTED) === 0 ? undefined : readCredential(reader);
    reader.end();
    return { encoded, rpIdHash, flags, signCount, credential };
  } catch (cause) {
    if (cause instanceof OotoError && cause.code.startsWith('OOTO_ATTEST_')) throw cause;
    throw malformed('authenticator data is cut short or has trailing bytes', cause);
  }
}

/**
 * The user was there and was verified, and the credential cannot leave its authenticator.
 * @throws OOTO_ATTEST_WEBAUTHN_FLAGS (peer).
 */
export function requireBoundToDevice({ flags }: AuthenticatorData): void {
  if ((flags & FLAG.userPresent) === 0) throw refuse('nobody was there');
  if ((flags & FLAG.userVerified) === 0) throw refuse('the user was not verified');
  if ((flags & (FLAG.backupEligible | FLAG.backedUp)) !== 0)
    throw refuse('the credential can be copied to other devices');
}

function readCredential(reader: ByteReader): Credential {
  const aaguid = reader.bytes(16);
  const length = reader.u16();
  if (length < 1 || length > MAX_CREDENTIAL_ID_BYTES) throw malformed(`a credential id of ${length} bytes`);
  const id = reader.bytes(length);
  if (!equal(reader.bytes(KEY_HEAD.length), KEY_HEAD)) throw malformed('a key other than ES256');
  const x = reader.bytes(32);
  if (!equal(reader.bytes(KEY_MIDDLE.length), KEY_MIDDLE)) throw malformed('a key other than ES256');
  return { aaguid, id, publicKey: concat(Uint8Array.of(4), x, reader.bytes(32)) };
}

function refuse(message: string): OotoError {
  return new OotoError('OOTO_ATTEST_WEBAUTHN_FLAGS', 'peer', message);
}

export function malformed(what: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_ATTEST_WEBAUTHN_FORM', 'peer', `not as an authenticator writes it: ${what}`, {
    cause,
  });
}
