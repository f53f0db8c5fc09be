/**
 * Client data: what the browser says of a ceremony (WebAuthn Level 3, section 5.8.1). What flows through here: kind,
 * challenge and origin that are expected become the exact beginning of the JSON, which the browser writes in one
 * spelling (section 5.8.1.2, the limited verification algorithm); nothing is parsed.
 */
import { equal, utf8 } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { base64 } from '../../base/hex.ts';

const MAX_CLIENT_DATA_BYTES = 2048;
const [COMMA, BRACE] = [0x2c, 0x7d];

export interface ExpectedClientData {
  readonly kind: 'webauthn.create' | 'webauthn.get';
  readonly challenge: Uint8Array;
  /** Such as `https://example.org`. */
  readonly origin: string;
}

/** @throws OOTO_ATTEST_WEBAUTHN_CLIENT (peer) for another kind, challenge or origin, or from within another's page. */
export function requireClientData(clientData: Uint8Array, expected: ExpectedClientData): void {
  const { kind, challenge, origin } = expected;
  const quoted = JSON.stringify(origin);
  const start = utf8(
    `{"type":"${kind}","challenge":"${base64url(challenge)}","origin":${quoted},"crossOrigin":false`,
  );
  const next = clientData[start.length];
  const fits =
    clientData.length <= MAX_CLIENT_DATA_BYTES && equal(clientData.subarray(0, start.length), start);
  const ends = next === BRACE && clientData.length === start.length + 1;
  if (!fits || (next !== COMMA && !ends))
    throw new OotoError(
      'OOTO_ATTEST_WEBAUTHN_CLIENT',
      'peer',
      `the browser did not answer this ${kind} on ${origin}`,
    );
}

function base64url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
