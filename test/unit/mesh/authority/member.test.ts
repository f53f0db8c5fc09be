/** Members of the authority as whole nodes, in memory: they come back after an outage, however long it was. */
import { nodeIdOf } from '../../../../src/authority/certification.ts';
import { encodeDraft, operatorMessage } from '../../../../src/authority/genesis.ts';
import { HeadView } from '../../../../src/authority/head.ts';
import { createRequest } from '../../../../src/authority/request.ts';
import { OotoError } from '../../../../src/base/errors.ts';
import { hex } from '../../../../src/base/hex.ts';
import type { CborValue } from '../../../../src/envelope/cbor.ts';
import { Ed25519SigningKey } from '../../../../src/envelope/keys.ts';
import { SHARE_KEY } from '../../../../src/mesh/authority/founding.ts';
import { AuthorityNode } from '../../../../src/mesh/authority/member.ts';
import { GENESIS_KEY, memberVerifier } from '../../../../src/mesh/identity.ts';
import { storedCredential } from '../../../../src/mesh/joining.ts';
import { MeshNode } from '../../../../src/mesh/node.ts';
import { OwnCredentials } from '../../../../src/mesh/own-credential.ts';
import { Peers } from '../../../../src/mesh/peers.ts';
import { initialPolicy, type Policy } from '../../../../src/mesh/policy.ts';
import { Upkeep } from '../../../../src/mesh/upkeep.ts';
import * as assert from '../../../support/assert.ts';
import { MANIFEST, signerOf } from '../../../support/authority.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { type FoundedMesh, foundMesh } from '../../../support/founders.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { MemoryStore } from '../../../support/memory-store.ts';
import { MemoryNetwork } from '../../../support/memory-transport.ts';
import { seededRandom } from '../../../support/network.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/authority/member', { timeout: 120_000 });
const MINUTE = 60_000;
const STEP_MS = 1_000;

interface Running {
  node: MeshNode;
  logger: RecordingLogger;
  life: AbortController;
  ready: boolean;
}

class World {
  readonly crypto = testCrypto(seededRandom('authority nodes'));
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork();
  readonly mesh: FoundedMesh;
  readonly stores = new Map<string, MemoryStore>();
  readonly running = new Map<string, Running>();
  readonly lifeMs: number;

  constructor(lifeMs = 4 * 60 * MINUTE, rules?: Policy['rules']) {
    this.lifeMs = lifeMs;
    const policy = initialPolicy({
      manifests: [hex(MANIFEST)],
      originators: [],
      ...(rules && { rules }),
    }) as unknown as CborValue;
    this.mesh = foundMesh(this.crypto, { created: this.clock.now() - 1_000, policy });
    this.mesh.founders.forEach(({ name }, i) => {
      const share = this.mesh.keys[i].secretShare.encode();
      const founded = [
        [GENESIS_KEY, this.mesh.record.encoded],
        [SHARE_KEY, share],
      ] as const;
      this.stores.set(name, new MemoryStore(founded));
    });
  }

  start(...names: string[]): void {
    for (const name of names) this.running.set(name, this.#run(name));
  }

  async kill(name: string): Promise<void> {
    const { node, life } = this.running.get(name)!;
    life.abort(new Error('killed'));
    await node.close();
    this.running.delete(name);
  }

  addressOf(name: string): string {
    return this.mesh.draft.founders.find((founder) => founder.name === name)!.addresses[0];
  }

  get isReady(): boolean {
    return [...this.running.values()].every(({ ready }) => ready);
  }

  /** The least number of the newest heads. */
  get head(): number {
    return Math.min(
      ...[...this.running.values()].map(({ node }) => (node.isMember ? (node.head.current?.number ?? 0) : 0)),
    );
  }

  until(condition: () => boolean, limitMs = 5 * MINUTE): Promise<void> {
    return this.clock.until(condition, limitMs, STEP_MS);
  }

  #run(name: string): Running {
    const { crypto, clock, mesh } = this;
    const position = mesh.founders.findIndex((founder) => founder.name === name);
    const keys = mesh.founders[position];
    const life = new AbortController();
    const logger = new RecordingLogger();
    const node = new MeshNode({
      ...{
        crypto,
        clock,
        logger,
        store: this.stores.get(name)!,
        role: 'authority',
        name,
      },
      transport: this.network.transport(name),
      signer: signerOf(keys.identity),
      ...{ manifest: MANIFEST, versions: new Map(), epochMs: MINUTE },
    });
    const running: Running = { node, logger, life, ready: false };
    const signed = {
      draft: mesh.draftBytes,
      operatorSignatures: [
        {
          keyid: mesh.operator.keyid,
          signature: mesh.operator.key.sign(operatorMessage(encodeDraft(mesh.draft))),
        },
      ],
    };
    const authority = new AuthorityNode(node, keys, signed, life.signal);
    const begin = async () => {
      const [address] = mesh.draft.founders[position].addresses;
      await node.peers.listen(address);
      await authority.start(this.lifeMs);
      const credential = storedCredential(node)!;
      running.ready = true;
      await new Upkeep({
        node,
        credential,
        lifeMs: this.lifeMs,
        addresses: [address],
        signal: life.signal,
      }).run();
    };
    begin().catch((error) => {
      if (!life.signal.aborted) throw error;
    });
    return running;
  }
}

