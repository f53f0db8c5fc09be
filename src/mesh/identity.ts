/**
 * Whose word counts in a mesh. What flows through here: the genesis record and the group key's certificate make
 * the mesh's trust; what a peer presents in a handshake is judged against it; out comes the peer as the rest of
 * this room knows it. A node with a mesh head that is too old, or none, begins no session with members, and keeps those
 * it has.
 */

import { AuthorityView, isAhead } from '../authority/authority-view.ts';
import { readNodeId } from '../authority/certification.ts';
import { validateCredential } from '../authority/credential.ts';
import type { Device } from '../authority/device.ts';
import { type GenesisRecord, verifyGenesisRecord } from '../authority/genesis.ts';
import { type HeadView, type MeshHead, peekHead } from '../authority/head.ts';
import { KnownCheckpoints } from '../authority/known-checkpoints.ts';
import { readRequest, requireMesh } from '../authority/request.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import type { Tier } from '../cert/tier.ts';
import type { Root } from '../cert/validate.ts';
import type { CredentialVerifier, Peer } from '../channel/credential.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { NoteKey } from '../log/note.ts';
import type { Store } from '../ports.ts';
import { type ChannelKind, ROLES, type Role } from './operations.ts';
import { type Policy, readPolicy } from './policy.ts';

/** Where the store keeps the genesis record and the certificate of the first group key. */
export const GENESIS_KEY = 'genesis/record';
export const ROOT_KEY = 'genesis/root';

/** How long an enrolling node may keep its channel. */
const ENROLMENT_MS = 120_000;

export interface MeshTrust {
  readonly genesis: GenesisRecord;
  /** Group key, members and revocations as they are now. */
  readonly authority: AuthorityView;
  /** The certificate of the group key in force. */
  readonly root: Root;
  readonly policy: Policy;
}

/**
 * The trust of a mesh; with a store, as far as this node has followed it.
 * @param root the certificate of the first group key
 * @throws OOTO_AUTHORITY_*, OOTO_CERT_*, OOTO_ENVELOPE_* (peer) unless record and root belong together.
 */
export function readTrust(
  crypto: Crypto,
  genesisRecord: Uint8Array,
  root: Uint8Array,
  store?: Pick<Store, 'get' | 'range'>,
): MeshTrust {
  const genesis = verifyGenesisRecord(crypto, genesisRecord);
  return trustIn(
    store ? AuthorityView.open(crypto, genesis, store, root) : new AuthorityView(crypto, genesis, root),
  );
}

export function trustIn(authority: AuthorityView): MeshTrust {
  const { genesis } = authority;
  return {
    ...{ genesis, authority, policy: policyOf(genesis) },
    get root() {
      return authority.root;
    },
  };
}

export function policyOf(genesis: GenesisRecord): Policy {
  return readPolicy(genesis.draft.policy, 'policy');
}

/** The peer of a session, as policy and log speak of it. */
export interface KnownPeer {
  kind: ChannelKind;
  id: string;
  role: Role;
  name: string;
  tier: Tier;
  /** The TPM that a measured member enrolled with. */
  device?: Device;
}

/** What a session keeps of a member's certificate and proofs beside its identity; the rest was judged and is done with. */
export interface MemberDetails {
  readonly role: Role;
  readonly tier: Tier;
  readonly device?: Device;
  /** The group key that its certificate stands under. */
  readonly issuerKey: Uint8Array;
  /** The head it showed, where that names documents which are not known here yet. */
  readonly ahead?: Uint8Array;
  /** The session began under a head that is too old for all but what policy names. */
  readonly isDegraded?: true;
}

/**
 * Judges members by the mesh's trust, and enrolling nodes by their request. Certificate and proofs are verified each
 * time; checkpoints and the head that were verified before are known again. Without a young head no session begins;
 * those that live may renew what they show for as long as their certificates last.
 */
