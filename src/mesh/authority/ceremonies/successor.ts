/**
 * What is to follow the documents in force. What flows through here: a member is shown a successor by whoever leads;
 * it judges every part of it by the action in its own log: the committee that was approved and no other, certified by
 * all its new members, holding shares that the old ones dealt (or a key that all of them made), and a bundle that keeps
 * the old key as long as was approved. Only then may the group sign.
 */
import type { ApprovedAction } from '../../../authority/action.ts';
import type { AuthorityView } from '../../../authority/authority-view.ts';
import { rootTbs } from '../../../authority/certification.ts';
import {
  committeeMessage,
  requireCertified,
  requireCommitteeFollows,
} from '../../../authority/committee-record.ts';
import { plainFounder } from '../../../authority/genesis.ts';
import {
  bundleMessage,
  plainRetiring,
  requireFollows,
  type TrustBundleBody,
} from '../../../authority/trust-bundle.ts';
import { equal } from '../../../base/bytes.ts';
import { OotoError } from '../../../base/errors.ts';
import { hex } from '../../../base/hex.ts';
import { validateRoot } from '../../../cert/validate.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { encode } from '../../../envelope/cbor.ts';
import {
  committeeDigest,
  decodeGenerationCertificate,
  decodeResharingCertificate,
  groupKey,
  type PublicPackage,
  verifyGenerationCertificate,
  verifyResharingCertificate,
} from '../../../threshold/index.ts';
import type { Part, Successor } from './ceremony-message.ts';
import { type Plan, planOf } from './plan.ts';

/** Clocks of members may differ by this much. */
const CLOCK_SKEW_MS = 120_000;

/**
 * The public package of a successor that may be signed.
 * @throws OOTO_MESH_CEREMONY_SUCCESSOR (peer) for what was not approved; OOTO_AUTHORITY_*, OOTO_THRESHOLD_*, OOTO_CERT_*,
 * OOTO_CRYPTO_* (peer).
 */
export function judgeSuccessor(
  crypto: Crypto,
  authority: AuthorityView,
  { action, digest }: ApprovedAction,
  { bundle, committee, certificate, proof }: Successor,
  now: number,
): PublicPackage {
  const plan = planOf(action, authority);
  if (!equal(committee.action, digest)) throw unapproved('it names another action');
  if (committee.created > now + CLOCK_SKEW_MS) throw unapproved('it is of the future');
  const groupKeys = [authority.groupKey, ...(bundle ? [bundle.groupKey] : [])];
  const publicPackage = requireCommitteeFollows(crypto, {
    body: committee,
    previous: authority.committee,
    groupKeys,
  });
  requirePlanned(crypto, plan, committee.members, publicPackage);
  requireCertified(crypto, committee, certificate);
  if (plan.overlapMs !== undefined) {
    verifyGenerationCertificate(crypto, publicPackage, decodeGenerationCertificate(proof));
    requireBundle(crypto, authority, plan, bundle, publicPackage);
  } else {
    if (bundle) throw unapproved('it changes the group key');
    const dealt = decodeResharingCertificate(proof);
    verifyResharingCertificate(crypto, authority.publicPackage, publicPackage, dealt);
  }
  return publicPackage;
}

/** The committee that the action asks for, with exactly these members. */
export function requirePlanned(
  crypto: Crypto,
  plan: Plan,
  members: Plan['members'],
  { committee }: PublicPackage,
): void {
  const isSame = equal(committeeDigest(crypto, committee), committeeDigest(crypto, plan.committee));
  const areMembers = equal(encode(members.map(plainFounder)), encode(plan.members.map(plainFounder)));
  if (!isSame || !areMembers) throw unapproved('its committee is not the approved one');
}

/** The keys that retire with another group key: the one in force, and those that still count. */
export function retiringAfter(
  { bundle }: AuthorityView,
  { overlapMs = 0, since }: Pick<Plan, 'overlapMs' | 'since'>,
  created: number,
): TrustBundleBody['retiring'] {
  const older = bundle.retiring.filter(({ until }) => until > created);
  const back = since === undefined ? {} : { since };
  return [{ groupKey: bundle.groupKey, until: created + overlapMs, ...back }, ...older];
}

/** The bundle follows, names the key of this package, and keeps of older keys what was planned. @throws as {@link judgeSuccessor}. */
export function requireBundle(
  crypto: Crypto,
  authority: AuthorityView,
  plan: Plan,
  bundle: TrustBundleBody | undefined,
  publicPackage: PublicPackage,
): void {
  if (!bundle) throw unapproved('it keeps the group key');
  if (!equal(bundle.groupKey, groupKey(publicPackage))) throw unapproved('its bundle is of another key');
  requireFollows(crypto, bundle, authority.bundle);
  const retiring = retiringAfter(authority, plan, bundle.created);
  if (!equal(encodeRetiring(bundle.retiring), encodeRetiring(retiring)))
    throw unapproved('its bundle keeps other keys, or for another time');
  const root = validateRoot(crypto, { certificate: bundle.root, trustDomain: hex(authority.meshId) });
  if (!equal(root.publicKey, bundle.groupKey)) throw unapproved('its root is of another key');
}

function encodeRetiring(retiring: TrustBundleBody['retiring']): Uint8Array {
  return encode(retiring.map(plainRetiring));
}

/** The bytes that a group key signs for one part of a successor. */
export function messageOf({ bundle, committee }: Successor, part: Exclude<Part, 'root'>): Uint8Array {
  if (part === 'committee') return committeeMessage(committee);
  if (!bundle) throw unapproved('it has no bundle');
  return bundleMessage(bundle);
}

/** The body of the new group key's certificate, which is signed before there is a bundle to put it in. */
export function nextRoot(
  crypto: Crypto,
  { bundle, meshId }: AuthorityView,
  { groupKey: key, created }: { groupKey: Uint8Array; created: number },
): Promise<Uint8Array> {
  return rootTbs(crypto, { mesh: meshId, version: bundle.version + 1, groupKey: key, created });
}

export function unapproved(what: string): OotoError {
  return new OotoError('OOTO_MESH_CEREMONY_SUCCESSOR', 'peer', `this is not what was approved: ${what}`);
}
