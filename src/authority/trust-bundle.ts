/**
 * Trust bundles: under which group key a mesh stands. What flows through here: bundle 0 is derived from the genesis
 * record; each later one names the next group key, with its root certificate, and the keys that still count for a
 * while; it is signed by the group key before it and by its own, or, where the one before is lost, by the operators'
 * quorum and its own. A reader goes from one to the next, never past one and never back.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { type Root, validateRoot } from '../cert/validate.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import { requireSuccessor } from '../envelope/document.ts';
import {
  bytes,
  bytesBetween,
  type Fields,
  fields,
  list,
  object,
  optional,
  text,
  uint,
  variant,
} from '../envelope/fields.ts';
import { type NamedSignature, type Quorum, verifyQuorum } from '../envelope/quorum.ts';
import { statementMessage } from '../envelope/statement.ts';
import type { GenesisDraft, GenesisRecord } from './genesis.ts';
import { mayApprove } from './operator-role.ts';

/** A bundle in its encoding. */
export const MOST_BUNDLE_BYTES = 16 * 1024;
/** Longer than any certificate that a policy should allow. */
export const MOST_RETIRING_MS = 30 * 24 * 3_600_000;
const MOST_RETIRING = 8;

const bundleShape = {
  /** The mesh id. */
  mesh: bytes(32),
  /** Counts from 0, the bundle of the genesis record. */
  version: uint(),
  /** The Ed25519 key under which certificates, heads and documents are signed from now on. */
  groupKey: bytes(32),
  /** Digest of the bundle before; of bundle 0, the mesh id. */
  previous: bytes(32),
  /** Milliseconds since 1970. */
  created: uint(),
  /**
   * Keys of earlier bundles whose certificates count until then; nothing else under them does. After a rescue, who had
   * a certificate under the key at `since` may renew it until then, though it has ended.
   */
  retiring: list(object({ groupKey: bytes(32), until: uint(), since: optional(uint()) }), {
    max: MOST_RETIRING,
  }),
  /** The group key's own certificate, DER. */
  root: bytesBetween(1, 8 * 1024),
} as const;

export type TrustBundleBody = Fields<typeof bundleShape>;
const bundleBody = object(bundleShape);

/** Who lets the next group key in: the group key before it, or the operators where that one is lost. */
const readSuccession = variant('kind', {
  group: { signature: bytes(64) },
  operators: {
    signatures: list(object({ keyid: text(256), signature: bytes(64) }), { min: 1, max: 16 }),
  },
});
/** @throws OOTO_ENVELOPE_* (peer). */
export const readOperatorSignatures = list(object({ keyid: text(256), signature: bytes(64) }), { max: 16 });
export type Succession =
  | { kind: 'group'; signature: Uint8Array }
  | { kind: 'operators'; signatures: readonly NamedSignature[] };

export interface TrustBundle extends Omit<TrustBundleBody, 'root'> {
  /** Of what is signed, so that it is the same whoever signed. */
  digest: Uint8Array;
  /** Names of the operators whose word lets it in, where it is a rescue. */
  operators?: readonly string[];
  /** Absent in bundle 0: its certificate is not in the genesis record. */
  root?: Root;
  /** Absent in bundle 0, which nobody sends. */
  encoded?: Uint8Array;
}

/** What every mesh begins with. */
export function firstBundle(crypto: Crypto, { meshId, groupKey, draft }: GenesisRecord): TrustBundle {
  const { created } = draft;
  const body = { mesh: meshId, version: 0, groupKey, previous: meshId, created, retiring: [] };
  return { ...body, digest: crypto.sha256(statementMessage('trust-bundle', body)) };
}

/** The body that follows `previous`. */
export function nextBundle(
  previous: TrustBundle,
  { groupKey, created, retiring, root }: Pick<TrustBundleBody, 'groupKey' | 'created' | 'retiring' | 'root'>,
): TrustBundleBody {
  const { mesh, version, digest } = previous;
  return { mesh, version: version + 1, groupKey, previous: digest, created, retiring, root };
}

/** The bytes that the group keys sign, the one before and its own. */
export function bundleMessage(body: TrustBundleBody): Uint8Array {
  return statementMessage('trust-bundle', plainBundle(body));
}

/** The bytes that operators sign where the group key before is lost. */
export function rescueMessage(body: TrustBundleBody): Uint8Array {
  return statementMessage('trust-rescue', plainBundle(body));
}

/** The bundle as it is sent and kept. `own` is the new group key's signature over {@link bundleMessage}. */
export function encodeBundle(
  body: TrustBundleBody,
  { own, succession }: { own: Uint8Array; succession: Succession },
): Uint8Array {
  return encode({ body: plainBundle(body), own, succession: plainSuccession(succession) });
}

/** The body as a member reads it from a proposal. @throws OOTO_ENVELOPE_FIELD (peer). */
export const readBundleBody = bundleBody;

/**
 * Judges the bundle that is to follow `previous`.
 * @throws OOTO_ENVELOPE_VERSION for any other version; OOTO_AUTHORITY_BUNDLE for one that does not fit;
 * OOTO_ENVELOPE_*, OOTO_CRYPTO_*, OOTO_CERT_* (peer) for signatures, keys and its certificate.
 */
