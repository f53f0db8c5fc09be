/** One invite, many claims at once at different members: exactly one goes through, whoever is dead, slow or lying. */

import type { Claim } from '../../../src/authority/member.ts';
import type { EnrolmentRequest } from '../../../src/authority/request.ts';
import { OotoError } from '../../../src/base/errors.ts';
import type { CborValue } from '../../../src/envelope/cbor.ts';
import { asOotoError } from '../../../src/mesh/session.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld, type Candidate } from '../../support/authority.ts';
import { testCrypto } from '../../support/crypto.ts';
import { seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/claiming', { timeout: 120_000 });
const CLAIMS = 15;
const absent = new OotoError('OOTO_MESH_TIMEOUT', 'peer', 'no answer');
const busy = new OotoError('OOTO_AUTHORITY_INVITE_BUSY', 'environment', 'not now');

interface Claimant {
  candidate: Candidate;
  request: EnrolmentRequest;
  claim: Claim;
  coordinator: string;
}

/** Whom a coordinator cannot reach. */
type Unreachable = (coordinator: string, member: string) => boolean;

async function worldOf(seed: string): Promise<AuthorityWorld> {
  const world = new AuthorityWorld(testCrypto(seededRandom(seed)), { count: 5, threshold: 3 });
  await world.establish();
  return world;
}

async function claimantsOf(world: AuthorityWorld, count = CLAIMS): Promise<Claimant[]> {
  const seed = world.crypto.random.bytes(32);
  const id = world.id('worker', 'claimed');
  const claimants: Claimant[] = [];
  for (let i = 0; i < count; i++) {
    const candidate = world.candidate();
    const request = await world.request(candidate, id);
    const claim = world.inviteClaim(id, request, seed.slice());
    claimants.push({ candidate, request, claim, coordinator: world.names[i % world.names.length] });
  }
  return claimants;
}

/** Messages take 0 to 40 ms each, drawn from the seed; nobody hears a member that it cannot reach. */
function delayed(world: AuthorityWorld, coordinator: string, cannot: Unreachable): AuthorityWorld['between'] {
  return async (member, _operation, _body, answer) => {
    if (member !== coordinator) await later(world);
    if (cannot(coordinator, member)) throw absent;
    const given = await answer();
    if (member !== coordinator) await later(world);
    return given;
  };
}

function later(world: AuthorityWorld): Promise<void> {
  const [random] = world.crypto.random.bytes(1);
  return new Promise((resolve) => void world.clock.after((random * 40) / 256, resolve));
}

/** From challenge to certificate, as a newcomer and its coordinator do; `won`, or the code. */
async function claimOnce(world: AuthorityWorld, claimant: Claimant, cannot: Unreachable): Promise<string> {
  const { candidate, request, claim, coordinator } = claimant;
  const between = delayed(world, coordinator, cannot);
  const issuing = world.issuing(coordinator, between);
  try {
    const challenges = await issuing.challengeInvited(request, claim);
    const nonces = challenges.map(({ member, nonce }) => ({ member, nonce }));
    await later(world);
    const evidence = world.evidence(candidate, request, nonces);
    await issuing.issue({ request: request.encoded, claim, nonces, evidence });
    return 'won';
  } catch (error) {
    return asOotoError(error).code;
  }
}

/** All at once; who was told to try again does, a little later. */
async function claimAll(
  world: AuthorityWorld,
  claimants: readonly Claimant[],
  cannot: Unreachable = () => false,
) {
  const outcomes = new Map<Claimant, string>();
  const run = async (claimant: Claimant) => {
    for (let round = 0; round < 4; round++) {
      const outcome = await claimOnce(world, claimant, cannot);
      outcomes.set(claimant, outcome);
      if (outcome !== busy.code) return;
      await new Promise<void>((resolve) => void world.clock.after(2_000 + round * 100, resolve));
    }
  };
  let isOver = false;
  const all = Promise.all(claimants.map(run)).then(() => {
    isOver = true;
  });
  await world.clock.until(() => isOver, 300_000, 20);
  await all;
  return [...outcomes.values()];
}

function winners(outcomes: readonly string[]): number {
  return outcomes.filter((outcome) => outcome === 'won').length;
}

for (let i = 0; i < 4; i++)
  test(`exactly one of ${CLAIMS} claims goes through (seed ${i})`, async () => {
    const world = await worldOf(`claims ${i}`);
    const outcomes = await claimAll(world, await claimantsOf(world));
    assert.is(winners(outcomes), 1, outcomes.join());
    for (const outcome of outcomes)
      assert.ok(['won', 'OOTO_AUTHORITY_INVITE_USED', busy.code].includes(outcome), outcome);
  });

for (const dead of [['a1'], ['a1', 'a2'], ['a3', 'a5']])
  test(`the same with ${dead.join(' and ')} dead`, async () => {
    const world = await worldOf(`dead ${dead}`);
    const claimants = (await claimantsOf(world)).filter(({ coordinator }) => !dead.includes(coordinator));
    const outcomes = await claimAll(world, claimants, (_, member) => dead.includes(member));
    assert.is(winners(outcomes), 1, outcomes.join());
  });

for (let i = 0; i < 4; i++)
  test(`the same where coordinators reach different members (seed ${i})`, async () => {
    const world = await worldOf(`different ${i}`);
    const [first, second, third] = world.names;
    const lost = [`${first} ${second}`, `${second} ${first}`, `${third} ${first}`, `${first} ${third}`];
    const outcomes = await claimAll(world, await claimantsOf(world), (coordinator, member) =>
      lost.includes(`${coordinator} ${member}`),
    );
    assert.is(winners(outcomes), 1, outcomes.join());
  });

test('one corrupt member that keeps everybody waiting keeps nobody out', async () => {
  for (const liar of ['a1', 'a3']) {
    const world = await worldOf(`liar ${liar}`);
    const [claimant] = (await claimantsOf(world, 2)).slice(1);
    const cannot: Unreachable = (_, member) => {
      if (member === liar) throw busy;
      return false;
    };
    assert.equal(await claimAll(world, [claimant], cannot), ['won']);
  }
});

test('nothing is kept for a claim that no operator granted, nor for one of another request', async () => {
  const world = await worldOf('forged');
  const [genuine, other] = await claimantsOf(world, 2);
  const duty = world.duties.get('a1')!;
  const challenge = (digest: Uint8Array, request: EnrolmentRequest, claim: Claim) => () =>
    duty.challenge('a2', { digest, invited: { request: request.encoded, claim: { ...claim } } } as CborValue);
  assert.throwsCode(challenge(other.request.digest, other.request, genuine.claim), 'OOTO_CRYPTO_SIGNATURE');
  assert.throwsCode(challenge(other.request.digest, genuine.request, genuine.claim), 'OOTO_MESH_ENROLMENT');
  challenge(genuine.request.digest, genuine.request, genuine.claim)();
});

test('what one coordinator has kept no other gives back, and it ends by itself', async () => {
  const world = await worldOf('kept');
  const [first, second] = await claimantsOf(world, 2);
  const duty = world.duties.get('a1')!;
  const challenge =
    ({ request, claim }: Claimant) =>
    () =>
      duty.challenge('a2', {
        digest: request.digest,
        invited: { request: request.encoded, claim: { ...claim } },
      } as CborValue);
  challenge(first)();
  challenge(first)();
  assert.throwsCode(challenge(second), busy.code);
  duty.challenge('a3', { digest: first.request.digest, isReleased: true });
  assert.throwsCode(challenge(second), busy.code);
  duty.challenge('a2', { digest: first.request.digest, isReleased: true });
  challenge(second)();
  assert.throwsCode(challenge(first), busy.code);
  world.clock.advance(14_000);
  challenge(second)();
  world.clock.advance(1_000);
  challenge(first)();
});

test('while an invite is kept for one request, no application of another is agreed to', async () => {
  const world = await worldOf('application');
  const [first, second] = await claimantsOf(world, 2);
  const application = world.application(second.candidate, second.request, second.claim);
  await world.issuing('a2').challengeInvited(first.request, first.claim);
  await assert.rejectsCode(world.issuing('a3').issue(application), busy.code);
  assert.is(winners(await claimAll(world, [first])), 1);
  await assert.rejectsCode(world.issuing('a3').issue(application), 'OOTO_AUTHORITY_INVITE_USED');
});
