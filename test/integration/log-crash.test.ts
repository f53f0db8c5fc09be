/**
 * kill -9 at each step of an append. What flows through here: a process appends to a log on disk from several callers at
 * once, says what it was told, and dies at a chosen step of its n-th commit; the log that is opened afterwards has every
 * entry that was told of at its place, is whole, and begins with every tree whose checkpoint was published.
 */
import { spawn } from 'node:child_process';
import { utf8, utf8Decode } from '../../src/base/bytes.ts';
import { Log, LogWriter, verifyCheckpoint } from '../../src/log/index.ts';
import { openStore } from '../../src/platform/node/store.ts';
import type { Store } from '../../src/ports.ts';
import * as assert from '../support/assert.ts';
import { testCrypto } from '../support/crypto.ts';
import { temporaryFolder } from '../support/folder.ts';
import { suite } from '../support/suite.ts';

const STEPS = ['before the commit', 'during the commit', 'after the commit', 'after it is told'] as const;
type Step = (typeof STEPS)[number];
const COMMITS = [1, 2, 7];
const CALLERS = 5;
const crypto = testCrypto();
const SEED = new Uint8Array(32).fill(3);
const SIGNER = {
  publicKey: crypto.ed25519.publicKey(SEED),
  sign: (message: Uint8Array) => crypto.ed25519.sign(SEED, message),
};
const ORIGIN = 'crash.example/log';
const POLICY = { origin: ORIGIN, keys: [{ name: ORIGIN, publicKey: SIGNER.publicKey }] };

/** One line of the process that dies. */
interface Told {
  index: number;
  entry: string;
  checkpoint: string;
}

const openLog = (store: Store) => new Log({ crypto, store, prefix: 'log/', origin: ORIGIN, signer: SIGNER });

if (process.argv[2] === 'append')
  await appendUntilDeath(process.argv[3], process.argv[4] as Step, Number(process.argv[5]));
else tests();

function tests(): void {
  const test = suite('integration/log-crash', { timeout: 120_000 });
  for (const step of STEPS)
    test(`killed ${step}: no entry lost, and the tree grows from every published checkpoint`, async () => {
      for (const commit of COMMITS) {
        const folder = temporaryFolder();
        const told = [...(await dyingAt(folder, step, commit)), ...(await dyingAt(folder, step, commit))];
        if (commit > 1 || step === 'after it is told') assert.ok(told.length > 0, 'something was told');
        await requireKept(folder, told);
      }
    });
}

/** Runs the process until it kills itself; resolves to what it said. */
function dyingAt(folder: string, step: Step, commit: number): Promise<Told[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [process.argv[1], 'append', folder, step, String(commit)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });
    child.on('close', (_, signal) => {
      if (signal !== 'SIGKILL') return reject(new Error(`it ended by ${signal}`));
      const lines = said.split('\n').slice(0, -1);
      resolve(lines.map((line) => JSON.parse(line) as Told));
    });
  });
}

async function requireKept(folder: string, told: readonly Told[]): Promise<void> {
  const store = await openStore(folder);
  try {
    const log = openLog(store);
    log.audit();
    const entries = [...log.entries()].map(utf8Decode);
    for (const { index, entry, checkpoint } of told) {
      assert.is(entries[index], entry);
      const { size, root } = verifyCheckpoint(crypto, checkpoint, POLICY);
      assert.ok(size > index && size <= log.size);
      assert.bytes(log.rootAt(size), root);
    }
    const staged = log.stage([utf8('it goes on')]);
    await store.commit(staged.changes);
    log.accept(staged);
    log.audit();
  } finally {
    await store.close();
  }
}

async function appendUntilDeath(folder: string, step: Step, commit: number): Promise<void> {
  const store = await openStore(folder);
  const log = openLog(store);
  let commits = 0;
  const die = () => process.kill(process.pid, 'SIGKILL');
  const mortal: Store = {
    get: (key) => store.get(key),
    range: (from, to, options) => store.range(from, to, options),
    async commit(changes) {
      const dies = ++commits === commit;
      if (dies && step === 'before the commit') die();
      const stored = store.commit(changes);
      if (dies && step === 'during the commit') die();
      await stored;
      if (dies && step === 'after the commit') die();
    },
    close: () => store.close(),
  };
  const writer = new LogWriter({ log, store: mortal });
  const caller = async (name: number) => {
    for (let i = 0; ; i++) {
      const entry = `${process.pid} ${name} ${i}`;
      const index = await writer.append(() => ({ leaf: utf8(entry), changes: [] }));
      const told: Told = { index, entry, checkpoint: log.checkpoint! };
      await new Promise((said) => process.stdout.write(`${JSON.stringify(told)}\n`, said));
      if (commits >= commit && step === 'after it is told') die();
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, name) => caller(name)));
}
