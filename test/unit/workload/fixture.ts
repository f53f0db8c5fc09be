/** A small mesh of keys and a store in memory, for the tests of this room. */
import { compare, utf8 } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import type { Tier } from '../../../src/cert/tier.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import type { Store, StoreChange } from '../../../src/ports.ts';
import type { NodeSituation, WorkloadTrust } from '../../../src/workload/admission.ts';
import { type Assignment, signAssignment } from '../../../src/workload/assignment.ts';
import { signDefinition, type WorkloadDefinition } from '../../../src/workload/definition.ts';
import type { SchedulerTrust } from '../../../src/workload/scheduler.ts';
import { testCrypto } from '../../support/crypto.ts';

export const crypto = testCrypto();
export const MESH = new Uint8Array(32).fill(7);
export const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
export const HOUR = 3_600_000;
export const SCHEDULER = 'spiffe://mesh/node/scheduler-1';
export const WORKERS = [
  'spiffe://mesh/node/worker-1',
  'spiffe://mesh/node/worker-2',
  'spiffe://mesh/node/worker-3',
];
export const ATTESTATION = crypto.sha256(utf8('evidence'));

const key = (n: number) => new Ed25519SigningKey(crypto, new Uint8Array(32).fill(n));
export const keys = { originator: key(1), scheduler: key(2), worker: key(3), other: key(4) };

export const MODULE = utf8('a module, for all this room cares');
export const CHUNKS = [utf8('the first '), utf8('the second'), utf8('third')];

export function refuse(code: string): OotoError {
  return new OotoError(code, 'peer', 'refused by the test');
}

export class MemoryStore implements Store {
  readonly entries = new Map<string, Uint8Array>();
  get(name: string) {
    return this.entries.get(name);
  }
  range(from: string, to: string) {
    return [...this.entries]
      .filter(([name]) => compare(utf8(from), utf8(name)) <= 0 && compare(utf8(name), utf8(to)) < 0)
      .sort(([a], [b]) => compare(utf8(a), utf8(b)))
      .map(([name, value]) => ({ key: name, value }));
  }
  apply(changes: readonly StoreChange[]) {
    for (const change of changes)
      if ('put' in change) this.entries.set(change.put, change.value);
      else this.entries.delete(change.delete);
  }
  async commit(changes: readonly StoreChange[]) {
    this.apply(changes);
  }
  async close() {}
}

export function definition(given: Partial<WorkloadDefinition> = {}): WorkloadDefinition {
  return {
    name: 'text-statistics',
    originator: 'alice',
    sequence: 1,
    expires: NOW + HOUR,
    module: crypto.sha256(MODULE),
    input: { bytes: 25, chunkBytes: 10 },
    chunks: CHUNKS.map((chunk) => crypto.sha256(chunk)),
    arguments: ['--all'],
    limits: { memoryBytes: 1 << 26, timeMs: 10_000, outputBytes: 1000 },
    requires: { tier: 'software', labels: [] },
    ...given,
  };
}

export function envelope(given: Partial<WorkloadDefinition> = {}, signer = keys.originator): Uint8Array {
  return signDefinition(definition(given), signer);
}

/** Trusts alice, scheduler-1, and every worker under the one worker key. */
export function trust(given: Partial<WorkloadTrust & SchedulerTrust> = {}): WorkloadTrust & SchedulerTrust {
  return {
    originatorKey: (originator) => {
      if (originator !== 'alice') throw refuse('OOTO_TEST_ORIGINATOR');
      return keys.originator.publicKey;
    },
    schedulerKey: (id) => {
      if (id !== SCHEDULER) throw refuse('OOTO_TEST_SCHEDULER');
      return { algorithm: 'ed25519', bytes: keys.scheduler.publicKey };
    },
    requireLogged: (_, proofs) => {
      if (proofs.length !== 1) throw refuse('OOTO_TEST_UNLOGGED');
    },
    nodeKey: (node) => {
      if (!WORKERS.includes(node)) throw refuse('OOTO_TEST_NODE');
      return { algorithm: 'ed25519', bytes: keys.worker.publicKey };
    },
    requireAttested: (_, attestation) => {
      if (compare(attestation, ATTESTATION) !== 0) throw refuse('OOTO_TEST_ATTESTATION');
    },
    ...given,
  };
}

export const PROOFS = Uint8Array.of(1);

export function situation(given: Partial<NodeSituation> = {}): NodeSituation {
  return {
    mesh: MESH,
    node: WORKERS[0],
    tier: 'software' as Tier,
    labels: [],
    most: { memoryBytes: 1 << 26, timeMs: 60_000, outputBytes: 1 << 23 },
    now: NOW,
    ...given,
  };
}

export function assignment(
  of: Uint8Array,
  given: Partial<Assignment> = {},
  signer = keys.scheduler,
): Uint8Array {
  return signAssignment(
    {
      mesh: MESH,
      scheduler: SCHEDULER,
      node: WORKERS[0],
      definition: crypto.sha256(of),
      chunk: 1,
      attempt: 1,
      deadline: NOW + 60_000,
      ...given,
    },
    signer,
  );
}
