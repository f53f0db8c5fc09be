import fc from 'fast-check';
import { CHALLENGE_PAUSE_MS } from '../../../src/attest/attestation.ts';
import { answerChallenges } from '../../../src/attest/evidence.ts';
import { isOotoError } from '../../../src/base/errors.ts';
import { encode } from '../../../src/envelope/cbor.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { at, binding, crypto, doJobs, MINUTE, machine, NOW, node, policy } from './world.ts';

const test = suite('attest/attestation');
const [alice, bob, eve] = ['alice', 'bob', 'eve'].map((name) => node(name));

/** Both sides of a channel, attested at time 0. */
function attested(change: Parameters<typeof machine>[2] = {}) {
  const [a, b] = [machine(alice, bob, change), machine(bob, alice, change)];
  const [toB] = a.start(at(0));
  const [toA] = b.start(at(0));
  a.receive(toA, at(1));
  b.receive(toB, at(1));
  const [fromA] = doJobs(a, alice);
  const [fromB] = doJobs(b, bob);
  a.receive(fromB, at(2));
  b.receive(fromA, at(2));
  return { a, b, fromA, fromB };
}

test('both sides challenge, answer and are satisfied', () => {
  const { a, b } = attested();
  for (const side of [a, b]) {
    assert.is(side.state, 'attested');
    assert.ok(side.isSatisfied);
    const events = side.takeEvents();
    assert.equal(
      events.map(({ type }) => type),
      ['attested'],
    );
  }
});

test('a side is satisfied only when it has seen evidence and has given its own', () => {
  const [a, b] = [machine(alice, bob), machine(bob, alice)];
  const [toB] = a.start(at(0));
  const [toA] = b.start(at(0));
  b.receive(toB, at(1));
  assert.not(b.isSatisfied);
  const [fromB] = doJobs(b, bob);
  assert.not(b.isSatisfied);
  a.receive(fromB, at(2));
  assert.is(a.state, 'attested');
  assert.not(a.isSatisfied);
  a.receive(toA, at(2));
  assert.not(a.isSatisfied);
  const [fromA] = doJobs(a, alice);
  assert.ok(a.isSatisfied);
  b.receive(fromA, at(3));
  assert.ok(b.isSatisfied);
});

test('one signature serves the channels of many peers', () => {
  const peers = Array.from({ length: 5 }, (_, i) => node(`peer-${i}`));
  const own = peers.map((peer) => machine(alice, peer));
  const theirs = peers.map((peer) => machine(peer, alice));
  theirs.forEach((peer, i) => {
    own[i].start(at(0));
    own[i].receive(peer.start(at(0))[0], at(1));
  });
  const jobs = own
    .flatMap((side) => side.takeEvents())
    .flatMap((e) => (e.type === 'needsEvidence' ? [e] : []));
  const leaves = jobs.map(({ leaf }) => leaf);
  const evidence = answerChallenges(crypto, alice.claims, leaves, alice.key);
  own.forEach((side, i) => {
    theirs[i].receive(side.answer(jobs[i].id, evidence[i]), at(2));
    assert.is(theirs[i].state, 'attested');
  });
});

test('evidence relayed from another channel is refused', () => {
  // Eve, a member herself, passes Alice's challenge on to Bob and his answer back: as Bob's, then as her own.
  const [toEve] = machine(alice, eve).start(at(0));
  const bobToEve = machine(bob, eve);
  bobToEve.start(at(0));
  bobToEve.receive(toEve, at(1));
  const [answer] = doJobs(bobToEve, bob);
  for (const claimed of [bob, eve]) {
    const victim = machine(alice, claimed, { binding: binding('alice and eve') });
    victim.start(at(0));
    const code = claimed === bob ? 'OOTO_ATTEST_BINDING' : 'OOTO_ATTEST_SIGNATURE';
    assert.throwsCode(() => victim.receive(answer, at(2)), code);
    assert.is(victim.state, 'ended');
  }
});

test('the same two nodes on two channels do not vouch for each other across them', () => {
  const first = machine(alice, bob, { binding: binding('first') });
  const second = machine(bob, alice, { binding: binding('second') });
  const [challenge] = first.start(at(0));
  second.start(at(0));
  second.receive(challenge, at(1));
  const [answer] = doJobs(second, bob);
  assert.throwsCode(() => first.receive(answer, at(2)), 'OOTO_ATTEST_BINDING');
});

test('replayed evidence does not answer the next challenge', () => {
  const { a, fromB } = attested();
  assert.is(a.tick(at(5 * MINUTE)).length, 1);
  assert.throwsCode(() => a.receive(fromB, at(5 * MINUTE + 1)), 'OOTO_ATTEST_BINDING');
});

