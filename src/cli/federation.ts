/**
 * `ooto federation`: whom of other meshes this one believes. What flows through here: trust bundles in the form of SPIFFE,
 * from files or over HTTPS, and scopes that an operator wrote become one document, which operators sign; a node takes it
 * from its folder; certificates and proofs of messages of foreign nodes are judged by what a node has taken, whether it
 * runs or not. Files are PEM, `OOTO FEDERATION`.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import {
  FEDERATION_LABEL,
  type Federation,
  type FederationBody,
  FOREIGN_USES,
  judgeFederation,
  readFederationBody,
  stageFederation,
  storedFederation,
  validateForeignCertificate,
  validateForeignMessage,
} from '../authority/federation.ts';
import { compare, utf8, utf8Decode } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { base64, hex, unhex } from '../base/hex.ts';
import { pemDecode, pemEncode } from '../base/pem.ts';
import { readCertificate } from '../cert/certificate.ts';
import { readSpiffeBundle } from '../cert/spiffe-bundle.ts';
import { TIERS } from '../cert/tier.ts';
import type { ValidCertificate } from '../cert/validate.ts';
import { MAX_PROOF_BYTES } from '../channel/proof.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { CborValue } from '../envelope/cbor.ts';
import type { SignedDocument } from '../envelope/document.ts';
import { type Fields, list, object, oneOf, optional, text } from '../envelope/fields.ts';
import { createNodeCrypto } from '../node.ts';
import { nodeClock } from '../platform/node/clock.ts';
import { readFileLimited, writeFileAtomically } from '../platform/node/files.ts';
import { httpClient } from '../platform/node/http.ts';
import { reading, trustOf } from './log-place.ts';
import type { OpenNode } from './node-folder.ts';
import { signedByOperator } from './operator-documents.ts';

/** In a node's folder. */
const FILE = 'federation';
const FILE_BYTES = 1024 * 1024;
const BUNDLE_BYTES = 256 * 1024;
/** Where a bundle does not say: as often as nodes of a mesh write theirs. */
const REFRESH_SECONDS = 300;

/** A scope as an operator writes it. */
const scopeShape = {
  /** A file, from this one's folder, or an address that begins with https:// (SPIFFE's profile `https_web`). */
  bundle: text(2048),
  /** Which trust domain it must be of. */
  trustDomain: text(255),
  paths: list(text(512), { min: 1, max: 32 }),
  uses: list(oneOf(...FOREIGN_USES), { min: 1, max: FOREIGN_USES.length }),
  minimumTier: optional(oneOf(...TIERS)),
  /** As `2027-01-31` or with a time of day. */
  expires: text(32),
} as const;
const readScopes = list(object(scopeShape), { max: 64 });

/** `ooto federation sign`. */
export async function signFederation(
  scopesFile: string,
  { operator, number, mesh, out }: { operator: string; number: string; mesh: string; out: string },
) {
  const crypto = createNodeCrypto();
  if (!/^[0-9a-f]{64}$/.test(mesh)) throw usage('a mesh id is 64 lower-case hexadecimal digits');
  if (!/^[1-9][0-9]{0,14}$/.test(number)) throw usage('--number counts from 1');
  const scopes = readScopes(await readJson(scopesFile), 'scopes');
  const domains = await Promise.all(scopes.map((scope) => domainOf(dirname(scopesFile), scope)));
  domains.sort((a, b) => compare(utf8(a.trustDomain), utf8(b.trustDomain)));
  const body = { mesh: unhex(mesh), domains };
  judgeFederation(crypto, body.mesh, body);
  const draft = { kind: 'federation' as const, version: Number(number), body: body as unknown as CborValue };
  const bytes = await signedByOperator(crypto, operator, draft);
  await writeFileAtomically(out, utf8(pemEncode([{ label: FEDERATION_LABEL, bytes }])));
  return { schema: 'ooto.federation/1' as const, file: out, version: draft.version };
}

type Domain = FederationBody['domains'][number];

