/**
 * A session over several connections under spin, as src/channel/lasting has it. Every guard of the model is taken away
 * once, and the checker must find what that breaks.
 */
import { is, ok } from '../../support/assert.ts';
import { checkWithSpin, hasPrograms, type SpinCheck } from '../../support/model-checkers.ts';
import { suite } from '../../support/suite.ts';

const test = suite('model of resumption', { timeout: 1_800_000 });
const MODEL = 'resumption.pml';

const bounds = (faults: number, thefts: number, messages: number) => [
  `FAULTS=${faults}`,
  `THEFTS=${thefts}`,
  `MESSAGES=${messages}`,
];

const HOLDS: readonly [title: string, check: SpinCheck, atLeast: number][] = [
  ['two faults, three messages each', { defines: bounds(2, 0, 3) }, 1e5],
  ['three faults', { defines: bounds(3, 0, 1) }, 5e4],
  ['two faults and a theft', { defines: bounds(2, 1, 2) }, 1e6],
  ['a fault and two thefts', { defines: bounds(1, 2, 2) }, 1e5],
  ['both sides dial, a fault and a theft', { defines: ['BOTH', ...bounds(1, 1, 1)] }, 1e5],
  ['both sides dial, two faults', { defines: ['BOTH', ...bounds(2, 0, 1)] }, 1e5],
  ['two faults: everything is heard', { defines: bounds(2, 0, 2), claim: 'whole' }, 1e4],
  ['two faults and a theft: everything is heard', { defines: bounds(2, 1, 1), claim: 'whole' }, 1e4],
];

const BREAKS = [
  'SWITCH_AT_RESUME',
  'OLD_ANSWER',
  'NO_PLACE',
  'NO_PASS_OVER',
  'NO_COUNT',
  'OLD_CONFIRMATION',
].map((mutant): SpinCheck => {
  const [faults, thefts] = mutant === 'OLD_CONFIRMATION' ? [1, 2] : [2, 1];
  return { defines: [mutant, ...bounds(faults, thefts, 2)] };
});

if (hasPrograms('spin', 'gcc')) {
  for (const [title, check, atLeast] of HOLDS)
    test(`${MODEL}: ${title}`, async () => {
      const { states, violation } = await checkWithSpin(MODEL, check);
      is(violation, undefined);
      ok(states >= atLeast, `only ${states} states`);
    });
  for (const check of BREAKS)
    test(`${MODEL}: the mutant ${check.defines?.[0]} is found`, async () => {
      ok((await checkWithSpin(MODEL, check)).violation !== undefined);
    });
} else test.unavailable('a resumption under spin', 'spin or gcc is not installed');
