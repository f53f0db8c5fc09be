/** A node whose clock is far from the mesh's is refused, and told that it is its clock; set right, it works. */
import type { NodePorts } from '../../src/cli/node-folder.ts';
import { startNode } from '../../src/cli/running-node.ts';
import { nodeClock } from '../../src/platform/node/clock.ts';
import { openStore } from '../../src/platform/node/store.ts';
import { tcpTransport } from '../../src/platform/node/transport.ts';
import * as assert from '../support/assert.ts';
import { LiveMesh } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/clock', { timeout: 120_000 });
const HOUR_MS = 3_600_000;

/** The machine as it is, but for its wall clock. */
function portsOff(byMs: number): NodePorts {
  const clock = nodeClock();
  return { clock: { ...clock, now: () => clock.now() + byMs }, transport: tcpTransport(), openStore };
}

test('a clock far off is refused and named, for who joins and for who has joined', async () => {
  const mesh = new LiveMesh();
  const stop = new AbortController();
  const start = (folder: string, byMs: number) => startNode(folder, stop.signal, portsOff(byMs));
  try {
    await mesh.found();
    const folder = await mesh.invite('worker', 'worker-1');
    for (const off of [-HOUR_MS, -150_000, HOUR_MS]) {
      const error = await assert.rejectsCode(start(folder, off), 'OOTO_AUTHORITY_CLOCK');
      assert.is(error.fault, 'environment');
      assert.match(error.hint ?? '', /set the clock/);
    }

    await assert.rejectsCode(start(folder, 150_000), 'OOTO_MESH_UNAVAILABLE');
    const refused = mesh.logOf('authority-1').filter(({ code }) => code === 'OOTO_CHANNEL_DELEGATION');
    assert.ok(refused.length > 0, 'the authority names a node whose statements come from the future');

    await (await start(folder, 30_000)).close();
    await assert.rejectsCode(start(folder, -HOUR_MS), 'OOTO_AUTHORITY_CLOCK');
    await (await start(folder, 0)).close();
  } finally {
    stop.abort();
    await mesh.stop();
  }
});
