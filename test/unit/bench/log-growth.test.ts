/** The growing log as the benchmark and the long test use it, on a small one. */
import { DISK_CASE, GROWTH_CASES, growLog, growthRows } from '../../../bench/authority/growth.ts';
import authority from '../../../bench/authority/suite.ts';
import { casesOf } from '../../../bench/measure/run.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('bench/log-growth');
const LARGE = [...Object.keys(GROWTH_CASES), DISK_CASE];

test('a log grows through all sizes, and gives rows for every case asked for', async () => {
  const told: number[] = [];
  const figures = await growLog(testCrypto(), [200, 400], (entries) => told.push(entries));
  assert.equal(
    figures.map(({ size }) => size),
    [200, 400],
  );
  assert.ok(told.includes(200));
  const rows = growthRows(figures, LARGE);
  for (const name of Object.keys(GROWTH_CASES)) {
    const of = rows.filter((row) => row.case === name);
    assert.equal(
      of.map(({ size, rival }) => [size, rival]),
      [
        [200, 'per-second'],
        [400, 'per-second'],
        [400, 'at-200'],
      ],
    );
    for (const { ratio, subjectOps } of of) assert.ok(ratio > 0 && subjectOps! > 0);
  }
  assert.equal([...new Set(growthRows(figures, [DISK_CASE]).map(({ rival }) => rival))], ['bytes']);
});

test('large cases are left out unless they are asked for', () => {
  const small = casesOf(authority, []);
  assert.equal(
    LARGE.filter((name) => small.includes(name)),
    [],
  );
  assert.ok(small.includes('issue-3-of-5'));
  assert.equal(casesOf(authority, [], true), [...small, ...LARGE]);
  assert.equal(casesOf(authority, ['log-prove'], true), ['log-prove', 'log-prove-consistency']);
});
