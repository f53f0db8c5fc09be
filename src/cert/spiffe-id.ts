/**
 * SPIFFE names (SPIFFE-ID standard, sections 2 and 2.1 to 2.4). What flows through here: a text becomes a trust
 * domain and a path when it is in the one spelling the standard has, and back.
 */
import { OotoError } from '../base/errors.ts';

export interface SpiffeId {
  /** For a mesh: its id, 64 hexadecimal digits. */
  trustDomain: string;
  /** Empty for the trust domain itself, else a slash before each segment. */
  path: string;
}

const SCHEME = 'spiffe://';
const MAX_ID_BYTES = 2048;
const MAX_TRUST_DOMAIN_BYTES = 255;
const TRUST_DOMAIN = /^[a-z0-9._-]+$/;
const SEGMENT = /^[a-zA-Z0-9._-]+$/;

/**
 * The parts of a SPIFFE ID.
 * @throws OOTO_CERT_NAME (peer) for another scheme, a trust domain beyond `[a-z0-9._-]`, empty or dot segments,
 * a trailing slash, escapes, query, fragment, port or user, or more than 2048 bytes.
 */
export function parseSpiffeId(text: string): SpiffeId {
  if (text.length > MAX_ID_BYTES) throw misnamed(`more than ${MAX_ID_BYTES} bytes`);
  if (!text.startsWith(SCHEME)) throw misnamed('the scheme is not spiffe');
  const slash = text.indexOf('/', SCHEME.length);
  const end = slash < 0 ? text.length : slash;
  const id = { trustDomain: text.slice(SCHEME.length, end), path: text.slice(end) };
  requireTrustDomain(id.trustDomain);
  requirePath(id.path);
  return id;
}

/**
 * The text of a SPIFFE ID.
 * @throws OOTO_CERT_NAME (peer) for parts that no SPIFFE ID has.
 */
export function formatSpiffeId({ trustDomain, path }: SpiffeId): string {
  const text = `${SCHEME}${trustDomain}${path}`;
  const parsed = parseSpiffeId(text);
  if (parsed.trustDomain !== trustDomain) throw misnamed('the trust domain holds a slash');
  return text;
}

function requireTrustDomain(trustDomain: string): void {
  if (trustDomain.length > MAX_TRUST_DOMAIN_BYTES || !TRUST_DOMAIN.test(trustDomain))
    throw misnamed('the trust domain is not 1 to 255 of a-z, 0-9, dot, dash and underscore');
}

function requirePath(path: string): void {
  if (path === '') return;
  for (const segment of path.slice(1).split('/'))
    if (!SEGMENT.test(segment) || segment === '.' || segment === '..')
      throw misnamed(
        'a path segment is empty, a dot segment, or beyond letters, digits, dot, dash, underscore',
      );
}

function misnamed(what: string): OotoError {
  return new OotoError('OOTO_CERT_NAME', 'peer', `not a SPIFFE ID: ${what}`);
}
