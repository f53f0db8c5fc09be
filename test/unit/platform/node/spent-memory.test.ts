import { giveBack, SpareMemory } from '../../../../src/platform/node/spent-memory.ts';
import { is } from '../../../support/assert.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('spent memory');
const LARGE = 64 * 1024;

test('memory that an array fills is given back: every view of it is empty', () => {
  const bytes = new Uint8Array(LARGE).fill(1);
  const view = bytes.subarray(5);
  giveBack(bytes);
  is(bytes.length, 0);
  is(view.length, 0);
});

test('memory in which something else may lie is left alone', () => {
  const shared = new Uint8Array(2 * LARGE).fill(1);
  giveBack(shared.subarray(0, LARGE));
  giveBack(shared.subarray(LARGE));
  const pooled = Buffer.from('from the pool of all small buffers');
  giveBack(pooled);
  is(shared[LARGE], 1);
  is(pooled.toString().slice(0, 4), 'from');
});

test('it is given back at once, not when garbage is collected', () => {
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 400; i++) giveBack(Buffer.allocUnsafeSlow(LARGE));
  const grown = process.memoryUsage().arrayBuffers - before;
  is(grown < 100 * LARGE, true, `${grown} bytes are still there`);
});

test('spare memory serves again; who gave it back has an empty array', () => {
  const memory = new SpareMemory(() => () => {});
  const first = memory.take(LARGE).fill(7);
  const view = first.subarray(5, 9);
  memory.giveBack(first);
  is(first.length + view.length, 0);
  const second = memory.take(LARGE - 1);
  is(second.length, LARGE - 1);
  is(second[LARGE - 2], 7, 'the same memory');
  is(memory.take(LARGE).buffer === second.buffer, false, 'serves one at a time');
});

test('memory is not taken back by a part of it, nor twice', () => {
  const memory = new SpareMemory(() => () => {});
  const bytes = memory.take(LARGE).fill(7);
  memory.giveBack(bytes.subarray(0, 100));
  memory.giveBack(bytes.subarray(1));
  is(bytes[0], 7);
  memory.giveBack(bytes);
  memory.giveBack(bytes);
  const [one, other] = [memory.take(LARGE), memory.take(LARGE)];
  is(one.buffer === other.buffer, false);
});

test('memory of others, and more than is kept, goes back to the system', () => {
  const memory = new SpareMemory(() => () => {});
  const before = process.memoryUsage().arrayBuffers;
  memory.giveBack(new Uint8Array(LARGE));
  const many = Array.from({ length: 400 }, () => memory.take(LARGE));
  for (const bytes of many) memory.giveBack(bytes);
  const kept = process.memoryUsage().arrayBuffers - before;
  is(kept > 0 && kept <= 100 * LARGE, true, `${kept} bytes are kept`);
});

test('nothing is kept once it is not needed', () => {
  let callback = () => {};
  let isStopped = false;
  const memory = new SpareMemory((_ms, call) => {
    callback = call;
    return () => {
      isStopped = true;
    };
  });
  memory.giveBack(memory.take(LARGE).fill(7));
  callback();
  is(isStopped, false);
  callback();
  is(isStopped, true);
  const before = process.memoryUsage().arrayBuffers;
  memory.take(LARGE);
  is(process.memoryUsage().arrayBuffers - before >= LARGE, true, 'new memory');
});
