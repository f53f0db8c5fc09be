/** What a lasting link may hold: of records for one peer and for all, of connections that say nothing or little. */
import fc from 'fast-check';
import { concat, u32be } from '../../../../src/base/bytes.ts';
import { KeptMemory } from '../../../../src/channel/lasting/kept-memory.ts';
import {
  MOST_PENDING,
  MOST_PENDING_EACH,
  MOST_SILENT,
  type Resumable,
  Resumptions,
} from '../../../../src/channel/lasting/resumptions.ts';
import { Retained } from '../../../../src/channel/lasting/retained.ts';
import { FRAME } from '../../../../src/channel/wire.ts';
import { equal, is, ok, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { LastingPair, SIDES } from '../../../support/lasting-pair.ts';
import { ManualClock, settled } from '../../../support/manual-clock.ts';
import { MemoryConnection } from '../../../support/memory-transport.ts';
import { MESH_ID, Pair, rogueCrypto, seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('bounds of lasting links', { timeout: 60_000 });
const KIB = 1024;
const MESSAGE = new Uint8Array(50_000);

const frameOf = (bytes: number, type: number = FRAME.batch) =>
  concat(u32be(1 + bytes), Uint8Array.of(type), new Uint8Array(bytes));

/** A peer that says nothing after its part of the handshake. */
async function towardsASilentPeer(): Promise<LastingPair> {
  const pair = new LastingPair({ seed: 'silent' });
  const { initiator } = pair.wire;
  const write = initiator.write.bind(initiator);
  initiator.write = async (bytes) => (bytes[4] < FRAME.batch ? write(bytes) : undefined);
  await pair.clock.until(() => pair.ends.responder.link.channel.state === 'established', 5_000, 10);
  await settled();
  return pair;
}

test('towards a peer that does not last nothing is kept, and buffers come back to be used again', async () => {
  const pair = new LastingPair({ seed: 'plain', plain: 'initiator' });
  await pair.clock.until(() => pair.ends.responder.link.channel.state === 'established', 5_000, 10);
  const { link, connection } = pair.ends.responder;
  pair.say('initiator', 'the first record says it');
  await settled();
  is(connection.keptBytes, 0);
  const memory = new Set<ArrayBufferLike>();
  const { responder } = pair.wire;
  const write = responder.write.bind(responder);
  responder.write = (bytes, onTaken) => {
    memory.add(bytes.buffer);
    return write(bytes, onTaken);
  };
  for (let i = 0; i < 40; i++) {
    link.send(MESSAGE);
    await settled(2);
    is(connection.keptBytes, 0);
  }
  ok(memory.size < 10, `${memory.size} buffers for 40 records`);
});

test('a peer that says nothing is kept little for, and a writer waits for it 5 seconds', async () => {
  const pair = await towardsASilentPeer();
  const { link, connection } = pair.ends.responder;
  let sent = 0;
  while (link.send(MESSAGE) && sent++ < 100) await settled(2);
  ok(connection.keptBytes > 1_000_000 && connection.keptBytes < 1_200_000, `${connection.keptBytes}`);
  let drained = false;
  void link.drained().then(() => {
    drained = true;
  });
  await pair.clock.run(4_900, 100);
  is(drained, false);
  await pair.clock.run(200, 100);
  ok(drained);
  is(connection.keptBytes, 0);
  link.send(MESSAGE);
  await settled();
  is(connection.keptBytes, 0);
  is(pair.doors.responder.size, 0);
});

test('a peer that lasts after all, but too late, finds nothing to resume', async () => {
  const pair = await towardsASilentPeer();
  const { link, connection } = pair.ends.responder;
  for (let i = 0; i < 30; i++) link.send(MESSAGE);
  await pair.clock.run(6_000, 100);
  is(connection.keptBytes, 0);
  is(link.channel.state, 'established');
  pair.wire.responder.close();
  await settled();
  is(pair.ended.responder, 'OOTO_CHANNEL_TRUNCATED');
});

test('a peer that never says what it has is kept so much for and no more, waited for or not', async () => {
  const limits = { waitBytes: 200_000, mostBytes: 400_000 };
  for (const waits of [true, false]) {
    const pair = await LastingPair.established({ seed: `mute ${waits}`, limits });
    const { link, connection } = pair.ends.initiator;
    pair.wire.responder.write = async () => {};
    let most = 0;
    for (let i = 0; i < 60; i++) {
      if (!link.send(MESSAGE) && waits) break;
      await settled(2);
      most = Math.max(most, connection.keptBytes);
    }
    ok(waits ? most < 300_000 : most > 300_000 && most <= 400_000, `${most}`);
  }
});

test('an offer to last behind the first record closes the channel', () => {
  for (const place of [1, 2, 5]) {
    let sent = 0;
    const rogue = rogueCrypto(testCrypto(seededRandom('late offer')), (record) => {
      if (record.type !== FRAME.batch || sent++ !== place) return [record];
      return [{ ...record, type: FRAME.lasting, plaintext: new Uint8Array() }];
    });
    const pair = Pair.established({ both: { lasting: true }, responder: { crypto: rogue, lasting: false } });
    for (let i = 0; i <= place; i++) {
      pair.responder.send(Uint8Array.of(1));
      is(pair.closedBy('initiator'), undefined);
      pair.run();
    }
    is(pair.closedBy('initiator'), 'OOTO_CHANNEL_FRAME', `${place}`);
  }
});

test('property: memory is given back once, when the peer has it and the connection has taken it', () => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 9 * KIB, max: 40 * KIB }) }),
    fc.record({ taken: fc.nat(20) }),
    fc.record({ acknowledge: fc.nat(8) }),
    fc.record({ again: fc.nat(3) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const spent: Uint8Array[] = [];
      const retained = new Retained({ mostBytes: 2 ** 20, spent: (bytes) => void spent.push(bytes) });
      const pushed: { frame: Uint8Array; taken: () => void; isTaken: boolean; isAgain: boolean }[] = [];
      let acknowledged = 0;
      for (const one of steps) {
        if ('push' in one) {
          const frame = frameOf(one.push);
          pushed.push({ frame, taken: retained.push(frame), isTaken: false, isAgain: false });
          if (retained.bytes === 0) acknowledged = pushed.length;
        } else if ('taken' in one) {
          const at = pushed[one.taken];
          if (!at || at.isTaken) continue;
          at.isTaken = true;
          at.taken();
        } else if ('again' in one) {
          const from = Math.min(pushed.length, acknowledged + one.again);
          retained.from(from, acknowledged);
          for (const at of pushed.slice(from)) at.isAgain = true;
        } else {
          acknowledged = Math.min(pushed.length, acknowledged + one.acknowledge);
          retained.acknowledge(acknowledged);
        }
        const free = pushed.filter(({ isTaken, isAgain }, i) => isTaken && !isAgain && i < acknowledged);
        for (const { frame } of free) ok(spent.includes(frame));
        is(new Set(spent).size, spent.length, 'once');
        for (const { frame, isTaken } of pushed.slice(acknowledged)) ok(!spent.includes(frame) || !isTaken);
        const kept = pushed.slice(acknowledged).reduce((sum, { frame }) => sum + frame.length + 256, 0);
        is(retained.bytes, kept);
      }
    }),
  );
});