export function verifyBundle(
  crypto: Crypto,
  genesis: GenesisRecord,
  previous: TrustBundle,
  encoded: Uint8Array,
): TrustBundle {
  const read = readBundle(encoded);
  const { root: certificate, ...body } = read.body;
  requireFollows(crypto, read.body, previous);
  const message = bundleMessage(read.body);
  crypto.ed25519.verify(body.groupKey, message, read.own);
  const operators = requireSuccession(crypto, genesis, previous, read);
  const root = validateRoot(crypto, { certificate, trustDomain: hex(genesis.meshId) });
  if (!equal(root.publicKey, body.groupKey)) throw refuse('its certificate is of another key');
  return { ...body, digest: crypto.sha256(message), root, encoded, ...(operators ? { operators } : {}) };
}

/** What a bundle claims. @throws OOTO_ENVELOPE_* (peer). */
export function peekBundle(encoded: Uint8Array): TrustBundleBody {
  return readBundle(encoded).body;
}

function readBundle(encoded: Uint8Array) {
  const shape = { body: bundleBody, own: bytes(64), succession: readSuccession } as const;
  return fields(decode(encoded, { maxBytes: MOST_BUNDLE_BYTES }), shape, 'trust bundle');
}

/**
 * What holds before anybody signs: it is the next of this mesh, under a new key, and keeps of the old keys no more
 * and for no longer than they have.
 * @throws OOTO_ENVELOPE_VERSION, OOTO_AUTHORITY_BUNDLE, OOTO_CRYPTO_KEY (peer).
 */
export function requireFollows(crypto: Crypto, body: TrustBundleBody, previous: TrustBundle): void {
  if (!equal(body.mesh, previous.mesh)) throw refuse('it is for another mesh');
  requireSuccessor(previous, body);
  if (!equal(body.previous, previous.digest)) throw refuse('it follows another bundle than the one known');
  if (body.created < previous.created) throw refuse('it is older than the bundle before');
  crypto.ed25519.admitKey(body.groupKey);
  requireRetiring(body, previous);
}

function requireRetiring({ groupKey, retiring, created }: TrustBundleBody, previous: TrustBundle): void {
  const before = new Map(previous.retiring.map((key) => [hex(key.groupKey), key]));
  if (before.has(hex(groupKey)) || equal(previous.groupKey, groupKey)) throw refuse('a group key comes back');
  for (const key of retiring) {
    const isReplaced = equal(key.groupKey, previous.groupKey);
    const earlier = before.get(hex(key.groupKey));
    if (!earlier && !isReplaced) throw refuse('a key retires that was not in force');
    if (key.until > (earlier?.until ?? created + MOST_RETIRING_MS))
      throw refuse('a retiring key lasts longer than it may');
    if (!isReplaced && key.since !== earlier?.since)
      throw refuse('other certificates come back under a retiring key than before');
  }
  if (new Set(retiring.map((key) => hex(key.groupKey))).size !== retiring.length)
    throw refuse('a key retires twice');
}

/** Returns who let it in where that was operators. */
function requireSuccession(
  crypto: Crypto,
  { draft }: GenesisRecord,
  previous: TrustBundle,
  { body, succession }: { body: TrustBundleBody; succession: Succession },
): string[] | undefined {
  if (succession.kind === 'operators')
    return verifyQuorum(crypto, rescueMessage(body), succession.signatures, rescueQuorum(draft));
  if (isRescue(body, previous)) throw refuse('only operators let back in whose certificates have ended');
  crypto.ed25519.verify(previous.groupKey, bundleMessage(body), succession.signature);
  return undefined;
}

/** The operators who may let a group key in where the one before is lost, and how many must. */
export function rescueQuorum({ operators, operatorQuorum }: GenesisDraft): Quorum {
  return { keys: operators.filter((each) => mayApprove(each, 'rescue')), threshold: operatorQuorum };
}

/** Whether certificates under the key that it replaces may come back, which no group key can give. */
export function isRescue(body: Pick<TrustBundleBody, 'retiring'>, previous: TrustBundle): boolean {
  return body.retiring.some(
    ({ groupKey, since }) => since !== undefined && equal(groupKey, previous.groupKey),
  );
}

/** As it is encoded. */
export function plainBundle({ retiring, ...body }: TrustBundleBody): CborValue {
  return { ...body, retiring: retiring.map(plainRetiring) };
}

export function plainRetiring({ groupKey, until, since }: TrustBundleBody['retiring'][number]): CborValue {
  return { groupKey, until, ...(since === undefined ? {} : { since }) };
}

function plainSuccession(succession: Succession): CborValue {
  if (succession.kind === 'group') return { kind: 'group', signature: succession.signature };
  const signatures = succession.signatures.map(({ keyid, signature }) => ({ keyid, signature }));
  return { kind: 'operators', signatures };
}

function refuse(why: string): OotoError {
  return new OotoError('OOTO_AUTHORITY_BUNDLE', 'peer', `no trust bundle: ${why}`);
}
