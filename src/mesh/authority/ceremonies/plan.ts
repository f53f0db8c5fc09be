/**
 * What a ceremony is to bring about. What flows through here: an approved action and what is in force become the
 * committee that will be, with its members; every member plans by itself, so a leader can choose who deals and nothing
 * else. A member that stays keeps its number while the key stays; a new key numbers its members anew.
 */
import type { Action, ActionOf } from '../../../authority/action.ts';
import type { AuthorityView } from '../../../authority/authority-view.ts';
import type { Founder } from '../../../authority/genesis.ts';
import type { ActionKind } from '../../../authority/operator-role.ts';
import { OotoError } from '../../../base/errors.ts';
import { type Committee, refreshedCommittee } from '../../../threshold/index.ts';

export type CeremonyKind = Extract<ActionKind, 'refresh' | 'reshare' | 'repair' | 'rotate' | 'rescue'>;
export type CeremonyAction = Extract<Action, { kind: CeremonyKind }>;

export interface Plan {
  readonly kind: CeremonyKind;
  /** Who will hold shares, in the order of the committee. */
  readonly members: readonly Founder[];
  readonly committee: Committee;
  /** Identifier of the member whose share is lost; for a repair alone. */
  readonly lost?: number;
  /** How long certificates under the key in force count on; for a ceremony that makes another key alone. */
  readonly overlapMs?: number;
  /** Whoever had a certificate then may renew it as long, though it has ended; for a rescue alone. */
  readonly since?: number;
}

/** @throws OOTO_MESH_CEREMONY_KIND, OOTO_MESH_CEREMONY_EPOCH (peer) for an action of another kind, or from another state. */
export function planOf(action: Action, authority: AuthorityView): Plan {
  const { publicPackage, members } = authority;
  const { committee } = publicPackage;
  switch (action.kind) {
    case 'refresh':
      requireNow(action.parameters.epoch, authority.committee.epoch);
      return { kind: action.kind, members, committee: refreshedCommittee(committee) };
    case 'reshare':
      requireNow(action.parameters.epoch, authority.committee.epoch);
      return resharedPlan(committee, action.parameters);
    case 'repair':
      requireNow(action.parameters.epoch, authority.committee.epoch);
      return {
        kind: action.kind,
        members,
        committee,
        lost: identifierOf(committee, action.parameters.member),
      };
    case 'rotate':
      requireNow(action.parameters.version, authority.bundle.version);
      return {
        ...{ kind: action.kind, members, committee: renumbered(committee) },
        overlapMs: action.parameters.overlapMs,
      };
    case 'rescue':
      requireNow(action.parameters.version, authority.bundle.version);
      return rescuedPlan(authority, action.parameters);
    default:
      throw new OotoError('OOTO_MESH_CEREMONY_KIND', 'peer', `no ceremony is held for ${action.kind}`);
  }
}

/** Whether the action begins where the mesh is. */
function requireNow(named: number, present: number): void {
  if (named !== present)
    throw new OotoError(
      'OOTO_MESH_CEREMONY_EPOCH',
      'peer',
      `the action follows ${named}, and the mesh is at ${present}`,
      { hint: 'propose it again from where the mesh is' },
    );
}

function resharedPlan(
  before: Committee,
  { threshold, members }: { threshold: number; members: readonly Founder[] },
): Plan {
  let next = Math.max(...before.members.map(({ identifier }) => identifier));
  const numbered = members
    .map((member) => ({
      member,
      identifier: before.members.find(({ name }) => name === member.name)?.identifier ?? ++next,
    }))
    .sort((a, b) => a.identifier - b.identifier);
  const committee = {
    epoch: before.epoch + 1,
    threshold,
    members: numbered.map(({ member, identifier }) => ({
      identifier,
      name: member.name,
      publicKey: member.keyGenerationKey,
    })),
  };
  return { kind: 'reshare', members: numbered.map(({ member }) => member), committee };
}

/** Those that operators named, who are there still; nobody else is asked for anything. */
function rescuedPlan(
  authority: AuthorityView,
  { members: names, threshold, since, overlapMs }: ActionOf<'rescue'>['parameters'],
): Plan {
  const { activeMembers, publicPackage } = authority;
  for (const name of names) if (!activeMembers.some((member) => member.name === name)) throw noMember(name);
  const { committee } = publicPackage;
  const staying = committee.members.filter(({ name }) => names.includes(name));
  return {
    ...{ kind: 'rescue', since, overlapMs },
    members: activeMembers.filter(({ name }) => names.includes(name)),
    committee: renumbered({ ...committee, threshold, members: staying }),
  };
}

function renumbered({ epoch, threshold, members }: Committee): Committee {
  return {
    epoch: epoch + 1,
    threshold,
    members: members.map((member, i) => ({ ...member, identifier: i + 1 })),
  };
}

function identifierOf({ members }: Committee, name: string): number {
  const member = members.find((candidate) => candidate.name === name);
  if (!member) throw noMember(name);
  return member.identifier;
}

function noMember(name: string): OotoError {
  return new OotoError('OOTO_MESH_CEREMONY_MEMBER', 'peer', `${name} is not of the committee`);
}
