/** The collector under attack: whatever is altered, dropped, swapped, repeated, forged or forked is named and not counted. */
import fc from 'fast-check';
import { hex } from '../../../src/base/hex.ts';
import {
  ContradictionError,
  decodeContradiction,
  verifyContradiction,
} from '../../../src/telemetry/evidence.ts';
import { decodeFrame } from '../../../src/telemetry/frame.ts';
import { equal, instance, is, ok, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import {
  Collecting,
  countShown,
  crypto,
  judge,
  MemoryStore,
  nodeId,
  opaque,
  PROMISE_MS,
  record,
  reshaped,
  resigned,
  signingOf,
  T0,
  WritingNode,
} from './chains.ts';

const test = suite('telemetry collector', { timeout: 60_000 });

/** link of 1, link of 3, checkpoint, link of 2, checkpoint. */
function sample(name = 'a'): WritingNode {
  const node = new WritingNode(name);
  node.append(record(1));
  node.append(record(2), record(3), record(4));
  node.checkpoint();
  node.append(record(5), record(6));
  node.checkpoint();
  return node;
}

/** The frames up to the first harmed one are taken; that one is refused with this code and nothing else changes. */
function refuses(frames: readonly Uint8Array[], good: number, code: string, node = nodeId('a')): Collecting {
  const [collecting, honest] = [new Collecting(), new Collecting()];
  honest.deliver(node, frames.slice(0, good));
  const { refusal, sequence } = collecting.deliver(node, frames);
  is(refusal?.code, code, `${refusal?.code}: ${refusal?.message}`);
  equal(refusal?.culprits, [node]);
  is(sequence, good);
  equal(collecting.picture(), honest.picture());
  is(collecting.collector.nodes()[0].refusals[code as 'OOTO_TELEMETRY_GAP'], 1);
  return collecting;
}

test('a whole chain is verified, kept and aggregated', () => {
  const node = sample();
  const collecting = new Collecting();
  const { refusal, sequence, records, unreadable } = collecting.deliver(node.node, node.frames());
  equal(
    { refusal, sequence, records, unreadable },
    { refusal: undefined, sequence: 5, records: 6, unreadable: [] },
  );
  is(countShown(collecting), 6);
  const [shown] = collecting.collector.nodes();
  equal([shown.boots, shown.silent, shown.checkpoint?.records, shown.evidence], [1, false, 6, 0]);
  equal([...collecting.collector.frames(node.node)].map(hex), node.frames().map(hex));
});

test('frame by frame comes to the same', () => {
  const node = sample();
  const [whole, single] = [new Collecting(), new Collecting()];
  whole.deliver(node.node, node.frames());
  for (const frame of node.frames()) single.deliver(node.node, [frame]);
  equal(single.picture(), whole.picture());
});

test('nothing counts before it is accepted', () => {
  const node = sample();
  const { collector, store } = new Collecting();
  const staged = collector.stage([{ node: node.node, frames: node.frames() }], T0);
  equal([collector.position(node.node).sequence, collector.metrics(), store.keys()], [0, [], []]);
  throwsCode(() => collector.stage([], T0), 'OOTO_TELEMETRY_STAGED');
  collector.discard(staged);
  throwsCode(() => collector.accept(staged), 'OOTO_TELEMETRY_STAGED');
  equal(collector.metrics(), []);
});

test('an altered record', () => {
  const frames = sample().frames();
  for (const at of [0, 1, 3]) {
    const harmed = reshaped(frames[at], ({ records }) => {
      const [first, ...rest] = records as Uint8Array[];
      return { records: [...rest, first.with(first.length - 1, first.at(-1)! ^ 1)] };
    });
    refuses(frames.with(at, harmed), at, 'OOTO_TELEMETRY_ALTERED');
  }
});

test('swapped, repeated and dropped records of a link', () => {
  const frames = sample().frames();
  const [harm, all] = [
    (records: Uint8Array[]) => reshaped(frames[1], () => ({ records })),
    decodeFrame(frames[1], ''),
  ];
  const [a, b, c] = (all as unknown as { records: Uint8Array[] }).records;
  refuses(frames.with(1, harm([b, a, c])), 1, 'OOTO_TELEMETRY_ALTERED');
  refuses(frames.with(1, harm([a, a, c])), 1, 'OOTO_TELEMETRY_ALTERED');
  refuses(frames.with(1, harm([a, b, c, c])), 1, 'OOTO_TELEMETRY_ALTERED');
  refuses(frames.with(1, harm([a, b])), 1, 'OOTO_TELEMETRY_TRUNCATED');
});

test('a dropped frame', () => {
  const frames = sample().frames();
  refuses(frames.toSpliced(1, 1), 1, 'OOTO_TELEMETRY_TRUNCATED');
  refuses(frames.toSpliced(2, 1), 2, 'OOTO_TELEMETRY_GAP');
  refuses(frames.toSpliced(3, 1), 3, 'OOTO_TELEMETRY_TRUNCATED');
  refuses(frames.toSpliced(0, 1), 0, 'OOTO_TELEMETRY_SIGNER');
});

test('a checkpoint that says more than came', () => {
  const node = sample();
  const frames = node.frames();
  const more = resigned(frames[2], node.signing.key, { records: 5 });
  refuses(frames.with(2, more), 2, 'OOTO_TELEMETRY_TRUNCATED');
});

test('a link that counts fewer records than it signs for', () => {
  const node = sample();
  const frames = node.frames();
  refuses(frames.with(1, resigned(frames[1], node.signing.key, { count: 2 })), 1, 'OOTO_TELEMETRY_ALTERED');
});

test('a repeated frame, at once and later', () => {
  const node = sample();
  const frames = node.frames();
  for (const at of [0, 1, 2, 4])
    refuses(
      [...frames.slice(0, at + 1), frames[at], ...frames.slice(at + 1)],
      at + 1,
      'OOTO_TELEMETRY_REPLAY',
    );
  const collecting = new Collecting();
  collecting.deliver(node.node, frames);
  const before = collecting.picture();
  for (const frame of frames)
    is(collecting.deliver(node.node, [frame]).refusal?.code, 'OOTO_TELEMETRY_REPLAY');
  equal(collecting.picture(), before);
});

test('swapped frames', () => {
  const frames = sample().frames();
  refuses([frames[0], frames[3], frames[1]], 1, 'OOTO_TELEMETRY_GAP');
});

test('a statement signed by another key', () => {
  const node = sample();
  const thief = signingOf(node.node).key;
  const frames = node.frames();
  refuses(frames.with(1, resigned(frames[1], thief, {})), 1, 'OOTO_TELEMETRY_SIGNATURE');
  refuses(frames.with(2, resigned(frames[2], thief, {})), 2, 'OOTO_TELEMETRY_SIGNATURE');
});

test('a link signed as a checkpoint is neither', () => {
  const node = sample();
  const frames = node.frames();
  const link = decodeFrame(frames[1], '');
  const checkpoint = reshaped(frames[2], () => ({ signature: link.signature }));
  refuses(frames.with(2, checkpoint), 2, 'OOTO_TELEMETRY_SIGNATURE');
});

test('the credential of another node', () => {
  const [node, other] = [sample(), new WritingNode('b')];
  const { key, credential } = other.signing;
  const digest = crypto.sha256(credential);
  const forged = reshaped(resigned(node.frames()[0], key, { credential: digest }), () => ({ credential }));
  refuses([forged], 0, 'OOTO_TELEMETRY_SIGNER');
});

test('a credential that is not the one that was signed under', () => {
  const node = sample();
  const { credential } = signingOf(node.node);
  refuses([reshaped(node.frames()[0], () => ({ credential }))], 0, 'OOTO_TELEMETRY_SIGNER');
});

test('a credential shown for nothing', () => {
  const node = sample();
  const frames = node.frames();
  const { credential } = node.signing;
  refuses(
    frames.with(
      1,
      reshaped(frames[1], () => ({ credential })),
    ),
    1,
    'OOTO_TELEMETRY_SIGNER',
  );
});

test('a statement made outside of its credential’s time', () => {
  const node = sample();
  const frames = node.frames();
  const late = resigned(frames[1], node.signing.key, { time: T0 + 600_000 });
  const collecting = new Collecting();
  const { refusal } = collecting.deliver(node.node, [frames[0], late], T0 + 700_000);
  is(refusal?.code, 'OOTO_TELEMETRY_SIGNER');
  const early = new WritingNode('b');
  early.append(record(1));
  const before = resigned(early.frames()[0], early.signing.key, { time: T0 - 1 });
  is(collecting.deliver(early.node, [before]).refusal?.code, 'OOTO_TELEMETRY_SIGNER');
});

test('an old key cannot go on with a chain that has a newer one', () => {
  const node = sample();
  const old = node.signing;
  node.now += 500_000;
  node.signing = signingOf(node.node, node.now);
  node.chain.sign(node.signing);
  node.append(record(7));
  const frames = node.frames();
  const collecting = new Collecting();
  collecting.deliver(node.node, frames, node.now);
  const link = resigned(frames[5], old.key, {
    sequence: 6,
    time: T0 + 1000,
    credential: crypto.sha256(old.credential),
  });
  const stale = reshaped(link, () => ({ credential: old.credential }));
  is(collecting.deliver(node.node, [stale], node.now).refusal?.code, 'OOTO_TELEMETRY_TIME');
});

test('the chain of another node', () => {
  const other = sample('b');
  refuses(other.frames(), 0, 'OOTO_TELEMETRY_NODE');
});

test('a statement from the future', () => {
  const node = new WritingNode('a', { now: T0 + 500_000 });
  node.append(record(1));
  refuses(node.frames(), 0, 'OOTO_TELEMETRY_TIME');
});

test('a checkpoint that promises too late or never', () => {
  const node = sample();
  const frames = node.frames();
  for (const next of [T0, T0 + 3_600_001])
    refuses(frames.with(2, resigned(frames[2], node.signing.key, { next })), 2, 'OOTO_TELEMETRY_PROMISE');
});

test('a checkpoint with another root', () => {
  const node = sample();
  const frames = node.frames();
  const root = new Uint8Array(32);
  refuses(frames.with(2, resigned(frames[2], node.signing.key, { root })), 2, 'OOTO_TELEMETRY_ALTERED');
});

test('a chain that goes back to fewer records', () => {
  const node = sample();
  const frames = node.frames();
  const { key } = node.signing;
  refuses(frames.with(2, resigned(frames[2], key, { records: 3 })), 2, 'OOTO_TELEMETRY_TRUNCATED');
  refuses(frames.with(3, resigned(frames[3], key, { before: 3 })), 3, 'OOTO_TELEMETRY_TRUNCATED');
  refuses(frames.with(3, resigned(frames[3], key, { before: 9 })), 3, 'OOTO_TELEMETRY_TRUNCATED');
});

function keptEvidence({ collector, store }: Collecting, node: string): void {
  is(collector.nodes()[0].evidence, 1);
  const [encoded] = collector.evidence(node);
  is(verifyContradiction(crypto, judge, decodeContradiction(encoded)), node);
  equal(new Collecting(store).collector.evidence(node).map(hex), [hex(encoded)]);
}

test('two checkpoints of one number that differ are a fork, and kept as evidence', () => {
  const node = sample();
  const frames = node.frames();
  const head = new Uint8Array(32).fill(1);
  const other = resigned(frames[4], node.signing.key, { head });
  const collecting = refuses([...frames, other], 5, 'OOTO_TELEMETRY_FORK');
  keptEvidence(collecting, node.node);
});

test('two links of one number that differ are a fork', () => {
  const node = sample();
  const copy = node.store.copy();
  node.append(record(7));
  const other = new WritingNode('a', { store: copy });
  other.chain = other.open({ boot: decodeFrame(node.frames()[5], '').body.boot });
  other.append(record(8));
  const collecting = refuses([...node.frames(), other.frames(5)[0]], 6, 'OOTO_TELEMETRY_FORK');
  keptEvidence(collecting, node.node);
  is(countShown(collecting), 7);
});

test('a checkpoint whose head is not that of the link before it is a fork', () => {
  const node = sample();
  const frames = node.frames();
  const head = new Uint8Array(32).fill(1);
  const collecting = refuses(
    frames.with(2, resigned(frames[2], node.signing.key, { head })),
    2,
    'OOTO_TELEMETRY_FORK',
  );
  keptEvidence(collecting, node.node);
});

test('a node that starts again from an older copy of its store is named, with evidence', () => {
  const node = sample();
  const old = node.store.copy();
  node.append(record(7), record(8));
  node.checkpoint();
  const collecting = new Collecting();
  collecting.deliver(node.node, node.frames());
  const before = collecting.picture();
  const again = new WritingNode('a', { store: old });
  again.append(record(9));
  const { refusal } = collecting.deliver(node.node, again.frames(5));
  is(refusal?.code, 'OOTO_TELEMETRY_TRUNCATED');
  instance(refusal, ContradictionError);
  equal(collecting.picture(), before);
  keptEvidence(collecting, node.node);
});

test('a fork that nobody signed is no fork', () => {
  const node = sample();
  const frames = node.frames();
  const thief = signingOf(node.node).key;
  const collecting = refuses(
    [...frames, resigned(frames[4], thief, { head: new Uint8Array(32) })],
    5,
    'OOTO_TELEMETRY_SIGNATURE',
  );
  equal(collecting.collector.evidence(node.node), []);
});

test('evidence of one node is limited', () => {
  const node = sample();
  const collecting = new Collecting();
  collecting.deliver(node.node, node.frames());
  for (let i = 0; i < 40; i++) {
    const fork = resigned(node.frames()[4], node.signing.key, { head: new Uint8Array(32).fill(i) });
    is(collecting.deliver(node.node, [fork]).refusal?.code, 'OOTO_TELEMETRY_FORK');
  }
  is(collecting.collector.nodes()[0].evidence, 16);
  is(collecting.collector.nodes()[0].refusals.OOTO_TELEMETRY_FORK, 40);
});

test('after a refusal the honest frames go on', () => {
  const node = sample();
  const frames = node.frames();
  const collecting = new Collecting();
  const harmed = reshaped(frames[1], () => ({ records: [opaque(1)] }));
  collecting.deliver(node.node, [frames[0], harmed, ...frames.slice(2)]);
  const { sequence } = collecting.collector.position(node.node);
  is(collecting.deliver(node.node, frames.slice(sequence)).refusal, undefined);
  is(countShown(collecting), 6);
});

test('a restarted node continues its head under a new boot id', () => {
  const node = sample();
  node.now += 1000;
  node.restart();
  node.append(record(1));
  node.checkpoint();
  const collecting = new Collecting();
  is(collecting.deliver(node.node, node.frames(), T0 + 2000).refusal, undefined);
  const [{ boots, records }] = collecting.collector.nodes();
  equal([boots, records], [2, 7]);
});

test('bytes that are no frame', () => {
  const node = sample();
  const frames = node.frames();
  for (const bytes of [
    new Uint8Array(),
    opaque(3),
    frames[1].subarray(0, -1),
    new Uint8Array([...frames[1], 0]),
  ])
    refuses(frames.with(1, bytes), 1, 'OOTO_TELEMETRY_FRAME');
  refuses(
    frames.with(
      1,
      reshaped(frames[1], () => ({ extra: 1 })),
    ),
    1,
    'OOTO_TELEMETRY_FRAME',
  );
  refuses(
    frames.with(
      1,
      reshaped(frames[1], () => ({ records: [] })),
    ),
    1,
    'OOTO_TELEMETRY_FRAME',
  );
  refuses(frames.with(1, new Uint8Array(5 << 20)), 1, 'OOTO_TELEMETRY_FRAME');
});

test('a signed record that no one can read is kept, named and not aggregated', () => {
  const node = new WritingNode('a');
  node.append(record(4), opaque(1));
  node.checkpoint();
  const collecting = new Collecting();
  const { refusal, records, unreadable } = collecting.deliver(node.node, node.frames());
  equal(
    [refusal, records, unreadable.length, unreadable[0].code],
    [undefined, 2, 1, 'OOTO_TELEMETRY_RECORD'],
  );
  is(countShown(collecting), 4);
});

test('any altered byte of any frame is refused and nothing of it counts', () => {
  const frames = sample().frames();
  const total = frames.reduce((sum, { length }) => sum + length, 0);
  fc.assert(
    fc.property(fc.nat(total - 1), fc.integer({ min: 1, max: 255 }), (place, difference) => {
      let [at, offset] = [0, place];
      while (offset >= frames[at].length) offset -= frames[at++].length;
      const harmed = frames[at].with(offset, frames[at][offset] ^ difference);
      const [collecting, honest] = [new Collecting(), new Collecting()];
      honest.deliver(nodeId('a'), frames.slice(0, at));
      const { refusal, sequence } = collecting.deliver(nodeId('a'), frames.with(at, harmed));
      ok(refusal, `byte ${offset} of frame ${at} was altered unseen`);
      is(sequence, at);
      equal(collecting.picture(), honest.picture());
    }),
    { numRuns: 300 },
  );
});

test('any way of dropping, swapping and repeating frames counts each at most once and in order', () => {
  const node = sample();
  const frames = node.frames();
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(4), { maxLength: 6 }), { maxLength: 6 }), (deliveries) => {
      const collecting = new Collecting();
      let next = 0;
      for (const delivery of deliveries) {
        const wrong = delivery.findIndex((at, i) => at !== next + i);
        const taken = wrong < 0 ? delivery.length : wrong;
        const { refusal, sequence } = collecting.deliver(
          node.node,
          delivery.map((at) => frames[at]),
        );
        next += taken;
        equal([refusal === undefined, sequence], [wrong < 0, next]);
      }
      const honest = new Collecting();
      honest.deliver(node.node, frames.slice(0, next));
      if (next > 0) equal(collecting.picture(), honest.picture());
      else equal(collecting.collector.metrics(), []);
    }),
    { numRuns: 60 },
  );
});

