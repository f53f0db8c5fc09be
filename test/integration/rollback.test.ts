/**
 * A member of the authority that is restored from an older backup, as a process: its log is behind what others have
 * seen, for nothing happens that it does not tell of, and it ends before it signs anything.
 */
import { spawnSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from '../support/assert.ts';
import { refreshFrom } from '../support/authority-deaths.ts';
import { builtProgram, FOUNDERS, untilEnded } from '../support/live-mesh.ts';
import { SAID_FILE, saidInSigning } from '../support/member-steps.ts';
import { MortalAuthority } from '../support/mortal-authority.ts';
import { livesAsNode } from '../support/mortal-node.ts';
import { suite } from '../support/suite.ts';

const [FIRST, SECOND, SET_BACK] = FOUNDERS;

if (!(await livesAsNode())) {
  const test = suite('integration/rollback', { timeout: 200_000 });

  test('whose log is behind ends and says so; it has signed nothing, and the mesh goes on with another', async () => {
    const authority = new MortalAuthority();
    const { mesh } = authority;
    try {
      await authority.found();
      await authority.join();
      await backUp(authority);
      await authority.join();
      await authority.untilCosigned(SET_BACK);
      const { groupKey, logSize } = await authority.stateOf(SET_BACK);
      assert.is((await authority.actions.apply(refreshFrom(0))).failure, null);

      await restore(authority);
      const restored = await authority.stateOf(SET_BACK);
      const said = saidInSigning(mesh.folderOf(SET_BACK));
      assert.ok(restored.logSize < logSize && restored.epoch === 0, 'it is what it was');
      authority.start(SET_BACK);
      await untilEnded(mesh.process(SET_BACK));
      assert.is(mesh.process(SET_BACK).exitCode, 1);
      assert.match(mesh.process(SET_BACK).lastWords, /OOTO_LOG_ROLLED_BACK/);
      assert.match(mesh.process(SET_BACK).lastWords, /restore the newest/);
      assert.is((await authority.stateOf(SET_BACK)).logSize, restored.logSize, 'it has logged nothing');
      assert.is(saidInSigning(mesh.folderOf(SET_BACK)), said, 'it has signed nothing');
      assert.ok(!(await authority.join()).includes(SET_BACK));

      const entry = await authority.newcomer('authority-4');
      const members = await authority.membersWith(entry);
      const reshare = { kind: 'reshare' as const, parameters: { epoch: 1, threshold: 2, members } };
      assert.is((await authority.actions.apply(reshare)).failure, null);
      await mesh.ready(entry.name);
      await mesh.process(FIRST).stop();
      assert.equal((await authority.join()).sort(), [SECOND, entry.name]);
      authority.start(FIRST);
      await mesh.ready(FIRST);
      assert.is((await authority.requireWhole([FIRST, SECOND, entry.name])).groupKey, groupKey);
    } finally {
      await authority.close();
    }
  });

  test('whose share is of an older epoch has a log that is behind by the committee that came, and ends', async () => {
    const authority = new MortalAuthority();
    const { mesh, actions } = authority;
    try {
      await authority.found();
      const refresh = await actions.approve(refreshFrom(0));
      await mesh.process(SECOND).stop();
      assert.ok((await actions.carry(refresh, FIRST)).failure, 'a refresh needs all of them');
      await authority.untilCosigned(SET_BACK, [FIRST]);
      await backUp(authority);
      authority.start(SECOND);
      await mesh.ready(SECOND);
      assert.is((await actions.carry(refresh, FIRST)).failure, null);
      const before = await authority.stateOf(SET_BACK);
      assert.is(before.epoch, 1);

      await restore(authority);
      const restored = await authority.stateOf(SET_BACK);
      const said = saidInSigning(mesh.folderOf(SET_BACK));
      assert.is(restored.epoch, 0);
      assert.is(restored.logSize, before.logSize - 1, 'the entry of the committee is what it lacks');
      authority.start(SET_BACK);
      await untilEnded(mesh.process(SET_BACK));
      assert.match(mesh.process(SET_BACK).lastWords, /OOTO_LOG_ROLLED_BACK/);
      assert.is(saidInSigning(mesh.folderOf(SET_BACK)), said, 'it has signed nothing');
    } finally {
      await authority.close();
    }
  });
}

/** Of the member that is set back; it runs again afterwards. */
async function backUp(authority: MortalAuthority): Promise<void> {
  const { mesh } = authority;
  ooto(
    'recovery',
    'key',
    '--operator',
    join(mesh.folder, 'operator'),
    '--out',
    join(mesh.folder, 'recovery.pem'),
  );
  await mesh.process(SET_BACK).stop();
  const paths = ['--recovery', join(mesh.folder, 'recovery.pem'), '--out', join(mesh.folder, 'older.backup')];
  ooto('authority', 'backup', '--folder', mesh.folderOf(SET_BACK), ...paths);
  authority.start(SET_BACK);
  await mesh.ready(SET_BACK);
}

/** In the place of what the member has become since; it does not run. What it has said in signing is not forgotten. */
async function restore({ mesh }: MortalAuthority): Promise<void> {
  const folder = mesh.folderOf(SET_BACK);
  await mesh.process(SET_BACK).stop();
  const said = await readFile(join(folder, SAID_FILE));
  await rm(folder, { recursive: true });
  const operator = ['--operator', join(mesh.folder, 'operator')];
  ooto('authority', 'restore', join(mesh.folder, 'older.backup'), '--folder', folder, ...operator);
  await writeFile(join(folder, SAID_FILE), said);
}

function ooto(...words: string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [builtProgram(), ...words], { encoding: 'utf8' });
  assert.is(status, 0, stderr);
}
