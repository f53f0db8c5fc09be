/**
 * One timing experiment. What flows through here: an operation and two classes of secret inputs; a coin decides
 * before each measurement which class is next; its input is brought to the one place from which the operation reads,
 * before the clock starts, as inputs of two classes lie in different places and are reached in different times; the
 * times are judged (welch.ts), and what looks like a leak is measured a second time, as a machine that was disturbed
 * does not disturb the same class again.
 */
import { judge, type Verdict } from './welch.ts';

export interface Experiment {
  name: string;
  /** Calls of one measurement: enough that the clock is fine beside them. */
  calls: number;
  /** An input of the first class, and one of the second. */
  classes: readonly [() => Uint8Array, () => Uint8Array];
  run(input: Uint8Array): void;
}

export interface Result {
  name: string;
  /** Of each round; there is a second only when the first looked like a leak. */
  verdicts: Verdict[];
  leaks: boolean;
}

/** Beyond this a difference is no accident of this many comparisons. */
export const SUSPICIOUS_T = 5;
/** A difference below this share of the time is not told from code that merely lies elsewhere in memory. */
export const LEAST_EFFECT = 0.0005;

const INPUTS = 256;
const WARM_CALLS = 2_000;

/** `coin` gives 0 or 1; `measurements` are those of both classes together. */
export function perform(experiment: Experiment, measurements: number, coin: () => number): Result {
  const rows = experiment.classes.map((input) => Array.from({ length: INPUTS }, input));
  for (let i = 0; i < WARM_CALLS; i++) experiment.run(rows[i % 2][i % INPUTS]);
  const first = measure(experiment, rows, measurements, coin);
  if (!isSuspicious(first)) return { name: experiment.name, verdicts: [first], leaks: false };
  const second = measure(experiment, rows, measurements, coin);
  const leaks = isSuspicious(second) && Math.sign(first.t) === Math.sign(second.t);
  return { name: experiment.name, verdicts: [first, second], leaks };
}

export function isSuspicious({ t, effect }: Verdict): boolean {
  return Math.abs(t) > SUSPICIOUS_T && Math.abs(effect) > LEAST_EFFECT;
}

function measure(
  { calls, run }: Experiment,
  rows: readonly (readonly Uint8Array[])[],
  measurements: number,
  coin: () => number,
): Verdict {
  const times: [number[], number[]] = [[], []];
  const stage = new Uint8Array(rows[0][0].length);
  for (let i = 0; i < measurements; i++) {
    const tossed = coin();
    stage.set(rows[tossed][i % INPUTS]);
    const start = performance.now();
    for (let call = 0; call < calls; call++) run(stage);
    times[tossed].push(performance.now() - start);
  }
  return judge(times[0], times[1]);
}
