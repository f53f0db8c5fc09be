/**
 * Timing experiments on the core (docs/constant-time.md): does the time of an operation tell its secret? Prints t,
 * the difference and the verdict of each, after the two controls.
 *   npm run bench -- timing
 */
import { randomInt } from 'node:crypto';
import { instantiateCore } from '../src/core/index.ts';
import { readCore } from '../src/platform/node/core-file.ts';
import { perform, type Result } from '../test/constant-time/timing/experiment.ts';
import { experimentsOn, leakyControl, nullControl } from '../test/constant-time/timing/experiments.ts';

const MEASUREMENTS = 60_000;

const core = instantiateCore(readCore());
for (const experiment of [nullControl(core), await leakyControl(), ...experimentsOn(core)])
  report(perform(experiment, MEASUREMENTS, () => randomInt(2)));

function report({ name, verdicts, leaks }: Result): void {
  const rounds = verdicts.map(
    ({ t, effect, kept }) => `t ${t.toFixed(1)} (${(100 * effect).toFixed(3)} % of ${100 * kept} % kept)`,
  );
  console.log(`${leaks ? 'LEAKS' : 'none '}  ${name}: ${rounds.join(', again ')}`);
}
