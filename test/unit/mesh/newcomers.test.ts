/** Whole nodes that join and renew: by whichever member of the authority answers, and no more often than needed. */
import type { ValidCredential } from '../../../src/authority/credential.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { join } from '../../../src/mesh/joining.ts';
import type { MeshNode } from '../../../src/mesh/node.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { seededRandom } from '../../support/network.ts';
import { LIFE_MS, type SimulatedFounder, SimulatedMesh } from '../../support/simulated-mesh.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/newcomers', { timeout: 120_000 });
const mesh = new SimulatedMesh(testCrypto(seededRandom('newcomers')));
let founders: SimulatedFounder[];

test.before(async () => {
  founders = await mesh.founded();
});

/** Joins by an invite with these addresses; the clock is moved until all of them have, or have failed. */
async function joinAll(names: readonly string[], addresses: readonly string[]): Promise<MeshNode[]> {
  const nodes = names.map((name) => mesh.node('worker', name, Ed25519SigningKey.generate(mesh.crypto)));
  const inviter = founders.at(-1)!;
  const joins = nodes.map((node, i): Promise<ValidCredential> => {
    const invite = { ...mesh.invite(inviter, 'worker', names[i]), addresses: [...addresses] };
    return join(node, invite, LIFE_MS, new AbortController().signal);
  });
  let settled = false;
  const all = Promise.allSettled(joins).then(() => {
    settled = true;
  });
  await mesh.clock.until(() => settled);
  await all;
  const valid = await Promise.all(joins);
  valid.forEach(({ id }, i) => void assert.ok(id.endsWith(`/worker/${names[i]}`)));
  return nodes;
}

test('a joiner whose first address leads nowhere, and whose second says nothing, joins through the third', async () => {
  await mesh.network.transport('mute').listen('mute:1');
  const [node] = await joinAll(['w1'], ['nowhere:1', 'mute:1', 'a2:1', 'a3:1']);
  assert.ok(node.isMember);
  await node.close();
});

test('several join at once although the first member they ask has gone', async () => {
  const [first, ...others] = founders;
  await mesh.kill(first);
  founders = others;
  const nodes = await joinAll(['w2', 'w3', 'w4', 'w5'], ['a1:1', 'a2:1', 'a3:1']);
  assert.equal(
    nodes.map(({ isMember }) => isMember),
    [true, true, true, true],
  );
  for (const node of nodes) await node.close();
});

test('a certificate is asked to be renewed so often and no more, by each member for itself', async () => {
  const [eager, calm] = await joinAll(['w6', 'w7'], ['a2:1', 'a3:1']);
  const [member] = founders;
  const to = { id: member.node.own.presentation.id, addresses: ['a2:1'] };
  const codes: string[] = [];
  const renew = (node: MeshNode) =>
    node.ask(to, 'certificate.renew', null).then(
      () => 'ok',
      ({ code }) => code as string,
    );
  for (let i = 0; i < 17; i++) codes.push(await renew(eager));
  assert.is(codes.filter((code) => code === 'OOTO_MESH_RENEWAL_RATE').length, 1);
  assert.is(codes.at(-1), 'OOTO_MESH_RENEWAL_RATE');
  assert.is.not(await renew(calm), 'OOTO_MESH_RENEWAL_RATE');
  await mesh.clock.run(5_000, 500);
  assert.is.not(await renew(eager), 'OOTO_MESH_RENEWAL_RATE');
  assert.is(await renew(eager), 'OOTO_MESH_RENEWAL_RATE');
  for (const node of [eager, calm]) await node.close();
  for (const { node } of founders) await node.close();
});
