import fc from 'fast-check';
import { OotoError } from '../../../src/base/errors.ts';
import type { SessionAttestation } from '../../../src/mesh/attestation.ts';
import { decodeMessage, encodeMessage } from '../../../src/mesh/message.ts';
import * as assert from '../../support/assert.ts';
import { settled } from '../../support/manual-clock.ts';
import { suite } from '../../support/suite.ts';
import { SessionPair, watchUnhandled } from './session-pair.ts';

const test = suite('mesh/session');

/** Attestation that is satisfied when the test says so. */
function attestation(state: { satisfied: boolean; refuse?: boolean; received?: number }): SessionAttestation {
  return {
    get isSatisfied() {
      return state.satisfied;
    },
    deadline: Number.POSITIVE_INFINITY,
    start: () => [],
    tick: () => [],
    receive: () => {
      state.received = (state.received ?? 0) + 1;
      if (state.refuse) throw new OotoError('OOTO_ATTEST_MANIFEST', 'peer', 'not that software');
      return [];
    },
  } as unknown as SessionAttestation;
}

test('both sides become ready and ask each other', async () => {
  const { initiator, responder } = await SessionPair.established();
  assert.ok(initiator.ready && responder.ready);
  responder.answer = async (operation, body) => [operation, body];
  initiator.answer = async () => 'yes';
  assert.equal(await initiator.session.request('node.ping', 7), ['node.ping', 7]);
  assert.is(await responder.session.request('node.ping', null), 'yes');
});

test('what the handler throws arrives as a refusal with its code, and an error of another kind as none', async () => {
  const { initiator, responder } = await SessionPair.established();
  responder.answer = async () => {
    throw new OotoError('OOTO_POLICY_DENIED', 'peer', 'no');
  };
  await assert.rejectsCode(initiator.session.request('node.ping', null), 'OOTO_POLICY_DENIED');
  responder.answer = async () => {
    throw new TypeError('a secret of the implementation');
  };
  const error = await assert.rejectsCode(initiator.session.request('node.ping', null), 'OOTO_MESH_INTERNAL');
  assert.not.match(error.message, /secret/);
  assert.not(initiator.session.ended);
});

test('a request before both have attested ends the session at its receiver', async () => {
  const state = { satisfied: false };
  const pair = await SessionPair.established({
    attestation: (side) => (side === 'responder' ? attestation(state) : undefined),
  });
  assert.ok(pair.initiator.ready && !pair.responder.ready);
  let asked = 0;
  pair.responder.answer = async () => ++asked;
  const request = pair.initiator.session.request('node.ping', null);
  await assert.rejectsCode(request, 'OOTO_MESH_DISCONNECTED');
  assert.is(pair.responder.ended[0].code, 'OOTO_MESH_UNATTESTED');
  assert.is(asked, 0);
});

test('a response before attestation, an attestation nobody wants, an unknown kind: each ends the session', async () => {
  const state = { satisfied: false };
  const unattested = await SessionPair.established({
    attestation: (side) => (side === 'responder' ? attestation(state) : undefined),
  });
  await unattested.rawSend(unattested.initiator, encodeMessage({ kind: 'response', id: 1, body: null }));
  await settled();
  assert.is(unattested.responder.ended[0].code, 'OOTO_MESH_UNATTESTED');
  for (const message of [
    encodeMessage({ kind: 'attestation', body: Uint8Array.of(1) }),
    Uint8Array.of(9),
    new Uint8Array(),
    Uint8Array.of(1, 0xff),
  ]) {
    const pair = await SessionPair.established();
    await pair.rawSend(pair.initiator, message);
    await settled();
    assert.is(pair.responder.ended.length, 1);
    assert.is(pair.responder.ended[0].fault, 'peer');
  }
});

