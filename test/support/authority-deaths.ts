/**
 * Where a member of the authority can die: every durable commit, before and after it, and every answer, before it is
 * given, when it is made, and when it is with the other side. In issuing the first founder coordinates, and in
 * ceremonies it leads.
 */
import type { Change } from '../../src/authority/action.ts';
import type { Death } from './mortal-authority.ts';
import type { Step } from './mortal-node.ts';

export const [LEADER, OTHER, THIRD] = ['authority-1', 'authority-2', 'authority-3'];

function deaths(victim: string, steps: readonly Step[], counts: readonly number[] = [1]): Death[] {
  return steps.flatMap((step) => counts.map((count): Death => ({ victim, moment: `${step} ${count}` })));
}

function commits(...prefixes: string[]): Step[] {
  return prefixes.flatMap((prefix): Step[] => [`before-commit ${prefix}`, `after-commit ${prefix}`]);
}

/** An entry, and what other members know of the log. */
const APPENDED = 'log/tile/';
const WITNESSED = 'witness/';

export const ISSUING: readonly Death[] = [
  ...deaths(LEADER, [
    'asked authority.challenge',
    ...commits(APPENDED, WITNESSED),
    'done authority.appraise',
    'asked authority.appraise',
    'done authority.sign:commitment',
    'asked authority.sign:commitment',
    'done authority.sign:share',
    'asked authority.sign:share',
    'answered enrol.evidence',
    'sent enrol.evidence',
    'asked authority.cosign-log',
    'sent authority.cosign-log',
  ]),
  ...deaths(OTHER, [
    'done authority.challenge',
    ...commits(APPENDED, WITNESSED),
    'done authority.appraise',
    'sent authority.appraise',
    'doing authority.sign:commitment',
    'done authority.sign:commitment',
    'sent authority.sign:commitment',
    'doing authority.sign:share',
    'done authority.sign:share',
    'sent authority.sign:share',
    'done authority.cosign-log',
    'sent authority.cosign-log',
  ]),
];

/** What is written in a ceremony: the action in the log, the new share beside the old, the successor, the documents. */
const CHANGED = ['authority/action/', 'ceremony/pending/', 'ceremony/successor', 'authority/share'];

/** A ceremony that makes a new committee. */
export const CHANGING: readonly Death[] = [
  ...deaths(LEADER, [
    ...commits(...CHANGED),
    'asking ceremony.open',
    'asked ceremony.open',
    'asked ceremony.certify',
    'asked ceremony.approve',
    'asked ceremony.sign:commitment',
    'asked ceremony.sign:share',
    'asking ceremony.adopt',
    'asked ceremony.adopt',
    'answered authority.apply',
  ]),
  ...deaths(LEADER, ['asked ceremony.deliver'], [1, 3]),
  ...deaths(OTHER, [
    ...commits(...CHANGED),
    'doing ceremony.open',
    'done ceremony.open',
    'sent ceremony.open',
    'done ceremony.certify',
    'sent ceremony.certify',
    'done ceremony.approve',
    'sent ceremony.approve',
    'done ceremony.sign:commitment',
    'sent ceremony.sign:commitment',
    'done ceremony.sign:share',
    'sent ceremony.sign:share',
    'doing ceremony.adopt',
    'done ceremony.adopt',
    'sent ceremony.adopt',
  ]),
  ...deaths(OTHER, ['done ceremony.deliver', 'sent ceremony.deliver'], [1, 2]),
];

/** Besides these a ceremony that makes another key has its root signed. */
export const ROTATING: readonly Death[] = [
  ...CHANGING,
  ...deaths(LEADER, ['asked ceremony.root']),
  ...deaths(OTHER, ['done ceremony.root', 'sent ceremony.root']),
];

/** `OTHER` has lost its share. */
export const REPAIRING: readonly Death[] = [
  ...deaths(LEADER, [
    ...commits('authority/action/'),
    'asking ceremony.open',
    'asked ceremony.open',
    'asked ceremony.deliver',
    'answered authority.apply',
  ]),
  ...deaths(OTHER, [
    ...commits('authority/action/', 'authority/share'),
    'done ceremony.open',
    'sent ceremony.open',
    'done ceremony.deliver',
    'sent ceremony.deliver',
  ]),
  ...deaths(THIRD, [
    'done ceremony.open',
    'sent ceremony.open',
    'done ceremony.deliver',
    'sent ceremony.deliver',
  ]),
];

/** Of somebody whom a reshare brings in. */
export function newcomerDeaths(name: string): Death[] {
  return deaths(name, [
    ...commits('genesis/record', 'ceremony/pending/', 'authority/share'),
    'doing ceremony.open',
    'sent ceremony.open',
    'done ceremony.deliver',
    'sent ceremony.deliver',
    'done ceremony.certify',
    'sent ceremony.certify',
    'done ceremony.adopt',
    'sent ceremony.adopt',
  ]);
}

/** The committee that comes, where it begins from this epoch. */
export function refreshFrom(epoch: number): Change {
  return { kind: 'refresh', parameters: { epoch } };
}

export function rotateFrom(version: number): Change {
  return { kind: 'rotate', parameters: { version, overlapMs: 3_600_000 } };
}

export function repairAt(epoch: number): Change {
  return { kind: 'repair', parameters: { epoch, member: OTHER } };
}
