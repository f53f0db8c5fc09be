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
import { type Death, type MemberState, MortalAuthority } from '../support/mortal-authority.ts';
import { livesAsNode } from '../support/mortal-node.ts';
import { type Suite, suite } from '../support/suite.ts';

/** A group key is in force or retires: a mesh has room for so many within the hour for which they do. */
const ROTATIONS = 5;
let current: MortalAuthority | undefined;

if (!(await livesAsNode())) {
  const test = suite('long/authority-crash', { timeout: 180_000 });
  test.after(() => current?.close());
  issuing(test);
  changing(test, 'refresh', CHANGING, ({ epoch }) => refreshFrom(epoch));
  changing(test, 'reshare', CHANGING, async ({ epoch, threshold }, authority) => {
    const { members } = (await authority.actions.carrier()).open.node.trust.authority;
    const parameters = { epoch, threshold: threshold === 2 ? 3 : 2, members: [...members] };
    return { kind: 'reshare', parameters };
  });
  for (let i = 0; i < ROTATING.length; i += ROTATIONS)
    changing(test, 'rotate', ROTATING.slice(i, i + ROTATIONS), ({ epoch }) => rotateFrom(epoch), false);
  repairing(test);
  bringingIn(test);
}

function issuing(test: Suite): void {
  const founded = once();
  for (const death of ISSUING)
    test(`issuing: ${death.victim} is killed at ${death.moment}`, async () => {
      const authority = await founded();
      const { groupKey } = await authority.requireWhole();
      await authority.issue(death);
      assert.is((await authority.requireWhole()).groupKey, groupKey);
    });
}

/** Each death in a ceremony that begins where the one before has led. */
function changing(
  test: Suite,
  what: string,
  deaths: readonly Death[],
  changeFrom: (before: MemberState, authority: MortalAuthority) => Change | Promise<Change>,
  isSameKey = true,
): void {
  const founded = once();
  for (const death of deaths)
    test(`${what}: ${death.victim} is killed at ${death.moment}`, async () => {
      const authority = await founded();
      const before = await authority.requireWhole();
      await authority.change((state) => changeFrom(state, authority), death);
      assert.is((await authority.requireWhole()).groupKey === before.groupKey, isSameKey);
    });
}

function repairing(test: Suite): void {
  const founded = once();
  for (const death of REPAIRING)
    test(`repair: ${death.victim} is killed at ${death.moment}`, async () => {
      const authority = await founded();
      const { groupKey } = await authority.requireWhole();
      await authority.change(async ({ epoch }) => {
        await authority.loseShare(OTHER);
        return repairAt(epoch);
      }, death);
      assert.is((await authority.requireWhole()).groupKey, groupKey);
    });
}

/** The last member gives way to somebody new. */
function bringingIn(test: Suite): void {
  const founded = once();
  let last: string = FOUNDERS[2];
  for (const [i, { moment }] of newcomerDeaths('').entries())
    test(`reshare: a newcomer is killed at ${moment}`, async () => {
      const authority = await founded();
      const name = `authority-${4 + i}`;
      const [first, second] = FOUNDERS;
      const { groupKey } = await authority.requireWhole([first, second, last]);
      const members = await authority.membersWith(await authority.newcomer(name));
      const reshare = ({ epoch }: MemberState): Change => ({
        kind: 'reshare',
        parameters: { epoch, threshold: 2, members },
      });
      await authority.change(reshare, { victim: name, moment }, [first, second, name]);
      await authority.mesh.process(last).stop();
      last = name;
      assert.is((await authority.requireWhole([first, second, name])).groupKey, groupKey);
    });
}

/** One mesh for the tests that follow, in the place of the one before, founded when the first of them begins. */
function once(): () => Promise<MortalAuthority> {
  let founded: Promise<MortalAuthority> | undefined;
  const found = async () => {
    await current?.close();
    current = new MortalAuthority();
    await current.found();
    return current;
  };
  return () => {
    founded ??= found();
    return founded;
  };
}
