/** A node's own chain: what it signs, how it survives crashes, and what it notices about its store. */
import fc from 'fast-check';
import { concat, u32be } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { decodeFrame, firstHead, type LinkFrame, statementBytes } from '../../../src/telemetry/frame.ts';
import { bytes, equal, is, ok, throwsCode } from '../../support/assert.ts';
import { reference } from '../../support/sha256-cases.ts';
import { suite } from '../../support/suite.ts';
import {
  Collecting,
  crypto,
  judge,
  MemoryStore,
  nodeId,
  opaque,
  PROMISE_MS,
  record,
  signingOf,
  T0,
  WritingNode,
} from './chains.ts';

const test = suite('telemetry chain', { timeout: 30_000 });

const leaf = (bytes: Uint8Array) => reference(Uint8Array.of(0), bytes);

test('single records and batches make the heads of docs/protocol.md', () => {
  const node = new WritingNode('a');
  const [a, b, c] = [record(1), record(2), record(3)];
  node.append(a);
  node.append(b, c);
  const frames = node.frames().map((frame) => decodeFrame(frame, '') as LinkFrame);
  const single = reference(Uint8Array.of(2), firstHead(crypto, node.node), leaf(a));
  bytes(frames[0].body.head, single);
  const root = reference(Uint8Array.of(1), leaf(b), leaf(c));
  bytes(frames[1].body.head, reference(concat(Uint8Array.of(3), single, u32be(2), root)));
  equal(
    frames.map(({ body }) => [body.sequence, body.before, body.count]),
    [
      [0, 0, 1],
      [1, 1, 2],
    ],
  );
});

test('a checkpoint states count, head, root and when the next one comes', () => {
  const node = new WritingNode('a');
  const records = Array.from({ length: 300 }, (_, i) => opaque(i));
  node.append(...records.slice(0, 7));
  for (const each of records.slice(7, 20)) node.append(each);
  node.append(...records.slice(20));
  node.checkpoint();
  const frame = decodeFrame(node.frames().at(-1)!, '');
  if (frame.kind !== 'checkpoint') throw new Error('no checkpoint');
  equal([frame.body.records, frame.body.next, frame.body.sequence], [300, T0 + PROMISE_MS, 15]);
  bytes(frame.body.root, crypto.merkle.root(records));
  bytes(frame.body.head, node.chain.position.head);
  is(node.chain.promised, T0 + PROMISE_MS);
  crypto.ed25519.verify(node.signing.key.publicKey, statementBytes(frame), frame.signature);
});

test('chains of two nodes do not begin alike', () => {
  ok(hex(firstHead(crypto, nodeId('a'))) !== hex(firstHead(crypto, nodeId('b'))));
});

test('nothing counts or leaves before it is accepted', () => {
  const node = new WritingNode('a');
  const staged = node.chain.stage([record(1)], T0);
  equal([node.chain.position.sequence, node.frames()], [0, []]);
  throwsCode(() => node.chain.stage([record(2)], T0), 'OOTO_TELEMETRY_STAGED');
  throwsCode(() => node.chain.stageCheckpoint(T0), 'OOTO_TELEMETRY_STAGED');
  node.chain.discard(staged);
  throwsCode(() => node.chain.accept(staged), 'OOTO_TELEMETRY_STAGED');
  node.append(record(2));
  is(node.frames().length, 1);
});

test('many records are as many links as needed, all in one commit', () => {
  const node = new WritingNode('a');
  const records = Array.from({ length: 10_000 }, (_, i) => opaque(i));
  node.append(...records);
  equal(
    node.frames().map((frame) => (decodeFrame(frame, '') as LinkFrame).records.length),
    [4096, 4096, 1808],
  );
  const large = Array.from({ length: 9 }, (_, i) => opaque(i, 1 << 20));
  node.append(...large);
  equal(
    node.frames(3).map((frame) => (decodeFrame(frame, '') as LinkFrame).records.length),
    [4, 4, 1],
  );
});

test('frames are handed out as they fit, at least one at a time', () => {
  const node = new WritingNode('a');
  for (let i = 0; i < 5; i++) node.append(opaque(i, 1000));
  const [first, second] = node.frames();
  is(node.chain.frames(0, 1).length, 1);
  is(node.chain.frames(0, first.length + second.length).length, 2);
  is(node.chain.frames(3).length, 2);
  equal(node.chain.frames(5), []);
});