test('many nodes at once, one of them harmed: the others count', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((name) => sample(name));
  const collecting = new Collecting();
  const deliveries = nodes.map(({ node }, i) => {
    const frames = nodes[i].frames();
    const harmed = reshaped(frames[1], () => ({ records: [1, 2, 3].map((each) => opaque(each)) }));
    return { node, frames: i === 2 ? frames.with(1, harmed) : frames };
  });
  const staged = collecting.collector.stage(deliveries, T0);
  collecting.store.apply(staged.changes);
  collecting.collector.accept(staged);
  equal(
    staged.receipts.map(({ refusal }) => refusal?.code),
    [undefined, undefined, 'OOTO_TELEMETRY_ALTERED', undefined],
  );
  is(countShown(collecting), 6 + 6 + 1 + 6);
});

test('two deliveries of one node in one stage are one after the other', () => {
  const node = sample();
  const frames = node.frames();
  const { collector } = new Collecting();
  const parts = [frames.slice(0, 2), frames.slice(2)].map((part) => ({ node: node.node, frames: part }));
  const { receipts } = collector.stage(parts, T0);
  equal(
    receipts.map(({ sequence, refusal }) => [sequence, refusal]),
    [
      [5, undefined],
      [5, undefined],
    ],
  );
});

test('a node whose promised checkpoint does not come is silent, is named once, and may return', () => {
  const node = sample();
  const collecting = new Collecting();
  collecting.deliver(node.node, node.frames(), T0 + 10);
  const { collector } = collecting;
  is(collector.deadline, T0 + PROMISE_MS + 1000);
  equal(collector.tick(T0 + PROMISE_MS + 999), []);
  const [error] = collector.tick(T0 + PROMISE_MS + 1000);
  equal([error.code, error.culprits], ['OOTO_TELEMETRY_SILENT', [node.node]]);
  equal(collector.tick(T0 + 10 * PROMISE_MS), []);
  equal([collector.nodes()[0].silent, collector.deadline], [true, undefined]);
  node.now = T0 + 2 * PROMISE_MS;
  node.append(record(7));
  collecting.deliver(node.node, node.frames(5), node.now);
  is(collector.nodes()[0].silent, true, 'a link is no checkpoint');
  node.checkpoint();
  collecting.deliver(node.node, node.frames(6), node.now);
  equal([collector.nodes()[0].silent, collector.deadline], [false, T0 + 3 * PROMISE_MS + 1000]);
});