/** Who knows the mesh and has a key, and nothing else: an enrolment channel to `member` under a name of its choice. */
async function stranger(world: World, member: string, id: string) {
  const { crypto, clock, mesh } = world;
  const { meshId, groupKey } = mesh.record;
  const signer = signerOf(Ed25519SigningKey.generate(crypto));
  const key = { algorithm: signer.algorithm, bytes: signer.publicKey };
  const request = await createRequest(
    crypto,
    { mesh: meshId, id, key, life: MINUTE, tier: 'software', nonce: crypto.random.bytes(16) },
    signer,
  );
  const own = await OwnCredentials.create(
    { crypto, clock, signer },
    {
      ...{ kind: 'enrol', id, meshId, subject: request.digest, credential: request.encoded },
      notAfter: clock.now() + MINUTE,
    },
  );
  const handlers = {
    authenticated: () => undefined,
    ready() {},
    refused() {},
    answer: async () => {
      throw new OotoError('OOTO_TEST_STRANGER', 'peer', 'a stranger was asked');
    },
  };
  const peers = new Peers({
    ...{ crypto, clock, logger: new RecordingLogger(), handlers, epochMs: MINUTE },
    transport: world.network.transport('stranger'),
  });
  const { trust } = world.running.get(member)!.node;
  const view = new HeadView(crypto, { meshId, groupKey }, undefined);
  const verifier = memberVerifier(crypto, trust, view, (head) => view.accept(head));
  peers.join({ meshId, own: () => own.forChannel(), verifier, accept: [] });
  return { session: await peers.dial(meshId, world.addressOf(member), undefined), request: request.encoded };
}

test('heads go on after the whole authority was down for longer than a head is young', async () => {
  const world = new World();
  world.start('a1', 'a2', 'a3');
  await world.until(() => world.isReady && world.head >= 1);
  for (const name of ['a1', 'a2', 'a3']) await world.kill(name);
  await world.clock.run(20 * MINUTE, 10 * MINUTE);
  world.start('a1', 'a2', 'a3');
  await world.until(() => world.isReady && world.head >= 2);
});

test('heads go on after one member was alone for longer than a head is young', async () => {
  const world = new World();
  world.start('a1', 'a2', 'a3');
  await world.until(() => world.isReady && world.head >= 1);
  await world.kill('a1');
  await world.kill('a2');
  await world.clock.run(25 * MINUTE, STEP_MS);
  const alone = world.head;
  world.start('a1', 'a2');
  await world.until(() => world.isReady && world.head > alone);
});

test('a member comes back although its certificate has lapsed', async () => {
  const world = new World(20 * MINUTE);
  world.start('a1', 'a2', 'a3');
  await world.until(() => world.isReady && world.head >= 1);
  await world.kill('a3');
  await world.clock.run(25 * MINUTE, STEP_MS);
  world.start('a3');
  await world.until(() => world.isReady && world.head >= 4);
});

test('a stranger that claims the name of a member gets nothing that is meant for it', async () => {
  const world = new World();
  world.start('a1', 'a2', 'a3');
  await world.until(() => world.isReady && world.head >= 1);
  const { meshId } = world.mesh.record;
  for (const name of ['a2', 'a3']) await stranger(world, 'a1', nodeIdOf(meshId, 'authority', name));
  await world.until(() => world.head >= 2, 8 * MINUTE);
  const passedOver = world.running.get('a1')!.logger.codes('a member did not take part');
  assert.equal(
    passedOver.filter((code) => code !== 'OOTO_MESH_TIMEOUT'),
    [],
  );
});

test('without a right nobody makes a member ask the others for anything', async () => {
  const world = new World();
  world.start('a1', 'a2', 'a3');
  await world.until(() => world.isReady && world.head >= 1);
  const id = nodeIdOf(world.mesh.record.meshId, 'worker', 'w');
  const { session, request } = await stranger(world, 'a1', id);
  const claim = { kind: 'invite', grant: new Uint8Array(99), signature: new Uint8Array(64) };
  const nonces = world.mesh.founders.map(({ name }) => ({ member: name, nonce: new Uint8Array(32) }));
  const evidence = new Uint8Array(1_000);
  await assert.rejectsCode(session.request('enrol.challenge', { request, claim }), 'OOTO_ENVELOPE_CBOR');
  await assert.rejectsCode(
    session.request('enrol.evidence', { request, claim, nonces, evidence }),
    'OOTO_ENVELOPE_CBOR',
  );
  for (const name of ['a2', 'a3']) {
    const asked = world.running.get(name)!.logger.lines.map(({ fields }) => fields.operation);
    assert.not(asked.includes('authority.appraise'), name);
  }
});

test('what policy denies to members of the authority, founders do not get either', async () => {
  const world = new World(MINUTE, []);
  world.start('a1', 'a2', 'a3');
  await world.clock.run(10_000, STEP_MS);
  assert.not(world.isReady);
  for (const name of ['a2', 'a3']) {
    const { logger } = world.running.get(name)!;
    const refused = logger.lines.filter(({ fields }) => fields.operation === 'authority.appraise');
    assert.ok(refused.length > 0 && refused.every(({ fields }) => fields.code === 'OOTO_POLICY_DENIED'));
  }
});
