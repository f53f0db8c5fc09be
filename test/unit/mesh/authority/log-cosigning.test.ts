import { logKeyOf, witnessKeysOf } from '../../../../src/authority/credential.ts';
import { verifyCheckpoint } from '../../../../src/log/index.ts';
import * as assert from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { seededRandom } from '../../../support/network.ts';
import { type SimulatedFounder, SimulatedMesh } from '../../../support/simulated-mesh.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/authority/log-cosigning', { timeout: 120_000 });

function cosignaturesOf({ node, authority, name }: SimulatedFounder): string[] {
  const { committee } = node.trust.authority;
  const key = logKeyOf(committee, name);
  const witnesses = witnessKeysOf(committee);
  const policy = { origin: key.name, keys: [key], witnesses };
  const { cosignatures } = verifyCheckpoint(node.options.crypto, authority.duty.log.checkpoint!, policy);
  return cosignatures.map((line) => line.name.split('/').at(-1)!);
}

test('members cosign each other; one started on an older log than they saw adds nothing, and ends', async () => {
  const crypto = testCrypto(seededRandom('log-cosigning'));
  const mesh = new SimulatedMesh(crypto);
  const founders = await mesh.founded();
  const [first, ...others] = founders;
  const log = (founder: SimulatedFounder) => founder.authority.duty.log;
  const isCosigned = () => cosignaturesOf(first).sort().join() === 'a2,a3';
  await mesh.clock.until(isCosigned);
  const [older, olderSize] = [first.store.reopened(), log(first).size];

  const definition = crypto.random.bytes(32);
  await first.authority.duty.logDefinition(definition, 'o1');
  assert.is(log(first).size, olderSize + 1);
  await mesh.clock.until(isCosigned);
  const newest = await mesh.kill(first);

  const rolledBack = await mesh.start('a1', older);
  await mesh.clock.until(() => rolledBack.authority.rolledBack !== undefined);
  assert.is(rolledBack.authority.rolledBack?.code, 'OOTO_LOG_ROLLED_BACK');
  await assert.rejectsCode(
    rolledBack.authority.duty.logDefinition(crypto.random.bytes(32), 'o1'),
    'OOTO_LOG_ROLLED_BACK',
  );
  assert.is(rolledBack.authority.duty.log.size, olderSize);
  await mesh.kill(rolledBack);

  const again = await mesh.start('a1', newest);
  await mesh.clock.until(() => again.started);
  assert.is(again.authority.rolledBack, undefined);
  const proof = await again.authority.duty.logDefinition(definition, 'o1');
  assert.is(proof.index, olderSize, 'the entry is there');
  for (const founder of [again, ...others]) await mesh.kill(founder);
});