test('a clock that runs ahead does not put silence off', () => {
  const node = new WritingNode('a', { now: T0 + 900 });
  node.checkpoint();
  const collecting = new Collecting();
  collecting.deliver(node.node, node.frames(), T0);
  is(collecting.collector.deadline, T0 + PROMISE_MS + 1000);
});

test('a node that never sends anything is silent when it was expected', () => {
  const { collector } = new Collecting();
  collector.expect(nodeId('a'), T0 + 5);
  equal(
    collector.tick(T0 + 5).map(({ culprits }) => culprits),
    [[nodeId('a')]],
  );
  is(collector.nodes()[0].silent, true);
  collector.release(nodeId('a'));
  equal(collector.nodes()[0].refusals, { OOTO_TELEMETRY_SILENT: 1 });
});

test('a collector opened again stands where it stood', () => {
  const collecting = new Collecting();
  for (const name of ['a', 'b']) collecting.deliver(nodeId(name), sample(name).frames());
  const again = new Collecting(collecting.store);
  equal(again.picture(), collecting.picture());
  is(again.collector.tick(T0 + PROMISE_MS + 1000).length, 2);
});

test('any altered byte in the collector’s store is noticed and named', () => {
  const collecting = new Collecting();
  collecting.deliver(nodeId('a'), sample().frames());
  const entries = [...collecting.store.content];
  fc.assert(
    fc.property(
      fc.nat(entries.length - 1),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (at, place, difference) => {
        const harmed = new MemoryStore(entries.map(([key, value]) => [key, value.slice()]));
        const value = harmed.content.get(entries[at][0])!;
        value[place % value.length] ^= difference;
        const error = throwsCode(() => new Collecting(harmed), 'OOTO_TELEMETRY_STORE');
        is(error.fault, 'environment');
      },
    ),
    { numRuns: 200 },
  );
});

