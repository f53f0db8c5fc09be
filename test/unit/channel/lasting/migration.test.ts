/** Links that outlive their connections: whatever is cut, all that was said is heard, once and in order. */
import fc from 'fast-check';
import { readU32be } from '../../../../src/base/bytes.ts';
import { hex } from '../../../../src/base/hex.ts';
import { FRAME } from '../../../../src/channel/wire.ts';
import { equal, is, ok } from '../../../support/assert.ts';
import { cutAfter, deafen, LastingPair, otherSide, SIDES, type Wire } from '../../../support/lasting-pair.ts';
import { settled } from '../../../support/manual-clock.ts';
import { MemoryConnection } from '../../../support/memory-transport.ts';
import type { Side } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('migration', { timeout: 60_000 });
const side = fc.constantFrom(...SIDES);
const RESUME_FRAME_BYTES = 147;

/** Whatever was sent again was sent as it was, whole or cut: no counter served two records. Returns how many were. */
function requireNoRecordTwice(pair: LastingPair): number {
  const seen = new Map<string, string>();
  let again = 0;
  for (const wire of pair.wires)
    for (const from of SIDES)
      for (const frame of framesOn(wire[from])) {
        if (frame.length < 17 || frame[4] < FRAME.batch) continue;
        const place = `${from} ${hex(frame.subarray(5, 17))}`;
        const [one, other] = [hex(frame), seen.get(place) ?? ''];
        ok(one.startsWith(other) || other.startsWith(one), place);
        if (other) again++;
        if (one.length > other.length) seen.set(place, one);
      }
  return again;
}

/** What was written, frame by frame; the last may be cut. */
function framesOn({ written }: MemoryConnection): Uint8Array[] {
  const bytes = new Uint8Array(Buffer.concat(written));
  const frames: Uint8Array[] = [];
  for (let at = 0; at + 4 < bytes.length; at += frames.at(-1)!.length)
    frames.push(bytes.subarray(at, at + 4 + readU32be(bytes, at)));
  return frames;
}

async function end(pair: LastingPair): Promise<void> {
  pair.close();
  await pair.clock.run(6_000, 500);
  for (const from of SIDES) is(pair.ended[from], 'clean');
  is(pair.clock.waiting, 0, 'no timer is left');
  for (const from of SIDES) is(pair.doors[from].size, 0);
}

test('a link that loses its connection goes on over another', async () => {
  const pair = await LastingPair.established();
  for (let round = 0; round < 4; round++) {
    for (const from of SIDES) pair.say(from, `before ${round}`);
    pair.wire.initiator.close();
    for (const from of SIDES) pair.say(from, `after ${round}`);
    await pair.clock.until(() => pair.isWhole(), 5_000);
  }
  is(pair.wires.length, 5);
  equal(pair.changes.initiator.slice(0, 2), ['parted', 'resumed']);
  requireNoRecordTwice(pair);
  await end(pair);
});

test('the wire is cut at every byte of messages and of a change of epoch, one after the other', async () => {
  const pair = await LastingPair.established({ seed: 'every byte' });
  let round = 0;
  for (const from of SIDES)
    for (let bytes = 0; bytes < 2_700; bytes += bytes < 180 ? 1 : 61) {
      round++;
      await pair.clock.until(() => pair.changes.initiator.at(-1) !== 'parted', 5_000);
      cutAfter(pair.wire[from], bytes);
      if (bytes >= 180) pair.ends[round % 2 ? from : otherSide(from)].link.channel.renewEpoch();
      for (const speaker of SIDES) pair.say(speaker, `${round}`);
      await pair.clock.until(() => pair.isWhole(), 20_000, 100);
      pair.wire[from].close();
    }
  for (const from of SIDES) is(pair.ended[from], undefined);
  ok(pair.ends.initiator.link.channel.status.epoch > 20, 'epochs');
  const again = requireNoRecordTwice(pair);
  ok(again > 100, `${again}`);
});

test('a resumption is cut at every byte, in either direction', async () => {
  let cut: { from: Side; bytes: number } | undefined;
  const pair = await LastingPair.established({
    seed: 'resumption',
    limits: { backOff: { firstMs: 4, ceilingMs: 4 } },
    onWire: (wire) => {
      if (cut) cutAfter(wire[cut.from], cut.bytes);
      cut = undefined;
    },
  });
  for (const from of SIDES)
    for (let bytes = 0; bytes < 290; bytes++) {
      cut = { from, bytes };
      pair.wire.initiator.close();
      for (const speaker of SIDES) pair.say(speaker, `${bytes}`);
      await pair.clock.until(() => pair.isWhole(), 20_000, 10);
    }
  for (const from of SIDES) is(pair.ended[from], undefined);
  requireNoRecordTwice(pair);
});

