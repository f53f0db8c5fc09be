import fc from 'fast-check';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { verifyAssignment } from '../../../src/workload/assignment.ts';
import type { WorkloadDefinition } from '../../../src/workload/definition.ts';
import { type Completion, Executor } from '../../../src/workload/executor.ts';
import { type Receipt, signReceipt } from '../../../src/workload/receipt.ts';
import { type AssignedChunk, Scheduler, type SchedulerTrust } from '../../../src/workload/scheduler.ts';
import { bytes, equal, is, ok, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import {
  ATTESTATION,
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

const test = suite('scheduler', { timeout: 60_000 });

function build(store = new MemoryStore(), judged: SchedulerTrust = trust(), limits = {}) {
  const scheduler = new Scheduler({ crypto, store, trust: judged, mesh: MESH, id: SCHEDULER, limits });
  const submit = (given: Partial<WorkloadDefinition> = {}, now = NOW) => {
    const { definition, changes } = scheduler.submit(envelope(given), PROOFS, now);
    store.apply(changes);
    return definition;
  };
  const fill = (digest: Uint8Array) => {
    scheduler.admitModule(digest, MODULE);
    for (const [i, chunk] of CHUNKS.entries()) scheduler.admitChunk(digest, i, chunk);
  };
  const ready = (...numbers: number[]) => {
    for (const n of numbers) scheduler.nodeReady({ id: WORKERS[n], tier: 'software', labels: [] });
  };
  const assign = (now = NOW) => {
    const { assigned, changes } = scheduler.assign(keys.scheduler, now);
    store.apply(changes);
    return assigned;
  };
  return { scheduler, store, submit, fill, ready, assign };
}

function running(...nodes: number[]) {
  const built = build();
  const definition = built.submit();
  built.fill(definition.digest);
  built.ready(...nodes);
  return { ...built, definition };
}

function completion(
  of: AssignedChunk,
  given: Partial<Receipt> = {},
  output = utf8(`out ${of.chunk}`),
  key = keys.worker,
): Completion {
  const receipt = signReceipt(
    {
      mesh: MESH,
      node: of.node,
      definition: of.definition.digest,
      assignment: crypto.sha256(of.assignment),
      attestation: ATTESTATION,
      chunk: of.chunk,
      input: of.definition.chunks[of.chunk],
      output: crypto.sha256(output),
      outputBytes: output.length,
      exitCode: 0,
      started: NOW,
      finished: NOW + 5,
      ...given,
    },
    key,
  );
  return { output, receipt };
}

test('chunks go out when module, bytes and a node are there, and come back to the end', () => {
  const { scheduler, store, submit, ready, assign } = build();
  const definition = submit();
  ready(0);
  equal(assign(), []);
  scheduler.admitChunk(definition.digest, 1, CHUNKS[1]);
  equal(assign(), []);
  scheduler.admitModule(definition.digest, MODULE);
  const [first, ...none] = assign();
  equal([first.chunk, first.attempt, first.node, none.length], [1, 1, WORKERS[0], 0]);
  const read = verifyAssignment(crypto, first.assignment, trust().schedulerKey);
  equal([read.chunk, read.node, read.deadline], [1, WORKERS[0], NOW + 10_000 + 30_000]);
  bytes(read.definition, definition.digest);
  const { finished, changes } = scheduler.complete(first.id, WORKERS[0], completion(first));
  store.apply(changes);
  is(finished.chunk, 1);
  bytes(finished.output, utf8('out 1'));
  scheduler.admitChunk(definition.digest, 0, CHUNKS[0]);
  scheduler.admitChunk(definition.digest, 2, CHUNKS[2]);
  const rest = assign();
  equal(
    rest.map(({ chunk }) => chunk),
    [0, 2],
  );
  equal(scheduler.progress(definition.digest), { chunks: 3, absent: 0, ready: 0, assigned: 2, done: 1 });
  equal(scheduler.takeEvents(), []);
  for (const one of rest) store.apply(scheduler.complete(one.id, one.node, completion(one)).changes);
  equal(
    scheduler.takeEvents().map(({ kind }) => kind),
    ['done'],
  );
  is(scheduler.receipts(definition.digest).length, 3);
  store.apply(scheduler.close(definition.digest));
  equal(
    [...store.entries.keys()].map((key) => key.slice(0, 19)),
    ['scheduler/sequence/'],
  );
});

test('an empty input is done at once', () => {
  const { scheduler, submit } = build();
  submit({ input: { bytes: 0, chunkBytes: 10 }, chunks: [] });
  equal(
    scheduler.takeEvents().map(({ kind }) => kind),
    ['done'],
  );
});

test('work spreads over the nodes, each held to its share', () => {
  const { assign } = running(0, 1);
  equal(
    assign()
      .map(({ node }) => node)
      .sort(),
    [WORKERS[0], WORKERS[0], WORKERS[1]],
  );
  const single = running(2);
  is(single.assign().length, 2);
  equal(single.assign(), []);
});

test('only suited nodes get work', () => {
  const { scheduler, submit, fill, assign } = build();
  fill(submit({ requires: { tier: 'hardware', labels: ['gpu'] } }).digest);
  scheduler.nodeReady({ id: WORKERS[0], tier: 'measured', labels: [] });
  scheduler.nodeReady({ id: WORKERS[1], tier: 'software', labels: ['gpu'] });
  equal(assign(), []);
  scheduler.nodeReady({ id: WORKERS[2], tier: 'measured', labels: ['eu', 'gpu'] });
  ok(assign().every(({ node }) => node === WORKERS[2]));
});

test('attack: altered module, altered chunk', () => {
  const { scheduler, submit } = build();
  const { digest } = submit();
  throwsCode(() => scheduler.admitModule(digest, concat(MODULE, utf8('!'))), 'OOTO_WORKLOAD_MODULE');
  throwsCode(() => scheduler.admitChunk(digest, 0, CHUNKS[1]), 'OOTO_WORKLOAD_CHUNK');
  throwsCode(() => scheduler.admitChunk(digest, 3, CHUNKS[1]), 'OOTO_WORKLOAD_CHUNK');
  for (const index of [0.5, -1, Number.NaN])
    throwsCode(() => scheduler.admitChunk(digest, index, CHUNKS[1]), 'OOTO_WORKLOAD_CHUNK');
  throwsCode(() => scheduler.admitModule(new Uint8Array(32), MODULE), 'OOTO_WORKLOAD_JOB');
  is(scheduler.progress(digest).absent, 3);
});

test('attack: an older definition, at once and after a restart; a later one ends the earlier', () => {
  const { scheduler, store, submit } = build();
  submit({ sequence: 3 });
  submit({ sequence: 3 });
  for (const built of [{ submit }, build(store)]) {
    throwsCode(() => built.submit({ sequence: 2 }), 'OOTO_WORKLOAD_SEQUENCE');
    throwsCode(() => built.submit({ sequence: 3, arguments: [] }), 'OOTO_WORKLOAD_SEQUENCE');
  }
  submit({ sequence: 4 });
  const [event] = scheduler.takeEvents();
  equal([event.kind, event.definition.sequence], ['failed', 3]);
  is(event.kind === 'failed' && event.error.code, 'OOTO_WORKLOAD_SEQUENCE');
});

test('attack: expired, unlogged or unsigned definitions', () => {
  const { scheduler, submit } = build();
  throwsCode(() => submit({}, NOW + HOUR), 'OOTO_WORKLOAD_EXPIRED');
  throwsCode(() => scheduler.submit(envelope(), new Uint8Array(), NOW), 'OOTO_TEST_UNLOGGED');
  throwsCode(() => scheduler.submit(envelope({}, keys.other), PROOFS, NOW), 'OOTO_ENVELOPE_SIGNATURE');
});

test('attack: receipts that do not say what was asked; the chunk goes to another node', () => {
  const zeros = new Uint8Array(32);
  const wrong: [string, (of: AssignedChunk) => Completion][] = [
    ['OOTO_WORKLOAD_OUTPUT', (of) => ({ ...completion(of), output: utf8('something else') })],
    ['OOTO_WORKLOAD_RECEIPT', (of) => completion(of, { input: zeros })],
    ['OOTO_WORKLOAD_RECEIPT', (of) => completion(of, { assignment: zeros })],
    ['OOTO_WORKLOAD_RECEIPT', (of) => completion(of, { definition: zeros })],
    ['OOTO_WORKLOAD_RECEIPT', (of) => completion(of, { node: WORKERS[2] })],
    ['OOTO_WORKLOAD_RECEIPT', (of) => completion(of, { started: NOW + 9 })],
    ['OOTO_ENVELOPE_SIGNATURE', (of) => completion(of, {}, utf8('x'), keys.other)],
    ['OOTO_TEST_ATTESTATION', (of) => completion(of, { attestation: zeros })],
    ['OOTO_WORKLOAD_EXIT', (of) => completion(of, { exitCode: 2 })],
    ['OOTO_ENVELOPE_CBOR', (of) => ({ ...completion(of), receipt: utf8('x') })],
  ];
  for (const [code, make] of wrong) {
    const { scheduler, assign } = running(0, 1);
    const first = assign().find(({ node }) => node === WORKERS[0]) as AssignedChunk;
    throwsCode(() => scheduler.complete(first.id, WORKERS[0], make(first)), code);
    throwsCode(() => scheduler.complete(first.id, WORKERS[0], completion(first)), 'OOTO_WORKLOAD_LATE');
    const again = assign().find(({ chunk }) => chunk === first.chunk) as AssignedChunk;
    equal([again.node, again.attempt], [WORKERS[1], 2]);
  }
});

test('attack: a node answers for another', () => {
  const { scheduler, assign } = running(0);
  const [first] = assign();
  throwsCode(() => scheduler.complete(first.id, WORKERS[1], completion(first)), 'OOTO_WORKLOAD_NODE');
  throwsCode(() => scheduler.fail(first.id, WORKERS[1], new Error('x'), NOW), 'OOTO_WORKLOAD_NODE');
  scheduler.complete(first.id, WORKERS[0], completion(first));
});

test('the only node gets a chunk again that it failed; three failures end the job', () => {
  const { scheduler, assign } = running(0);
  for (let round = 1; round <= 3; round++) {
    const first = assign().find(({ chunk }) => chunk === 0) as AssignedChunk;
    is(first.attempt, round);
    scheduler.fail(first.id, WORKERS[0], refuse('OOTO_SANDBOX_TRAP'), NOW);
  }
  const [event] = scheduler.takeEvents();
  is(event.kind === 'failed' && event.error.code, 'OOTO_SANDBOX_TRAP');
  equal(assign(), []);
});

test('a chunk that every node has failed is tried once more, not forgotten', () => {
  const { scheduler, assign } = running(0, 1);
  const take = () => assign().find(({ chunk }) => chunk === 0) as AssignedChunk;
  const first = take();
  scheduler.fail(first.id, first.node, 'x', NOW);
  const second = take();
  ok(second.node !== first.node);
  scheduler.fail(second.id, second.node, 'x', NOW);
  const third = take();
  is(third.attempt, 3);
  scheduler.fail(third.id, third.node, 'x', NOW);
  const [event] = scheduler.takeEvents();
  is(event.kind === 'failed' && event.error.code, 'OOTO_WORKLOAD_FAILED');
});

test('a busy node is left alone for a while, and blamed for nothing', () => {
  const { scheduler, assign } = running(0);
  for (let round = 0; round < 5; round++) {
    const now = NOW + 1000 * round;
    const assigned = assign(now);
    is(assigned.length, 2);
    for (const { id, node } of assigned) scheduler.fail(id, node, refuse('OOTO_WORKLOAD_BUSY'), now);
    equal(assign(now + 999), []);
    is(scheduler.deadline(), now + 1000);
    scheduler.tick(now + 1000);
  }
  equal(scheduler.takeEvents(), []);
});

test('silence past the deadline hands the chunk out again; a late answer does not count', () => {
  const { scheduler, assign } = running(0);
  const [first] = assign();
  is(scheduler.deadline(), first.deadline);
  scheduler.tick(first.deadline - 1);
  is(scheduler.progress(first.definition.digest).assigned, 2);
  scheduler.tick(first.deadline);
  is(scheduler.progress(first.definition.digest).assigned, 0);
  throwsCode(() => scheduler.complete(first.id, WORKERS[0], completion(first)), 'OOTO_WORKLOAD_LATE');
});

test('a node that goes away gives its chunks back without blame', () => {
  const { scheduler, assign, ready } = running(0);
  for (let round = 1; round <= 6; round++) {
    equal(
      assign().map(({ attempt }) => attempt),
      [round, round],
    );
    scheduler.nodeGone(WORKERS[0]);
    ready(0);
  }
  equal(scheduler.takeEvents(), []);
});

test('an originator revoked, or time over: the job ends', () => {
  let revoked = false;
  const judged = trust({
    originatorKey: () => {
      if (revoked) throw refuse('OOTO_TEST_REVOKED');
      return keys.originator.publicKey;
    },
  });
  const { scheduler, submit, fill, ready, assign } = build(new MemoryStore(), judged);
  fill(submit().digest);
  fill(submit({ name: 'short', expires: NOW + 1000 }).digest);
  ready(0);
  scheduler.tick(NOW + 1000);
  revoked = true;
  equal(assign(), []);
  const codes = scheduler.takeEvents().map((event) => event.kind === 'failed' && event.error.code);
  equal(codes, ['OOTO_WORKLOAD_EXPIRED', 'OOTO_TEST_REVOKED']);
});

test('no more jobs than may be', () => {
  const { submit } = build(new MemoryStore(), trust(), { jobs: 2 });
  submit({ name: 'a' });
  submit({ name: 'b' });
  throwsCode(() => submit({ name: 'c' }), 'OOTO_WORKLOAD_BUSY');
});

test('a restart goes on: finished chunks stay, attempts climb, lost outputs are run again', () => {
  const { scheduler, store, assign, definition } = running(0);
  const [first, second] = assign();
  store.apply(scheduler.complete(first.id, first.node, completion(first)).changes);
  const next = build(store);
  equal(next.scheduler.restore(), []);
  equal(next.scheduler.progress(definition.digest), { chunks: 3, absent: 2, ready: 0, assigned: 0, done: 1 });
  next.fill(definition.digest);
  next.ready(0);
  const again = next.assign();
  equal(
    again.map(({ chunk, attempt }) => [chunk, attempt]),
    [
      [second.chunk, 2],
      [2, 1],
    ],
  );
  store.apply(next.scheduler.reopen(definition.digest, first.chunk));
  is(next.scheduler.receipts(definition.digest).length, 0);
  is(next.scheduler.progress(definition.digest).done, 0);
});

test('a restart does not take up what is revoked or overtaken', () => {
  const { store, submit } = build();
  submit({ sequence: 1 });
  submit({ sequence: 2 });
  const errors = build(store).scheduler.restore();
  equal(
    errors.map((error) => (error as { code: string }).code),
    ['OOTO_WORKLOAD_SEQUENCE'],
  );
  const judged = trust({
    originatorKey: () => {
      throw refuse('OOTO_TEST_REVOKED');
    },
  });
  is(build(store, judged).scheduler.restore().length, 2);
});

test('model: whatever fails, restarts or goes silent, every chunk is done once and no attempt repeats', () => {
  const step = fc.record({
    act: fc.constantFrom('complete', 'fail', 'silent', 'gone', 'restart', 'lie'),
    pick: fc.nat(7),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const store = new MemoryStore();
      const nodeStores = WORKERS.map(() => new MemoryStore());
      let now = NOW;
      const start = () => {
        const built = build(store, trust(), { failures: 1000, perNode: 1 });
        built.scheduler.restore();
        built.fill(built.submit().digest);
        built.ready(0, 1, 2);
        return built;
      };
      let current = start();
      let open: AssignedChunk[] = [];
      const done = new Set<number>();
      const execute = (one: AssignedChunk, lie = false) => {
        const n = WORKERS.indexOf(one.node);
        const executor = new Executor({ crypto, store: nodeStores[n], trust: trust() });
        const offer = {
          envelope: one.definition.envelope,
          proofs: PROOFS,
          assignment: one.assignment,
          module: MODULE,
          chunk: CHUNKS[one.chunk],
        };
        const { changes, job } = executor.take(offer, situation({ node: one.node, now }));
        nodeStores[n].apply(changes);
        const stdout = utf8(`result ${one.chunk}`);
        const made = executor.complete(
          job.id,
          { exitCode: 0, stdout, stderr: new Uint8Array() },
          { key: keys.worker, attestation: ATTESTATION, now },
        );
        return lie ? { ...made, output: utf8('lie') } : made;
      };
      const complete = (one: AssignedChunk) => {
        const { finished, changes } = current.scheduler.complete(one.id, one.node, execute(one));
        store.apply(changes);
        ok(!done.has(finished.chunk), 'a chunk was done twice');
        done.add(finished.chunk);
      };
      const play = (act: string, pick: number) => {
        open.push(...current.assign(now));
        if (act === 'restart') {
          current = start();
          open = [];
          return;
        }
        const [one] = open.splice(pick % Math.max(open.length, 1), 1);
        if (!one) return;
        if (act === 'complete') complete(one);
        else if (act === 'fail') current.scheduler.fail(one.id, one.node, 'x', now);
        else if (act === 'lie')
          throwsCode(
            () => current.scheduler.complete(one.id, one.node, execute(one, true)),
            'OOTO_WORKLOAD_OUTPUT',
          );
        else if (act === 'gone') {
          current.scheduler.nodeGone(one.node);
          open = open.filter(({ node }) => node !== one.node);
          current.ready(WORKERS.indexOf(one.node));
        } else {
          now = Math.min(one.deadline, NOW + HOUR - 1);
          current.scheduler.tick(now);
          open = open.filter(({ deadline }) => deadline > now);
        }
      };
      for (const { act, pick } of steps) play(act, pick);
      for (let i = 0; i < 12 && done.size < CHUNKS.length; i++) play('complete', 0);
      equal([...done].sort(), [0, 1, 2]);
      equal(current.scheduler.takeEvents().at(-1)?.kind, 'done');
    }),
    { numRuns: 60 },
  );
});