test('records that are empty or too long are refused', () => {
  const { chain } = new WritingNode('a');
  throwsCode(() => chain.stage([new Uint8Array()], T0), 'OOTO_TELEMETRY_LIMIT');
  throwsCode(() => chain.stage([opaque(1, (1 << 20) + 1)], T0), 'OOTO_TELEMETRY_LIMIT');
  is(chain.stage([], T0).changes.length, 0);
});

test('a clock that runs backwards does not make the chain do so', () => {
  const node = new WritingNode('a');
  node.now = T0 + 5000;
  node.append(record(1));
  node.now = T0 + 1;
  node.append(record(2));
  equal(
    node.frames().map((frame) => decodeFrame(frame, '').body.time),
    [T0 + 5000, T0 + 5000],
  );
});

test('the credential is shown where it is new, and only there', () => {
  const node = new WritingNode('a');
  node.append(record(1));
  node.append(record(2));
  node.chain.sign(signingOf(node.node));
  node.append(record(3));
  node.checkpoint();
  equal(
    node.frames().map((frame) => decodeFrame(frame, '').credential !== undefined),
    [true, false, true, false],
  );
  is(new Collecting().deliver(node.node, node.frames()).refusal, undefined);
});

test('nothing is signed under a credential that is not good now', () => {
  const node = new WritingNode('a');
  const ended = (error: { fault: string }) => is(error.fault, 'local');
  ended(throwsCode(() => node.chain.stage([record(1)], T0 + 600_000), 'OOTO_TELEMETRY_SIGNER'));
  ended(throwsCode(() => node.chain.stage([record(1)], T0 - 1), 'OOTO_TELEMETRY_SIGNER'));
  node.chain.sign({ ...signingOf(node.node), key: Ed25519SigningKey.generate(crypto) });
  ended(throwsCode(() => node.chain.stage([record(1)], T0), 'OOTO_TELEMETRY_SIGNER'));
  node.chain.sign(signingOf(nodeId('b')));
  throwsCode(() => node.chain.stage([record(1)], T0), 'OOTO_TELEMETRY_SIGNER');
  equal(node.store.keys(), []);
});

test('a crash before the commit loses what was not acknowledged, and no more', () => {
  const node = new WritingNode('a');
  node.append(record(1), record(2));
  node.chain.stage([record(3)], node.now);
  node.restart();
  equal([node.chain.position.records, node.chain.position.sequence], [2, 1]);
  node.append(record(4));
  is(new Collecting().deliver(node.node, node.frames()).refusal, undefined);
});

test('a crash after the commit, before it was accepted, keeps what was committed', () => {
  const node = new WritingNode('a');
  node.append(record(1));
  node.store.apply(node.chain.stage([record(2)], node.now).changes);
  node.restart();
  is(node.chain.position.records, 2);
  node.append(record(3));
  is(new Collecting().deliver(node.node, node.frames()).refusal, undefined);
});

test('a commit that failed and was written all the same leaves nothing behind', () => {
  for (const written of [0, 1, 2, 3]) {
    const node = new WritingNode('a');
    node.append(record(1));
    const failed = node.chain.stage(
      Array.from({ length: 10_000 }, (_, i) => opaque(i)),
      node.now,
    );
    node.store.apply(failed.changes.slice(0, written));
    node.chain.discard(failed);
    node.append(record(2));
    node.restart();
    equal([node.chain.position.sequence, node.chain.position.records], [2, 2]);
    is(new Collecting().deliver(node.node, node.frames()).refusal, undefined);
  }
});

test('kills at any moment: what was accepted is there, and the chain goes on', () => {
  const step = fc.record({
    records: fc.integer({ min: 0, max: 5 }),
    kill: fc.constantFrom('no', 'before commit', 'after commit'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const node = new WritingNode('a');
      const kept: Uint8Array[] = [];
      for (const [i, { records, kill }] of steps.entries()) {
        node.now += 100;
        const batch = Array.from({ length: records }, (_, j) => opaque(10 * i + j));
        const staged =
          records === 0 ? node.chain.stageCheckpoint(node.now) : node.chain.stage(batch, node.now);
        if (kill !== 'before commit') {
          node.store.apply(staged.changes);
          kept.push(...batch);
        }
        if (kill === 'no') node.chain.accept(staged);
        else node.restart();
        is(node.chain.position.records, kept.length);
      }
      node.checkpoint();
      const collecting = new Collecting();
      is(collecting.deliver(node.node, node.frames(), node.now).refusal, undefined);
      const last = decodeFrame(node.frames().at(-1)!, '');
      if (last.kind === 'checkpoint') bytes(last.body.root, crypto.merkle.root(kept));
    }),
    { numRuns: 60 },
  );
});

