/** Order statistics: against definitions, and against disturbance. */
import fc from 'fast-check';
import { median, pairedRatio, quantile, summarise } from '../../../bench/measure/statistics.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('bench statistics');
const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test('medians and quartiles of small sets are those of the textbook', () => {
  close(median([3, 1, 2]), 2);
  close(median([4, 1, 3, 2]), 2.5);
  close(quantile([1, 2, 3, 4, 5], 0.25), 2);
  close(quantile([1, 2, 3, 4], 0.75), 3.25);
  close(median([7]), 7);
  assert.ok(Number.isNaN(median([])));
});

test('the order of the values does not matter, and they stay as they are', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 1, max: 1e9, noNaN: true }), { minLength: 1 }), (values) => {
      const before = [...values];
      close(median(values) / median([...values].reverse()), 1);
      assert.equal(values, before);
      assert.ok(median(values) >= Math.min(...values) && median(values) <= Math.max(...values));
    }),
  );
});

test('the spread is the interquartile range by the median', () => {
  const { median: middle, spread } = summarise([8, 9, 10, 11, 12]);
  close(middle, 10);
  close(spread, 0.2);
});

test('what slows a whole lap, slows nobody', () => {
  const slowness = [1, 1, 9, 1, 30, 30, 1, 2, 1];
  const { median: ratio, spread } = pairedRatio(
    slowness.map((factor) => factor * 2),
    slowness.map((factor) => factor * 5),
  );
  close(ratio, 2.5);
  close(spread, 0);
});

test('a few rounds in which one alone was disturbed do not count', () => {
  const calm = Array.from({ length: 21 }, () => 4);
  const disturbed = calm.map((time, lap) => (lap % 5 === 0 ? time * 50 : time));
  close(pairedRatio(disturbed, calm).median, 1);
  close(pairedRatio(calm, disturbed).median, 1);
});

test('laps that one of them sat out are left out', () => {
  close(pairedRatio([1, 1, 1, 1], [undefined, 3, undefined, 3]).median, 3);
  assert.ok(Number.isNaN(pairedRatio([1, undefined], [undefined, 1]).median));
});
