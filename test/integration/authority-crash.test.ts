/**
 * kill -9 of members of the authority while they sign, and while the committee changes: at the moments at which most could
 * go wrong. The long tests have every moment.
 */
import type { Change } from '../../src/authority/action.ts';
import * as assert from '../support/assert.ts';
import { LEADER, OTHER, refreshFrom, repairAt, rotateFrom, THIRD } from '../support/authority-deaths.ts';
import { type Death, MortalAuthority } from '../support/mortal-authority.ts';
import { livesAsNode } from '../support/mortal-node.ts';
import { suite } from '../support/suite.ts';

/** The coordinator has its own share; a commitment is out; the proof of an entry is out. */
const ISSUED: readonly Death[] = [
  { victim: LEADER, moment: 'done authority.sign:share 1' },
  { victim: OTHER, moment: 'sent authority.sign:commitment 1' },
  { victim: OTHER, moment: 'sent authority.appraise 1' },
];
/** A new share is stored, and nobody knows; the leader alone has taken the
 * committee; all others have; a helper has helped half. */
const CHANGED: readonly [change: (epoch: number) => Change, death: Death][] = [
  [refreshFrom, { victim: OTHER, moment: 'after-commit ceremony/pending/ 1' }],
  [refreshFrom, { victim: LEADER, moment: 'after-commit authority/share 1' }],
  [refreshFrom, { victim: OTHER, moment: 'before-commit authority/share 1' }],
  [() => rotateFrom(0), { victim: OTHER, moment: 'sent ceremony.approve 2' }],
  [repairAt, { victim: THIRD, moment: 'sent ceremony.open 1' }],
];

if (!(await livesAsNode())) {
  const test = suite('integration/authority-crash', { timeout: 200_000 });
  test('members are killed while they sign and while their shares change, and all goes on', async () => {
    const authority = new MortalAuthority();
    try {
      await authority.found();
      for (const death of ISSUED) {
        await authority.issue(death);
        await authority.requireWhole();
      }
      for (const [changeFrom, death] of CHANGED) {
        const before = await authority.requireWhole();
        const { kind } = changeFrom(before.epoch);
        await authority.change(async ({ epoch }) => {
          if (kind === 'repair') await authority.loseShare(OTHER);
          return changeFrom(epoch);
        }, death);
        const after = await authority.requireWhole();
        assert.is(after.groupKey === before.groupKey, kind !== 'rotate', death.moment);
      }
      await authority.join();
      await authority.requireWhole();
    } finally {
      await authority.close();
    }
  });
}