test('property: whatever is cut and whenever, everything is heard once and in order', async () => {
  const cut = fc.record({ from: side, bytes: fc.nat(6_000), renew: fc.boolean(), waitMs: fc.nat(30_000) });
  await fc.assert(
    fc.asyncProperty(fc.nat(1e6), fc.array(cut, { minLength: 1, maxLength: 8 }), async (seed, cuts) => {
      const plan = [...cuts];
      const pair = await LastingPair.established({
        seed: `cuts ${seed}`,
        dials: seed % 2 ? SIDES : ['initiator'],
        onWire: (wire, index) => {
          const next = index > 0 ? plan.shift() : undefined;
          if (next) cutAfter(wire[next.from], next.bytes);
        },
      });
      for (const { from, bytes, renew, waitMs } of cuts) {
        cutAfter(pair.wire[from], bytes);
        for (const speaker of SIDES) pair.say(speaker, `${bytes} ${'x'.repeat(bytes % 500)}`);
        if (renew) pair.ends[otherSide(from)].link.channel.renewEpoch();
        await pair.clock.run(waitMs, 1_000);
      }
      pair.wire.initiator.close();
      await pair.clock.until(() => pair.isWhole() || pair.ended.initiator !== undefined, 60_000);
      ok(pair.isWhole(), JSON.stringify(pair.ended));
      requireNoRecordTwice(pair);
      await end(pair);
    }),
    { numRuns: 25 },
  );
});

test('both sides dial at once: one connection is left, and nothing is lost', async () => {
  for (let round = 0; round < 12; round++) {
    const pair = await LastingPair.established({
      seed: `both ${round}`,
      dials: SIDES,
      limits: { backOff: { firstMs: 1, ceilingMs: 1 } },
    });
    for (const from of SIDES) pair.say(from, 'before');
    pair.wire.initiator.close();
    for (const from of SIDES) pair.say(from, 'after');
    await pair.clock.until(() => pair.isWhole(), 10_000, 10);
    await pair.clock.run(1_000);
    for (const from of SIDES) pair.say(from, 'later');
    await pair.clock.until(() => pair.isWhole(), 10_000, 10);
    is(pair.wires.filter(({ initiator }) => !initiator.closed).length, 1);
    await end(pair);
  }
});

test('a side that missed the last change over catches up with its own dialling', async () => {
  const pair = await LastingPair.established({ dials: SIDES });
  const dial = pair.dial.bind(pair);
  let initiatorDials = 0;
  pair.dial = (from) => {
    const isFirst = from === 'initiator' && initiatorDials++ === 0;
    pair.isDark = from === 'initiator' ? !isFirst : initiatorDials === 0;
    const wire = dial(from) as MemoryConnection;
    if (isFirst) cutAfter(wire, RESUME_FRAME_BYTES);
    return wire;
  };
  pair.wire.initiator.close();
  for (const from of SIDES) pair.say(from, 'once');
  await pair.clock.until(() => pair.isWhole(), 20_000);
  equal(pair.changes.initiator, ['parted', 'resumed', 'parted', 'resumed']);
  equal(pair.changes.responder, ['parted', 'resumed']);
});

test('a connection that is dead and does not say so is given up', async () => {
  const pair = await LastingPair.established();
  pair.say('responder', 'lost at first');
  deafen(pair.wire);
  pair.say('initiator', 'lost as well');
  await pair.clock.until(() => pair.wires.length === 2, 45_000, 1_000);
  await pair.clock.until(() => pair.isWhole(), 5_000);
});

test('a new connection takes the place of one that its owner believes in', async () => {
  const pair = await LastingPair.established();
  const old = pair.wire;
  deafen(old);
  old.initiator.close = () => old.initiator.incoming.end();
  for (const from of SIDES) pair.say(from, 'lost at first');
  pair.ends.initiator.connection.move();
  await pair.clock.until(() => pair.isWhole(), 5_000);
  equal(pair.changes.responder, ['resumed']);
  ok(old.responder.closed);
});

test('a side that moves by its own wish loses nothing', async () => {
  const pair = await LastingPair.established();
  for (let i = 0; i < 5; i++) {
    for (const from of SIDES) pair.say(from, `${i}`);
    pair.ends[i % 2 ? 'initiator' : 'responder'].connection.move();
    await pair.clock.until(() => pair.isWhole(), 5_000);
  }
  is(pair.wires.length, 6);
});

