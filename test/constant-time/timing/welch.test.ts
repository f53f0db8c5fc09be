/** The statistics of timing experiments, on numbers made for it, and the experiment on a clock nobody can disturb. */
import { is, ok } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { isSuspicious, LEAST_EFFECT } from './experiment.ts';
import { judge, welch } from './welch.ts';

const test = suite('timing statistics');

/** Numbers between 0 and 1, the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Times around 100 with the noise of a busy machine: one in twenty is several times as long. */
function times(count: number, seed: number, longer: (next: number) => number = () => 0): number[] {
  const next = numbers(seed);
  return Array.from({ length: count }, () => {
    const noise = next() + next() + next();
    const interrupted = next() < 0.05 ? 400 * next() : 0;
    return 100 + noise + interrupted + longer(next());
  });
}

test('t is that of Welch (values by hand)', () => {
  const a = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 9 : 11));
  const b = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 7 : 11));
  // Means 10 and 9, variances 100/99 and 1600/399.
  const { t, effect } = welch(a, b);
  ok(Math.abs(t - 1 / Math.sqrt(100 / 99 / 100 + 1600 / 399 / 400)) < 1e-9, `t is ${t}`);
  ok(Math.abs(effect - 1 / 9) < 1e-12);
});

test('too few times say nothing', () => {
  is(welch([1, 2, 3], [100, 200, 300]).t, 0);
});

test('the same distribution twice is no leak', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const verdict = judge(times(4000, seed), times(4000, seed + 1000));
    ok(!isSuspicious(verdict), `seed ${seed}: t ${verdict.t}`);
  }
});

test('a difference of a thousandth shows through the noise', () => {
  const verdict = judge(
    times(20_000, 1, () => 0.2),
    times(20_000, 2),
  );
  ok(isSuspicious(verdict) && verdict.t > 20, `t ${verdict.t}`);
  ok(verdict.kept < 1, 'only once the interruptions are cut off');
});

test('a difference in one of ten calls shows', () => {
  ok(
    isSuspicious(
      judge(
        times(20_000, 3, (next) => (next < 0.1 ? 3 : 0)),
        times(20_000, 4),
      ),
    ),
  );
});

test('a class that is faster shows as well', () => {
  const verdict = judge(
    times(20_000, 5),
    times(20_000, 6, () => 0.2),
  );
  ok(isSuspicious(verdict) && verdict.t < -20);
});

test('a difference too small to matter is none', () => {
  const tiny = LEAST_EFFECT / 3;
  const steady = Array.from({ length: 1000 }, (_, i) => 100 + (i % 2) * 0.001);
  ok(
    !isSuspicious(
      judge(
        steady.map((time) => time * (1 + tiny)),
        steady,
      ),
    ),
  );
});