export function memberVerifier(
  crypto: Crypto,
  trust: MeshTrust,
  head: Pick<HeadView, 'stage' | 'requireFresh'>,
  onHead: (head: MeshHead) => void,
  onCheckpoint?: (log: NoteKey, note: string) => void,
): CredentialVerifier {
  const checkpoints = new KnownCheckpoints(crypto, onCheckpoint);
  return (presented, now) => {
    if (presented.kind === 'enrol') return enrolling(crypto, trust, presented, now.wall);
    const member = validateCredential(crypto, trust, presented.credential, {
      time: now.wall,
      expectedId: presented.id,
      checkpoints,
    });
    const [role, { tier, device, publicKey, issuerKey }] = [requireRole(member.role), member];
    const shown = judgeHead(trust.authority, head, member.credential.head, now.wall);
    if (shown.head && !shown.ahead) onHead(shown.head);
    const isDegraded = !presented.isRenewal && requireHead(trust.policy, head, shown.head, now.wall);
    return {
      id: member.id,
      kind: presented.kind,
      // A view would keep the certificate.
      identityKey: { algorithm: publicKey.algorithm, bytes: publicKey.bytes.slice() },
      subject: member.tbsSha256,
      notAfter: member.notAfter,
      details: {
        ...{ role, tier, issuerKey },
        ...(device ? { device } : {}),
        ...(shown.ahead ? { ahead: shown.ahead } : {}),
        ...(isDegraded ? { isDegraded } : {}),
      } satisfies MemberDetails,
    };
  };
}

/**
 * A head that names newer documents than are known counts once they are here. Under a trust bundle that is not known
 * its signature cannot be judged before, and it says nothing yet; under one that is not in force any more it says nothing
 * again, and whoever shows it has only not heard of the newer one.
 */
function judgeHead(
  authority: AuthorityView,
  head: Pick<HeadView, 'stage'>,
  shown: Uint8Array | null,
  now: number,
): { head?: MeshHead; ahead?: Uint8Array } {
  if (!shown) return {};
  const claimed = peekHead(shown);
  const { versions } = authority;
  const ahead = isAhead(claimed, versions) ? { ahead: shown } : {};
  if (claimed.bundle.version !== versions.bundle.version) return ahead;
  return { head: head.stage(shown, now).head, ...ahead };
}

/** Whether the session begins under an old head, as policy allows. @throws OOTO_AUTHORITY_HEAD_STALE where it does not. */
function requireHead(
  { headMaximumAgeMs, degraded }: Policy,
  head: Pick<HeadView, 'requireFresh'>,
  shown: MeshHead | undefined,
  now: number,
): true | undefined {
  try {
    head.requireFresh(now, headMaximumAgeMs, shown);
    return undefined;
  } catch (error) {
    if (!degraded || !isOotoError(error) || error.code !== 'OOTO_AUTHORITY_HEAD_STALE') throw error;
    head.requireFresh(now, degraded.headMaximumAgeMs, shown);
    return true;
  }
}

/** Who was verified, for dispatch and policy. */
export function knownPeer({ identity }: Peer): KnownPeer {
  const { id, kind } = identity;
  // Until it has a certificate, nothing has shown where a founder's key is.
  if (kind === 'founder') return { kind, id, role: 'authority', name: id, tier: 'software' };
  const { role, name } = readNodeId(id);
  const known = { kind, id, role: requireRole(role), name };
  if (kind === 'enrol') return { ...known, tier: 'software' };
  const { tier, device } = identity.details as MemberDetails;
  return { ...known, tier, ...(device ? { device } : {}) };
}

function enrolling(
  crypto: Crypto,
  { genesis }: MeshTrust,
  { id, kind, credential }: Parameters<CredentialVerifier>[0],
  now: number,
): ReturnType<CredentialVerifier> {
  const request = readRequest(crypto, credential);
  requireMesh(request, genesis.meshId);
  if (request.id !== id)
    throw new OotoError(
      'OOTO_MESH_ENROLMENT',
      'peer',
      'the request is for another name than the one presented',
    );
  return {
    id,
    kind,
    identityKey: request.key,
    subject: request.digest,
    notAfter: now + ENROLMENT_MS,
    details: request,
  };
}

function requireRole(role: string): Role {
  if (!(ROLES as readonly string[]).includes(role))
    throw new OotoError('OOTO_MESH_ROLE', 'peer', `this mesh has no role ${role}`);
  return role as Role;
}
