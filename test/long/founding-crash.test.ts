/** Every founder is killed at every turn of the founding ceremony: before and after each commit, and while it writes. */
import { foundDespiteCrash } from '../support/founding-crash.ts';
import { livesAsNode, type Moment } from '../support/mortal-node.ts';
import { suite } from '../support/suite.ts';

const COMMITS = [1, 2, 3, 4, 5];
const WRITES = [1, 3, 5, 7, 9, 11, 13, 15, 17, 20, 24, 28];

if (!(await livesAsNode())) {
  const test = suite('long/founding-crash', { timeout: 120_000 });
  const moments: Moment[] = [
    ...COMMITS.flatMap((n): Moment[] => [`before-commit ${n}`, `after-commit ${n}`]),
    ...WRITES.map((n): Moment => `at-write ${n}`),
  ];
  for (const founder of [0, 1, 2])
    for (const moment of moments)
      test(`founder ${founder + 1} is killed at ${moment}`, async () => {
        await foundDespiteCrash(founder, moment);
      });
}
