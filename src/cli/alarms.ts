/**
 * `ooto log alarms`, `acknowledge` and `evidence`. What flows through here: what a node found in the logs of the authority
 * is read from its state, beside the process that runs it; an operator's word that he has seen it goes into the folder as
 * a file, which the node takes; proof is written as files that a stranger judges with `ooto verify`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { OotoError } from '../base/errors.ts';
import { storedAlarms } from '../mesh/audit/kept-alarms.ts';
import { evidenceFiles } from '../mesh/audit/kept-evidence.ts';
import type { ToldAlarm } from '../mesh/status.ts';
import { createNodeCrypto } from '../node.ts';
import { nodeClock } from '../platform/node/clock.ts';
import { makePrivateFolder, writeFileAtomically } from '../platform/node/files.ts';
import { reading, trustOf } from './log-place.ts';

/** Of a node's folder: a file for each alarm that was acknowledged and not yet taken. */
export const ACKNOWLEDGED = 'acknowledged';
/** A file that is still being written has another name. */
export const ALARM_ID = /^[0-9a-f]{16}$/;

export interface ShownAlarms {
  schema: 'ooto.log-alarms/1';
  alarms: ToldAlarm[];
}

/** What nobody has acknowledged yet, whether the node runs or not. */
export async function showAlarms(folder: string): Promise<ShownAlarms> {
  const waiting = acknowledgedIn(folder);
  const alarms = await reading(folder, storedAlarms);
  const open = alarms.filter(({ alarmId }) => !waiting.includes(String(alarmId)));
  return { schema: 'ooto.log-alarms/1', alarms: open };
}

/** @throws OOTO_CLI_USAGE (caller) for an alarm that there is not; then none is acknowledged. */
export async function acknowledge(folder: string, alarmIds: readonly string[]) {
  const { alarms } = await showAlarms(folder);
  const unknown = alarmIds.find((alarmId) => !alarms.some((alarm) => alarm.alarmId === alarmId));
  if (unknown !== undefined)
    throw new OotoError('OOTO_CLI_USAGE', 'caller', `there is no alarm ${unknown}`, {
      hint: 'ooto log alarms lists them',
    });
  await makePrivateFolder(join(folder, ACKNOWLEDGED));
  for (const alarmId of alarmIds)
    await writeFileAtomically(join(folder, ACKNOWLEDGED, alarmId), new Uint8Array());
  return { schema: 'ooto.log-acknowledged/1' as const, alarms: [...alarmIds] };
}

/** Writes what a node has kept as proof against members and authority into `out`. */
export async function writeEvidence(folder: string, out: string) {
  const crypto = createNodeCrypto();
  const { files, unproven } = await reading(folder, (store) =>
    evidenceFiles(crypto, trustOf(crypto, folder, store), store, nodeClock().now()),
  );
  await makePrivateFolder(out);
  const written: string[] = [];
  for (const [name, text] of files) {
    const file = join(out, `${name}.pem`);
    await writeFileAtomically(file, new TextEncoder().encode(text));
    written.push(file);
  }
  return { schema: 'ooto.log-evidence/1' as const, files: written, unproven };
}

function acknowledgedIn(folder: string): string[] {
  const place = join(folder, ACKNOWLEDGED);
  return existsSync(place) ? readdirSync(place) : [];
}
