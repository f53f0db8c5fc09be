/**
 * Certificates that a verifier judges a second. What flows through here: credentials of different nodes, each with a
 * certificate and three inclusion proofs, are read and verified whole, every time; the checkpoints of the three logs
 * are known, as they are to whoever has met a few nodes.
 */
import { encodeCredential, validateCredential } from '../../src/authority/credential.ts';
import { KnownCheckpoints } from '../../src/authority/known-checkpoints.ts';
import { createCrypto } from '../../src/crypto/index.ts';
import type { Platform } from '../platform.ts';
import { type Measured, perSecond } from './rates.ts';
import { DiskAuthority, THRESHOLD } from './world.ts';

const LAPS = 60;
const NODES = 64;
/** What the logs hold before: proofs are as long as in a mesh that has been running. */
const EARLIER = 64;

export async function validating(
  { hardware, random, startCore, processorSeconds }: Platform,
  laps = LAPS,
): Promise<Measured> {
  const crypto = createCrypto({ core: await startCore(), hardware, random });
  const authority = await DiskAuthority.open(crypto);
  try {
    const { world } = authority;
    const applications = await Promise.all(
      Array.from({ length: EARLIER + NODES }, () => authority.application()),
    );
    const issued = await Promise.all(applications.map((each) => authority.issue(each)));
    const credentials = issued
      .slice(EARLIER)
      .map(({ certificate, proofs }) =>
        encodeCredential({ certificate, proofs: proofs.slice(0, THRESHOLD), head: null }),
      );
    const checkpoints = new KnownCheckpoints(crypto);
    const [time, trust] = [world.clock.now(), world.trust!];
    const judgeAll = () => {
      for (const each of credentials) validateCredential(crypto, trust, each, { time, checkpoints });
    };
    const seconds = () => processorSeconds() ?? performance.now() / 1000;
    for (let i = 0; i < 4; i++) judgeAll();
    return perSecond(
      Array.from({ length: laps }, () => {
        const start = seconds();
        judgeAll();
        return (seconds() - start) / NODES;
      }),
    );
  } finally {
    await authority.close();
  }
}
