/**
 * Attacks on the running demonstration. What flows through here, in order: attackers get folders, the corrupt ones
 * an invite each, and a genuine job as schedulers and workers hold it; each attacks as a process of its own; for
 * every attempt the victim's own log is searched for a refusal of the address from which it came. What counts as
 * refused, and the code, is what the victim has logged.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { boolean, fields, list, literal, nullable, object, text } from '../../envelope/fields.ts';
import { readFileLimited, writeFileAtomically } from '../../platform/node/files.ts';
import { ATTACKERS, type AttackerName } from '../attack/attack.ts';
import { CATALOGUE } from '../attack/catalogue.ts';
import type { Attempt } from '../attack/index.ts';
import { writeJob } from '../attack/workloads.ts';
import { runToEnd } from '../children.ts';
import { createMember } from '../setting-up.ts';
import { defineTinyJob } from './attacked-job.ts';
import { AUTHORITIES, type DemoMesh } from './mesh.ts';
import { RefusalLog } from './refusal-log.ts';

/** How long a refusal may take to be in the victim's log once the attacker knows of it. */
const LOGGED_WITHIN_MS = 3_000;
const POLL_MS = 20;
const REPORT_BYTES = 1024 * 1024;

export interface AttackRow {
  name: string;
  /** The victim logged the refusal, and the attacker got nothing. */
  refused: boolean;
  /** From the victim's log; null when it logged no refusal. */
  code: string | null;
}

const attempt = object({
  name: text(128),
  connections: list(object({ victim: text(2048), from: text(255) }), { max: 64 }),
  through: boolean,
  seen: nullable(text(4096)),
});
const report = { schema: literal('ooto.attack/1'), attempts: list(attempt, { max: 1024 }) } as const;

/** Makes every attack of the catalogue; one row for each, in its order. */
export async function attackMesh(mesh: DemoMesh): Promise<AttackRow[]> {
  const { terminal } = mesh.options;
  terminal.say(`${CATALOGUE.length} attacks on the running mesh`);
  const logs = new Map(victims(mesh).map(({ id, folder }) => [id, new RefusalLog(join(folder, 'node.log'))]));
  const job = await defineTinyJob(mesh);
  const rows = new Map<string, AttackRow>();
  const runs = (Object.keys(ATTACKERS) as AttackerName[]).map(async (name) => {
    const folder = await prepare(mesh, name);
    await writeJob(folder, job);
    for (const made of await attackAs(mesh, name, folder)) {
      rows.set(made.name, await judged(made, logs));
      terminal.progress('attacks made', rows.size, CATALOGUE.length);
    }
  });
  await Promise.all(runs);
  const judgedRows = CATALOGUE.map(({ name }) => rows.get(name) ?? { name, refused: false, code: null });
  for (const { name, refused } of judgedRows)
    if (!refused) terminal.warn(`the attack ${name} was not refused`);
  return judgedRows;
}

/** A folder with an invite for who corrupts a member, with what is public of the mesh for a stranger. */
async function prepare(mesh: DemoMesh, name: AttackerName): Promise<string> {
  const { role, invited, configuration } = ATTACKERS[name];
  if (invited) return mesh.invite(role, name, configuration);
  const folder = mesh.folderOf(name);
  await createMember(folder, { name, role, listen: '127.0.0.1:0' });
  for (const file of ['genesis.record', 'root.der'])
    await writeFileAtomically(
      join(folder, file),
      await readFileLimited(join(mesh.folderOf(AUTHORITIES[0]), file)),
    );
  return folder;
}

/** Runs one attacker's process; what it could not do has not been attempted. */
async function attackAs(mesh: DemoMesh, by: AttackerName, folder: string): Promise<Attempt[]> {
  const { program, signal, terminal } = mesh.options;
  const names = CATALOGUE.filter((attack) => attack.by === by).map(({ name }) => name);
  const targets = victims(mesh).map(({ id, address }) => `${id}=${address}`);
  const { code, stdout, stderr } = await runToEnd(
    program,
    ['attack', '--json', '--folder', folder, '--name', ...names, '--target', ...targets],
    { mostBytes: REPORT_BYTES, signal, launch: mesh.launchOf(by) },
  );
  if (code === 0) return fields(JSON.parse(stdout), report, 'attack').attempts;
  terminal.warn(`the attacker ${by} failed: ${stderr.trim()}`);
  return [];
}

/** The first node of each role; the originator does not listen. */
function victims(mesh: DemoMesh): { id: string; address: string; folder: string }[] {
  return [...mesh.processes.values()].flatMap((child) => {
    const status = child.status();
    return status ? [{ id: status.id, address: status.address, folder: child.folder }] : [];
  });
}

async function judged(
  { name, connections, through }: Attempt,
  logs: ReadonlyMap<string, RefusalLog>,
): Promise<AttackRow> {
  const logged = () =>
    connections.map(({ victim, from }) => logs.get(victim)?.codeFor(from)).findLast((code) => code != null);
  let code: string | null = null;
  for (let waited = 0; code === null && waited <= LOGGED_WITHIN_MS; waited += POLL_MS) {
    code = logged() ?? null;
    if (code === null && connections.length > 0) await sleep(POLL_MS);
  }
  return { name, refused: code !== null && !through, code };
}
