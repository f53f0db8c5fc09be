/**
 * Certificates a second. What flows through here: in every lap a batch of applications, made before the clock runs, is
 * issued whole, by five members that appraise and log on disk and by three that sign; and noble's ceremony alone signs
 * messages of the same length. The laps of both take turns.
 */
import { createCrypto } from '../../src/crypto/index.ts';
import { pairedRatio } from '../measure/statistics.ts';
import type { Platform } from '../platform.ts';
import { nobleCeremony } from './noble-ceremony.ts';
import { type Measured, rateOf } from './rates.ts';
import { DiskAuthority } from './world.ts';

const LAPS = 15;
/** Applications under way at once. */
const BATCH = 48;
const CEREMONIES = 6;
/** As long as the body of a certificate. */
const MESSAGE_BYTES = 420;

export async function issuing({ hardware, random, startCore }: Platform, laps = LAPS): Promise<Measured> {
  const authority = await DiskAuthority.open(createCrypto({ core: await startCore(), hardware, random }));
  const ceremony = nobleCeremony();
  const message = random.bytes(MESSAGE_BYTES);
  const [own, noble]: [number[], number[]] = [[], []];
  try {
    for (let lap = -1; lap < laps; lap++) {
      const applications = await Promise.all(Array.from({ length: BATCH }, () => authority.application()));
      const ownTime = await secondsOf(() => Promise.all(applications.map((each) => authority.issue(each))));
      const nobleTime = await secondsOf(() => {
        for (let i = 0; i < CEREMONIES; i++) ceremony(message);
      });
      if (lap < 0) continue;
      own.push(ownTime / BATCH);
      noble.push(nobleTime / CEREMONIES);
    }
  } finally {
    await authority.close();
  }
  const { median: ratio, spread } = pairedRatio(own, noble);
  return { rival: 'noble-frost', ratio, spread, subjectOps: rateOf(own), rivalOps: rateOf(noble) };
}

async function secondsOf(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
