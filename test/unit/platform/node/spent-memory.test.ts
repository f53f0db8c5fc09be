import { giveBack } from '../../../../src/platform/node/spent-memory.ts';
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