test('refused evidence ends the session before it is ready', async () => {
  const state = { satisfied: false, refuse: true };
  const pair = await SessionPair.established({
    attestation: (side) => (side === 'responder' ? attestation(state) : undefined),
  });
  await pair.rawSend(pair.initiator, encodeMessage({ kind: 'attestation', body: Uint8Array.of(1) }));
  await assert.rejectsCode(pair.responder.session.ready(), 'OOTO_ATTEST_MANIFEST');
  assert.not(pair.responder.ready);
});

test('the 65th request at once is refused as busy, and the 64 are answered', async () => {
  const { initiator, responder } = await SessionPair.established();
  const release: (() => void)[] = [];
  responder.answer = () => new Promise((resolve) => release.push(() => resolve(1)));
  const asked = Array.from({ length: 65 }, () => initiator.session.request('node.ping', null));
  await assert.rejectsCode(asked[64], 'OOTO_MESH_BUSY');
  assert.is(release.length, 64);
  for (const go of release) go();
  assert.equal(await Promise.all(asked.slice(0, 64)), Array(64).fill(1));
});

test('a peer that asks and does not read is not worked for, and in the end is left', async () => {
  const pair = await SessionPair.established();
  let worked = 0;
  pair.responder.answer = async () => ++worked;
  pair.responder.connection.stall();
  for (let id = 1; id <= 1_100 && !pair.responder.session.ended; id++)
    await pair.rawSend(
      pair.initiator,
      encodeMessage({ kind: 'request', id, operation: 'node.ping', body: null }),
    );
  await settled();
  assert.is(worked, 64);
  assert.is(pair.responder.ended[0]?.code, 'OOTO_MESH_BUSY');
});

test('an answer to nothing, or twice, changes nothing', async () => {
  const pair = await SessionPair.established();
  await pair.rawSend(pair.responder, encodeMessage({ kind: 'response', id: 99, body: 1 }));
  await pair.rawSend(
    pair.responder,
    encodeMessage({ kind: 'refusal', id: 98, code: 'OOTO_MESH_BUSY', message: '' }),
  );
  await settled();
  assert.is(await pair.initiator.session.request('node.ping', 5), 5);
});

test('a request without an answer ends at its deadline; a late answer is ignored', async () => {
  const { initiator, responder, clock } = await SessionPair.established();
  let late = () => {};
  responder.answer = () => new Promise((resolve) => (late = () => resolve(1)));
  const request = initiator.session.request('node.ping', null, { timeoutMs: 500 });
  request.catch(() => {});
  await settled();
  clock.advance(499);
  await settled();
  clock.advance(1);
  await assert.rejectsCode(request, 'OOTO_MESH_TIMEOUT');
  late();
  await settled();
  assert.not(initiator.session.ended);
});

test('closing rejects what waits, here and there, and tells the peer that the end was meant', async () => {
  const { initiator, responder } = await SessionPair.established();
  responder.answer = () => new Promise(() => {});
  const request = initiator.session.request('node.ping', null);
  const back = responder.session.request('node.ping', null);
  request.catch(() => {});
  initiator.answer = () => new Promise(() => {});
  await settled();
  initiator.session.close();
  await assert.rejectsCode(request, 'OOTO_MESH_CLOSED');
  await assert.rejectsCode(back, 'OOTO_MESH_DISCONNECTED');
  assert.is(responder.ended.length, 1);
  await assert.rejectsCode(initiator.session.request('node.ping', null), 'OOTO_MESH_CLOSED');
  initiator.session.close();
  assert.is(initiator.ended.length, 1);
});

test('a cut connection is a failure, not an end', async () => {
  const { initiator, responder } = await SessionPair.established();
  responder.answer = () => new Promise(() => {});
  const request = initiator.session.request('node.ping', null);
  request.catch(() => {});
  await settled();
  initiator.connection.close();
  await assert.rejectsCode(request, 'OOTO_CHANNEL_TRUNCATED');
  await settled();
  assert.is(responder.ended[0].code, 'OOTO_CHANNEL_TRUNCATED');
});

test('records after the end are ignored', async () => {
  const pair = await SessionPair.established();
  let asked = 0;
  pair.responder.answer = async () => ++asked;
  pair.responder.session.close();
  await pair
    .rawSend(pair.initiator, encodeMessage({ kind: 'request', id: 1, operation: 'node.ping', body: null }))
    .catch(() => {});
  await settled();
  assert.is(asked, 0);
});

