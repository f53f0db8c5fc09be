/**
 * Timing experiments on both variants of the core: the controls first, since a harness that was never seen to find a
 * leak proves nothing by finding none; then every operation on secrets.
 */
import { randomInt } from 'node:crypto';
import { perform, type Result } from '../constant-time/timing/experiment.ts';
import { experimentsOn, leakyControl, nullControl } from '../constant-time/timing/experiments.ts';
import { is } from '../support/assert.ts';
import { coreVariants } from '../support/core.ts';
import { suite } from '../support/suite.ts';

const MEASUREMENTS = 200_000;

const test = suite('timing', { timeout: 900_000 });
const coin = () => randomInt(2);

function expect(result: Result, leaks: boolean): void {
  is(result.leaks, leaks, `${result.name}: ${JSON.stringify(result.verdicts)}`);
}

for (const { name, start } of coreVariants()) {
  const core = start();

  test(`${name}: the same class twice is no leak`, () => {
    expect(perform(nullControl(core), MEASUREMENTS, coin), false);
  });

  for (const experiment of experimentsOn(core))
    test(`${name}: ${experiment.name}`, () => {
      expect(perform(experiment, MEASUREMENTS, coin), false);
    });
}

test('a planted leak is found', async () => {
  expect(perform(await leakyControl(), MEASUREMENTS, coin), true);
});
