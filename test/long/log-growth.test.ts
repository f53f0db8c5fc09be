/**
 * A log on disk that grows to ten million entries. What flows through here: entries are appended as a member does it,
 * many in a commit; at 10^4, 10^5, 10^6 and 10^7 entries it is measured what an append and a proof take, in the fastest
 * of many rounds; neither may grow with the log by more than the height of its tree explains.
 */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '../../src/base/bytes.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import { Log, LogWriter, verifyConsistency } from '../../src/log/index.ts';
import { openStore } from '../../src/platform/node/store.ts';
import * as assert from '../support/assert.ts';
import { testCrypto } from '../support/crypto.ts';
import { temporaryFolder } from '../support/folder.ts';
import { suite } from '../support/suite.ts';

const test = suite('long/log-growth', { timeout: 3_000_000 });
const crypto = testCrypto();
const SIZES = [4, 5, 6, 7].map((power) => 10 ** power);
const TOGETHER = 4_096;
const ROUNDS = 200;
/** From 10^4 to 10^7 entries a path grows from 14 hashes to 24, by 1.7, and from two tiles to three. */
const MOST_GROWTH = 3;

interface Figures {
  size: number;
  /** Microseconds, the fastest of many rounds. */
  appendUs: number;
  /** Of 4,096 entries in one commit, for each. */
  batchUs: number;
  proofUs: number;
  consistencyUs: number;
  openMs: number;
  diskMiB: number;
}

test('append and proof take as long in a log of ten million entries as in one of ten thousand', async () => {
  const folder = temporaryFolder();
  const signer = Ed25519SigningKey.generate(crypto);
  const store = await openStore(folder);
  const open = () => new Log({ crypto, store, prefix: 'log/', origin: 'long.example/log', signer });
  try {
    const log = open();
    const writer = new LogWriter({ log, store });
    const heads: { size: number; root: Uint8Array }[] = [];
    const table: Figures[] = [];
    for (const size of SIZES) {
      await growTo(writer, log, size);
      heads.push({ size: log.size, root: log.root });
      const start = performance.now();
      open();
      const openMs = performance.now() - start;
      const diskMiB = statSync(join(folder, 'store.lmdb')).size / 2 ** 20;
      table.push({ ...(await figuresAt(writer, log)), size, openMs, diskMiB });
    }
    say(table);
    for (const { size, root } of heads) {
      const proof = log.proveConsistency(size);
      const claim = { size1: size, root1: root, size2: log.size, root2: log.root, proof };
      verifyConsistency(crypto, claim);
    }
    for (const figure of ['appendUs', 'batchUs', 'proofUs', 'consistencyUs', 'openMs'] as const) {
      const growth = table[table.length - 1][figure] / Math.max(table[0][figure], 1);
      assert.ok(growth <= MOST_GROWTH, `${figure} grew by ${growth.toFixed(2)}`);
    }
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

function entryAt(index: number): { leaf: Uint8Array; changes: [] } {
  return {
    leaf: utf8(`entry ${index} of a log that grows, about as long as short entries are`),
    changes: [],
  };
}

function appendMany(writer: LogWriter, count: number): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, () => writer.append((_, index) => entryAt(index))));
}

async function growTo(writer: LogWriter, log: Log, size: number): Promise<void> {
  while (log.size < size) await appendMany(writer, Math.min(TOGETHER, size - log.size));
}

async function figuresAt(
  writer: LogWriter,
  log: Log,
): Promise<Pick<Figures, 'appendUs' | 'batchUs' | 'proofUs' | 'consistencyUs'>> {
  const step = Math.floor(log.size / ROUNDS);
  const proofUs = await fastest((round) => log.proveInclusion(round * step));
  const consistencyUs = await fastest((round) => log.proveConsistency(1 + round * step));
  const appendUs = await fastest(() => appendMany(writer, 1));
  const batchUs = (await fastest(() => appendMany(writer, TOGETHER), 8)) / TOGETHER;
  return { appendUs, batchUs, proofUs, consistencyUs };
}

async function fastest(work: (round: number) => unknown, rounds = ROUNDS): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await work(round);
    least = Math.min(least, performance.now() - start);
  }
  return least * 1000;
}

function say(table: readonly Figures[]): void {
  const head = 'entries   append µs   of 4096 µs   proof µs   consistency µs   open ms   disk MiB';
  const lines = table.map(({ size, appendUs, batchUs, proofUs, consistencyUs, openMs, diskMiB }) =>
    [
      String(size).padStart(8),
      ...[appendUs, batchUs, proofUs, consistencyUs, openMs, diskMiB].map((figure, i) =>
        figure.toFixed(1).padStart([11, 13, 11, 17, 10, 11][i]),
      ),
    ].join(''),
  );
  process.stdout.write(`${[head, ...lines].join('\n')}\n`);
}