async function domainOf(
  folder: string,
  { bundle: place, minimumTier = 'software', expires, ...scope }: Fields<typeof scopeShape>,
): Promise<Domain> {
  const {
    authorities,
    sequence,
    refreshSeconds = REFRESH_SECONDS,
  } = readSpiffeBundle(await bundleText(folder, place));
  if (sequence === undefined)
    throw new OotoError('OOTO_CERT_BUNDLE', 'peer', `the bundle of ${scope.trustDomain} has no number`, {
      hint: 'without spiffe_sequence nobody could tell an older one from a newer',
    });
  const end = Date.parse(expires);
  if (Number.isNaN(end)) throw usage(`${expires} is no day`);
  const taken = nodeClock().now();
  return { ...scope, minimumTier, roots: [...authorities], sequence, refreshSeconds, taken, expires: end };
}

async function bundleText(folder: string, place: string): Promise<string> {
  if (/^[a-z]+:\/\//.test(place) && !place.startsWith('https://'))
    throw usage(`${place}: a bundle comes from a file or over https://`);
  if (!place.startsWith('https://'))
    return utf8Decode(await readFileLimited(resolve(folder, place), BUNDLE_BYTES));
  const { status, body } = await httpClient().get(place, { mostBytes: BUNDLE_BYTES });
  if (status === 200) return utf8Decode(body);
  throw new OotoError('OOTO_TRANSPORT_UNREACHABLE', 'peer', `${place}: status ${status}`);
}

/**
 * Takes what the operators put into the folder of a node, which then goes by it for good.
 * @throws OOTO_AUTHORITY_FEDERATION_VERSION, OOTO_AUTHORITY_FEDERATION_SEQUENCE and as verifying throws (peer).
 */
export async function takeFederation({
  folder,
  crypto,
  node,
  store,
  logger,
}: Pick<OpenNode, 'folder' | 'crypto' | 'node' | 'store' | 'logger'>): Promise<void> {
  const file = join(folder, FILE);
  if (!existsSync(file)) return;
  const encoded = federationInFile(file, await readFileLimited(file, FILE_BYTES));
  const { federation, changes } = stageFederation(crypto, node.trust.genesis, store, encoded);
  await store.commit(changes);
  logger.log('info', 'federation taken', { version: federation.version });
}

export interface ShownFederation {
  schema: 'ooto.federation-state/1';
  version: number;
  domains: {
    trustDomain: string;
    sequence: number;
    keys: string[];
    paths: string[];
    uses: string[];
    minimumTier: string;
    expires: string;
    /** When a newer bundle is to be looked for. */
    refresh: string;
    isDue: boolean;
    hasEnded: boolean;
  }[];
}

/** `ooto federation show`: what the node of a folder goes by, whether it runs or not. */
export async function showFederation(folder: string): Promise<ShownFederation> {
  const now = nodeClock().now();
  const federation = requireTaken(await federationOf(createNodeCrypto(), folder), folder);
  const domains = federation.domains.map(({ roots, taken, refreshSeconds, expires, ...scope }) => {
    const { trustDomain, sequence, paths, uses, minimumTier } = scope;
    const refresh = taken + 1000 * refreshSeconds;
    return {
      ...{ trustDomain, sequence, paths, uses, minimumTier },
      keys: roots.map(({ publicKey }) => hex(publicKey)),
      ...{
        expires: moment(expires),
        refresh: moment(refresh),
        isDue: now >= refresh,
        hasEnded: now >= expires,
      },
    };
  });
  return { schema: 'ooto.federation-state/1', version: federation.version, domains };
}

export interface JudgedForeign {
  schema: 'ooto.foreign/1';
  kind: 'certificate' | 'message';
  id: string;
  trustDomain: string;
  tier: string;
  notAfter: string;
  /** Of a message: to whom, and what, in base64. */
  receiver?: string;
  message?: string;
}

/**
 * `ooto federation verify`: a certificate in PEM, or the proof of a message, by what the node of a folder goes by.
 * @throws OOTO_VERIFY_FOREIGN (peer).
 */
export async function verifyForeign(
  file: string,
  { folder, trustDomain, at }: { folder: string; trustDomain?: string; at?: string },
): Promise<JudgedForeign> {
  const crypto = createNodeCrypto();
  const federation = await federationOf(crypto, folder);
  const content = await readFileLimited(file, MAX_PROOF_BYTES);
  const now = nodeClock().now();
  const time = at === undefined ? now : Date.parse(at);
  if (Number.isNaN(time)) throw usage(`${at} is no time`);
  try {
    const certificate = certificateIn(content);
    if (certificate)
      return {
        schema: 'ooto.foreign/1',
        kind: 'certificate',
        ...named(
          validateForeignCertificate(crypto, federation, certificate, {
            ...{ now, at: time },
            ...(trustDomain === undefined ? {} : { expectedId: expectedIdIn(certificate, trustDomain) }),
          }),
        ),
      };
    if (trustDomain === undefined || at === undefined)
      throw usage('of the proof of a message --trust-domain and --at say of which mesh, and when');
    const { sender, receiver, message } = validateForeignMessage(crypto, federation, content, {
      ...{ trustDomain, now, at: time },
    });
    const said = { receiver: receiver.id, message: base64(message) };
    return { schema: 'ooto.foreign/1', kind: 'message', ...named(sender), ...said };
  } catch (cause) {
    if (!isOotoError(cause) || cause.fault !== 'peer') throw cause;
    throw new OotoError('OOTO_VERIFY_FOREIGN', 'peer', `${cause.message} (${cause.code})`, { cause });
  }
}

/** The signed document in a file, unverified. @throws OOTO_BASE_PEM, OOTO_AUTHORITY_FEDERATION (peer). */
export function federationInFile(file: string, content: Uint8Array): Uint8Array {
  const [block, ...more] = pemDecode(utf8Decode(content));
  if (more.length === 0 && block?.label === FEDERATION_LABEL) return block.bytes;
  throw new OotoError('OOTO_AUTHORITY_FEDERATION', 'peer', `${file} holds no federation`);
}

export function scopesIn({ body }: SignedDocument): Domain[] {
  return readFederationBody(body, 'federation').domains;
}

export function describeScope({ trustDomain, sequence, roots, paths, uses, minimumTier, expires }: Domain) {
  return [
    `${trustDomain} is believed for ${uses.join(' and ')} of ${paths.join(', ')}`,
    `  of tier ${minimumTier} at least, until ${moment(expires)}, by bundle ${sequence} with ${roots.length} keys`,
  ];
}

function federationOf(crypto: Crypto, folder: string): Promise<Federation | undefined> {
  return reading(folder, (store) => storedFederation(crypto, trustOf(crypto, folder, store).genesis, store));
}

function requireTaken(federation: Federation | undefined, folder: string): Federation {
  if (federation) return federation;
  throw new OotoError('OOTO_CLI_NODE', 'caller', `the node of ${folder} was given no federation`, {
    hint: 'put what the operators signed into its folder as `federation`, and start it',
  });
}

function certificateIn(content: Uint8Array): Uint8Array | undefined {
  try {
    const [block] = pemDecode(utf8Decode(content));
    return block?.label === 'CERTIFICATE' ? block.bytes : undefined;
  } catch {
    return undefined;
  }
}

/** The id that it names, in the trust domain that was asked for: of another it is refused. */
function expectedIdIn(certificate: Uint8Array, trustDomain: string): string {
  const { claims } = readCertificate(certificate);
  return claims.kind === 'leaf' ? `spiffe://${trustDomain}${claims.path}` : `spiffe://${trustDomain}`;
}

function named({ id, trustDomain, tier, notAfter }: ValidCertificate) {
  return { id, trustDomain, tier, notAfter: moment(notAfter) };
}

async function readJson(file: string): Promise<unknown> {
  const content = utf8Decode(await readFileLimited(file, FILE_BYTES));
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new OotoError('OOTO_CLI_USAGE', 'caller', `${file} is not JSON`, { cause });
  }
}

function moment(time: number): string {
  return new Date(time).toISOString();
}

function usage(message: string): OotoError {
  return new OotoError('OOTO_CLI_USAGE', 'caller', message);
}
