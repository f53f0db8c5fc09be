/**
 * Actions in words. What flows through here: an action that was read becomes the sentences that an operator reads
 * before approving it. What decides is in them; the fingerprint beside them stands for every byte.
 */
import { hex } from '../base/hex.ts';
import type { Action, Change } from './action.ts';
import { type Founder, founderIdentity } from './genesis.ts';

/** What would be done, one sentence a line. */
export function describeChange(change: Change): string[] {
  switch (change.kind) {
    case 'note':
      return [`write into the audit: ${change.parameters.text}`];
    case 'revoke-node':
      return [
        `shut out ${change.parameters.id} with all its keys, for ever`,
        `reason: ${change.parameters.reason}`,
      ];
    case 'revoke-key':
      return [
        `revoke the key ${hex(change.parameters.key)}, for ever`,
        `reason: ${change.parameters.reason}`,
      ];
    case 'refresh':
      return [`replace the shares of the committee of epoch ${change.parameters.epoch}; the group key stays`];
    case 'reshare':
      return [
        `replace the committee of epoch ${change.parameters.epoch}; the group key stays`,
        `the new committee: ${change.parameters.threshold} of ${change.parameters.members.length} must sign`,
        ...change.parameters.members.flatMap(describeMember),
      ];
    case 'repair':
      return [`give ${change.parameters.member} its lost share of epoch ${change.parameters.epoch} again`];
    case 'rotate':
      return [
        `replace the group key of trust bundle ${change.parameters.version}`,
        `the old key counts for ${change.parameters.overlapMs} ms more`,
      ];
    case 'rescue':
      return [
        `replace the group key of trust bundle ${change.parameters.version}, which is lost or has ended, without its signature`,
        `the new committee: ${change.parameters.threshold} of ${change.parameters.members.join(', ')} must sign`,
        `whoever had a certificate on ${new Date(change.parameters.since).toISOString()} or later may renew it for ${change.parameters.overlapMs} ms more`,
      ];
  }
}

/** The change, and within what bounds it may be made. */
export function describeAction(action: Action): string[] {
  const { mesh, number, kind, created, expires } = action;
  return [
    `action ${number} of mesh ${hex(mesh)}: ${kind}`,
    ...describeChange(action),
    `made ${new Date(created).toISOString()}, may be begun until ${new Date(expires).toISOString()}`,
  ];
}

function describeMember(member: Founder): string[] {
  const { algorithm, bytes } = founderIdentity(member);
  return [
    `member ${member.name} at ${member.addresses.join(', ')}`,
    `  identity key ${algorithm} ${hex(bytes)}`,
    `  log key ${hex(member.logKey)}, witness key ${hex(member.witnessKey)}`,
    `  key-generation key ${hex(member.keyGenerationKey)}`,
    ...(member.tpm ? [`  TPM with endorsement key ${hex(member.tpm.endorsementKey)}`] : []),
  ];
}
