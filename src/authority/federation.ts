/**
 * Whom of other meshes this mesh believes, and what for. What flows through here: operators sign one document that names
 * foreign trust domains, each with the certificates of its trust bundle and a scope; a later document takes its place and
 * never brings back an older bundle; a foreign certificate, or the proof of a message between foreign nodes, is judged by
 * it, and whatever it does not name is refused. It opens no session and replaces no proof of a log: what stands here is the
 * word of the foreign mesh's group key, as SPIFFE has it.
 */
import { compare, concat, equal, lengthPrefixed, utf8 } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { hex, unhex } from '../base/hex.ts';
import { readCertificate } from '../cert/certificate.ts';
import { MAX_CERTIFICATE_BYTES } from '../cert/profile.ts';
import { TIERS } from '../cert/tier.ts';
import { type Root, type ValidCertificate, validateCertificate, validateRoot } from '../cert/validate.ts';
import type { CredentialVerifier } from '../channel/credential.ts';
import { verifyMessageProof } from '../channel/proof.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { decodeDocument, verifyDocument } from '../envelope/document.ts';
import {
  bytes,
  bytesBetween,
  type Fields,
  fields,
  list,
  object,
  oneOf,
  text,
  uint,
} from '../envelope/fields.ts';
import type { Quorum } from '../envelope/quorum.ts';
import type { Store, StoreChange } from '../ports.ts';
import { readCredential } from './credential.ts';
import type { GenesisRecord } from './genesis.ts';

/** Of the PEM block in a file. */
export const FEDERATION_LABEL = 'OOTO FEDERATION';
export const MOST_FEDERATION_BYTES = 512 * 1024;
/** What a foreign trust domain may be believed for. */
export const FOREIGN_USES = ['certificate', 'message'] as const;
export type ForeignUse = (typeof FOREIGN_USES)[number];

const DOCUMENT_KEY = 'federation/document';
const SEEN = 'federation/seen/';
/** A path, or with a slash at its end all that begin so. */
const PATH = /^\/(?:[a-zA-Z0-9._-]+\/)*(?:[a-zA-Z0-9._-]+)?$/;
/** Members of a foreign authority speak for nothing here. */
const AUTHORITY = '/authority';

const domainShape = {
  trustDomain: text(255),
  /** `spiffe_sequence` of the bundle; of one domain it never falls. */
  sequence: uint(),
  /** When the bundle was taken, in milliseconds since 1970, and after how many seconds to look for a newer one. */
  taken: uint(),
  refreshSeconds: uint(),
  /** DER of the authorities' certificates. */
  roots: list(bytesBetween(1, MAX_CERTIFICATE_BYTES), { min: 1, max: 8 }),
  /** Whose certificates and messages count: paths of SPIFFE ids. */
  paths: list(text(512, PATH), { min: 1, max: 32 }),
  uses: list(oneOf(...FOREIGN_USES), { min: 1, max: FOREIGN_USES.length }),
  minimumTier: oneOf(...TIERS),
  /** Milliseconds since 1970: nothing of this domain counts from then on. */
  expires: uint(),
} as const;

export const readFederationBody = object({
  /** The mesh whose operators sign. */
  mesh: bytes(32),
  /** Strictly ascending by trust domain. */
  domains: list(object(domainShape), { max: 64 }),
});

export type FederationBody = ReturnType<typeof readFederationBody>;

/** One foreign mesh, with certificates that were judged. */
export interface ForeignDomain extends Omit<Fields<typeof domainShape>, 'roots'> {
  readonly roots: readonly Root[];
}

export interface Federation {
  readonly version: number;
  /** SHA-256 of what the operators signed. */
  readonly digest: Uint8Array;
  readonly domains: readonly ForeignDomain[];
}

/** A mesh, and the keys of its operators with how many of them must agree. */
export interface FederationTrust extends Quorum {
  meshId: Uint8Array;
}

/**
 * Verifies a document by the operators of the mesh.
 * @throws OOTO_AUTHORITY_FEDERATION, OOTO_ENVELOPE_*, OOTO_CERT_* (peer).
 */
export function verifyFederation(
  crypto: Crypto,
  { meshId, ...operators }: FederationTrust,
  encoded: Uint8Array,
): Federation {
  const signed = decodeDocument(encoded, { maxBytes: MOST_FEDERATION_BYTES });
  const policy = { ...operators, kind: 'federation', body: readFederationBody } as const;
  const { version, digest, body } = verifyDocument(crypto, signed, policy);
  return { version, digest, domains: judgeFederation(crypto, meshId, body) };
}

