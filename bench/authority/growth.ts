/**
 * A log on disk that grows. What flows through here: entries are appended as a member does it, many in a commit; at each of
 * the sizes it is measured what an append and a proof take, in the fastest of many rounds, what it takes to open the log,
 * and how much of the disk it holds; in the end every head on the way is proven to lead to the last one.
 */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import { Log, LogWriter, verifyConsistency } from '../../src/log/index.ts';
import { openStore } from '../../src/platform/node/store.ts';
import { summarise } from '../measure/statistics.ts';
import type { Row } from '../suite.ts';
import { temporaryFolder } from './world.ts';

/** 10^4 to 10^7 entries. */
export const GROWTH_SIZES = [4, 5, 6, 7].map((power) => 10 ** power);
const TOGETHER = 4_096;
const ROUNDS = 200;
const ROUNDS_TOGETHER = 16;

/** Seconds of one operation: the fastest of the rounds, and how they spread. */
export interface Timed {
  seconds: number;
  spread: number;
}

/** What a log of `size` entries takes, by the names of the benchmark's cases. */
export interface Figures {
  size: number;
  times: Record<keyof typeof GROWTH_CASES, Timed>;
  diskBytes: number;
}

/** Cases that are measured where the log grows, with --large. */
export const GROWTH_CASES = {
  'log-append': 'appends a second to a log of so many entries, each alone and durable',
  'log-append-4096': 'the same, 4,096 entries in one commit',
  'log-prove': 'inclusion proofs made a second',
  'log-prove-consistency': 'consistency proofs made a second',
  'log-open': 'how often a second such a log could be opened',
} as const;
export const DISK_CASE = 'log-disk-bytes';

/** Grows a log through `sizes`, telling how many entries it has. */
export async function growLog(
  crypto: Crypto,
  sizes: readonly number[] = GROWTH_SIZES,
  told: (entries: number) => void = () => {},
): Promise<Figures[]> {
  const folder = temporaryFolder();
  const signer = Ed25519SigningKey.generate(crypto);
  const store = await openStore(folder);
  const open = () => new Log({ crypto, store, prefix: 'log/', origin: 'growing.example/log', signer });
  try {
    const log = open();
    const writer = new LogWriter({ log, store });
    const heads: { size: number; root: Uint8Array }[] = [];
    const figures: Figures[] = [];
    for (const size of sizes) {
      await growTo(writer, log, size, told);
      heads.push({ size: log.size, root: log.root });
      const opened = await timed(() => open(), 3);
      const times = { ...(await timesOf(writer, log)), 'log-open': opened };
      figures.push({ size, times, diskBytes: statSync(join(folder, 'store.lmdb')).size });
    }
    for (const head of heads) requireLedTo(crypto, log, head);
    return figures;
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The rate at each size, and by how much it is that of the smallest. */
export function growthRows(figures: readonly Figures[], cases: readonly string[]): Row[] {
  const [first] = figures;
  const rows = figures.flatMap(({ size, times, diskBytes }) => {
    const row = { suite: 'authority', size, subject: 'ooto', spread: 0 };
    const disk = { rival: 'bytes', ratio: diskBytes, subjectOps: null, rivalOps: null };
    const rates = Object.entries(times).flatMap(([name, { seconds, spread }]): Row[] => {
      const [rate, rivalOps] = [1 / seconds, 1 / first.times[name as keyof typeof times].seconds];
      const measured = { ...row, case: name, subjectOps: rate, spread };
      const relative = { ...measured, rival: `at-${first.size}`, rivalOps, ratio: rate / rivalOps };
      return [
        { ...measured, rival: 'per-second', rivalOps: null, ratio: rate },
        ...(size === first.size ? [] : [relative]),
      ];
    });
    return [...rates, { ...row, case: DISK_CASE, ...disk }];
  });
  return rows.filter((row) => cases.includes(row.case));
}

function requireLedTo(crypto: Crypto, log: Log, { size, root }: { size: number; root: Uint8Array }): void {
  const proof = log.proveConsistency(size);
  verifyConsistency(crypto, { size1: size, root1: root, size2: log.size, root2: log.root, proof });
}

function entryAt(index: number): { leaf: Uint8Array; changes: [] } {
  return {
    leaf: utf8(`entry ${index} of a log that grows, about as long as short entries are`),
    changes: [],
  };
}

function appendMany(writer: LogWriter, count: number): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, () => writer.append((_, index) => entryAt(index))));
}

async function growTo(
  writer: LogWriter,
  log: Log,
  size: number,
  told: (entries: number) => void,
): Promise<void> {
  while (log.size < size) {
    await appendMany(writer, Math.min(TOGETHER, size - log.size));
    told(log.size);
  }
}

/** Proofs first, while the log is as long as it says. */
async function timesOf(writer: LogWriter, log: Log): Promise<Omit<Figures['times'], 'log-open'>> {
  const step = Math.floor(log.size / ROUNDS);
  const proofs = {
    'log-prove': await timed((round) => log.proveInclusion(round * step)),
    'log-prove-consistency': await timed((round) => log.proveConsistency(1 + round * step)),
  };
  const alone = await timed(() => appendMany(writer, 1));
  const together = await timed(() => appendMany(writer, TOGETHER), ROUNDS_TOGETHER);
  const each = { ...together, seconds: together.seconds / TOGETHER };
  return { ...proofs, 'log-append': alone, 'log-append-4096': each };
}

async function timed(work: (round: number) => unknown, rounds = ROUNDS): Promise<Timed> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await work(round);
    times.push((performance.now() - start) / 1000);
  }
  return { seconds: Math.min(...times), spread: summarise(times).spread };
}