test('evidence that nobody asked for ends it', () => {
  const { a, fromB } = attested();
  assert.throwsCode(() => a.receive(fromB, at(3)), 'OOTO_ATTEST_UNASKED');
  assert.is(a.state, 'ended');
  assert.throwsCode(() => a.tick(at(4)), 'OOTO_ATTEST_STATE');
});

test('one’s own evidence sent back is refused', () => {
  const a = machine(alice, bob);
  const [challenge] = a.start(at(0));
  a.receive(challenge, at(1));
  const [own] = doJobs(a, alice);
  assert.throwsCode(() => a.receive(own, at(2)), 'OOTO_ATTEST_SIGNATURE');
});

test('nonces are fresh for every challenge', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) seen.add(machine(alice, bob).start(at(0)).join());
  assert.is(seen.size, 20);
});

test('attestation is repeated on a timer, and lapses without an answer', () => {
  const { a, b } = attested();
  a.takeEvents();
  const early = at(5 * MINUTE).monotonic - a.deadline;
  assert.ok(early >= 0 && early < 0.5 * MINUTE, 'at most a tenth early');
  assert.equal(a.tick(at(4.5 * MINUTE - 1)), []);
  const [challenge] = a.tick(at(5 * MINUTE));
  b.receive(challenge, at(5 * MINUTE + 1));
  const [answer] = doJobs(b, bob, NOW + 5 * MINUTE);
  assert.equal(a.tick(at(5 * MINUTE + 2)), []);
  a.receive(answer, at(5 * MINUTE + 2));
  assert.is(a.takeEvents()[0].type, 'attested');
  const [unanswered] = a.tick(at(10 * MINUTE));
  assert.ok(unanswered);
  assert.equal(a.tick(at(10 * MINUTE + 29_999)), []);
  assert.is(a.deadline, at(10 * MINUTE + 30_000).monotonic);
  assert.throwsCode(() => a.tick(at(10 * MINUTE + 30_000)), 'OOTO_ATTEST_LAPSED');
  assert.is(a.state, 'ended');
  assert.not(a.isSatisfied);
});

test('channels that began together do not ask together for ever', () => {
  const deadlines = Array.from({ length: 8 }, () => attested().a.deadline);
  assert.ok(new Set(deadlines).size > 1);
});

test('an answer after the lapse is too late', () => {
  const { a, b } = attested();
  const [challenge] = a.tick(at(5 * MINUTE));
  b.receive(challenge, at(5 * MINUTE));
  const [answer] = doJobs(b, bob, NOW + 5 * MINUTE);
  assert.throwsCode(() => a.receive(answer, at(5 * MINUTE + 30_000)), 'OOTO_ATTEST_LAPSED');
});

test('a lapse does not depend on the wall clock', () => {
  for (const jump of [-1, 1]) {
    const { a } = attested();
    const later = { wall: NOW + jump * 3_600_000, monotonic: at(6 * MINUTE).monotonic };
    assert.throwsCode(() => a.tick(later), 'OOTO_ATTEST_LAPSED');
    const { a: again } = attested();
    assert.equal(again.tick({ wall: later.wall, monotonic: at(MINUTE).monotonic }), []);
  }
});

test('the maximum age of evidence ends a session before a longer interval would', () => {
  const { a } = attested({ intervalMs: 60 * MINUTE });
  a.tick(at(10 * MINUTE - 1));
  assert.throwsCode(() => a.tick(at(10 * MINUTE)), 'OOTO_ATTEST_LAPSED');
});

test('a peer that stays silent is given up', () => {
  const silent = machine(alice, bob);
  silent.start(at(0));
  assert.equal(silent.tick(at(29_999)), []);
  assert.throwsCode(() => silent.tick(at(30_000)), 'OOTO_ATTEST_TIMEOUT');
  const curious = machine(alice, bob);
  curious.start(at(0));
  curious.receive(machine(bob, alice).start(at(0))[0], at(1));
  doJobs(curious, alice);
  assert.equal(curious.tick(at(29_999)), []);
  assert.throwsCode(() => curious.tick(at(30_000)), 'OOTO_ATTEST_TIMEOUT');
  const unasked = machine(alice, bob);
  const b = machine(bob, alice);
  b.start(at(0));
  b.receive(unasked.start(at(0))[0], at(1));
  unasked.receive(doJobs(b, bob)[0], at(2));
  assert.is(unasked.state, 'attested');
  assert.not(unasked.isSatisfied);
  assert.throwsCode(() => unasked.tick(at(30_000)), 'OOTO_ATTEST_TIMEOUT');
});

