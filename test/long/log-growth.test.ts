/**
 * A log on disk that grows to ten million entries, as `npm run bench -- authority --large` grows it: neither an append nor a
 * proof may take longer by more than the height of its tree explains.
 */
import { GROWTH_CASES, growLog } from '../../bench/authority/growth.ts';
import * as assert from '../support/assert.ts';
import { testCrypto } from '../support/crypto.ts';
import { suite } from '../support/suite.ts';

const test = suite('long/log-growth', { timeout: 3_000_000 });
/** From 10^4 to 10^7 entries a path grows from 14 hashes to 24, by 1.7, and from two tiles to three. */
const MOST_GROWTH = 3;
/** What takes less is not compared: a flush of the disk is no microsecond. */
const LEAST_SECONDS = 1e-6;

test('append and proof take as long in a log of ten million entries as in one of ten thousand', async () => {
  const figures = await growLog(testCrypto());
  const names = Object.keys(GROWTH_CASES) as (keyof typeof GROWTH_CASES)[];
  for (const { size, times, diskBytes } of figures) {
    const said = names.map((name) => `${name} ${(times[name].seconds * 1e6).toFixed(1)} µs`);
    process.stdout.write(`${size}: ${said.join(', ')}, ${(diskBytes / 2 ** 20).toFixed(0)} MiB\n`);
  }
  const [first, last] = [figures[0].times, figures[figures.length - 1].times];
  for (const name of names) {
    const growth = last[name].seconds / Math.max(first[name].seconds, LEAST_SECONDS);
    assert.ok(growth <= MOST_GROWTH, `${name} grew by ${growth.toFixed(2)}`);
  }
});
