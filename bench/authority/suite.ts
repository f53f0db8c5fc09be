/**
 * The authority: whole certificates issued by three of five, certificates judged with their proofs, and entries that
 * a log on disk takes; where --large asks for it, a log that grows to ten million entries.
 */
import { createCrypto } from '../../src/crypto/index.ts';
import type { Platform } from '../platform.ts';
import type { Reporter, Row, Suite } from '../suite.ts';
import { appending } from './append.ts';
import { DISK_CASE, GROWTH_CASES, GROWTH_SIZES, growLog, growthRows } from './growth.ts';
import { issuing } from './issue.ts';
import type { Measured } from './rates.ts';
import { validating } from './validate.ts';

type Measure = (platform: Platform) => Promise<Measured>;

const MEASURED: Readonly<Record<string, Suite['cases'][string] & { measure: Measure }>> = {
  'issue-3-of-5': {
    title: 'certificates issued a second: five appraise and log on disk, three sign',
    unit: 'items',
    measure: issuing,
  },
  'validate-certificate': {
    title: 'certificates judged a second, with three inclusion proofs each',
    unit: 'items',
    measure: validating,
  },
  'log-append-durable': {
    title: 'entries a second that a log on disk takes from 512 callers',
    unit: 'items',
    measure: appending,
  },
};

/** Measured together, on one log. */
const LARGE: Suite['cases'] = Object.fromEntries(
  Object.entries({ ...GROWTH_CASES, [DISK_CASE]: 'bytes of the disk that such a log holds' }).map(
    ([name, title]) => [name, { title, unit: 'entries', large: true }],
  ),
);

const suite: Suite = {
  name: 'authority',
  about: 'certificates issued by three of five and judged, and entries appended to a log on disk',
  platforms: ['node'],
  cases: { ...MEASURED, ...LARGE },
  async figures(platform, cases, reporter) {
    const rows: Row[] = [];
    const small = cases.filter((name) => name in MEASURED);
    for (const [done, name] of small.entries()) {
      reporter.progress(done, small.length, name);
      const measured = await MEASURED[name].measure(platform);
      rows.push({ suite: 'authority', case: name, size: 1, subject: 'ooto', ...measured });
    }
    return cases.length > small.length ? [...rows, ...(await growing(platform, cases, reporter))] : rows;
  },
};

async function growing(
  { hardware, random, startCore }: Platform,
  cases: readonly string[],
  reporter: Reporter,
): Promise<Row[]> {
  const crypto = createCrypto({ core: await startCore(), hardware, random });
  const most = GROWTH_SIZES[GROWTH_SIZES.length - 1];
  const figures = await growLog(crypto, GROWTH_SIZES, (entries) =>
    reporter.progress(entries, most, `a log of ${entries} entries`),
  );
  return growthRows(figures, cases);
}

export default suite;