test('a challenge names its epoch, and one that is over is refused', () => {
  const epochs = { now: 0, oldest: 0 };
  const shared = binding('a channel', epochs);
  const [a, b] = [machine(alice, bob, { binding: shared }), machine(bob, alice, { binding: shared })];
  const [challenge] = a.start(at(0));
  b.start(at(0));
  epochs.now = 1;
  b.receive(challenge, at(1));
  a.receive(doJobs(b, bob)[0], at(2));
  assert.is(a.state, 'attested');
  const late = machine(bob, alice, { binding: binding('a channel', { now: 2, oldest: 1 }) });
  late.start(at(0));
  assert.throwsCode(() => late.receive(challenge, at(1)), 'OOTO_ATTEST_CHALLENGE');
});

test('a peer cannot make this node sign without end', () => {
  const { a, b } = attested();
  b.takeEvents();
  b.renew();
  const [again] = b.tick(at(CHALLENGE_PAUSE_MS));
  a.takeEvents();
  a.receive(again, at(500));
  assert.equal(a.takeEvents(), []);
  assert.is(a.deadline, at(1 + CHALLENGE_PAUSE_MS).monotonic);
  assert.throwsCode(() => a.receive(again, at(600)), 'OOTO_ATTEST_CHALLENGE');
  const { a: patient } = attested();
  patient.takeEvents();
  patient.receive(again, at(500));
  patient.tick(at(CHALLENGE_PAUSE_MS));
  assert.equal(patient.takeEvents(), []);
  patient.tick(at(1 + CHALLENGE_PAUSE_MS));
  assert.is(patient.takeEvents()[0].type, 'needsEvidence');
});

test('on demand, and by a new policy, the peer is asked again at once', () => {
  const { a, b } = attested();
  a.takeEvents();
  a.adoptPolicy({ ...policy, manifests: [] });
  assert.equal(a.tick(at(CHALLENGE_PAUSE_MS - 1)), []);
  const [challenge] = a.tick(at(CHALLENGE_PAUSE_MS));
  b.receive(challenge, at(CHALLENGE_PAUSE_MS + 1));
  b.tick(at(2 * CHALLENGE_PAUSE_MS));
  const [answer] = doJobs(b, bob);
  assert.throwsCode(() => a.receive(answer, at(2 * CHALLENGE_PAUSE_MS)), 'OOTO_ATTEST_MANIFEST');
});

test('a node that turns bad is found out when it attests again', () => {
  const { a, b } = attested();
  const [challenge] = a.tick(at(5 * MINUTE));
  b.receive(challenge, at(5 * MINUTE));
  const altered = { ...bob, claims: { ...bob.claims, manifest: crypto.sha256(new Uint8Array()) } };
  const [answer] = doJobs(b, altered, NOW + 5 * MINUTE);
  assert.throwsCode(() => a.receive(answer, at(5 * MINUTE)), 'OOTO_ATTEST_MANIFEST');
  assert.is(a.state, 'ended');
});

test('jobs are answered once, under their own id', () => {
  const [a, b] = [machine(alice, bob), machine(bob, alice)];
  const [challenge] = b.start(at(0));
  a.start(at(0));
  assert.throwsCode(() => a.answer(1, new Uint8Array(1)), 'OOTO_ATTEST_STATE');
  a.receive(challenge, at(1));
  const [job] = a.takeEvents();
  if (job.type !== 'needsEvidence') throw new Error(job.type);
  assert.throwsCode(() => a.answer(job.id + 1, new Uint8Array(1)), 'OOTO_ATTEST_STATE');
  a.answer(job.id, new Uint8Array(1));
  assert.throwsCode(() => a.answer(job.id, new Uint8Array(1)), 'OOTO_ATTEST_STATE');
  assert.throwsCode(() => a.start(at(2)), 'OOTO_ATTEST_STATE');
  assert.throwsCode(() => machine(alice, bob).receive(challenge, at(0)), 'OOTO_ATTEST_STATE');
});

test('whatever a peer sends, only the codes of attestation come of it, and the machine ends', () => {
  const shaped = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc
      .record({ nonce: fc.uint8Array({ maxLength: 33 }), epoch: fc.nat(3) })
      .map(({ nonce, epoch }) => encode({ kind: 'challenge', nonce, epoch })),
    fc.uint8Array({ maxLength: 80 }).map((evidence) => encode({ kind: 'evidence', evidence })),
  );
  fc.assert(
    fc.property(shaped, (message) => {
      const a = machine(alice, bob);
      a.start(at(0));
      try {
        a.receive(message, at(1));
        assert.is(a.state, 'waiting');
      } catch (error) {
        assert.ok(isOotoError(error) && error.code.startsWith('OOTO_ATTEST_') && error.fault === 'peer');
        assert.is(a.state, 'ended');
      }
    }),
  );
  const a = machine(alice, bob);
  a.start(at(0));
  assert.throwsCode(() => a.receive(new Uint8Array(20_000), at(1)), 'OOTO_ATTEST_MESSAGE');
});
