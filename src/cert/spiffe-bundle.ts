/**
 * Trust bundles in the form of SPIFFE, for software of other meshes and of none. What flows through here: root
 * certificates become a JWK set (SPIFFE Trust Domain and Bundle, section 4; RFC 7517, RFC 8037); a set from outside is
 * read strictly where SPIFFE demands it, keys for other uses are passed over, and out come certificates that nobody has
 * judged yet.
 */
import { OotoError } from '../base/errors.ts';
import { base64, unbase64 } from '../base/hex.ts';
import type { Root } from './validate.ts';

export interface SpiffeBundle {
  /** DER of one certificate for each authority, in the order of the set. */
  readonly authorities: readonly Uint8Array[];
  /** Grows with each change of the set. */
  readonly sequence?: number;
  /** How often to look for a newer one. */
  readonly refreshSeconds?: number;
}

const MOST_CHARACTERS = 256 * 1024;
const MOST_KEYS = 64;

/** The bundle of a trust domain whose roots are these, as text. */
export function formatSpiffeBundle(
  roots: readonly Root[],
  { sequence, refreshSeconds }: Pick<Required<SpiffeBundle>, 'sequence' | 'refreshSeconds'>,
): string {
  const keys = roots.map(({ publicKey, der }) => ({
    kty: 'OKP',
    use: 'x509-svid',
    crv: 'Ed25519',
    x: base64url(publicKey),
    x5c: [base64(der)],
  }));
  return `${JSON.stringify({ keys, spiffe_sequence: sequence, spiffe_refresh_hint: refreshSeconds }, undefined, 2)}\n`;
}

/**
 * The authorities of a bundle. Whether they are of a mesh, and of which, {@link validateRoot} judges.
 * @throws OOTO_CERT_BUNDLE (peer) for what is no bundle, for a certificate list that is not of one, and for keys without
 * the name that their use demands; OOTO_BASE_BASE64 (peer).
 */
export function readSpiffeBundle(text: string): SpiffeBundle {
  const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: refreshSeconds } = parse(text);
  if (!Array.isArray(keys)) throw malformed('there is no list of keys');
  if (keys.length > MOST_KEYS) throw malformed(`more than ${MOST_KEYS} keys`);
  return {
    authorities: keys.map(authority).filter((certificate) => certificate !== undefined),
    ...(sequence === undefined ? {} : { sequence: count(sequence, 'spiffe_sequence') }),
    ...(refreshSeconds === undefined ? {} : { refreshSeconds: count(refreshSeconds, 'spiffe_refresh_hint') }),
  };
}

function parse(text: string): Record<string, unknown> {
  if (text.length > MOST_CHARACTERS) throw malformed(`more than ${MOST_CHARACTERS} characters`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed('not JSON', cause);
  }
  return record(value);
}

/** The certificate of a key that is for X.509; nothing for one that is not. */
function authority(key: unknown): Uint8Array | undefined {
  const { use, kid, kty, x5c } = record(key);
  if (typeof kty !== 'string') throw malformed('a key without its type');
  if (use === 'jwt-svid' && typeof kid !== 'string') throw malformed('a key for tokens without an id');
  if (use !== 'x509-svid') return undefined;
  if (!Array.isArray(x5c) || x5c.length !== 1 || typeof x5c[0] !== 'string')
    throw malformed('an authority has not exactly one certificate');
  return unbase64(x5c[0]);
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('not an object');
  return value as Record<string, unknown>;
}

function count(value: unknown, name: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw malformed(`${name} is no count`);
  return value as number;
}

function base64url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function malformed(what: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_CERT_BUNDLE', 'peer', `not a SPIFFE bundle: ${what}`, { cause });
}