test('requests behind one that closed the session are not looked at', async () => {
  const pair = await SessionPair.established();
  const asked: unknown[] = [];
  pair.responder.answer = async (_, body) => {
    asked.push(body);
    pair.responder.session.close();
    return null;
  };
  const { channel } = pair.initiator.session;
  const request = (id: number) => encodeMessage({ kind: 'request', id, operation: 'node.ping', body: id });
  channel.send(request(1));
  await pair.rawSend(pair.initiator, request(2));
  await settled();
  assert.equal(asked, [1]);
});

test('a handshake that stands still ends at its deadline and frees the connection', async () => {
  const pair = new SessionPair();
  pair.initiator.connection.stall();
  pair.responder.connection.stall();
  await pair.clock.run(6_000, 500);
  assert.is(pair.responder.ended[0]?.code, 'OOTO_CHANNEL_HANDSHAKE_TIMEOUT');
  await assert.rejectsCode(pair.initiator.session.ready(), 'OOTO_CHANNEL_HANDSHAKE_TIMEOUT');
});

test('a peer that does not read cannot keep its connection open after the session has ended', async () => {
  const pair = await SessionPair.established();
  pair.responder.connection.stall();
  pair.initiator.session.request('node.ping', null).catch(() => {});
  await settled();
  pair.responder.session.close();
  await settled();
  assert.not(pair.responder.connection.closed);
  await pair.clock.run(3_000, 500);
  assert.ok(pair.responder.connection.closed);
});

test('an answer that cannot be sent ends the session, never the process', async () => {
  const unhandled = watchUnhandled();
  try {
    const pair = await SessionPair.established({
      channel: { limits: { messageBytes: 2_000, queueBytes: 3_000 } },
    });
    const release: (() => void)[] = [];
    pair.responder.answer = () =>
      new Promise((resolve) => release.push(() => resolve(new Uint8Array(1_900))));
    const asked = Array.from({ length: 8 }, () => pair.initiator.session.request('node.ping', null));
    const outcomes = Promise.allSettled(asked);
    await settled();
    for (const go of release) go();
    await settled();
    assert.equal(unhandled.reasons, []);
    await pair.clock.run(31_000, 5_000);
    assert.is((await outcomes).length, 8);
  } finally {
    unhandled.stop();
  }
});

test('a channel that closes by itself between two steps ends its session', async () => {
  const unhandled = watchUnhandled();
  try {
    const pair = await SessionPair.established();
    let answer = () => {};
    pair.responder.answer = () => new Promise((resolve) => (answer = () => resolve(1)));
    pair.initiator.session.request('node.ping', null).catch(() => {});
    await settled();
    pair.responder.session.channel.fail(new OotoError('OOTO_CHANNEL_LAPSED', 'peer', 'over'));
    answer();
    await settled();
    assert.equal(unhandled.reasons, []);
    assert.is(pair.responder.ended[0]?.code, 'OOTO_CHANNEL_LAPSED');
  } finally {
    unhandled.stop();
  }
});

test('no message of a peer, whatever it is, leaves a rejected promise behind', async () => {
  const unhandled = watchUnhandled();
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 64 }),
          fc
            .record({ id: fc.nat(), operation: fc.string({ maxLength: 16 }), body: fc.constant(null) })
            .map((request) => encodeMessage({ kind: 'request', ...request })),
        ),
        async (message) => {
          const pair = await SessionPair.established();
          await pair.rawSend(pair.initiator, message);
          await settled(4);
          let decodes = true;
          try {
            decodeMessage(message);
          } catch {
            decodes = false;
          }
          assert.is(pair.responder.ended.length, decodes ? 0 : 1);
        },
      ),
      { numRuns: 40 },
    );
    assert.equal(unhandled.reasons, []);
  } finally {
    unhandled.stop();
  }
});
