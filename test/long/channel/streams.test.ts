/** A body of 1 GiB over TCP and WebSocket, in memory that does not grow with it. */
import { is, ok } from '../../support/assert.ts';
import { runLong } from '../../support/flat-memory.ts';
import { suite } from '../../support/suite.ts';

const test = suite('streams of 1 GiB', { timeout: 600_000 });
const MIB = 2 ** 20;

for (const address of ['127.0.0.1:0', 'ws://127.0.0.1:0'])
  test(`1 GiB over ${address}`, async () => {
    const run = await runLong(1024 * MIB, address);
    is(run.bytes, 1024 * MIB);
    is(run.arrived, run.sent);
    const grown = Math.round(run.residentGrowth / MIB);
    console.log(
      `# ${address}: ${grown} MiB of resident memory, ${Math.round(1024 / (run.ms / 1_000))} MiB/s`,
    );
    ok(grown < 96, `${grown} MiB were taken`);
  });
