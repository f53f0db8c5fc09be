/** The committee of a mesh of processes is refreshed, changed and given another key, while its nodes go on. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFounder } from '../../src/cli/setting-up.ts';
import { readFileLimited } from '../../src/platform/node/files.ts';
import * as assert from '../support/assert.ts';
import { LedActions } from '../support/led-actions.ts';
import { FOUNDERS, freePort, LiveMesh } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/ceremonies', { timeout: 300_000 });

test('refresh, reshare with a new member, rotation: nodes join before, between and after, and go on', async () => {
  const mesh = new LiveMesh();
  const actions = new LedActions(mesh);
  try {
    await mesh.found();
    const joins = async (name: string) => {
      await mesh.invite('worker', name);
      mesh.start(name);
      await mesh.ready(name);
    };
    await joins('before');
    const refreshed = await actions.apply({ kind: 'refresh', parameters: { epoch: 0 } });
    assert.is(refreshed.failure, null);
    assert.is(refreshed.facts.epoch, 1);
    await joins('after-refresh');

    const newcomer = 'authority-4';
    const entry = await createFounder(mesh.crypto, mesh.folderOf(newcomer), {
      name: newcomer,
      listen: `127.0.0.1:${await freePort()}`,
    });
    const draft = await readFileLimited(join(mesh.folderOf(FOUNDERS[0]), 'genesis.draft'));
    await writeFile(join(mesh.folderOf(newcomer), 'genesis.draft'), draft);
    mesh.start(newcomer);
    const { authority } = (await actions.carrier()).open.node.trust;
    const members = [...authority.members.filter(({ name }) => name !== FOUNDERS[2]), entry];
    const parameters = { epoch: 1, threshold: 2, members };
    const reshared = await actions.apply({ kind: 'reshare', parameters });
    assert.is(reshared.failure, null);
    assert.is(reshared.facts.epoch, 2);
    await mesh.ready(newcomer);
    await mesh.process(FOUNDERS[2]).stop();
    await mesh.process(FOUNDERS[1]).stop();
    await joins('with-the-new-member');
    mesh.start(FOUNDERS[1]);
    await mesh.ready(FOUNDERS[1]);

    const rotate = { kind: 'rotate' as const, parameters: { version: 0, overlapMs: 3_600_000 } };
    const rotated = await actions.apply(rotate);
    assert.is(rotated.failure, null);
    assert.is(rotated.facts.bundle, 1);
    await joins('after-rotation');
    const again = await actions.apply({ kind: 'refresh', parameters: { epoch: 3 } }, newcomer);
    assert.is(again.failure, null);
    await mesh.process('after-refresh').stop();
    mesh.start('after-refresh');
    await mesh.ready('after-refresh');
  } finally {
    await actions.close();
    await mesh.stop();
  }
});