/** What the dialler sent to resume, frame by frame, of the wire with this number. */
const resumeFrames = (pair: LastingPair, wire: number) =>
  framesOn(pair.wires[wire].initiator).filter((frame) => frame[4] < FRAME.batch);

/** Bytes come in at the responder's door over a connection of their own; what they are answered. */
async function attack(pair: LastingPair, frames: readonly Uint8Array[]): Promise<number[]> {
  const [near, far] = MemoryConnection.pair();
  void pair.knock('responder', far);
  for (const frame of frames) {
    if (!near.closed) await near.write(frame);
    await settled();
  }
  await pair.clock.run(6_000, 1_000);
  ok(near.closed, 'the door closes it');
  return framesOn(far).map((frame) => frame[4]);
}

async function requireUnharmed(pair: LastingPair): Promise<void> {
  const wires = pair.wires.length;
  for (const from of SIDES) pair.say(from, 'still here');
  await settled();
  ok(pair.isWhole(), 'over the connection that was in use');
  is(pair.wires.length, wires);
  for (const from of SIDES) is(pair.ended[from], undefined);
}

test('a resumption that is played again is not answered and changes nothing', async () => {
  const pair = await LastingPair.established();
  for (let i = 1; i <= 2; i++) {
    pair.wire.initiator.close();
    await pair.clock.until(() => pair.changes.initiator.length === 2 * i, 5_000);
    pair.say('initiator', `${i}`);
    await pair.clock.until(() => pair.isWhole(), 5_000);
  }
  for (const wire of [1, 2]) {
    const frames = resumeFrames(pair, wire);
    equal(
      frames.map((frame) => frame[4]),
      [FRAME.resume, FRAME.resumption],
    );
    equal(await attack(pair, frames), [], `wire ${wire}`);
    await requireUnharmed(pair);
  }
});

test('a resumption that was held back is answered but cannot be confirmed by who held it', async () => {
  const pair = await LastingPair.established({
    onWire: (wire, index) => {
      if (index === 1) cutAfter(wire.responder, 0);
    },
  });
  pair.wire.initiator.close();
  await pair.clock.until(() => pair.changes.initiator.length === 2, 10_000);
  const [held] = resumeFrames(pair, 1);
  const confirmed = resumeFrames(pair, 2)[1];
  is(held[4], FRAME.resume);
  equal(await attack(pair, [held, confirmed]), [], 'a later one has come meanwhile');
  await requireUnharmed(pair);
});

test('a fresh resumption in the wrong hands takes nothing over and stops nothing', async () => {
  const pair = await LastingPair.established();
  const stolen: Uint8Array[] = [];
  const { connection } = pair.ends.initiator;
  const theft = new Promise<void>((resolve) => {
    const dial = pair.dial.bind(pair);
    let first = true;
    pair.dial = (from) => {
      const wire = dial(from) as MemoryConnection;
      if (!first) return wire;
      first = false;
      wire.write = async (bytes) => {
        stolen.push(bytes.slice());
        wire.close();
        resolve();
      };
      return wire;
    };
  });
  connection.move();
  await pair.clock.until(() => stolen.length > 0, 5_000, 10);
  await theft;
  const rogue = new Uint8Array(37).fill(7);
  rogue.set([0, 0, 0, 33, FRAME.resumption]);
  equal(await attack(pair, [stolen[0], rogue]), [FRAME.resumed]);
  await pair.clock.until(() => pair.changes.initiator.at(-1) === 'resumed', 10_000);
  await requireUnharmed(pair);
});

/** Holds back what the dialler sends from its `resumption` on; the responder's end stays open when the dialler's ends. */
function holdConfirmation(wire: Wire): Uint8Array[] {
  const held: Uint8Array[] = [];
  const write = wire.initiator.write.bind(wire.initiator);
  wire.initiator.write = async (bytes) => {
    if (bytes[4] === FRAME.resume) await write(bytes);
    else held.push(bytes.slice());
  };
  wire.initiator.close = () => {
    wire.initiator.closed = true;
    wire.initiator.incoming.end();
  };
  return held;
}

test('a confirmation that was held back until a later connection came takes nothing over', async () => {
  let held: Uint8Array[] = [];
  const pair = await LastingPair.established({
    onWire: (wire, index) => {
      if (index === 1) held = holdConfirmation(wire);
    },
  });
  pair.wire.initiator.close();
  await pair.clock.until(() => held.length > 0, 5_000, 10);
  pair.wires[1].initiator.close();
  await pair.clock.until(() => pair.wires.length === 3 && pair.changes.responder.length === 2, 3_000, 10);
  const before = pair.changes.responder.length;
  for (const bytes of held) pair.wires[1].responder.incoming.push(bytes);
  await settled();
  is(pair.changes.responder.length, before);
  await requireUnharmed(pair);
});

