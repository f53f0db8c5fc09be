/**
 * From engines to contestants. What flows through here: a case knows how to give its work to one engine; engines
 * that answer later get as many lanes as they keep under way, each with its own nonce and output (a call of many
 * operations sees to that itself); engines that leave the work out are not in the contest.
 */

import type { Engine } from '../engine.ts';
import type { Contestant } from '../suite.ts';

/** A contestant without its name: what a case makes for one engine. */
export type Work = Omit<Contestant, 'name'>;

/** Undefined when the engine does not do this work. */
export type Assign = (engine: Engine) => Promise<Work | undefined> | Work | undefined;

export async function contestantsOf(engines: readonly Engine[], assign: Assign): Promise<Contestant[]> {
  const contestants: Contestant[] = [];
  for (const engine of engines) {
    const work = await workOf(engine, assign);
    if (work) contestants.push({ name: engine.name, ...work });
  }
  return contestants;
}

async function workOf(engine: Engine, assign: Assign): Promise<Work | undefined> {
  const first = await assign(engine);
  if (first === undefined || first.operations > 1 || engine.inFlight === undefined) return first;
  const lanes = [first];
  while (lanes.length < engine.inFlight) lanes.push((await assign(engine))!);
  return {
    ...first,
    operations: first.operations * lanes.length,
    call: async () => void (await Promise.all(lanes.map((lane) => lane.call()))),
    rewind() {
      for (const lane of lanes) lane.rewind();
    },
  };
}
