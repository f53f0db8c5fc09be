/**
 * One member dies in a ceremony and comes back: what was begun must be finished or undone, whoever it was and whenever.
 */
import type { ApprovedAction, Change } from '../../src/authority/action.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { hex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { SHARE_KEY } from '../../src/mesh/authority/founding.ts';
import * as assert from './assert.ts';
import { CeremonyWorld } from './ceremony-world.ts';
import { START_WALL } from './manual-clock.ts';
import type { MemoryStore } from './memory-store.ts';

export const CEREMONIES = ['refresh', 'reshare', 'rotate', 'repair', 'rescue'] as const;
export type CeremonyName = (typeof CEREMONIES)[number];
const FOUNDERS = ['a1', 'a2', 'a3'];
const RESHARED = ['a1', 'a2', 'b1'];
/** Whose share is lost where one is repaired. */
const LOST = 'a2';

/** The leader, another old member (in a repair the one whose share is lost), and one that is new in a reshare. */
export function victimsOf(what: CeremonyName): readonly string[] {
  return what === 'repair' || what === 'rescue' ? FOUNDERS : ['a1', 'a2', 'b1'];
}

function changeOf(world: CeremonyWorld, what: CeremonyName): Change {
  if (what === 'repair') return { kind: what, parameters: { epoch: 0, member: LOST } };
  if (what === 'refresh') return { kind: what, parameters: { epoch: 0 } };
  if (what === 'rescue') return rescueOf({ members: FOUNDERS });
  if (what === 'rotate') return { kind: what, parameters: { version: 0, overlapMs: 3_600_000 } };
  const members = RESHARED.map((name) => world.founderOf(name));
  return { kind: what, parameters: { epoch: 0, threshold: 2, members } };
}

/** Another key after the first, made by these. */
export function rescueOf(parameters: {
  members: readonly string[];
  version?: number;
  threshold?: number;
}): Change & { kind: 'rescue' } {
  const { members, ...others } = parameters;
  const since = START_WALL - 30_000;
  return {
    kind: 'rescue',
    parameters: { version: 0, threshold: 2, since, overlapMs: 3_600_000, ...others, members: [...members] },
  };
}

/** When a member dies: at a request of anybody, or at a commit of its own, before or after it. */
export type Death = 'request' | 'before-commit' | 'after-commit';

/** Kills `victim` at the moment of this number. Returns whether there were so many. */
export async function surviveDeath(
  crypto: Crypto,
  what: CeremonyName,
  victim: string,
  at: number,
  death: Death = 'request',
): Promise<boolean> {
  const world = await CeremonyWorld.create(crypto);
  world.newcomer('b1');
  if (what === 'repair') await loseShare(world);
  let count = 0;
  const pass = (moment: Death) => {
    if (moment === death && ++count === at) world.kill(victim);
  };
  world.onRequest = (_, __, body) => {
    pass('request');
    return body;
  };
  mortal(world.stores.get(victim)!, pass, () => world.living.has(victim));
  const lead = (name: string) => {
    const { leader } = world.member(name);
    const approved = world.approve(changeOf(world, what));
    if (what === 'rescue') return rescueBy(world, name, approved);
    return what === 'repair' ? leader.repair(approved) : leader.change(approved);
  };
  await lead('a1').catch(() => {});
  world.onRequest = (_, __, body) => body;
  if (count < at) return false;
  if (!world.living.has(victim)) world.start(victim);
  await finishAll(world);
  if (!isDone(world, what)) await lead(what === 'repair' ? 'a3' : 'a2');
  await finishAll(world);
  const members = what === 'reshare' ? RESHARED : FOUNDERS;
  requireSettled(world, members, what === 'repair' ? 0 : 1);
  assert.ok(world.sign(utf8('after the crash'), ...members.slice(1)));
  return true;
}

/** Both halves: operators sign what the first led to. */
async function rescueBy(world: CeremonyWorld, leader: string, approved: ApprovedAction): Promise<void> {
  const rescue = world.signed(await world.rescue(leader, approved));
  await world.conclude(leader, rescue, FOUNDERS);
}

/** Its process comes back without the share, as from a store in which it is damaged. */
async function loseShare(world: CeremonyWorld): Promise<void> {
  await world.stores.get(LOST)!.commit([{ delete: SHARE_KEY }]);
  world.start(LOST);
}

function isDone(world: CeremonyWorld, what: CeremonyName): boolean {
  const { authority, participant } = world.member(LOST);
  return what === 'repair'
    ? participant.shares.inForce(authority.publicPackage) !== undefined
    : authority.committee.epoch > 0;
}

/** Nothing is written by who is dead, and nothing answered. */
function mortal(store: MemoryStore, pass: (moment: Death) => void, isAlive: () => boolean): void {
  const commit = store.commit.bind(store);
  store.commit = async (changes) => {
    pass('before-commit');
    if (!isAlive()) throw new Error('killed');
    await commit(changes);
    pass('after-commit');
    if (!isAlive()) throw new Error('killed');
  };
}

async function finishAll(world: CeremonyWorld): Promise<void> {
  for (const name of world.living.keys()) await world.member(name).leader.finish();
  for (const { participant } of world.living.values()) await participant.settle();
}

/** Every one of them is in the same epoch, and has the share of it and nothing beside. */
export function requireSettled(world: CeremonyWorld, names: readonly string[], epoch: number): void {
  const digests = names.map((name) => {
    const { authority, participant } = world.member(name);
    assert.is(authority.committee.epoch, epoch, name);
    assert.ok(participant.shares.inForce(authority.publicPackage), `${name} has its share`);
    assert.equal(world.stores.get(name)!.range('ceremony/', 'ceremony0'), [], name);
    return hex(authority.committee.digest);
  });
  assert.is(new Set(digests).size, 1, 'there is one committee');
}
