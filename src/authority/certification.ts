/**
 * What the authority signs for whom. What flows through here: an accepted request becomes the one certificate
 * body it may become; every member compares the body it is asked to sign with the request it judged itself, so a
 * coordinator can choose serial number and moment and nothing else.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { type LeafTbs, readTbs } from '../cert/certificate.ts';
import { keyIdentifier } from '../cert/key-identifier.ts';
import { formatSpiffeId, parseSpiffeId } from '../cert/spiffe-id.ts';
import { randomSerial, writeTbs } from '../cert/write.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { EnrolmentRequest } from './request.ts';
import type { TrustBundle } from './trust-bundle.ts';

/** A certificate begins this long before it is issued, so that clocks two minutes apart agree that it is valid. */
export const BACKDATE_MS = 120_000;
/** The group key's own certificate outlives every rotation that is planned. */
const ROOT_LIFE_MS = 10 * 365 * 24 * 3_600_000;
/** How far a body's times may be from the member's own clock. */
const TIME_TOLERANCE_MS = 60_000;

/** The SPIFFE id of a node: role and name under the mesh's trust domain. */
export function nodeIdOf(meshId: Uint8Array, role: string, name: string): string {
  return formatSpiffeId({ trustDomain: hex(meshId), path: `/${role}/${name}` });
}

/** Role and name from a node's id. @throws OOTO_AUTHORITY_NAME, OOTO_CERT_NAME (peer). */
export function readNodeId(id: string): { meshId: string; role: string; name: string } {
  const { trustDomain, path } = parseSpiffeId(id);
  const segments = path.slice(1).split('/');
  if (segments.length !== 2)
    throw new OotoError('OOTO_AUTHORITY_NAME', 'peer', 'a node is named by role and name', {
      hint: 'spiffe://<mesh id>/<role>/<name>',
    });
  return { meshId: trustDomain, role: segments[0], name: segments[1] };
}

/**
 * The body of the group key's own certificate: the same on every member.
 * @param bundle a trust bundle, or as much of the one to come as is known before it has its certificate
 */
export function rootTbs(
  crypto: Crypto,
  bundle: Pick<TrustBundle, 'mesh' | 'version' | 'groupKey' | 'created'>,
): Promise<Uint8Array> {
  const { mesh, version, groupKey, created } = bundle;
  const serial = (version === 0 ? mesh : groupKey).slice(0, 16);
  serial[0] = (serial[0] & 0x3f) | 0x40;
  const notBefore = created - BACKDATE_MS;
  return writeTbs(crypto, {
    kind: 'root',
    serial,
    notBefore,
    notAfter: notBefore + ROOT_LIFE_MS,
    trustDomain: hex(mesh),
    publicKey: groupKey,
  });
}

/** A new body for an accepted request. */
export function leafTbs(
  crypto: Crypto,
  { groupKey }: { groupKey: Uint8Array },
  request: EnrolmentRequest,
  now: number,
): Promise<Uint8Array> {
  return writeTbs(crypto, {
    kind: 'leaf',
    serial: randomSerial(crypto.random),
    notBefore: now - BACKDATE_MS,
    notAfter: now + request.life,
    id: request.id,
    publicKey: request.key,
    tier: request.tier,
    issuerKey: groupKey,
  });
}

/**
 * A member's own judgement of a body: it says what the request says, about this mesh, for no longer than asked
 * and allowed, and from now.
 * @throws OOTO_AUTHORITY_TBS (peer), OOTO_CERT_* (peer).
 */
export function requireFaithful(
  crypto: Crypto,
  { meshId, groupKey }: { meshId: Uint8Array; groupKey: Uint8Array },
  tbs: Uint8Array,
  expected: { request: EnrolmentRequest; now: number; longestLifeMs: number },
): LeafTbs {
  const claims = readTbs(tbs);
  const { request, now, longestLifeMs } = expected;
  if (claims.kind !== 'leaf') throw unfaithful('is no leaf');
  if (claims.issuer !== hex(meshId)) throw unfaithful('names another issuer');
  if (claims.id !== request.id) throw unfaithful('is for another name');
  if (
    claims.publicKey.algorithm !== request.key.algorithm ||
    !equal(claims.publicKey.bytes, request.key.bytes)
  )
    throw unfaithful('is for another key');
  if (
    !equal(claims.subjectKeyIdentifier, keyIdentifier(crypto, request.key.bytes)) ||
    !equal(claims.authorityKeyIdentifier, keyIdentifier(crypto, groupKey))
  )
    throw unfaithful('gives a key another identifier');
  if (claims.tier !== request.tier) throw unfaithful('claims another tier');
  if (Math.abs(claims.notBefore + BACKDATE_MS - now) > TIME_TOLERANCE_MS)
    throw unfaithful('does not begin now');
  const life = claims.notAfter - claims.notBefore - BACKDATE_MS;
  if (request.life > longestLifeMs) throw unfaithful('lives longer than allowed');
  if (Math.abs(life - request.life) > 1_000) throw unfaithful('does not live as long as asked');
  return claims;
}

function unfaithful(what: string): OotoError {
  return new OotoError('OOTO_AUTHORITY_TBS', 'peer', `the certificate body ${what}`);
}
