/** T1: each counter is taken at most once, against a set that forgets nothing; at the edges of 2^32 and 2^53 too. */
import fc from 'fast-check';
import { ReplayWindow, USABLE_BITS } from '../../../../src/channel/datagram/replay-window.ts';
import { is, ok, throwsCode } from '../../../support/assert.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('replay window');

test('at least 8,128 counters below the newest are known', () => {
  ok(USABLE_BITS >= 8_128, `${USABLE_BITS}`);
  const window = new ReplayWindow();
  window.mark(20_000);
  for (let counter = 20_000 - USABLE_BITS + 1; counter < 20_000; counter++) {
    ok(window.accepts(counter), `${counter}`);
    window.mark(counter);
    ok(!window.accepts(counter));
  }
  ok(!window.accepts(20_000 - USABLE_BITS));
  throwsCode(() => window.mark(20_000), 'OOTO_CHANNEL_COUNTER');
});

test('property: the window does what a set does that refuses what is too old', () => {
  const start = fc.constantFrom(0, 2 ** 32 - 5_000, 2 ** 53 - 40_000);
  const step = fc.oneof(
    fc.integer({ min: -9_000, max: 9_000 }),
    fc.integer({ min: -70, max: 70 }),
    fc.constantFrom(-8_161, -8_160, -8_159, -1, 0, 1, 31, 32, 33, 8_191, 8_192, 8_193, 20_000),
  );
  fc.assert(
    fc.property(start, fc.array(step, { minLength: 1, maxLength: 400, size: 'max' }), (from, steps) => {
      const window = new ReplayWindow();
      const seen = new Set<number>();
      let newest = -1;
      let at = from;
      for (const by of steps) {
        at = Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, at + by));
        const expected = !seen.has(at) && (at > newest || newest - at < USABLE_BITS);
        is(window.accepts(at), expected, `${at} after ${newest}`);
        if (!expected) continue;
        window.mark(at);
        seen.add(at);
        newest = Math.max(newest, at);
      }
    }),
    { numRuns: 300 },
  );
});

test('asking changes nothing; beyond 2^53 and below 0 nothing is accepted', () => {
  const window = new ReplayWindow();
  window.mark(7);
  for (const counter of [2 ** 53, 2 ** 60, 2 ** 64, -1, 1.5, Number.NaN]) ok(!window.accepts(counter));
  ok(window.accepts(2 ** 53 - 1));
  ok(window.accepts(6));
  is(window.newest, 7);
});
