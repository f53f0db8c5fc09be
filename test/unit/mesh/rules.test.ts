/** Rules of appraisal that come while a node runs: it answers by them at once, and none takes the place of a later one. */
import type { AppraisalRules } from '../../../src/attest/appraisal-policy.ts';
import { hex } from '../../../src/base/hex.ts';
import { documentMessage, encodeDocument, withSignature } from '../../../src/envelope/document.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import type { NodeTpm } from '../../../src/mesh/attester.ts';
import { MeshNode } from '../../../src/mesh/node.ts';
import type { Tpm } from '../../../src/ports.ts';
import { is, ok, rejectsCode } from '../../support/assert.ts';
import { AuthorityWorld, MANIFEST, signerOf } from '../../support/authority.ts';
import { testCrypto } from '../../support/crypto.ts';
import { settled } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { MemoryNetwork } from '../../support/memory-transport.ts';
import { seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/rules');
const crypto = testCrypto(seededRandom('rules'));
const world = new AuthorityWorld(crypto);
const leaf = new Uint8Array(32).fill(1);

test.before(async () => {
  await world.establish();
});

function rules(version: number, registers: readonly number[]): Uint8Array {
  const body: AppraisalRules = {
    development: false,
    roles: [{ role: 'worker', minimumTier: 'software', maximumAgeMs: 60_000 }],
    manifests: [{ digest: hex(MANIFEST), launch: hex(MANIFEST) }],
    registers: registers.map((register) => ({ register, values: [] })),
    identityRegisters: [],
    launchRegisters: [],
    firmware: [],
    endorsement: { fingerprints: [], roots: [] },
  };
  const draft = { kind: 'appraisal-policy' as const, version, body };
  const { keyid, key } = world.mesh.operator;
  return encodeDocument(withSignature(draft, { keyid, signature: key.sign(documentMessage(draft)) }));
}

/** A member of this tier, and the registers that its TPM was asked to quote. */
async function member(tier: 'measured' | 'software') {
  const asked: string[] = [];
  const tpm: Partial<Tpm> = {
    quote: (_key, _data, registers) => {
      asked.push(registers.join());
      return new Promise(() => {});
    },
  };
  const store = new MemoryStore();
  const { clock, logger } = world;
  const node = new MeshNode({
    ...{ crypto, clock, logger, store, role: 'worker' as const, name: 'w1' },
    transport: new MemoryNetwork().transport('w1'),
    signer: signerOf(Ed25519SigningKey.generate(crypto)),
    manifest: MANIFEST,
    tpm: { tpm } as unknown as NodeTpm,
    versions: new Map(),
    epochMs: 60_000,
  });
  node.trustMesh(world.trust!);
  const { meshId } = world.trust!.genesis;
  const presentation = { id: 'w1', meshId, subject: leaf, credential: leaf, notAfter: clock.now() + 60_000 };
  await node.becomeMember(presentation, tier);
  return { node, store, asked };
}

test('the first rules, and others after them, are answered by at once, on live channels too', async () => {
  const { node, asked } = await member('measured');
  const { attester: live } = node;
  ok(live.answer(leaf) instanceof Uint8Array, 'no rules say what a TPM has to show');
  await node.adoptRules(rules(1, [0, 7]));
  void live.answer(leaf);
  await node.adoptRules(rules(2, [0, 7, 15]));
  void live.answer(leaf);
  is(asked.join(' '), '0,7 0,7,15');
  await node.close();
});

test('a node whose certificate names no TPM shows none, whatever the rules', async () => {
  const { node, asked } = await member('software');
  await node.adoptRules(rules(1, [0, 7]));
  ok(node.attester.answer(leaf) instanceof Uint8Array);
  is(asked.length, 0);
  await node.close();
});

test('of two rules that come at once the later version stays, however slow the disk', async () => {
  const { node, store } = await member('measured');
  let release = () => {};
  store.beforeCommit = () => {
    store.beforeCommit = () => {};
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  };
  const [later, earlier] = [node.adoptRules(rules(3, [0, 7])), node.adoptRules(rules(2, [0]))];
  const refused = rejectsCode(earlier, 'OOTO_ATTEST_RULES_VERSION');
  await settled();
  release();
  await later;
  await refused;
  is(node.policy.appraisal?.registers.length, 2);
  is(hex(store.get('policy/appraisal')!), hex(rules(3, [0, 7])));
  await node.close();
});
