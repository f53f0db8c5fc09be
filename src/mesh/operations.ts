/**
 * Everything that a node can be asked to do, in one table. What flows through here: the name of a request is
 * looked up, and the table says which role answers it and over which kind of channel it may come at all. An
 * operation that is not in the table does not exist; who of the members may call it is the policy's business.
 */
import { OotoError } from '../base/errors.ts';

/** The role of a node: the first segment of its SPIFFE path, bound by its certificate. */
export type Role = 'authority' | 'scheduler' | 'worker' | 'collector' | 'originator';

export const ROLES: readonly Role[] = ['authority', 'scheduler', 'worker', 'collector', 'originator'];

/** How the peer has shown who it is: by certificate, as founder of the genesis draft, or not yet (enrolment). */
export type ChannelKind = 'member' | 'founder' | 'enrol';

export interface Operation {
  /** The roles of the nodes that answer. */
  offeredBy: readonly Role[];
  /** The kinds of channel on which the request is looked at. */
  over: readonly ChannelKind[];
}

const everyone = ROLES;

export const OPERATIONS = {
  'genesis.key-generation': { offeredBy: ['authority'], over: ['founder'] },
  'genesis.certify': { offeredBy: ['authority'], over: ['founder'] },
  'authority.challenge': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'authority.appraise': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'authority.sign': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'mesh.documents': { offeredBy: everyone, over: ['member', 'founder', 'enrol'] },
  'mesh.announce': { offeredBy: everyone, over: ['member', 'founder'] },
  'authority.adopt-head': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'authority.admit': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'authority.apply': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'authority.actions': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'ceremony.introduce': { offeredBy: ['authority'], over: ['founder'] },
  'ceremony.open': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'ceremony.deliver': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'ceremony.certify': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'ceremony.root': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'ceremony.approve': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'ceremony.record': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'ceremony.head': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'ceremony.sign': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'ceremony.adopt': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'ceremony.state': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'enrol.challenge': { offeredBy: ['authority'], over: ['enrol'] },
  'enrol.evidence': { offeredBy: ['authority'], over: ['enrol'] },
  'certificate.renew': { offeredBy: ['authority'], over: ['member'] },
  'certificate.renew-evidence': { offeredBy: ['authority'], over: ['member'] },
  'head.current': { offeredBy: ['authority'], over: ['member'] },
  'membership.publish': { offeredBy: ['authority'], over: ['member'] },
  'membership.list': { offeredBy: ['authority'], over: ['member'] },
  'log.checkpoint': { offeredBy: ['authority'], over: ['member'] },
  'log.resource': { offeredBy: ['authority'], over: ['member'] },
  'log.consistency': { offeredBy: ['authority'], over: ['member'] },
  'definition.log': { offeredBy: ['authority'], over: ['member'] },
  'witness.cosign': { offeredBy: ['authority'], over: ['member'] },
  'authority.cosign-log': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'authority.log-seen': { offeredBy: ['authority'], over: ['member', 'founder'] },
  'job.submit': { offeredBy: ['scheduler'], over: ['member'] },
  'job.chunk': { offeredBy: ['scheduler'], over: ['member'] },
  'job.finish': { offeredBy: ['scheduler'], over: ['member'] },
  'workload.execute': { offeredBy: ['worker'], over: ['member'] },
  'telemetry.append': { offeredBy: ['collector'], over: ['member'] },
  'telemetry.summary': { offeredBy: ['collector'], over: ['member'] },
  'node.ping': { offeredBy: everyone, over: ['member'] },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;

/** What members ask each other for in a ceremony. */
export const CEREMONY_OPERATIONS = [
  'ceremony.open',
  'ceremony.deliver',
  'ceremony.certify',
  'ceremony.root',
  'ceremony.approve',
  'ceremony.record',
  'ceremony.head',
  'ceremony.sign',
  'ceremony.adopt',
  'ceremony.state',
] as const;
export type CeremonyOperation = (typeof CEREMONY_OPERATIONS)[number];

/** Whether members may ask for it at all: then policy decides on everybody who does. */
export function isForMembers(name: OperationName): boolean {
  return (OPERATIONS[name].over as readonly ChannelKind[]).includes('member');
}

/** The operations that nodes of `role` answer. */
export function operationsOf(role: Role): OperationName[] {
  return (Object.keys(OPERATIONS) as OperationName[]).filter((name) =>
    (OPERATIONS[name].offeredBy as readonly Role[]).includes(role),
  );
}

/**
 * The operation called `name`, if a node of `role` answers it over such a channel.
 * @throws OOTO_MESH_UNKNOWN_OPERATION (peer), OOTO_MESH_ANONYMOUS (peer) when only members may ask.
 */
export function admitOperation(name: string, role: Role, channel: ChannelKind): OperationName {
  if (!Object.hasOwn(OPERATIONS, name) || !operationsOf(role).includes(name as OperationName))
    throw new OotoError(
      'OOTO_MESH_UNKNOWN_OPERATION',
      'peer',
      `a node of role ${role} answers no such operation`,
    );
  const operation: Operation = OPERATIONS[name as OperationName];
  if (!operation.over.includes(channel))
    throw new OotoError(
      channel === 'member' ? 'OOTO_MESH_UNKNOWN_OPERATION' : 'OOTO_MESH_ANONYMOUS',
      'peer',
      `${name} is not answered over a channel of kind ${channel}: the peer has not shown a certificate`,
    );
  return name as OperationName;
}
