/** `ooto status`: what a running node last said of itself. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OotoError } from '../base/errors.ts';
import type { KeyFinding } from '../mesh/key-proving.ts';
import type { NodeStatus } from '../mesh/status.ts';

/** @throws OOTO_CLI_UNAVAILABLE (environment) when no node runs in this folder. */
export async function readStatus(folder: string): Promise<NodeStatus> {
  const file = join(folder, 'status.json');
  const content = await readFile(file, 'utf8').catch(() => undefined);
  if (content === undefined)
    throw new OotoError('OOTO_CLI_UNAVAILABLE', 'environment', `no node has run in ${folder}`, {
      hint: `ooto node run --folder ${folder}`,
    });
  const status = parse(file, content);
  if (isAlive(status.pid)) return status;
  throw new OotoError('OOTO_CLI_UNAVAILABLE', 'environment', `the node of ${folder} is not running`, {
    hint: `ooto node run --folder ${folder}`,
  });
}

const PLACES: Readonly<Record<KeyFinding['held'], string>> = {
  file: 'a file',
  tpm: 'the TPM',
  token: 'a PKCS#11 token',
  authenticator: 'software, certified by an authenticator',
};

/** For people: how the node is, and what it has seen that its operator must know. */
export function describeStatus({
  id,
  tier,
  state,
  channels,
  mesh,
  attestation,
  limits,
  evidence,
}: NodeStatus): string {
  const refused = Object.values(limits.refused).reduce((sum, count) => sum + count, 0);
  return [
    id,
    `${state}, ${channels.count} channels, mesh ${mesh}`,
    `tier ${tier}, identity key in ${PLACES[attestation.key.held]}: ${attestation.key.reasons.join('; ')}`,
    ...(refused > 0 ? [`${refused} refused${limits.loaded ? ', under load' : ''}`] : []),
    ...evidence.headForks.map(
      ({ number, heads }) =>
        `TWO HEADS CARRY THE NUMBER ${number}, ${heads.join(' and ')}: the authority is compromised`,
    ),
    ...evidence.logAlarms.map(describeAlarm),
  ].join('\n');
}

/** In capitals: somebody has to look. */
export function describeAlarm({
  alarm,
  member,
  id,
  key,
  index,
  reason,
}: Record<string, string | number>): string {
  if (alarm === 'certificate')
    return `A CERTIFICATE FOR ${id} WAS ISSUED TO ANOTHER KEY (${key}): entry ${index} of the log of ${member}`;
  if (alarm === 'fork')
    return `THE LOG OF ${member} CONTRADICTS ITSELF: ${reason}; the proof is in evidence/`;
  return `THE LOG OF ${member} IS NOT WHAT IT SHOULD BE: ${reason}`;
}

function parse(file: string, content: string): NodeStatus {
  try {
    const status = JSON.parse(content) as NodeStatus | null;
    if (status?.schema === 'ooto.status/1' && Number.isInteger(status.pid) && status.pid > 0) return status;
  } catch {
    // Said below, with the other ways of being no status.
  }
  throw new OotoError('OOTO_CLI_STATUS', 'environment', `${file} is not what a node writes`, {
    hint: 'start the node of this folder again',
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
