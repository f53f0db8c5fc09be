import { concat, utf8 } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import { signStatement } from '../../../src/envelope/statement.ts';
import type { NodeSituation, Offer } from '../../../src/workload/admission.ts';
import type { Assignment } from '../../../src/workload/assignment.ts';
import type { WorkloadDefinition } from '../../../src/workload/definition.ts';
import { Executor } from '../../../src/workload/executor.ts';
import { verifyReceipt } from '../../../src/workload/receipt.ts';
import { bytes, equal, is, not, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import {
  ATTESTATION,
  assignment,
  CHUNKS,
  crypto,
  envelope,
  HOUR,
  keys,
  MESH,
  MemoryStore,
  MODULE,
  NOW,
  PROOFS,
  refuse,
  SCHEDULER,
  situation,
  trust,
  WORKERS,
} from './fixture.ts';

const test = suite('executor');

function offer(given: Partial<Assignment> = {}, defined: Partial<WorkloadDefinition> = {}): Offer {
  const signed = envelope(defined);
  return {
    envelope: signed,
    proofs: PROOFS,
    assignment: assignment(signed, given),
    module: MODULE,
    chunk: CHUNKS[given.chunk ?? 1],
  };
}

function node(store = new MemoryStore(), judged = trust()) {
  const executor = new Executor({ crypto, store, trust: judged });
  const take = (given: Offer, where: Partial<NodeSituation> = {}) => {
    const { changes, job } = executor.take(given, situation(where));
    store.apply(changes);
    return job;
  };
  return { executor, store, take };
}

const result = (stdout: Uint8Array, exitCode = 0) => ({ exitCode, stdout, stderr: new Uint8Array() });
const signing = { key: keys.worker, attestation: ATTESTATION, now: NOW + 500 };

test('an offer becomes a job, its result a receipt that binds everything', () => {
  const { executor, take } = node();
  const given = offer();
  const job = take(given);
  bytes(job.module, MODULE);
  bytes(job.stdin, CHUNKS[1]);
  equal(job.arguments, ['--all']);
  is(job.id, hex(crypto.sha256(given.assignment)));
  const { output, receipt } = executor.complete(job.id, result(utf8('out')), signing);
  const expected = {
    mesh: MESH,
    node: WORKERS[0],
    definition: crypto.sha256(given.envelope),
    assignment: crypto.sha256(given.assignment),
    chunk: 1,
    input: crypto.sha256(CHUNKS[1]),
    output,
  };
  const key = { algorithm: 'ed25519', bytes: keys.worker.publicKey } as const;
  const read = verifyReceipt(crypto, receipt, key, expected);
  equal([read.started, read.finished, read.exitCode, read.outputBytes], [NOW, NOW + 500, 0, 3]);
  bytes(read.attestation, ATTESTATION);
  throwsCode(() => executor.complete(job.id, result(output), signing), 'OOTO_WORKLOAD_JOB');
});

test('the seed follows from definition and chunk alone, the time limit from the deadline', () => {
  const first = node().take(offer({ deadline: NOW + 700 }));
  const second = node().take(offer({ attempt: 9, node: WORKERS[1] }), { node: WORKERS[1] });
  const other = node().take(offer({ chunk: 0 }));
  bytes(first.seed, second.seed);
  not.equal(hex(first.seed), hex(other.seed));
  equal([first.limits.timeMs, second.limits.timeMs], [700, 10_000]);
});

test('attack: altered module', () => {
  throwsCode(() => node().take({ ...offer(), module: concat(MODULE, utf8('!')) }), 'OOTO_WORKLOAD_MODULE');
});

test('attack: altered, exchanged or cut chunk', () => {
  for (const chunk of [utf8('the secone'), CHUNKS[0], CHUNKS[1].subarray(1), new Uint8Array()])
    throwsCode(() => node().take({ ...offer(), chunk }), 'OOTO_WORKLOAD_CHUNK');
});

test('attack: an assignment by somebody who is no scheduler', () => {
  const signed = envelope();
  const base = offer();
  const by = (given: Partial<Assignment>, signer = keys.other) => ({
    ...base,
    assignment: assignment(signed, given, signer),
  });
  throwsCode(() => node().take(by({ scheduler: WORKERS[1] })), 'OOTO_TEST_SCHEDULER');
  throwsCode(() => node().take(by({})), 'OOTO_ENVELOPE_SIGNATURE');
  throwsCode(() => node().take(by({ scheduler: WORKERS[1] }, keys.scheduler)), 'OOTO_TEST_SCHEDULER');
});

test('attack: another signed object in the place of an assignment', () => {
  const body = {
    mesh: MESH,
    scheduler: SCHEDULER,
    node: WORKERS[0],
    definition: crypto.sha256(envelope()),
    chunk: 1,
    attempt: 1,
    deadline: NOW + 1,
  };
  const relabelled = signStatement('receipt', body, keys.scheduler);
  throwsCode(() => node().take({ ...offer(), assignment: relabelled }), 'OOTO_ENVELOPE_SIGNATURE');
  throwsCode(() => node().take({ ...offer(), assignment: new Uint8Array(9000) }), 'OOTO_ENVELOPE_SIZE');
});

test('attack: an assignment of another mesh, node, definition or chunk', () => {
  throwsCode(() => node().take(offer({ mesh: new Uint8Array(32) })), 'OOTO_WORKLOAD_MESH');
  throwsCode(() => node().take(offer({ node: WORKERS[1] })), 'OOTO_WORKLOAD_NODE');
  throwsCode(() => node().take(offer({ definition: new Uint8Array(32) })), 'OOTO_WORKLOAD_ASSIGNMENT');
  throwsCode(() => node().take({ ...offer({ chunk: 3 }), chunk: CHUNKS[0] }), 'OOTO_WORKLOAD_ASSIGNMENT');
});

test('attack: replayed assignment, at once and after a restart', () => {
  const { take, store } = node();
  take(offer());
  throwsCode(() => take(offer()), 'OOTO_WORKLOAD_REPLAY');
  throwsCode(() => node(store).take(offer()), 'OOTO_WORKLOAD_REPLAY');
  throwsCode(() => node(store).take(offer({ attempt: 0 })), 'OOTO_WORKLOAD_REPLAY');
  node(store).take(offer({ attempt: 2 }));
  node(store).take(offer({ chunk: 2 }));
});

test('attack: a sequence rolled back, at once and after a restart', () => {
  const { take, store } = node();
  take(offer({}, { sequence: 5 }));
  const again = node(store);
  for (const { take: taken } of [{ take }, again]) {
    throwsCode(() => taken(offer({}, { sequence: 4 })), 'OOTO_WORKLOAD_SEQUENCE');
    throwsCode(() => taken(offer({}, { sequence: 5, arguments: [] })), 'OOTO_WORKLOAD_SEQUENCE');
  }
  again.take(offer({ chunk: 0 }, { sequence: 5 }));
  again.take(offer({}, { sequence: 1, name: 'another' }));
  again.take(offer({}, { sequence: 6 }));
});

test('what is refused later leaves no trace', () => {
  const { take, store } = node();
  throwsCode(() => take({ ...offer({}, { sequence: 9 }), module: utf8('x') }), 'OOTO_WORKLOAD_MODULE');
  is(store.entries.size, 0);
  take(offer({}, { sequence: 1 }));
});

test('attack: expired, unlogged, late, or from one who is not trusted any more', () => {
  throwsCode(() => node().take(offer(), { now: NOW + HOUR }), 'OOTO_WORKLOAD_EXPIRED');
  throwsCode(() => node().take({ ...offer(), proofs: new Uint8Array() }), 'OOTO_TEST_UNLOGGED');
  throwsCode(() => node().take(offer(), { now: NOW + 60_000 }), 'OOTO_WORKLOAD_DEADLINE');
  const distrusting = trust({
    originatorKey: () => {
      throw refuse('OOTO_TEST_REVOKED');
    },
  });
  throwsCode(() => node(new MemoryStore(), distrusting).take(offer()), 'OOTO_TEST_REVOKED');
});

test('a node runs only what it is suited for and can give', () => {
  throwsCode(
    () => node().take(offer({}, { requires: { tier: 'measured', labels: [] } })),
    'OOTO_WORKLOAD_TIER',
  );
  node().take(offer({}, { requires: { tier: 'hardware', labels: ['gpu'] } }), {
    tier: 'measured',
    labels: ['gpu', 'eu'],
  });
  throwsCode(
    () => node().take(offer({}, { requires: { tier: 'software', labels: ['gpu'] } })),
    'OOTO_WORKLOAD_LABELS',
  );
  const asks = (memoryBytes: number, timeMs: number, outputBytes: number) =>
    offer({}, { limits: { memoryBytes, timeMs, outputBytes } });
  for (const limits of [asks(2 ** 27, 1, 1), asks(1, 60_001, 1), asks(1, 1, 2 ** 24)])
    throwsCode(() => node().take(limits), 'OOTO_WORKLOAD_LIMITS');
});

test('no more run at a time than may', () => {
  const { executor, take } = node();
  const jobs = [1, 2, 3, 4].map((attempt) => take(offer({ attempt })));
  throwsCode(() => take(offer({ attempt: 5 })), 'OOTO_WORKLOAD_BUSY');
  executor.fail(jobs[0].id);
  take(offer({ attempt: 5 }));
});

test('during and after: what has lost its ground is stopped and gets no receipt', () => {
  let revoked = false;
  const judged = trust({
    originatorKey: () => {
      if (revoked) throw refuse('OOTO_TEST_REVOKED');
      return keys.originator.publicKey;
    },
  });
  const { executor, take } = node(new MemoryStore(), judged);
  const [first, second, third] = [1, 2, 3].map((attempt) => take(offer({ attempt })));
  equal(executor.lapsed(NOW), []);
  equal(executor.lapsed(NOW + 60_000).length, 3);
  const late = { ...signing, now: NOW + 60_000 };
  throwsCode(() => executor.complete(first.id, result(utf8('x')), late), 'OOTO_WORKLOAD_DEADLINE');
  throwsCode(
    () => executor.complete(second.id, result(new Uint8Array(1001)), signing),
    'OOTO_WORKLOAD_OUTPUT',
  );
  revoked = true;
  equal(executor.lapsed(NOW), [third.id]);
  throwsCode(() => executor.complete(third.id, result(utf8('x')), signing), 'OOTO_TEST_REVOKED');
});

test('attempts at expired definitions are forgotten', () => {
  const { executor, take, store } = node();
  take(offer());
  take(offer({ chunk: 0 }, { name: 'longer', expires: NOW + 2 * HOUR }));
  equal(executor.forget(NOW), []);
  store.apply(executor.forget(NOW + HOUR));
  is(store.range('workload/attempt/', 'workload/attempt0').length, 1);
});

test('a receipt for another output, input, node, mesh or assignment is refused', () => {
  const { executor, take } = node();
  const given = offer();
  const { output, receipt } = executor.complete(take(given).id, result(utf8('out')), signing);
  const key = { algorithm: 'ed25519', bytes: keys.worker.publicKey } as const;
  const expected = {
    mesh: MESH,
    node: WORKERS[0],
    definition: crypto.sha256(given.envelope),
    assignment: crypto.sha256(given.assignment),
    chunk: 1,
    input: crypto.sha256(CHUNKS[1]),
    output,
  };
  const verify = (over: Partial<typeof expected>) => () =>
    verifyReceipt(crypto, receipt, key, { ...expected, ...over });
  for (const over of [utf8('OUT'), utf8('outs'), new Uint8Array()])
    throwsCode(verify({ output: over }), 'OOTO_WORKLOAD_OUTPUT');
  const zeros = new Uint8Array(32);
  for (const over of [
    { mesh: zeros },
    { node: WORKERS[1] },
    { definition: zeros },
    { assignment: zeros },
    { chunk: 2 },
    { input: zeros },
  ])
    throwsCode(verify(over), 'OOTO_WORKLOAD_RECEIPT');
  const other = { algorithm: 'ed25519', bytes: keys.other.publicKey } as const;
  throwsCode(() => verifyReceipt(crypto, receipt, other, expected), 'OOTO_ENVELOPE_SIGNATURE');
});
