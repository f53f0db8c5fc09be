/**
 * Attestation: how many nodes one core can appraise, and what it costs to keep the TPM's libraries in a process of
 * their own. The quotes are of a software TPM; where there is none their row is left out.
 */
import { createCrypto } from '../../src/crypto/index.ts';
import { pairedRatio, summarise } from '../measure/statistics.ts';
import type { Platform } from '../platform.ts';
import type { Row, Suite } from '../suite.ts';
import { appraisal } from './evidence.ts';

const ROUNDS = 60;
const APPRAISALS_A_ROUND = 20;
const WARM_UPS = 300;

type Figures = (platform: Platform) => Promise<Row[]>;

const CASES: Readonly<Record<string, Suite['cases'][string] & { figures: Figures }>> = {
  appraise: {
    title: 'appraisals a second: quote, certified identity key, event log of 100 events',
    unit: 'items',
    figures: appraisals,
  },
  'quote-through-agent': {
    title: 'a quote through the agent, against an asynchronous Esys_Quote in the same process',
    unit: 'items',
    figures: quotes,
  },
};

/** By the second of the processor, so that other programs do not count. */
async function appraisals({ hardware, random, startCore, processorSeconds }: Platform): Promise<Row[]> {
  const appraise = appraisal(createCrypto({ core: await startCore(), hardware, random }));
  for (let i = 0; i < WARM_UPS; i++) appraise();
  const seconds = () => processorSeconds() ?? performance.now() / 1000;
  const rates = Array.from({ length: ROUNDS }, () => {
    const start = seconds();
    for (let i = 0; i < APPRAISALS_A_ROUND; i++) appraise();
    return APPRAISALS_A_ROUND / (seconds() - start);
  });
  const { median, spread } = summarise(rates);
  return [row('appraise', 'per-second', { ratio: median, spread, subjectOps: median, rivalOps: null })];
}

async function quotes(): Promise<Row[]> {
  const { quoteTimes } = await import('./quotes.ts');
  const times = await quoteTimes();
  if (!times) return [];
  const { median: ratio, spread } = pairedRatio(times.inProcess, times.agent);
  const rate = (milliseconds: readonly number[]) => 1000 / summarise(milliseconds).median;
  const [subjectOps, rivalOps] = [rate(times.agent), rate(times.inProcess)];
  return [row('quote-through-agent', 'esys-in-process', { ratio, spread, subjectOps, rivalOps })];
}

function row(
  name: string,
  rival: string,
  measured: Pick<Row, 'ratio' | 'spread' | 'subjectOps' | 'rivalOps'>,
): Row {
  return { suite: 'attestation', case: name, size: 1, subject: 'ooto', rival, ...measured };
}

const suite: Suite = {
  name: 'attestation',
  about: 'appraisal of what a TPM states, and quotes through the agent',
  platforms: ['node'],
  cases: CASES,
  async figures(platform, cases, reporter) {
    const rows: Row[] = [];
    for (const [done, name] of cases.entries()) {
      reporter.progress(done, cases.length, name);
      rows.push(...(await CASES[name].figures(platform)));
    }
    return rows;
  },
};

export default suite;
