/**
 * The authority: whole certificates issued by three of five, certificates judged with their proofs, and entries that
 * a log on disk takes.
 */
import type { Platform } from '../platform.ts';
import type { Row, Suite } from '../suite.ts';
import { appending } from './append.ts';
import { issuing } from './issue.ts';
import type { Measured } from './rates.ts';
import { validating } from './validate.ts';

type Measure = (platform: Platform) => Promise<Measured>;

const CASES: Readonly<Record<string, Suite['cases'][string] & { measure: Measure }>> = {
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

const suite: Suite = {
  name: 'authority',
  about: 'certificates issued by three of five and judged, and entries appended to a log on disk',
  platforms: ['node'],
  cases: CASES,
  async figures(platform, cases, reporter) {
    const rows: Row[] = [];
    for (const [done, name] of cases.entries()) {
      reporter.progress(done, cases.length, name);
      const measured = await CASES[name].measure(platform);
      rows.push({ suite: 'authority', case: name, size: 1, subject: 'ooto', ...measured });
    }
    return rows;
  },
};

export default suite;