/** What may be signed at all. @throws OOTO_AUTHORITY_FEDERATION, OOTO_CERT_* (peer). */
export function judgeFederation(crypto: Crypto, meshId: Uint8Array, body: FederationBody): ForeignDomain[] {
  if (!equal(body.mesh, meshId)) throw unsound('it is for another mesh');
  return body.domains.map((domain, i) => {
    const { trustDomain, paths, uses } = domain;
    if (i > 0 && compare(utf8(body.domains[i - 1].trustDomain), utf8(trustDomain)) >= 0)
      throw unsound('trust domains ascend, and each is named once');
    if (trustDomain === hex(meshId)) throw unsound('a mesh is not foreign to itself');
    if (paths.some((path) => isOfAuthority(path) || path === '/'))
      throw unsound('a scope names roles or nodes, and never members of an authority');
    if (new Set(uses).size !== uses.length) throw unsound('a use is named twice');
    const roots = domain.roots.map((certificate) => validateRoot(crypto, { certificate, trustDomain }));
    return { ...domain, roots };
  });
}

/** The operators of the genesis draft sign. */
export function federationTrust({ meshId, draft }: Pick<GenesisRecord, 'meshId' | 'draft'>): FederationTrust {
  return { meshId, keys: draft.operators, threshold: draft.operatorQuorum };
}

export interface StagedFederation {
  readonly federation: Federation;
  /** To be committed before it counts. */
  readonly changes: StoreChange[];
}

/**
 * Takes a document that a node was given in the place of the one it has.
 * @throws OOTO_AUTHORITY_FEDERATION_VERSION (peer) unless it is newer or the same; OOTO_AUTHORITY_FEDERATION_SEQUENCE (peer)
 * for a bundle that is older than one ever taken, or another of the same number; as {@link verifyFederation}.
 */
export function stageFederation(
  crypto: Crypto,
  genesis: GenesisRecord,
  store: Pick<Store, 'get'>,
  encoded: Uint8Array,
): StagedFederation {
  const federation = verifyFederation(crypto, federationTrust(genesis), encoded);
  const current = storedFederation(crypto, genesis, store);
  const isSame = current !== undefined && equal(current.digest, federation.digest);
  if (current && !isSame && federation.version <= current.version)
    throw new OotoError(
      'OOTO_AUTHORITY_FEDERATION_VERSION',
      'peer',
      `federation ${federation.version} does not follow ${current.version}`,
      { hint: 'an older one is never taken again; sign it anew under a higher number' },
    );
  const seen = federation.domains.map((domain) => requireNoOlderBundle(crypto, store, domain));
  return { federation, changes: [{ put: DOCUMENT_KEY, value: encoded }, ...seen] };
}

/** What a node goes by; undefined when it was never given any, and then nobody foreign is believed. */
export function storedFederation(
  crypto: Crypto,
  genesis: GenesisRecord,
  store: Pick<Store, 'get'>,
): Federation | undefined {
  const encoded = store.get(DOCUMENT_KEY);
  return encoded && verifyFederation(crypto, federationTrust(genesis), encoded);
}

/** The number is remembered of domains that are not named any more, too. */
function requireNoOlderBundle(
  crypto: Crypto,
  store: Pick<Store, 'get'>,
  { trustDomain, sequence, roots }: ForeignDomain,
): StoreChange {
  const key = `${SEEN}${trustDomain}`;
  const digest = crypto.sha256(concat(...roots.map(({ der }) => lengthPrefixed(der))));
  const stored = store.get(key);
  const seen =
    stored && fields(decode(stored, { maxBytes: 128 }), { sequence: uint(), digest: bytes(32) }, key);
  if (seen && (sequence < seen.sequence || (sequence === seen.sequence && !equal(digest, seen.digest))))
    throw new OotoError(
      'OOTO_AUTHORITY_FEDERATION_SEQUENCE',
      'peer',
      `the bundle of ${trustDomain} has number ${sequence} after ${seen.sequence}`,
      { hint: 'keys that were replaced do not come back; get the newest bundle of that mesh' },
    );
  return { put: key, value: encode({ sequence, digest }) };
}

export interface ForeignExpectations {
  /** Milliseconds since 1970, now: whether the scope has ended. */
  now: number;
  /** The time at which certificates are judged; now when absent, never later. */
  at?: number;
  /** The SPIFFE id that it must be of. */
  expectedId?: string;
}

/**
 * Whom a certificate of another mesh stands for, as far as this mesh's operators believe that.
 * @throws OOTO_AUTHORITY_FOREIGN (peer) unless trust domain, use and path are in a scope that has not ended;
 * OOTO_CERT_* (peer) as {@link validateCertificate}.
 */
