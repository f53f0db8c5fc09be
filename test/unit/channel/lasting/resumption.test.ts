/** What a resumption, the opening of a connection and what is kept for the peer refuse, each thing once. */
import { concat, u32be } from '../../../../src/base/bytes.ts';
import { Opening } from '../../../../src/channel/lasting/opening.ts';
import {
  MAX_RESUMPTION_BYTES,
  ResumptionAnswer,
  ResumptionAttempt,
  readResume,
} from '../../../../src/channel/lasting/resumption.ts';
import { Resumptions } from '../../../../src/channel/lasting/resumptions.ts';
import { Retained } from '../../../../src/channel/lasting/retained.ts';
import { encodeFrame, FRAME, type Frame, LENGTH_BYTES } from '../../../../src/channel/wire.ts';
import { bytes, equal, is, ok, rejectsCode, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { ManualClock, settled } from '../../../support/manual-clock.ts';
import { MemoryConnection } from '../../../support/memory-transport.ts';
import { MESH_ID, seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('resumptions', { timeout: 10_000 });
const crypto = testCrypto(seededRandom('resumptions'));
const KEY = new Uint8Array(32).fill(9);
const LOCATOR = new Uint8Array(32).fill(3);

const frameOf = (whole: Uint8Array): Frame => ({
  type: whole[LENGTH_BYTES],
  whole,
  rest: whole.subarray(LENGTH_BYTES + 1),
});

function exchange(locator = LOCATOR, meshId = MESH_ID) {
  const keys = { initiator: KEY.slice(), responder: KEY.slice() };
  const attempt = new ResumptionAttempt(
    { crypto, role: 'initiator', key: keys.initiator },
    { meshId, locator, generation: 1, received: 5 },
  );
  const resume = readResume(frameOf(attempt.frame).rest);
  const answer = new ResumptionAnswer({ crypto, role: 'responder', key: keys.responder }, resume, 7);
  return { attempt, answer, keys, resume };
}

test('the three messages lead to both counts', () => {
  const { attempt, answer, resume } = exchange();
  const { received, confirmation } = attempt.complete(frameOf(answer.frame));
  equal([resume.received, received], [5, 7]);
  answer.requireConfirmed(frameOf(confirmation));
});

test('a message of another type, or of another length, is none', () => {
  const { attempt, answer } = exchange();
  const { confirmation } = attempt.complete(frameOf(answer.frame));
  const [resumed, confirmed, resume] = [answer.frame, confirmation, attempt.frame].map(frameOf);
  const longer = ({ rest }: Frame) => concat(rest, Uint8Array.of(0));
  const shorter = ({ rest }: Frame) => rest.subarray(0, -1);
  for (const bad of [
    { ...resumed, type: FRAME.resumption },
    { ...resumed, rest: longer(resumed) },
    { ...resumed, rest: shorter(resumed) },
    { ...resumed, rest: new Uint8Array() },
  ])
    throwsCode(() => attempt.complete(bad), 'OOTO_CHANNEL_RESUMPTION');
  for (const bad of [
    { ...confirmed, type: FRAME.resumed },
    { ...confirmed, rest: longer(confirmed) },
    { ...confirmed, rest: new Uint8Array() },
  ])
    throwsCode(() => answer.requireConfirmed(bad), 'OOTO_CHANNEL_RESUMPTION');
  for (const bad of [longer(resume), shorter(resume), new Uint8Array(), resume.rest.with(1, 9)])
    throwsCode(() => readResume(bad), 'OOTO_CHANNEL_RESUMPTION');
});

test('its key is overwritten when a side is done', () => {
  const { attempt, answer, keys } = exchange();
  attempt[Symbol.dispose]();
  answer[Symbol.dispose]();
  for (const key of Object.values(keys)) bytes(key, new Uint8Array(32));
});

test('a frame at the beginning of a connection has a length that its reader named', async () => {
  for (const length of [0, MAX_RESUMPTION_BYTES + 1, 2 ** 31]) {
    const [near, far] = MemoryConnection.pair();
    const opening = new Opening(far, new ManualClock(), 1_000);
    void near.write(concat(u32be(length), new Uint8Array(2_000)));
    await rejectsCode(opening.frame(MAX_RESUMPTION_BYTES), 'OOTO_CHANNEL_FRAME');
  }
});

test('a resumption of a session that is not known, or of another mesh, reaches nobody', async () => {
  const door = new Resumptions(new ManualClock(), MESH_ID);
  let taken = 0;
  const lasting = { take: async () => void taken++ };
  door.register(lasting, LOCATOR, 0);
  const knock = async (frame: Uint8Array) => {
    const [near, far] = MemoryConnection.pair();
    void near.write(frame);
    is(await door.sift(far), undefined);
    await settled();
    return far.closed;
  };
  ok(await knock(exchange(new Uint8Array(32)).attempt.frame));
  ok(await knock(exchange(LOCATOR, new Uint8Array(32)).attempt.frame));
  is(taken, 0);
  await knock(exchange().attempt.frame);
  is(taken, 1);
  equal(door.counts.pending, 0);
});

test('a peer cannot have records that were never sent, nor get those that are gone', () => {
  const retained = new Retained({ mostBytes: 10_000 });
  for (let i = 0; i < 3; i++) retained.push(encodeFrame(FRAME.batch, new Uint8Array(20).fill(i)));
  equal(retained.from(3, 0).length, 0);
  throwsCode(() => retained.from(4, 0), 'OOTO_CHANNEL_RESUMPTION');
  is(retained.from(1, 0).length, 2);
  retained.acknowledge(2);
  throwsCode(() => retained.from(1, 0), 'OOTO_CHANNEL_RESUMPTION');
  is(retained.from(1, 2).length, 1);
});