test('a commit that failed and was written all the same leaves nothing behind', () => {
  const node = sample();
  const other = new WritingNode('a', { store: node.store.copy() });
  node.append(record(7));
  node.append(record(8));
  other.append(record(9));
  const collecting = new Collecting();
  collecting.deliver(node.node, node.frames().slice(0, 5));
  const failed = collecting.collector.stage([{ node: node.node, frames: node.frames(5) }], T0);
  collecting.store.apply(failed.changes);
  collecting.collector.discard(failed);
  is(collecting.deliver(node.node, other.frames(5)).refusal, undefined);
  equal(new Collecting(collecting.store).picture(), collecting.picture());
});

test('a missing, misplaced or foreign entry in the collector’s store is noticed', () => {
  const collecting = new Collecting();
  for (const name of ['a', 'b']) collecting.deliver(nodeId(name), sample(name).frames());
  const keys = collecting.store.keys();
  for (const at of [0, 1, 3]) {
    const harmed = collecting.store.copy();
    harmed.content.delete(keys[at]);
    throwsCode(() => new Collecting(harmed), 'OOTO_TELEMETRY_STORE');
  }
  const swapped = collecting.store.copy();
  swapped.content.set(keys[0], collecting.store.get(keys[5])!);
  throwsCode(() => new Collecting(swapped), 'OOTO_TELEMETRY_STORE');
});