test('what still comes over the old connection while the new one is opened is taken once', async () => {
  let held: Uint8Array[] = [];
  const pair = await LastingPair.established({
    onWire: (wire, index) => {
      if (index === 1) held = holdConfirmation(wire);
    },
  });
  const [old] = pair.wires;
  const late: Uint8Array[] = [];
  old.initiator.write = async (bytes) => void late.push(bytes.slice());
  old.initiator.close = () => old.initiator.incoming.end();
  for (let i = 0; i < 3; i++) {
    pair.say('initiator', `late ${i}`);
    await settled();
  }
  pair.ends.initiator.connection.move();
  await pair.clock.until(() => held.length > 0, 5_000, 10);
  for (const bytes of late.slice(0, 2)) old.responder.incoming.push(bytes);
  await settled();
  is(pair.heard.responder.length, 2, 'until it is confirmed, the old connection is read');
  for (const bytes of held) pair.wires[1].responder.incoming.push(bytes);
  await settled();
  ok(pair.isWhole());
  is(requireNoRecordTwice(pair), 0);
});

test('a resumption with any bit changed is not answered', async () => {
  const pair = await LastingPair.established();
  const stolen: Uint8Array[] = [];
  const dial = pair.dial.bind(pair);
  pair.dial = (from) => {
    const wire = dial(from) as MemoryConnection;
    wire.write = async (bytes) => {
      stolen.push(bytes.slice());
      wire.close();
    };
    return wire;
  };
  pair.ends.initiator.connection.move();
  await pair.clock.until(() => stolen.length > 0, 5_000, 10);
  pair.dial = dial;
  const [resume] = stolen;
  for (let at = 5; at < resume.length; at += at % 3 ? 1 : 5) {
    const changed = resume.with(at, resume[at] ^ (1 << (at % 8)));
    const [near, far] = MemoryConnection.pair();
    const sifted = pair.doors.responder.sift(far);
    await near.write(changed);
    is(await sifted, undefined);
    is(far.written.length, 0, `byte ${at}`);
    ok(near.closed);
  }
  await pair.clock.until(() => pair.changes.initiator.at(-1) === 'resumed', 10_000);
  await requireUnharmed(pair);
});

test('an answer with any bit changed, or a reflected one, is no answer: the next attempt is', async () => {
  for (const change of [
    (frame: Uint8Array) => frame.with(6, 1),
    (frame: Uint8Array) => frame.with(40, frame[40] ^ 1),
    (frame: Uint8Array) => frame.with(76, frame[76] ^ 128),
  ]) {
    const pair = await LastingPair.established({
      onWire: (wire, index) => {
        if (index !== 1) return;
        const write = wire.responder.write.bind(wire.responder);
        wire.responder.write = (bytes) => write(change(bytes));
      },
    });
    pair.wire.initiator.close();
    for (const from of SIDES) pair.say(from, 'whole');
    await pair.clock.until(() => pair.isWhole(), 10_000);
    is(pair.wires.length, 3);
    equal(pair.changes.initiator, ['parted', 'resumed'], 'the false answer was not believed for a moment');
    for (const from of SIDES) is(pair.ended[from], undefined);
  }
});

test('a sender is told to wait while nothing carries the link, and goes on afterwards', async () => {
  const pair = await LastingPair.established();
  pair.isDark = true;
  pair.wire.initiator.close();
  await settled();
  pair.say('initiator', 'one');
  await settled();
  is(pair.ends.initiator.link.send(new Uint8Array(1)), false);
  let drained = false;
  void pair.ends.initiator.link.drained().then(() => {
    drained = true;
  });
  await pair.clock.run(10_000);
  is(drained, false);
  pair.isDark = false;
  await pair.clock.until(() => drained, 10_000);
  is(pair.heard.responder.length, 2);
});

test('a sender waits for a peer that takes nothing, and what the peer has is let go', async () => {
  const pair = await LastingPair.established({ limits: { waitBytes: 100_000 } });
  const { link, connection } = pair.ends.initiator;
  const taken: number[] = [];
  pair.ends.responder.link.onMessage = (message) => void taken.push(message.length);
  for (let i = 0; i < 40; i++) {
    if (!link.send(new Uint8Array(50_000))) await Promise.race([link.drained(), pair.clock.run(3_000)]);
    ok(connection.keptBytes < 1_000_000);
  }
  await pair.clock.run(5_000);
  is(taken.length, 40);
  for (const from of SIDES) ok(pair.ends[from].connection.keptBytes < 1_000, `${from} keeps next to nothing`);
});

