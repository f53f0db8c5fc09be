/**
 * Entries that become durable a second. What flows through here: many callers append to one log on disk, each its next
 * entry as soon as it knows the place of the last one; an entry counts once its commit is flushed and the signed
 * checkpoint covers it.
 */
import { rmSync } from 'node:fs';
import { utf8 } from '../../src/base/bytes.ts';
import { createCrypto } from '../../src/crypto/index.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import { Log, LogWriter } from '../../src/log/index.ts';
import { openStore } from '../../src/platform/node/store.ts';
import type { Platform } from '../platform.ts';
import { type Measured, perSecond } from './rates.ts';
import { temporaryFolder } from './world.ts';

const LAPS = 25;
const CALLERS = 512;
const ENTRIES_EACH = 4;
/** About what a certificate's entry takes. */
const ENTRY_BYTES = 300;

export async function appending({ hardware, random, startCore }: Platform, laps = LAPS): Promise<Measured> {
  const crypto = createCrypto({ core: await startCore(), hardware, random });
  const folder = temporaryFolder();
  const store = await openStore(folder);
  try {
    const signer = Ed25519SigningKey.generate(crypto);
    const log = new Log({ crypto, store, prefix: 'log/', origin: 'bench.example/log', signer });
    const writer = new LogWriter({ log, store });
    const entry = new Uint8Array(ENTRY_BYTES).fill(7);
    const caller = async (name: number) => {
      for (let i = 0; i < ENTRIES_EACH; i++)
        await writer.append((_, index) => {
          const leaf = entry.slice();
          leaf.set(utf8(`${index} of caller ${name}`));
          return { leaf, changes: [] };
        });
    };
    const times: number[] = [];
    for (let lap = -1; lap < laps; lap++) {
      const start = performance.now();
      await Promise.all(Array.from({ length: CALLERS }, (_, name) => caller(name)));
      if (lap >= 0) times.push((performance.now() - start) / 1000 / (CALLERS * ENTRIES_EACH));
    }
    return perSecond(times);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