export function validateForeignCertificate(
  crypto: Crypto,
  federation: Federation | undefined,
  certificate: Uint8Array,
  expected: ForeignExpectations,
): ValidCertificate {
  const { trustDomain } = readCertificate(certificate).claims;
  const domain = requireDomain(federation, trustDomain, 'certificate', expected.now);
  const valid = underItsRoots(crypto, domain, certificate, expected);
  requirePath(domain, valid.path);
  return valid;
}

export interface ForeignMessage {
  readonly message: Uint8Array;
  readonly sender: ValidCertificate;
  readonly receiver: ValidCertificate;
  readonly sessionId: Uint8Array;
  readonly epoch: number;
  readonly counter: number;
}

/**
 * What one node of another mesh sent to another, proven, if the sender is somebody whom this mesh's operators believe.
 * `trustDomain` says which mesh is meant and never comes from the proof; at the time `at` both sides' delegations held.
 * @throws OOTO_AUTHORITY_FOREIGN (peer) as {@link validateForeignCertificate}; OOTO_CERT_*, OOTO_CHANNEL_* (peer).
 */
export function validateForeignMessage(
  crypto: Crypto,
  federation: Federation | undefined,
  proof: Uint8Array,
  expected: { trustDomain: string; now: number; at: number },
): ForeignMessage {
  const domain = requireDomain(federation, expected.trustDomain, 'message', expected.now);
  const known = new Map<string, ValidCertificate>();
  const verifier: CredentialVerifier = ({ kind, id, credential }) => {
    if (kind !== 'member') throw foreign('only members of a mesh have certificates');
    const { certificate } = readCredential(credential);
    const valid = underItsRoots(crypto, domain, certificate, { ...expected, expectedId: id });
    known.set(id, valid);
    const { publicKey: identityKey, tbsSha256: subject, notAfter } = valid;
    return { id, kind, identityKey, subject, notAfter };
  };
  const proven = verifyMessageProof(crypto, proof, {
    ...{ meshId: meshIdOf(expected.trustDomain), verifier },
    at: { wall: expected.at, monotonic: 0 },
  });
  const { message, sessionId, epoch, counter } = proven;
  const [sender, receiver] = [known.get(proven.sender.id)!, known.get(proven.receiver.id)!];
  requirePath(domain, sender.path);
  return { message, sender, receiver, sessionId, epoch, counter };
}

function requireDomain(
  federation: Federation | undefined,
  trustDomain: string,
  use: ForeignUse,
  now: number,
): ForeignDomain {
  const domain = federation?.domains.find((each) => each.trustDomain === trustDomain);
  if (!domain) throw foreign(`no operator has said to believe ${trustDomain}`);
  if (!(now < domain.expires))
    throw foreign(`${trustDomain} was to be believed until ${new Date(domain.expires).toISOString()}`);
  if (!domain.uses.includes(use)) throw foreign(`${trustDomain} is not to be believed for a ${use}`);
  return domain;
}

function underItsRoots(
  crypto: Crypto,
  { roots, minimumTier }: ForeignDomain,
  certificate: Uint8Array,
  { now, at = now, expectedId }: ForeignExpectations,
): ValidCertificate {
  if (!(at <= now)) throw new OotoError('OOTO_CERT_INPUT', 'caller', 'a time to come cannot be judged');
  const last = roots.length - 1;
  for (const [i, root] of roots.entries()) {
    try {
      return validateCertificate(crypto, {
        ...{ certificate, root, time: at, skewMs: 0, minimumTier },
        ...(expectedId === undefined ? {} : { expectedId }),
      });
    } catch (error) {
      if (i === last || !isOotoError(error, 'OOTO_CERT_ISSUER')) throw error;
    }
  }
  throw foreign('there is no issuer');
}

/** In the scope, and never of an authority, whatever the scope says. */
function requirePath({ paths, trustDomain }: ForeignDomain, path: string): void {
  const isInScope = paths.some((each) => (each.endsWith('/') ? path.startsWith(each) : path === each));
  if (!isInScope || isOfAuthority(path)) throw foreign(`${path} of ${trustDomain} is not in the scope`);
}

function isOfAuthority(path: string): boolean {
  return path === AUTHORITY || path.startsWith(`${AUTHORITY}/`);
}

/** @throws OOTO_AUTHORITY_FOREIGN (peer) for a trust domain that is no mesh: only meshes make proofs of messages. */
function meshIdOf(trustDomain: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(trustDomain)) throw foreign(`${trustDomain} is no mesh`);
  return unhex(trustDomain);
}

function unsound(why: string): OotoError {
  return new OotoError('OOTO_AUTHORITY_FEDERATION', 'peer', `no federation to sign or take: ${why}`);
}

function foreign(why: string): OotoError {
  return new OotoError('OOTO_AUTHORITY_FOREIGN', 'peer', why);
}
