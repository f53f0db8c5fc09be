/** Members of the authority are killed under load of joins: below the threshold nothing is issued, and nothing lost. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from '../support/assert.ts';
import { LiveMesh, untilEnded } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/authority-loss', { timeout: 150_000 });
const UNREACHABLE = 5;

test('two of three members issue, one does not, and it goes on when one returns', async () => {
  const mesh = new LiveMesh();
  try {
    await mesh.found();

    await mesh.process('authority-1').kill();
    await mesh.invite('worker', 'with-two');
    mesh.start('with-two');
    const [joined] = await mesh.ready('with-two');
    assert.match(joined.certificate?.serial ?? '', /^[0-9a-f]+$/);

    await mesh.process('authority-2').kill();
    const folder = await mesh.invite('worker', 'with-one');
    const refused = mesh.start('with-one');
    await untilEnded(refused);
    assert.is(refused.exitCode, UNREACHABLE);
    assert.match(refused.lastWords, /OOTO_AUTHORITY_UNAVAILABLE/);
    assert.match(refused.lastWords, /authority-1, authority-2/);
    assert.match(refused.lastWords, /nothing was lost/);
    assert.not.match(refused.lastWords, /^\s+at /m);
    assert.ok(existsSync(join(folder, 'invite')), 'the invite is still there');
    const told = mesh.logOf('authority-3').filter(({ code }) => code === 'OOTO_AUTHORITY_UNAVAILABLE');
    assert.ok(told.length > 0, 'the member that was asked has it in its log');

    mesh.start('authority-2');
    await mesh.ready('authority-2');
    mesh.start('with-one');
    const [late] = await mesh.ready('with-one');
    assert.is(late.mesh, joined.mesh);
    assert.not(existsSync(join(folder, 'invite')), 'the invite is spent');
    assert.ok(mesh.process('with-two').running, 'who was in the mesh has stayed');
  } finally {
    await mesh.stop();
  }
});
