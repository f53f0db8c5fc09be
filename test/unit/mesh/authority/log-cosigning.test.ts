import { logKeyOf, witnessKeysOf } from '../../../../src/authority/credential.ts';
import { Ed25519SigningKey } from '../../../../src/envelope/keys.ts';
import { formatCheckpoint, formatNote, verifyCheckpoint } from '../../../../src/log/index.ts';
import { signNote } from '../../../../src/log/note.ts';
import { ShownCheckpoints } from '../../../../src/mesh/authority/shown-checkpoints.ts';
import { join } from '../../../../src/mesh/joining.ts';
import * as assert from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { seededRandom } from '../../../support/network.ts';
import { LIFE_MS, type SimulatedFounder, SimulatedMesh } from '../../../support/simulated-mesh.ts';
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
  const session = crypto.random.bytes(32);
  const revocations = { kind: 'revocations', session, version: 1, time: 0, causes: [] };
  await assert.rejectsCode(rolledBack.authority.duty.appraise('a2', revocations), 'OOTO_LOG_ROLLED_BACK');
  assert.is(rolledBack.authority.duty.log.size, olderSize);
  await mesh.kill(rolledBack);

  const again = await mesh.start('a1', newest);
  await mesh.clock.until(() => again.started);
  assert.is(again.authority.rolledBack, undefined);
  const proof = await again.authority.duty.logDefinition(definition, 'o1');
  assert.is(proof.index, olderSize, 'the entry is there');
  for (const founder of [again, ...others]) await mesh.kill(founder);
});

for (const victim of ['a1', 'a2'])
  test(`${victim} is started without an entry that nobody had cosigned: who signed with it remembers`, async () => {
    const crypto = testCrypto(seededRandom('shown'));
    const mesh = new SimulatedMesh(crypto);
    const founders = await mesh.founded();
    const set = founders.find(({ name }) => name === victim)!;
    const others = founders.filter((founder) => founder !== set);
    await mesh.clock.until(() => cosignaturesOf(set).length === 2);
    const older = set.store.reopened();

    const node = mesh.node('worker', 'w1', Ed25519SigningKey.generate(crypto));
    const invite = { ...mesh.invite(set, 'worker', 'w1'), addresses: ['a1:1'] };
    let joined = false;
    const joining = join(node, invite, LIFE_MS, new AbortController().signal).then(() => {
      joined = true;
    });
    await mesh.clock.until(() => joined);
    await joining;
    assert.equal(cosignaturesOf(set), [], 'the entry is in the log, and nobody has cosigned it yet');
    await mesh.kill(set);

    const rolledBack = await mesh.start(victim, older);
    await mesh.clock.until(() => rolledBack.authority.rolledBack !== undefined);
    for (const founder of [rolledBack, ...others]) await mesh.kill(founder);
    await node.close();
  });

test('what a member is shown of a log counts only with the key of that log, and only the newest', () => {
  const crypto = testCrypto(seededRandom('shown checkpoints'));
  const shown = new ShownCheckpoints();
  const note = (size: number, fill: number) => {
    const seed = new Uint8Array(32).fill(fill);
    const publicKey = crypto.ed25519.publicKey(seed);
    const signer = { publicKey, sign: (message: Uint8Array) => crypto.ed25519.sign(seed, message) };
    const text = formatCheckpoint({ origin: 'log', size, root: new Uint8Array(32) });
    return formatNote({ text, signatures: [signNote(crypto, text, 'log', signer)] });
  };
  const keys = [{ name: 'log', publicKey: crypto.ed25519.publicKey(new Uint8Array(32).fill(1)) }];
  const judge = (shownNote: string) => verifyCheckpoint(crypto, shownNote, { origin: 'log', keys });
  assert.is(shown.newest('log', judge), undefined);
  shown.add('log', 'a1', note(5, 1));
  shown.add('log', 'a1', note(3, 1));
  shown.add('log', 'a2', note(4, 1));
  shown.add('log', 'a3', note(1_000, 2));
  assert.is(shown.newest('log', judge), note(5, 1));
  assert.is(shown.newest('another', judge), undefined);
  assert.throws(() => shown.add('log', 'a1', 'nothing'));
});
