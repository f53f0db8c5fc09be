/**
 * Before the clock runs: everyone must be right. What flows through here: each contestant does the work once from
 * the same beginning; what it leaves must be what the first of them left (or its own reference, if it does other
 * work of the same purpose), and who verifies must refuse a forgery. A wrong result is not worth timing.
 */
import { equal } from '../../src/base/bytes.ts';
import type { Contest, Contestant } from '../suite.ts';

/** @throws Error naming case, size and contestant. */
export async function check({ case: name, size, contestants }: Contest): Promise<void> {
  let agreed: Uint8Array | undefined;
  for (const contestant of contestants) {
    const outcome = await once(contestant);
    const expected = contestant.expected ?? agreed ?? outcome;
    if (contestant.expected === undefined) agreed ??= outcome;
    const who = `${name} ${size}: ${contestant.name}`;
    if (outcome.every((byte) => byte === 0)) throw new Error(`${who} leaves nothing in the output`);
    if (!equal(outcome, expected)) throw new Error(`${who} computes something else than the others`);
    if (contestant.refusesForgery && !(await contestant.refusesForgery()))
      throw new Error(`${who} accepts a forgery`);
    contestant.rewind();
  }
}

async function once(contestant: Contestant): Promise<Uint8Array> {
  contestant.rewind();
  await contestant.call();
  return contestant.outcome().slice();
}
