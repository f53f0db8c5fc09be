/**
 * What operators sign so that a mesh comes back whose group key is lost or has ended. What flows through here: members
 * have made another key for an action that operators approved; the trust bundle that names it and the committee record,
 * both signed by the new key, go to the operators with that action; each of them judges all of it from the genesis
 * record on and signs the bundle; with the signatures of the quorum it becomes documents that go into force.
 */
import { type ActionOf, MAX_ACTION_BYTES, verifyAction } from '../../../authority/action.ts';
import type { AuthorityDocuments, AuthorityView } from '../../../authority/authority-view.ts';
import {
  type CommitteeRecord,
  MOST_COMMITTEE_BYTES,
  verifyCommittee,
} from '../../../authority/committee-record.ts';
import {
  bundleMessage,
  encodeBundle,
  MOST_BUNDLE_BYTES,
  plainBundle,
  readBundleBody,
  readOperatorSignatures,
  rescueMessage,
  rescueQuorum,
} from '../../../authority/trust-bundle.ts';
import { equal } from '../../../base/bytes.ts';
import { isOotoError, OotoError } from '../../../base/errors.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { decode, encode } from '../../../envelope/cbor.ts';
import { bytes, bytesBetween, type Fields, fields, literal } from '../../../envelope/fields.ts';
import type { SigningKey } from '../../../envelope/keys.ts';
import { type Plan, planOf } from './plan.ts';
import { requireBundle, requirePlanned, unapproved } from './successor.ts';

export const MOST_RESCUE_BYTES = MAX_ACTION_BYTES + MOST_BUNDLE_BYTES + MOST_COMMITTEE_BYTES + 4096;

const rescueShape = {
  kind: literal('rescue'),
  /** With its approvals. */
  action: bytesBetween(1, MAX_ACTION_BYTES),
  bundle: readBundleBody,
  /** Of the new group key, over the bundle. */
  own: bytes(64),
  /** The committee record, signed by the new group key. */
  committee: bytesBetween(1, MOST_COMMITTEE_BYTES),
  /** Of operators, over the bundle; nobody has checked them. */
  signatures: readOperatorSignatures,
} as const;

export type Rescue = Omit<Fields<typeof rescueShape>, 'kind'>;

/** All of it but the operators' signatures was judged. */
export interface JudgedRescue {
  readonly action: ActionOf<'rescue'>;
  readonly plan: Plan;
  readonly committee: CommitteeRecord;
}

export function encodeRescue({ action, bundle, own, committee, signatures }: Rescue): Uint8Array {
  const signed = signatures.map(({ keyid, signature }) => ({ keyid, signature }));
  return encode({ kind: 'rescue', action, bundle: plainBundle(bundle), own, committee, signatures: signed });
}

/** @throws OOTO_ENVELOPE_* (peer). */
export function readRescue(encoded: Uint8Array): Rescue {
  const { kind: _, ...rescue } = fields(
    decode(encoded, { maxBytes: MOST_RESCUE_BYTES }),
    rescueShape,
    'rescue',
  );
  return rescue;
}

/** Whether these bytes are a rescue and not an action. */
export function isRescueEncoding(encoded: Uint8Array): boolean {
  try {
    readRescue(encoded);
    return true;
  } catch (error) {
    if (isOotoError(error)) return false;
    throw error;
  }
}

/**
 * Whether this is what the operators approved: of the next trust bundle, certified by every member that they named.
 * @param authority as it is before
 * @throws OOTO_MESH_CEREMONY_* (peer) for what was not approved; OOTO_AUTHORITY_*, OOTO_ENVELOPE_*, OOTO_THRESHOLD_*,
 * OOTO_CERT_*, OOTO_CRYPTO_* (peer).
 */
export function judgeRescue(
  crypto: Crypto,
  authority: AuthorityView,
  { action: encoded, bundle, own, committee: record }: Rescue,
): JudgedRescue {
  const { action, digest } = verifyAction(crypto, authority.genesis, encoded);
  if (action.kind !== 'rescue') throw unapproved('the action is no rescue');
  const plan = planOf(action, authority);
  const before = { previous: authority.committee, groupKeys: [bundle.groupKey] };
  const committee = verifyCommittee(crypto, before, record);
  if (!equal(committee.action, digest)) throw unapproved('it names another action');
  requirePlanned(crypto, plan, committee.members, committee.publicPackage);
  requireBundle(crypto, authority, plan, bundle, committee.publicPackage);
  crypto.ed25519.verify(bundle.groupKey, bundleMessage(bundle), own);
  return { action, plan, committee };
}

/** With one operator's signature more. @throws OOTO_AUTHORITY_ACTION_OPERATOR (caller) for who may not give it. */
export function signRescue(
  { genesis: { draft } }: Pick<AuthorityView, 'genesis'>,
  rescue: Rescue,
  key: SigningKey,
): Rescue {
  const operator = rescueQuorum(draft).keys.find(({ publicKey }) => equal(publicKey, key.publicKey));
  if (!operator)
    throw new OotoError(
      'OOTO_AUTHORITY_ACTION_OPERATOR',
      'caller',
      'this key is of no operator who may approve a rescue',
    );
  const { keyid } = operator;
  const others = rescue.signatures.filter((other) => other.keyid !== keyid);
  const signature = key.sign(rescueMessage(rescue.bundle));
  return { ...rescue, signatures: [...others, { keyid, signature }] };
}

/** As they go into force; whoever stages them judges the operators' quorum. */
export function documentsOf({ bundle, own, committee, signatures }: Rescue): AuthorityDocuments {
  const succession = { kind: 'operators' as const, signatures };
  return {
    bundles: [encodeBundle(bundle, { own, succession })],
    committees: [committee],
    revocations: null,
  };
}