test('a frame that shares its memory with others is counted with all of it', () => {
  const memory = new Uint8Array(300 * KIB);
  const frame = frameOf(1_000);
  memory.set(frame);
  const retained = new Retained({ mostBytes: 2 ** 20 });
  retained.push(memory.subarray(0, frame.length));
  ok(retained.bytes >= memory.length);
  retained.acknowledge(1);
  is(retained.bytes, 0);
});

test('property: all together keep no more than their bound, and the largest gives way', () => {
  const push = fc.record({ who: fc.nat(4), bytes: fc.integer({ min: 1, max: 30_000 }) });
  fc.assert(
    fc.property(fc.array(push, { minLength: 10, maxLength: 80 }), (pushes) => {
      const memory = new KeptMemory(100_000);
      const all = Array.from({ length: 5 }, () => new Retained({ mostBytes: 90_000, memory }));
      for (const { who, bytes } of pushes) {
        const before = all.map((one) => one.bytes);
        before[who] += bytes + 5 + 256;
        all[who].push(frameOf(bytes));
        is(
          memory.bytes,
          all.reduce((sum, one) => sum + one.bytes, 0),
        );
        ok(memory.bytes <= 100_000);
        for (const [i, one] of all.entries())
          if (one.bytes < before[i]) ok(before[i] === Math.max(...before) || before[i] > 90_000);
      }
      for (const one of all) one.letGo();
      is(memory.bytes, 0);
    }),
  );
});

