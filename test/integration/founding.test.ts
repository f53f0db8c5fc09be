import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNode } from '../../src/cli/running-node.ts';
import { createFounder, createMember, openOperator, readMeshFiles, signDraft, writeInvite } from '../../src/cli/setting-up.ts';
import { measureProgram } from '../../src/cli/program.ts';
import { initialPolicy } from '../../src/mesh/policy.ts';
import { createNodeCrypto } from '../../src/node.ts';
import { coreFolder } from '../../src/platform/node/core-file.ts';
import { hex } from '../../src/base/hex.ts';
import * as assert from '../support/assert.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/founding', { timeout: 60_000 });

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('three founders make a mesh and a worker joins it', async () => {
  const base = await mkdtemp(join(tmpdir(), 'ooto-'));
  const stop = new AbortController();
  try {
    const crypto = createNodeCrypto();
    const operator = await openOperator(crypto, join(base, 'operator'));
    const names = ['a1', 'a2', 'a3'];
    const founders = [];
    for (const name of names)
      founders.push(await createFounder(crypto, join(base, name), { name, listen: `127.0.0.1:${await freePort()}` }));
    const policy = initialPolicy({
      manifests: [hex(measureProgram(crypto, coreFolder()).digest)],
      originators: [],
    });
    const draft = signDraft({ name: 'test', created: Date.now(), threshold: 2, founders, policy }, operator);
    const { writeFileAtomically } = await import('../../src/platform/node/files.ts');
    for (const name of names) await writeFileAtomically(join(base, name, 'genesis.draft'), draft);
    const started = performance.now();
    const nodes = await Promise.all(names.map((name) => startNode(join(base, name), stop.signal)));
    console.log('founded', performance.now() - started);
    assert.is(new Set(nodes.map((node) => node.status.mesh)).size, 1);
    const mesh = await readMeshFiles(join(base, 'a1'));
    const folder = join(base, 'w1');
    await createMember(folder, { name: 'w1', role: 'worker', listen: '127.0.0.1:0' });
    await writeInvite(crypto, operator, mesh, { role: 'worker', name: 'w1', file: join(folder, 'invite'), now: Date.now() });
    const worker = await startNode(folder, stop.signal);
    console.log(worker.status);
    nodes.push(worker);
    stop.abort();
    for (const node of nodes) await node.close();
  } finally {
    stop.abort();
    if (process.env.KEEP) console.log(base);
    else await rm(base, { recursive: true, force: true });
  }
});
