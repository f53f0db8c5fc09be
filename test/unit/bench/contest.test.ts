/** The stop-watch and the check before it, with contestants that only pretend. */
import { check } from '../../../bench/measure/check.ts';
import {
  measure,
  type Plan,
  type Surroundings,
  shuffled,
  TINY_PLAN,
} from '../../../bench/measure/contest.ts';
import { rowsOf } from '../../../bench/measure/rows.ts';
import type { Contest, Contestant } from '../../../bench/suite.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('bench contest');
const half = () => 0.5;
const calm: Surroundings = { random: half, interruptions: () => 0, processorSeconds: () => undefined };

function pretender(name: string, change: Partial<Contestant> = {}): Contestant & { calls: number } {
  const contestant = {
    name,
    calls: 0,
    operations: 1,
    call() {
      contestant.calls++;
    },
    rewind: () => {},
    outcome: () => Uint8Array.of(1, 2, 3),
    ...change,
  };
  return contestant;
}

async function rejects(body: () => Promise<unknown>, message: RegExp): Promise<void> {
  const error = await body().then(
    () => 'nothing was thrown',
    (reason: unknown) => String(reason),
  );
  assert.match(error, message);
}

const contest = (...contestants: Contestant[]): Contest => ({
  case: 'pretending',
  size: 1,
  contestants,
  subjects: ['subject'],
});

test('everyone runs in every lap', async () => {
  const [a, b] = [pretender('a'), pretender('b')];
  const times = await measure([a, b], { ...TINY_PLAN, laps: 4, budgetMs: 1000 }, calm);
  assert.equal(
    times.map((laps) => laps.map((time) => typeof time)),
    [Array(4).fill('number'), Array(4).fill('number')],
  );
  assert.ok(a.calls > 4 && b.calls > 4);
});

test('who answers later is awaited, and what one call does many times is counted so', async () => {
  const later = pretender('later', { call: () => new Promise((done) => setTimeout(done, 2)) });
  const many = { ...later, operations: 1000 };
  const plan: Plan = { ...TINY_PLAN, budgetMs: 1000 };
  const [[one], [thousandth]] = await measure([later, many], plan, calm);
  assert.ok(one! >= 0.001, `${one} s`);
  assert.ok(thousandth! < one! / 100);
});

test('one who is slow sits laps out, and still runs often enough for a median', async () => {
  const slow = pretender('slow', {
    call() {
      for (const end = performance.now() + 2; performance.now() < end; );
    },
  });
  const plan: Plan = { warmMs: 0, roundMs: 0.1, laps: 45, budgetMs: 0 };
  const [fast, rare] = await measure([pretender('fast'), slow], plan, calm);
  const ran = rare.filter((time) => time !== undefined).length;
  assert.is(ran, 3);
  assert.is(fast.length, rare.length);
  assert.ok(fast.every((time) => time !== undefined));
});

test('a round that was interrupted is repeated, but not for ever', async () => {
  const plan: Plan = { warmMs: 0, roundMs: 0, laps: 4, budgetMs: 10_000 };
  let interruptions = 0;
  const callsWith = async (surroundings: Surroundings) => {
    let calls = 0;
    const call = () => {
      calls++;
      return new Promise<void>((done) => setTimeout(done, 1));
    };
    await measure([pretender('one', { call })], plan, surroundings);
    return calls;
  };
  const [calmly, wildly] = [
    await callsWith(calm),
    await callsWith({ ...calm, interruptions: () => ++interruptions }),
  ];
  assert.ok(calmly >= 4, `${calmly} calls`);
  assert.ok(wildly >= calmly + 3, `${wildly} calls`);
});

test('where every round is interrupted, the time of the processor counts, unless other threads work', async () => {
  const plan: Plan = { warmMs: 0, roundMs: 0, laps: 1, budgetMs: 0 };
  let [interruptions, worked] = [0, 0];
  const wild: Surroundings = {
    ...calm,
    interruptions: () => ++interruptions,
    processorSeconds: () => worked,
  };
  const spin = () => {
    worked += 0.001;
    for (const end = performance.now() + 3; performance.now() < end; );
  };
  const [[own], [wall]] = await measure(
    [pretender('at once', { call: spin }), pretender('later', { call: async () => spin() })],
    plan,
    wild,
  );
  assert.ok(Math.abs(own! - 0.001) < 1e-9, `${own}`);
  assert.ok(wall! >= 0.003, `${wall}`);
});

test('every order is a permutation', () => {
  for (const random of [() => 0, half, () => 0.999, Math.random])
    assert.equal([...shuffled(7, random)].sort(), [0, 1, 2, 3, 4, 5, 6]);
});

test('a contestant that computes something else is named before it is timed', async () => {
  const wrong = pretender('wrong', { outcome: () => Uint8Array.of(1, 2, 4) });
  await rejects(() => check(contest(pretender('right'), wrong)), /pretending 1: wrong computes/);
});

test('one that leaves nothing is refused', async () => {
  const idle = pretender('idle', { outcome: () => new Uint8Array(3) });
  await rejects(() => check(contest(idle)), /idle leaves nothing/);
});

test('one that accepts a forgery is refused', async () => {
  const trusting = pretender('trusting', { refusesForgery: () => false });
  await rejects(() => check(contest(trusting)), /trusting accepts a forgery/);
});

test('another cipher is held to its own reference', async () => {
  const other = (expected: Uint8Array) => pretender('other', { outcome: () => Uint8Array.of(9), expected });
  await check(contest(pretender('right'), other(Uint8Array.of(9)), pretender('right too')));
  await rejects(() => check(contest(other(Uint8Array.of(8)))), /other computes something else/);
});

test('rows are subject against rival, with the better of some as a rival of its own', () => {
  const names = ['subject', 'engine', 'openssl', 'library'];
  const rows = rowsOf(
    'suite',
    {
      ...contest(...names.map((name) => pretender(name))),
      subjects: ['subject', 'engine'],
      best: { 'best-engine': ['engine', 'openssl'] },
    },
    [
      [2, 2, 2],
      [4, 4, 4],
      [1, 1, 1],
      [8, undefined, 8],
    ],
  );
  assert.equal(
    rows.map(({ subject, rival, ratio }) => `${subject} ${rival} ${ratio}`),
    [
      'subject openssl 0.5',
      'subject library 4',
      'subject best-engine 0.5',
      'engine openssl 0.25',
      'engine library 2',
    ],
  );
  assert.is(rows[0].subjectOps, 0.5);
  assert.is(rows[0].rivalOps, 1);
});

test('a case of times turns the ratio round', () => {
  const contestants = [pretender('subject'), pretender('rival')];
  const [{ ratio }] = rowsOf('suite', { ...contest(...contestants), measure: 'time' }, [[6], [2]]);
  assert.is(ratio, 3);
});
