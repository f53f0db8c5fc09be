/**
 * Which operator may approve what. What flows through here: the genesis draft may give an operator a role; a role is a
 * list of kinds of actions, and an operator without one may approve all. A draft in which some kind could never find
 * its quorum is refused.
 */
import { OotoError } from '../base/errors.ts';
import { oneOf, optional } from '../envelope/fields.ts';

export const ACTION_KINDS = [
  'note',
  'revoke-node',
  'revoke-key',
  'refresh',
  'reshare',
  'repair',
  'rotate',
  'rescue',
] as const;

export type ActionKind = (typeof ACTION_KINDS)[number];

/** Guardians shut nodes out; custodians keep the group key and the committee that holds it. */
const APPROVES = {
  guardian: ['note', 'revoke-node', 'revoke-key'],
  custodian: ['note', 'refresh', 'reshare', 'repair', 'rotate', 'rescue'],
} as const satisfies Record<string, readonly ActionKind[]>;

export type OperatorRole = keyof typeof APPROVES;
export const OPERATOR_ROLES = Object.keys(APPROVES) as OperatorRole[];

export const operatorRole = optional(oneOf(...OPERATOR_ROLES));

/** Whether this operator's approval counts for actions of this kind. */
export function mayApprove({ role }: { role?: OperatorRole }, kind: ActionKind): boolean {
  return role === undefined || (APPROVES[role] as readonly ActionKind[]).includes(kind);
}

/** @throws OOTO_AUTHORITY_GENESIS (caller) where too few operators may approve some kind. */
export function requireApprovable(operators: readonly { role?: OperatorRole }[], quorum: number): void {
  for (const kind of ACTION_KINDS) {
    const able = operators.filter((operator) => mayApprove(operator, kind)).length;
    if (able < quorum)
      throw new OotoError(
        'OOTO_AUTHORITY_GENESIS',
        'caller',
        `not a genesis draft: ${able} operators may approve ${kind}, and ${quorum} must`,
      );
  }
}