test('more than is kept is gone: the session ends, and says why', async () => {
  const pair = await LastingPair.established({ limits: { mostBytes: 50_000 } });
  pair.isDark = true;
  pair.wire.initiator.close();
  await settled();
  for (let i = 0; i < 10; i++) {
    pair.ends.initiator.link.send(new Uint8Array(10_000));
    await settled();
    ok(pair.ends.initiator.connection.keptBytes <= 50_000);
  }
  pair.isDark = false;
  await pair.clock.until(() => pair.ended.initiator !== undefined, 20_000);
  is(pair.ended.initiator, 'OOTO_CHANNEL_RESUMPTION');
  equal(pair.heard.responder, []);
});

test('a session is over when its epoch is, connected or not', async () => {
  const pair = await LastingPair.established();
  pair.isDark = true;
  pair.wire.initiator.close();
  pair.say('initiator', 'too late');
  await pair.clock.run(91_000, 1_000);
  for (const from of SIDES) is(pair.ended[from], 'OOTO_CHANNEL_EPOCH_OVERDUE');
  for (const from of SIDES) is(pair.doors[from].size, 0);
  await pair.clock.run(6_000, 1_000);
  is(pair.clock.waiting, 0);
});

test('a peer that does not know the session is not asked for ever', async () => {
  const pair = await LastingPair.established();
  pair.doors.responder.remove(pair.ends.responder.connection);
  pair.wire.initiator.close();
  await pair.clock.run(45_000, 500);
  is(pair.ended.initiator, 'OOTO_CHANNEL_TRUNCATED');
  is(pair.wires.length, 9);
});

test('towards a peer that does not keep what it sends, a link ends with its connection', async () => {
  for (const lasting of SIDES) {
    const plain = new LastingPair({ seed: `alone ${lasting}`, plain: otherSide(lasting) });
    await plain.clock.until(
      () => SIDES.every((one) => plain.ends[one].link.channel.state === 'established'),
      5_000,
    );
    plain.say('initiator', 'hello');
    await plain.clock.run(2_000);
    ok(plain.isWhole());
    plain.wire.initiator.close();
    await plain.clock.run(2_000);
    for (const one of SIDES) is(plain.ended[one], 'OOTO_CHANNEL_TRUNCATED');
    is(plain.clock.waiting, 0);
  }
});

test('a resumption that is confirmed after the session has ended leaves no connection open', async () => {
  let held: Uint8Array[] = [];
  const pair = await LastingPair.established({
    onWire: (wire, index) => {
      if (index === 1) held = holdConfirmation(wire);
    },
  });
  pair.wire.initiator.close();
  await pair.clock.until(() => held.length > 0, 5_000, 10);
  pair.ends.responder.connection.close();
  await settled();
  for (const bytes of held) pair.wires[1].responder.incoming.push(bytes);
  await settled();
  ok(pair.wires[1].responder.closed, 'nobody would ever close it');
});

test('a session whose peer takes nothing and ends it leaves no timer and no connection', async () => {
  const pair = await LastingPair.established({ limits: { waitBytes: 1_000 } });
  const before = pair.clock.waiting;
  pair.wire.initiator.stall();
  pair.say('initiator', 'x'.repeat(5_000));
  await settled();
  pair.ends.responder.link.close();
  await settled();
  is(pair.ended.initiator, 'clean');
  await pair.clock.run(3_000);
  ok(pair.wire.initiator.closed);
  is(pair.clock.waiting, 0, `of ${before} timers`);
});

test('a connection whose channel this side has ended is read until the peer has the end, or five seconds', async () => {
  for (const arrives of [true, false]) {
    const pair = await LastingPair.established({ seed: `linger ${arrives}` });
    const { initiator, responder } = pair.wire;
    const write = initiator.write.bind(initiator);
    const held: Uint8Array[] = [];
    initiator.write = async (bytes) => void held.push(bytes.slice());
    pair.say('initiator', 'the last of it');
    pair.ends.initiator.link.close();
    await settled();
    is(pair.ended.initiator, 'clean');
    pair.say('responder', 'does not know yet');
    await pair.clock.run(3_000, 500);
    ok(!initiator.closed, 'what the other side still says must not reset it');
    if (arrives) for (const bytes of held) await write(bytes);
    await settled();
    ok(!arrives || pair.ended.responder === 'clean');
    equal(pair.heard.responder, arrives ? ['the last of it'] : []);
    await pair.clock.run(3_000, 500);
    ok(initiator.closed && responder.closed);
    pair.ends.responder.link.close();
    await pair.clock.run(6_000, 500);
    is(pair.clock.waiting, 0);
  }
});
