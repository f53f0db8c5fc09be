/**
 * kill -9 of members of the authority at every step of signing and of every ceremony: before and after each durable commit,
 * and before and after each answer, at the member that leads and at another. One mesh of processes lives through all
 * deaths of a kind.
 */
import type { Change } from '../../src/authority/action.ts';
import * as assert from '../support/assert.ts';
import {
  CHANGING,
  ISSUING,
  newcomerDeaths,
  OTHER,
  REPAIRING,
  ROTATING,
  refreshFrom,
  repairAt,
  rotateFrom,
} from '../support/authority-deaths.ts';
import { FOUNDERS } from '../support/live-mesh.ts';
import { type Death, MortalAuthority } from '../support/mortal-authority.ts';
import { livesAsNode } from '../support/mortal-node.ts';
import { type Suite, suite } from '../support/suite.ts';

if (!(await livesAsNode())) {
  const test = suite('long/authority-crash', { timeout: 120_000 });
  issuing(test);
  changing(test, 'refresh', CHANGING, async (epoch) => refreshFrom(epoch));
  changing(test, 'reshare', CHANGING, async (epoch, authority) => {
    const { members } = (await authority.actions.carrier()).open.node.trust.authority;
    const threshold = epoch % 2 === 0 ? 3 : 2;
    return { kind: 'reshare', parameters: { epoch, threshold, members: [...members] } };
  });
  changing(test, 'rotate', ROTATING, async (epoch) => rotateFrom(epoch), false);
  repairing(test);
  bringingIn(test);
}

function issuing(test: Suite): void {
  const authority = once(test);
  for (const { victim, moment } of ISSUING)
    test(`issuing: ${victim} is killed at ${moment}`, async () => {
      const { groupKey } = await (await authority()).requireWhole();
      await (await authority()).issue({ victim, moment });
      assert.is((await (await authority()).requireWhole()).groupKey, groupKey);
    });
}

/** Each death in a ceremony that begins where the one before has led. */
function changing(
  test: Suite,
  what: string,
  deaths: readonly Death[],
  changeFrom: (epoch: number, authority: MortalAuthority) => Promise<Change>,
  isSameKey = true,
): void {
  const founded = once(test);
  for (const death of deaths)
    test(`${what}: ${death.victim} is killed at ${death.moment}`, async () => {
      const authority = await founded();
      const before = await authority.requireWhole();
      const change = await changeFrom(before.epoch, authority);
      await authority.change(change, death, ({ epoch }) => epoch === before.epoch + 1);
      const after = await authority.requireWhole();
      assert.is(after.groupKey === before.groupKey, isSameKey);
    });
}

function repairing(test: Suite): void {
  const founded = once(test);
  for (const death of REPAIRING)
    test(`repair: ${death.victim} is killed at ${death.moment}`, async () => {
      const authority = await founded();
      const before = await authority.requireWhole();
      await authority.loseShare(OTHER);
      await authority.change(repairAt(before.epoch), death, () => true);
      assert.is((await authority.requireWhole()).groupKey, before.groupKey);
    });
}

/** The last member gives way to somebody new. */
function bringingIn(test: Suite): void {
  const founded = once(test);
  let last: string = FOUNDERS[2];
  for (const [i, { moment }] of newcomerDeaths('').entries())
    test(`reshare: a newcomer is killed at ${moment}`, async () => {
      const authority = await founded();
      const name = `authority-${4 + i}`;
      const [first, second] = FOUNDERS;
      const before = await authority.requireWhole([first, second, last]);
      const members = await authority.membersWith(await authority.newcomer(name));
      const parameters = { epoch: before.epoch, threshold: 2, members };
      const isDone = ({ epoch }: { epoch: number }) => epoch === before.epoch + 1;
      const present = [first, second, name];
      await authority.change({ kind: 'reshare', parameters }, { victim: name, moment }, isDone, present);
      await authority.mesh.process(last).stop();
      last = name;
      assert.is((await authority.requireWhole(present)).groupKey, before.groupKey);
    });
}

/** One mesh for the tests that follow, founded when the first of them begins. */
function once(test: Suite): () => Promise<MortalAuthority> {
  let founded: Promise<MortalAuthority> | undefined;
  test.after(async () => (await founded)?.close());
  return () => {
    founded ??= (async () => {
      const authority = new MortalAuthority();
      await authority.found();
      return authority;
    })();
    return founded;
  };
}