/** A chain of seven frames in its store. */
function stored(): WritingNode {
  const node = new WritingNode('a');
  for (let i = 0; i < 5; i++) node.append(record(i), record(i + 10));
  node.checkpoint();
  node.append(record(20));
  return node;
}

test('any altered byte of the store is noticed when it is opened, and the frame is named', () => {
  const node = stored();
  const entries = [...node.store.content];
  fc.assert(
    fc.property(
      fc.nat(entries.length - 1),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (at, place, difference) => {
        node.store = new MemoryStore(entries.map(([key, value]) => [key, value.slice()]));
        const value = node.store.content.get(entries[at][0])!;
        value[place % value.length] ^= difference;
        const error = throwsCode(() => node.restart(), 'OOTO_TELEMETRY_STORE');
        ok(error.message.includes(`frame ${at}`), error.message);
      },
    ),
    { numRuns: 200 },
  );
});

test('a torn commit, of which only some entries were written, is noticed', () => {
  const node = stored();
  const records = Array.from({ length: 10_000 }, (_, i) => opaque(i));
  const { changes } = node.chain.stage(records, node.now);
  is(changes.length, 3);
  for (const written of [[changes[1]], [changes[2]], [changes[0], changes[2]]]) {
    const torn = node.store.copy();
    torn.apply(written);
    throwsCode(() => node.open({ store: torn }), 'OOTO_TELEMETRY_STORE');
  }
});

test('missing, swapped and torn frames are noticed', () => {
  const node = stored();
  const keys = node.store.keys();
  const harm: [string, (store: MemoryStore) => void][] = [
    ['first missing', ({ content }) => content.delete(keys[0])],
    ['one missing', ({ content }) => content.delete(keys[3])],
    ['torn', ({ content }) => content.set(keys[2], content.get(keys[2])!.subarray(0, 40))],
    ['empty', ({ content }) => content.set(keys[2], new Uint8Array())],
    [
      'swapped',
      ({ content }) => {
        const kept = content.get(keys[2])!;
        content.set(keys[2], content.get(keys[4])!);
        content.set(keys[4], kept);
      },
    ],
    ['repeated', ({ content }) => content.set(`${keys[6].slice(0, -1)}7`, content.get(keys[6])!)],
  ];
  for (const [what, change] of harm) {
    const store = node.store.copy();
    change(store);
    const error = throwsCode(() => node.open({ store }), 'OOTO_TELEMETRY_STORE');
    equal([what, error.fault, error.culprits], [what, 'environment', [node.node]]);
    if (what.endsWith('missing')) ok(error.message.endsWith('is missing'), error.message);
    if (what === 'swapped') ok(error.message.includes('under the number of another'), error.message);
  }
});

test('frames that vanish from a running node’s store are missed', () => {
  const node = stored();
  node.store.content.delete(node.store.keys()[2]);
  throwsCode(() => node.frames(), 'OOTO_TELEMETRY_STORE');
});

test('a store that lost its end is noticed against what a collector knows', () => {
  const node = stored();
  const old = node.store.copy();
  node.append(record(30));
  const collecting = new Collecting();
  collecting.deliver(node.node, node.frames());
  const anchor = collecting.collector.position(node.node);
  node.restart({ anchor });
  node.store = old;
  throwsCode(() => node.restart({ anchor }), 'OOTO_TELEMETRY_ROLLED_BACK');
  node.restart();
  node.append(record(31));
  throwsCode(() => node.restart({ anchor }), 'OOTO_TELEMETRY_ROLLED_BACK');
  node.restart({ anchor: { sequence: 0, records: 0, head: firstHead(crypto, node.node) } });
});

test('another node’s key cannot open or go on with a chain', () => {
  const node = stored();
  const wrong = { crypto, store: node.store, node: node.node, boot: new Uint8Array(16), promiseMs: 1000 };
  const refusing = () => {
    throw new Error('unknown');
  };
  throwsCode(() => node.open({ ...wrong, judge: refusing }), 'OOTO_TELEMETRY_STORE');
});

test('options out of range are refused', () => {
  const node = new WritingNode('a');
  for (const options of [{ promiseMs: 0 }, { promiseMs: 3_600_001 }, { boot: new Uint8Array(15) }])
    throwsCode(() => node.open({ judge, ...options }), 'OOTO_TELEMETRY_OPTIONS');
});
