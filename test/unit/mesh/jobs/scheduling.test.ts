import { utf8 } from '../../../../src/base/bytes.ts';
import type { CborValue } from '../../../../src/envelope/cbor.ts';
import { encode } from '../../../../src/envelope/cbor.ts';
import type { KnownPeer } from '../../../../src/mesh/identity.ts';
import { Scheduling } from '../../../../src/mesh/jobs/scheduling.ts';
import type { Handler, MeshNode } from '../../../../src/mesh/node.ts';
import type { Session } from '../../../../src/mesh/session.ts';
import type { Upkeep } from '../../../../src/mesh/upkeep.ts';
import * as assert from '../../../support/assert.ts';
import { AuthorityWorld } from '../../../support/authority.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { finishedJob } from '../../../support/finished-job.ts';
import { MemoryStore } from '../../../support/memory-store.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/jobs/scheduling', { timeout: 60_000 });

test('a job is fed and ended by the node that gave it, and by no other', async () => {
  const world = new AuthorityWorld(testCrypto());
  await world.establish();
  const { definition, proofs } = await finishedJob(world);
  const { ask } = scheduler(world);
  const submission = {
    envelope: definition.envelope,
    proofs: encode(proofs as unknown as CborValue),
    module: utf8('module'),
  };
  const digest = { definition: definition.digest };
  await ask('job.submit', 'alice', submission);
  await assert.rejectsCode(ask('job.submit', 'mallory', submission), 'OOTO_WORKLOAD_OWNER');
  await assert.rejectsCode(
    ask('job.chunk', 'mallory', { ...digest, index: 0, bytes: utf8('x') }),
    'OOTO_WORKLOAD_OWNER',
  );
  await assert.rejectsCode(ask('job.finish', 'mallory', digest), 'OOTO_WORKLOAD_OWNER');
  await ask('job.submit', 'alice', submission);
  await ask('job.finish', 'alice', digest);
});

/** The service on a node that knows no worker. */
function scheduler(world: AuthorityWorld) {
  const { crypto, clock, mesh } = world;
  const handlers = new Map<string, Handler>();
  const { meshId } = mesh.record;
  const node = {
    options: { crypto, clock, store: new MemoryStore(), logger: new RecordingLogger() },
    own: {
      presentation: { meshId, id: world.id('scheduler', 's1'), credential: new Uint8Array(1) },
      delegation: new Uint8Array(1),
      messageKey: mesh.operator.key,
    },
    trust: world.trust,
    policy: world.trust?.policy,
    peers: { with: () => undefined },
    handle: (operation: string, handler: Handler) => handlers.set(operation, handler),
  } as unknown as MeshNode;
  const upkeep = {
    look: async () => {},
    find: async () => [],
    membership: { withRole: () => [], get: () => undefined },
  } as unknown as Upkeep;
  new Scheduling(node, upkeep);
  const ask = async (operation: string, id: string, body: CborValue) =>
    handlers.get(operation)!({ id } as KnownPeer, body, {} as Session);
  return { ask };
}
