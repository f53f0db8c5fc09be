import type { MeshHead } from '../../../../src/authority/head.ts';
import { hex } from '../../../../src/base/hex.ts';
import { Ed25519SigningKey } from '../../../../src/envelope/keys.ts';
import { join } from '../../../../src/mesh/joining.ts';
import * as assert from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { settled } from '../../../support/manual-clock.ts';
import { diskFull } from '../../../support/memory-store.ts';
import { seededRandom } from '../../../support/network.ts';
import { type SimulatedFounder, SimulatedMesh } from '../../../support/simulated-mesh.ts';
import { suite } from '../../../support/suite.ts';
import { watchUnhandled } from '../session-pair.ts';

const test = suite('mesh/authority/founding', { timeout: 120_000 });
const crypto = testCrypto(seededRandom('founding'));
const meshOf = ({ node }: SimulatedFounder) => hex(node.trust.genesis.meshId);

function requireOneMesh(founders: SimulatedFounder[]): void {
  for (const { failure } of founders) assert.is(failure, undefined);
  assert.is(new Set(founders.map(meshOf)).size, 1);
  for (const { node } of founders) assert.ok((node.head.current?.number ?? 0) >= 1);
}

test('three founders come to one mesh, and a newcomer with an invite joins it', async () => {
  const unhandled = watchUnhandled();
  const mesh = new SimulatedMesh(crypto);
  const founders = await mesh.founded();
  requireOneMesh(founders);
  const node = mesh.node('worker', 'w1', Ed25519SigningKey.generate(crypto));
  const stop = new AbortController();
  let name: string | undefined;
  const joined = join(node, mesh.invite(founders[0], 'worker', 'w1'), 600_000, stop.signal).then((valid) => {
    name = valid.name;
  });
  await mesh.clock.until(() => name !== undefined, 30_000);
  await joined;
  assert.is(name, 'w1');
  assert.equal(unhandled.reasons, []);
  unhandled.stop();
});

test('founders that come a quarter of an hour apart still found their mesh', async () => {
  const mesh = new SimulatedMesh(crypto);
  const founders = [await mesh.start('a1')];
  await mesh.clock.run(15 * 60_000, 1_000);
  founders.push(await mesh.start('a2'), await mesh.start('a3'));
  await mesh.clock.until(() => founders.every(({ started }) => started), 300_000, 250);
  requireOneMesh(founders);
});

for (let commit = 1; commit <= 6; commit++)
  test(`a founder that dies after its commit ${commit} finds the same mesh when it comes back`, async () => {
    const mesh = new SimulatedMesh(crypto);
    const founders = await Promise.all(mesh.names.map((name) => mesh.start(name)));
    const [, victim] = founders;
    await mesh.clock.until(() => victim.store.commits.length >= commit || victim.started);
    founders[1] = await mesh.start('a2', await mesh.kill(victim));
    await mesh.clock.until(() => founders.every(({ started }) => started), 600_000, 250);
    requireOneMesh(founders);
  });

test('a disk that is full for a while delays the founding and breaks nothing', async () => {
  const mesh = new SimulatedMesh(crypto);
  const founders = await Promise.all(mesh.names.map((name) => mesh.start(name)));
  founders[2].store.beforeCommit = diskFull;
  await mesh.clock.run(10_000, 250);
  assert.not(founders.some(({ started }) => started));
  founders[2].store.beforeCommit = () => {};
  await mesh.clock.until(() => founders.every(({ started }) => started), 600_000, 250);
  requireOneMesh(founders);
});

test('of two heads that come at the same moment the newer stays, in memory and in the store', async () => {
  const mesh = new SimulatedMesh(crypto);
  const [founder] = await mesh.founded();
  const { node, store } = founder;
  const first = node.head.current as MeshHead;
  await mesh.clock.until(() => node.head.current!.number > first.number, 400_000, 1_000);
  const newest = node.head.current as MeshHead;
  const fresh = mesh.node('worker', 'w', Ed25519SigningKey.generate(crypto), store.reopened());
  const release: (() => void)[] = [];
  const empty = fresh.options.store as typeof store;
  await empty.commit([{ delete: 'head/current' }]);
  fresh.trustMesh(node.trust);
  empty.beforeCommit = () => new Promise<void>((resolve) => release.push(resolve));
  const adopted = [fresh.following.adopt(newest.encoded), fresh.following.adopt(first.encoded)];
  for (let turn = 0; turn < 3; turn++) {
    await settled();
    release.shift()?.();
  }
  await Promise.all(adopted);
  assert.is(fresh.head.current?.number, newest.number);
  assert.bytes(empty.get('head/current')!, newest.encoded);
});

test('over an enrolment nothing but enrolment is answered', async () => {
  const mesh = new SimulatedMesh(crypto);
  const founders = await mesh.founded();
  const node = mesh.node('worker', 'w1', Ed25519SigningKey.generate(crypto));
  const stop = new AbortController();
  const invite = mesh.invite(founders[0], 'worker', 'w1');
  const wrong = { ...invite, seed: crypto.random.bytes(32) };
  const refused = join(node, wrong, 600_000, stop.signal).catch((error) => error.code);
  let code: unknown;
  void refused.then((given) => (code = given));
  await mesh.clock.until(() => code !== undefined, 60_000);
  assert.is(code, 'OOTO_CRYPTO_SIGNATURE');
  const logged = founders.map(({ authority }) => authority.duty.log.size);
  assert.equal(logged, [3, 3, 3]);
});
