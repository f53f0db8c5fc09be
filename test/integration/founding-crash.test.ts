/**
 * Founders are killed in the middle of the ceremony: wherever it happened, all three end in one mesh once they run
 * again, soon, and that mesh takes members. The long tests sweep over every moment.
 */
import * as assert from '../support/assert.ts';
import { foundDespiteCrash } from '../support/founding-crash.ts';
import { livesAsNode, type Moment } from '../support/mortal-node.ts';
import { suite } from '../support/suite.ts';

/** Far below the half minute after which a run is given up: nobody may sit a lost message out. */
const SOON_MS = 20_000;

/** The commits of a founder: 1 the attempt, 2 its pending share, 3 the genesis record. The first founder leads. */
const MOMENTS: readonly [founder: number, moment: Moment, what: string][] = [
  [1, 'at-write 8', 'while rounds go to and fro'],
  [0, 'before-commit 2', 'the leader, before its share is stored'],
  [2, 'after-commit 2', 'after its share is stored, before it certifies'],
  [2, 'before-commit 3', 'when the others are finished, before the record is stored'],
];

if (!(await livesAsNode())) {
  const test = suite('integration/founding-crash', { timeout: 120_000 });
  for (const [founder, moment, what] of MOMENTS)
    test(`founder ${founder + 1} is killed: ${what} (${moment})`, async () => {
      const took = await foundDespiteCrash(founder, moment);
      assert.ok(took < SOON_MS, `founded ${Math.round(took)} ms after the restart`);
    });
}