test('what one session had to let go is gone for it alone', () => {
  const memory = new KeptMemory(50_000);
  const [honest, greedy] = [0, 1].map(() => new Retained({ mostBytes: 2 ** 20, memory }));
  honest.push(frameOf(5_000));
  for (let i = 0; i < 10; i++) greedy.push(frameOf(9_000));
  is(honest.from(0, 0).length, 1);
  throwsCode(() => greedy.from(0, 0), 'OOTO_CHANNEL_RESUMPTION');
});

test('connections that say nothing are so many and no more, and the oldest gives way', async () => {
  const clock = new ManualClock();
  const door = new Resumptions(clock, MESH_ID);
  const outcomes: string[] = [];
  const knock = (begin?: Uint8Array): MemoryConnection => {
    const [near, far] = MemoryConnection.pair();
    door.sift(far).then(
      () => outcomes.push('sifted'),
      (error) => {
        far.close();
        outcomes.push(error.code);
      },
    );
    if (begin) void near.write(begin);
    return near;
  };
  // Nothing, a part of a length, a whole length, the type of a resumption, a part of one.
  const beginnings = [[], [0], [0, 0, 0, 143], [0, 0, 0, 143, 5], [0, 0, 0, 143, 5, 0, 1, 1]];
  const silent = Array.from({ length: 2 * MOST_SILENT }, (_, i) =>
    knock(Uint8Array.from(beginnings[i % beginnings.length])),
  );
  await settled();
  is(door.counts.silent, MOST_SILENT);
  ok(silent.slice(0, MOST_SILENT).every(({ closed }) => closed));
  ok(silent.slice(MOST_SILENT).every(({ closed }) => !closed));
  const honest = knock(Uint8Array.of(0, 0, 0, 9, FRAME.hello, 1));
  await settled();
  ok(!honest.closed, 'who speaks at once is handed on');
  is(door.counts.silent, MOST_SILENT - 1);
  await clock.run(5_100, 500);
  equal(door.counts, { sessions: 0, silent: 0, pending: 0 });
  ok(silent.every(({ closed }) => closed));
  is(clock.waiting, 0, 'no timer is left');
});

/** A session that answers every resumption and is never confirmed. */
function patient(): Resumable & { taken: number } {
  return {
    taken: 0,
    async take(_resume, _epoch, opening) {
      this.taken++;
      await opening.frame(100);
    },
  };
}

test('resumptions under way are so many and no more, of one session a few', async () => {
  const clock = new ManualClock();
  const door = new Resumptions(clock, MESH_ID);
  const locator = (i: number) => new Uint8Array(32).fill(i & 255).with(0, i >> 8);
  const resume = (i: number) =>
    concat(
      ...[u32be(143), Uint8Array.of(FRAME.resume, 0, 1), MESH_ID, locator(i)],
      ...[new Uint8Array(4), new Uint8Array(8), new Uint8Array(64)],
    );
  const knock = (i: number) => {
    const [near, far] = MemoryConnection.pair();
    void door.sift(far).catch(() => {});
    void near.write(resume(i));
    return near;
  };
  const sessions = Array.from({ length: MOST_PENDING + 50 }, patient);
  for (const [i, session] of sessions.entries()) door.register(session, locator(i), 0);
  const honest = knock(0);
  await settled();
  const repeated = Array.from({ length: 1_000 }, () => knock(1));
  await settled();
  is(sessions[1].taken, 1_000);
  is(door.counts.pending, 1 + MOST_PENDING_EACH);
  is(repeated.filter(({ closed }) => !closed).length, MOST_PENDING_EACH);
  ok(!honest.closed, 'one session crowds out no other');
  for (let i = 2; i < sessions.length; i++) knock(i);
  await settled();
  is(door.counts.pending, MOST_PENDING);
  await clock.run(5_100, 500);
  is(door.counts.pending, 0);
  is(clock.waiting, 0);
});

test('a flood of silent connections keeps no session from resuming', async () => {
  const pair = await LastingPair.established({ seed: 'flood' });
  pair.isDark = true;
  pair.wire.initiator.close();
  for (const side of SIDES) pair.say(side, 'through the flood');
  const flood = () => {
    for (let i = 0; i < 500; i++) void pair.knock('responder', MemoryConnection.pair()[0]);
  };
  for (let i = 0; i < 4; i++) flood();
  pair.isDark = false;
  await pair.clock.until(
    () => {
      flood();
      return pair.isWhole();
    },
    5_000,
    100,
  );
  ok(pair.doors.responder.counts.silent <= MOST_SILENT);
});
