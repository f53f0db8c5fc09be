/**
 * Rows about coming back. What flows through here: a member is backed up, wiped and restored by the commands that
 * operators have; a backup that is older than what the member did since is restored too, and the member notices.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exercise, require } from './exercise.ts';
import { logsOf, newcomer } from './issuing.ts';
import type { DrillMesh } from './mesh.ts';

const MEMBER = 'authority-4';
const OPERATOR = 'operator';
const NOTICED_MS = 30_000;
/** Others cosign a log a second after it has grown. */
const COSIGNED_MS = 3_000;
const POLL_MS = 50;

export const backupWipeRestore: Exercise = {
  name: 'backup-wipe-restore',
  async run(mesh) {
    const { folder } = mesh.options;
    const [recovery, older, newer] = ['recovery.pem', 'older.backup', 'newer.backup'].map((file) =>
      join(folder, file),
    );
    await succeed(mesh, ['recovery', 'key', '--operator', mesh.folderOf(OPERATOR), '--out', recovery]);
    const { logSize } = await backUp(mesh, recovery, older);

    await wipeAndRestore(mesh, older);
    await mesh.cast({ 'authority-2': 'dead', 'authority-3': 'dead' });
    const logs = logsOf(await newcomer(mesh, 'with-restored'));
    require(logs.includes(MEMBER), `three members sign, the restored one among them, not ${logs}`);
    await mesh.cast();
    await sleep(COSIGNED_MS);
    await backUp(mesh, recovery, newer);

    await wipeAndRestore(mesh, older);
    const words = await lastWordsOfRolledBack(mesh);
    const without = logsOf(await newcomer(mesh, 'without-rolled-back'));
    require(!without.includes(MEMBER), 'the member that lost entries logs and signs nothing');

    await wipeAndRestore(mesh, newer);
    await mesh.cast({ 'authority-2': 'dead', 'authority-3': 'dead' });
    const again = logsOf(await newcomer(mesh, 'with-newer'));
    require(again.includes(MEMBER), `restored from the newer backup it signs again, not ${again}`);
    return `restored at ${logSize} entries it signs as one of three; the same backup later: ${words}; a newer one: it signs again`;
  },
};

/** The member notices by itself, and its process ends. */
async function lastWordsOfRolledBack(mesh: DrillMesh): Promise<string> {
  const child = mesh.process(MEMBER);
  mesh.start(MEMBER);
  for (const until = performance.now() + NOTICED_MS; child.running; await sleep(POLL_MS))
    require(performance.now() < until, `a member that was set back ends within ${NOTICED_MS / 1000} s`);
  require(child.exitCode !== 0, 'it ends with a failure');
  require(child.lastWords.includes('OOTO_LOG_ROLLED_BACK'), `it says why: ${child.lastWords}`);
  return child.lastWords.split('\n').find((line) => line.includes('OOTO_LOG_ROLLED_BACK')) ?? '';
}

async function backUp(mesh: DrillMesh, recovery: string, out: string): Promise<{ logSize: number }> {
  await mesh.cast({ [MEMBER]: 'dead' });
  const words = [
    'authority',
    'backup',
    '--folder',
    mesh.folderOf(MEMBER),
    '--recovery',
    recovery,
    '--out',
    out,
  ];
  return JSON.parse(await succeed(mesh, [...words, '--json']));
}

async function wipeAndRestore(mesh: DrillMesh, file: string): Promise<void> {
  await mesh.cast({ [MEMBER]: 'dead' });
  const folder = mesh.folderOf(MEMBER);
  await rm(folder, { recursive: true });
  await succeed(mesh, [
    'authority',
    'restore',
    file,
    '--folder',
    folder,
    '--operator',
    mesh.folderOf(OPERATOR),
  ]);
}

/** A command of this program that must succeed; returns what it says. */
export async function succeed(mesh: DrillMesh, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await mesh.run(words);
  require(code === 0, `ooto ${words.slice(0, 2).join(' ')} succeeds: ${stderr || stdout}`);
  return stdout;
}
