/** The machine of streams: what a peer gets for every rule that it breaks, and what holds whatever both sides do. */
import fc from 'fast-check';
import { concat, u32be, utf8 } from '../../../../src/base/bytes.ts';
import {
  INITIAL_CREDIT,
  MAX_DEADLINE_MS,
  MOST_STREAMS,
  PIECE_COST,
} from '../../../../src/channel/streams/bounds.ts';
import {
  BORDER,
  creditFrame,
  END,
  RESET,
  resetFrame,
  stopFrame,
} from '../../../../src/channel/streams/frames.ts';
import { Multiplexer, type StreamEvent } from '../../../../src/channel/streams/multiplexer.ts';
import type { Stream } from '../../../../src/channel/streams/stream.ts';
import { bytes, equal, is, ok, throwsCode } from '../../../support/assert.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('streams: machine', { timeout: 30_000 });
const CANCEL = { code: RESET.cancelled, refusal: '', message: '' };
const RESPONDER = () => new Multiplexer({ role: 'responder' });

const opening = (stream: number, name = 'n', body: Uint8Array = new Uint8Array(), marks = 0) =>
  concat(Uint8Array.of(1 | marks), u32be(stream), Uint8Array.of(name.length), utf8(name), body);
const requesting = (stream: number, deadlineMs: number, name = 'm', marks = END) =>
  concat(Uint8Array.of(2 | marks), u32be(stream), u32be(deadlineMs), Uint8Array.of(name.length), utf8(name));
const data = (stream: number, body: Uint8Array, marks = 0) =>
  concat(Uint8Array.of(3 | marks), u32be(stream), body);

/** Everything that one machine has to say goes to the other; returns the frames. */
function move(from: Multiplexer, to: Multiplexer, now = 0, most = Number.POSITIVE_INFINITY): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let frame = from.next(now); frame; frame = frames.length < most ? from.next(now) : undefined) {
    frames.push(frame.slice());
    to.receive(frames[frames.length - 1], now);
  }
  return frames;
}

function pair(): [Multiplexer, Multiplexer] {
  return [new Multiplexer({ role: 'initiator' }), RESPONDER()];
}

const openedOf = (events: readonly StreamEvent[]) =>
  events.flatMap((event) => (event.type === 'opened' ? [event.stream] : []));

function readWhole(machine: Multiplexer, stream: Stream): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let piece = machine.read(stream); piece; piece = machine.read(stream)) pieces.push(piece.bytes);
  return concat(...pieces);
}

test('a small request is one frame, and so is its answer', () => {
  const [a, b] = pair();
  const asked = a.start({ name: 'echo', deadlineMs: 500 }, 0);
  a.write(asked, utf8('hello'), true);
  a.end(asked);
  const frames = move(a, b);
  equal(
    frames.map((frame) => [...frame]),
    [[0xc2, 0, 0, 0, 1, 0, 0, 1, 0xf4, 4, ...utf8('echo'), ...utf8('hello')]],
  );
  const [heard] = openedOf(b.takeEvents());
  equal(heard.head, { name: 'echo', deadlineMs: 500, isOwn: false });
  bytes(readWhole(b, heard), utf8('hello'));
  b.write(heard, utf8('there'), true);
  b.end(heard);
  equal([...move(b, a)[0]], [3 | END | BORDER, 0, 0, 0, 1, ...utf8('there')]);
  bytes(readWhole(a, asked), utf8('there'));
  ok(asked.isOver && heard.isOver);
  equal(
    [a.open, b.open],
    [
      { own: 0, others: 0 },
      { own: 0, others: 0 },
    ],
  );
});

test('a stream goes both ways, each end by itself', () => {
  const [a, b] = pair();
  const mine = a.start({ name: '' }, 0);
  move(a, b);
  const [theirs] = openedOf(b.takeEvents());
  b.write(theirs, utf8('first'));
  b.end(theirs);
  move(b, a);
  bytes(readWhole(a, mine), utf8('first'));
  ok(mine.inflow.hasEnded && !mine.isOver);
  a.write(mine, utf8('second'));
  a.end(mine);
  move(a, b);
  bytes(readWhole(b, theirs), utf8('second'));
  ok(mine.isOver && theirs.isOver);
});

test('a sender stops at the credit it has, and goes on when the reader has read', () => {
  const [a, b] = pair();
  const mine = a.start({ name: '' }, 0);
  const sent = new Uint8Array(300_000).map((_, i) => i * 7);
  a.write(mine, sent);
  a.end(mine);
  const first = move(a, b);
  ok(first.reduce((sum, frame) => sum + frame.length, 0) < INITIAL_CREDIT);
  is(a.next(0), undefined);
  const [theirs] = openedOf(b.takeEvents());
  const got: Uint8Array[] = [];
  for (let turn = 0; turn < 100 && !mine.outflow.hasEnded; turn++) {
    got.push(readWhole(b, theirs));
    move(b, a);
    move(a, b);
  }
  got.push(readWhole(b, theirs));
  bytes(concat(...got), sent);
});

test('who keeps up is granted more, up to the bound of the stream and of the channel', () => {
  const limits = { creditBytes: 4 * INITIAL_CREDIT, growthBytes: 5 * INITIAL_CREDIT };
  const [a, b] = [new Multiplexer({ role: 'initiator' }), new Multiplexer({ role: 'responder', limits })];
  const streams = [1, 2, 3].map(() => a.start({ name: '' }, 0));
  for (const stream of streams) a.write(stream, new Uint8Array(100 * INITIAL_CREDIT));
  move(a, b);
  const theirs = openedOf(b.takeEvents());
  for (let turn = 0; turn < 20; turn++) {
    for (const stream of theirs) readWhole(b, stream);
    move(b, a);
    move(a, b);
  }
  const unread = theirs.map((stream) => readWhole(b, stream).length);
  ok(Math.max(...unread) > 3 * INITIAL_CREDIT, `a window has grown: ${unread}`);
  ok(Math.max(...unread) <= 4 * INITIAL_CREDIT, `not beyond its bound: ${unread}`);
  ok(unread.reduce((sum, one) => sum + one) <= 8 * INITIAL_CREDIT, `nor all beyond theirs: ${unread}`);
});

test('small pieces cost more than their bytes, so that credit bounds memory', () => {
  const b = RESPONDER();
  b.receive(opening(1), 0);
  const most = Math.floor(INITIAL_CREDIT / (PIECE_COST + 1));
  for (let i = 0; i < most; i++) b.receive(data(1, Uint8Array.of(i)), 0);
  throwsCode(() => b.receive(data(1, Uint8Array.of(1)), 0), 'OOTO_STREAM_CREDIT');
});

test('parts without bytes cost credit as well', () => {
  const b = RESPONDER();
  b.receive(opening(1), 0);
  const flood = () => {
    for (let i = 0; i <= INITIAL_CREDIT / PIECE_COST; i++) b.receive(data(1, new Uint8Array(), BORDER), 0);
  };
  throwsCode(flood, 'OOTO_STREAM_CREDIT');
});

test('a slow reader of one stream blocks no other, and large ones leave room for small ones', () => {
  const [a, b] = pair();
  const large = [1, 2, 3].map(() => a.start({ name: 'large' }, 0));
  for (const stream of large) a.write(stream, new Uint8Array(10 * INITIAL_CREDIT));
  move(a, b, 0, 4);
  const small = a.start({ name: 'small' }, 0);
  a.write(small, utf8('soon'));
  a.end(small);
  const before = move(a, b, 0, 4);
  ok(
    before.some((frame) => frame[0] === (1 | END)),
    'the small one was sent within one round',
  );
  move(a, b);
  is(a.next(0), undefined, 'the large ones are out of credit');
  const late = a.start({ name: 'late' }, 0);
  a.write(late, utf8('now'));
  a.end(late);
  is(move(a, b).length, 1, 'another one is not');
});

test('a reader that stops makes the writer end; the other direction goes on', () => {
  const [a, b] = pair();
  const mine = a.start({ name: '' }, 0);
  a.write(mine, new Uint8Array(10 * INITIAL_CREDIT));
  move(a, b);
  const [theirs] = openedOf(b.takeEvents());
  b.stop(theirs);
  b.write(theirs, utf8('enough'));
  b.end(theirs);
  move(b, a);
  ok(a.takeEvents().some(({ type }) => type === 'stopped'));
  bytes(readWhole(a, mine), utf8('enough'));
  equal(
    move(a, b).map((frame) => [...frame]),
    [[3 | END, 0, 0, 0, 1]],
  );
  ok(mine.isOver && theirs.isOver);
});

test('a reset ends both directions, whoever gives it and if both do', () => {
  for (const both of [false, true]) {
    const [a, b] = pair();
    const mine = a.start({ name: '' }, 0);
    a.write(mine, new Uint8Array(10));
    move(a, b);
    const [theirs] = openedOf(b.takeEvents());
    b.write(theirs, new Uint8Array(100));
    a.reset(mine);
    if (both) b.reset(theirs);
    move(b, a);
    move(a, b);
    move(b, a);
    ok(mine.isOver && theirs.isOver);
    is(
      b.takeEvents().some(({ type }) => type === 'reset'),
      !both,
    );
    is(readWhole(b, theirs).length, 0, 'what was not whole is not read');
  }
});

test('credit that crosses a reset wakes nothing', () => {
  const [a, b] = pair();
  const mine = a.start({ name: '' }, 0);
  a.write(mine, new Uint8Array(2 * INITIAL_CREDIT));
  move(a, b);
  const [theirs] = openedOf(b.takeEvents());
  readWhole(b, theirs);
  a.reset(mine);
  move(b, a);
  equal(
    move(a, b).map((frame) => frame[0]),
    [6],
  );
  move(b, a);
  ok(mine.isOver && theirs.isOver);
});

test('what was received whole is read though the stream was reset after it', () => {
  const [a, b] = pair();
  const mine = a.start({ name: '' }, 0);
  a.write(mine, utf8('whole'));
  a.end(mine);
  move(a, b);
  const [theirs] = openedOf(b.takeEvents());
  a.reset(mine);
  move(a, b);
  bytes(readWhole(b, theirs), utf8('whole'));
});

test('a stream given up before anybody heard of it leaves no trace', () => {
  const [a, b] = pair();
  a.reset(a.start({ name: '' }, 0));
  const second = a.start({ name: 'second' }, 0);
  move(a, b);
  is(second.number, 1);
  is(openedOf(b.takeEvents()).length, 1);
});

test('a deadline ends a request on both sides', () => {
  const [a, b] = pair();
  const asked = a.start({ name: 'm', deadlineMs: 100 }, 0);
  a.end(asked);
  move(a, b, 40);
  const [heard] = openedOf(b.takeEvents());
  is(heard.head.deadlineMs, 60, 'what was left when it was sent');
  is(a.deadline(), 100);
  a.tick(99);
  ok(!asked.isReset);
  a.tick(100);
  ok(asked.isReset && a.takeEvents().some(({ type }) => type === 'late'));
  b.tick(100);
  ok(b.takeEvents().some(({ type }) => type === 'late'));
  move(a, b, 100);
  move(b, a, 100);
  ok(asked.isOver && heard.isOver);
  is(a.deadline(), Number.POSITIVE_INFINITY);
});

test('what the caller may not ask for', () => {
  const a = new Multiplexer({ role: 'initiator' });
  const start = (name: string, deadlineMs?: number) => () => a.start({ name, deadlineMs }, 0);
  throwsCode(start('x'.repeat(256)), 'OOTO_STREAM_NAME');
  throwsCode(start('', 10), 'OOTO_STREAM_NAME');
  for (const deadline of [0, -1, Number.NaN, MAX_DEADLINE_MS + 1, Number.POSITIVE_INFINITY])
    throwsCode(start('m', deadline), 'OOTO_STREAM_DEADLINE');
  for (let i = 0; i < MOST_STREAMS; i++) a.start({ name: '' }, 0);
  ok(!a.hasRoom);
  throwsCode(start(''), 'OOTO_STREAM_MANY');
});

const full = new Uint8Array(INITIAL_CREDIT - PIECE_COST);
const ATTACKS: Record<string, [string, readonly Uint8Array[]]> = {
  'more than the credit': ['OOTO_STREAM_CREDIT', [opening(1, 'n', full), data(1, Uint8Array.of(0))]],
  'more than the credit in the frame that opens': [
    'OOTO_STREAM_CREDIT',
    [opening(1, '', new Uint8Array(INITIAL_CREDIT))],
  ],
  'a number used twice': ['OOTO_STREAM_NUMBER', [opening(1), opening(1)]],
  'a number of an ended stream': ['OOTO_STREAM_NUMBER', [opening(1, 'n', full, END), opening(1)]],
  'a number left out': ['OOTO_STREAM_NUMBER', [opening(3)]],
  'a number of the other side': ['OOTO_STREAM_NUMBER', [opening(2)]],
  'bytes after the end': ['OOTO_STREAM_ENDED', [opening(1, '', full, END), data(1, full)]],
  'a second end': ['OOTO_STREAM_ENDED', [opening(1, '', full, END), data(1, new Uint8Array(), END)]],
  'bytes after a reset': ['OOTO_STREAM_ENDED', [opening(1), resetFrame(1, CANCEL), data(1, full)]],
  'an answer to nothing': ['OOTO_STREAM_UNKNOWN', [data(2, full)]],
  'the end of nothing': ['OOTO_STREAM_UNKNOWN', [data(1, new Uint8Array(), END)]],
  'credit for nothing': ['OOTO_STREAM_UNKNOWN', [creditFrame(2, 1)]],
  'a stop of nothing': ['OOTO_STREAM_UNKNOWN', [stopFrame(4)]],
  'a reset of nothing': ['OOTO_STREAM_UNKNOWN', [resetFrame(2, CANCEL)]],
  'credit without measure': ['OOTO_STREAM_CREDIT', [opening(1), creditFrame(1, 0xffffffff)]],
  'no credit': ['OOTO_STREAM_FRAME', [opening(1), creditFrame(1, 0)]],
  'no frame': ['OOTO_STREAM_FRAME', [new Uint8Array()]],
  'a frame of no known type': ['OOTO_STREAM_FRAME', [Uint8Array.of(7, 0, 0, 0, 1)]],
  'marks where nothing can be marked': [
    'OOTO_STREAM_FRAME',
    [opening(1), Uint8Array.of(5 | END, 0, 0, 0, 1)],
  ],
  'stream 0': ['OOTO_STREAM_FRAME', [data(0, full)]],
  'a frame that says nothing': ['OOTO_STREAM_FRAME', [opening(1), data(1, new Uint8Array())]],
  'a method that is longer than the frame': ['OOTO_STREAM_FRAME', [requesting(1, 5).with(9, 200)]],
  'a request without a method': ['OOTO_STREAM_FRAME', [requesting(1, 5, '')]],
  'a method that is no text': ['OOTO_STREAM_FRAME', [requesting(1, 5).with(10, 0xff)]],
  'a deadline that has passed': ['OOTO_STREAM_FRAME', [requesting(1, 0)]],
  'a deadline beyond all measure': ['OOTO_STREAM_FRAME', [requesting(1, MAX_DEADLINE_MS + 1)]],
  'a stop with something behind it': [
    'OOTO_STREAM_FRAME',
    [opening(1), concat(stopFrame(1), Uint8Array.of(0))],
  ],
  'a reset without a code': ['OOTO_STREAM_FRAME', [opening(1), resetFrame(1, CANCEL).subarray(0, 5)]],
  'a reset of no known code': ['OOTO_STREAM_FRAME', [opening(1), resetFrame(1, CANCEL).with(5, 9)]],
  'a refusal of another form': [
    'OOTO_STREAM_FRAME',
    [opening(1), resetFrame(1, { ...CANCEL, refusal: 'E' })],
  ],
  'a refusal without end': [
    'OOTO_STREAM_FRAME',
    [opening(1), concat(resetFrame(1, CANCEL), new Uint8Array(1025))],
  ],
  'too many streams': [
    'OOTO_STREAM_MANY',
    Array.from({ length: MOST_STREAMS + 1 }, (_, i) => opening(2 * i + 1)),
  ],
};

for (const [what, [code, frames]] of Object.entries(ATTACKS))
  test(`a peer may not send ${what}`, () => {
    const b = RESPONDER();
    for (const frame of frames.slice(0, -1)) b.receive(frame, 0);
    const last = frames[frames.length - 1];
    const error = throwsCode(() => b.receive(last, 0), code);
    is(error.fault, 'peer');
  });

test('rapid resets: a peer that opens and gives up is bounded in time, one that is refused is not', () => {
  const attack = (perSecond: number) => {
    const b = RESPONDER();
    for (let i = 0; i < 3_000; i++) {
      const now = (i * 1_000) / perSecond;
      b.receive(opening(2 * i + 1), now);
      b.receive(resetFrame(2 * i + 1, CANCEL), now);
      while (b.next(now));
      b.takeEvents();
    }
    is(b.open.others, 0);
  };
  throwsCode(() => attack(1_000_000), 'OOTO_STREAM_RESETS');
  attack(50);
  const [a, b] = pair();
  for (let i = 0; i < 3_000; i++) {
    a.start({ name: 'nobody', deadlineMs: 10 }, 0);
    move(a, b);
    for (const stream of openedOf(b.takeEvents())) b.reset(stream, { ...CANCEL, code: RESET.method });
    move(b, a);
    move(a, b);
  }
  equal([a.open.own, b.open.others], [0, 0]);
});

test('streams that stand half open for ever take no more than their places', () => {
  const b = RESPONDER();
  for (let i = 0; i < MOST_STREAMS; i++) b.receive(opening(2 * i + 1, '', full), 0);
  const mine = b.start({ name: 'own' }, 0);
  b.write(mine, utf8('goes out'));
  ok(b.next(0), 'this side still opens its own');
  throwsCode(() => b.receive(opening(2 * MOST_STREAMS + 1), 0), 'OOTO_STREAM_MANY');
});

test('frames that crossed the end of a stream do no harm', () => {
  const [a, b] = pair();
  const mine = a.start({ name: '' }, 0);
  a.end(mine);
  move(a, b);
  const [theirs] = openedOf(b.takeEvents());
  b.end(theirs);
  move(b, a);
  ok(mine.isOver && theirs.isOver);
  b.takeEvents();
  for (const frame of [creditFrame(1, 5), stopFrame(1), resetFrame(1, CANCEL)]) b.receive(frame, 0);
  equal(b.takeEvents(), []);
});

test('whatever bytes come, only errors of this project are thrown', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), (messages) => {
      const b = RESPONDER();
      b.receive(opening(1), 0);
      for (const message of messages) {
        const head =
          message.length > 4 ? concat(message.subarray(0, 1), u32be(1), message.subarray(5)) : message;
        try {
          b.receive(head, 0);
        } catch (error) {
          is((error as { fault?: string }).fault, 'peer');
          return;
        }
      }
    }),
  );
});

test('streams that the peer has ended both ways keep their places until they were taken and read', () => {
  for (const last of [stopFrame, (stream: number) => resetFrame(stream, CANCEL)]) {
    const b = RESPONDER();
    const finish = (stream: number, size: number) => {
      b.receive(opening(stream, 'n', new Uint8Array(size), END), 0);
      b.receive(last(stream), 0);
      while (b.next(0));
    };
    for (let i = 0; i < MOST_STREAMS; i++) finish(2 * i + 1, i % 2 === 0 ? 0 : 50_000);
    is(b.open.others, MOST_STREAMS, 'what nobody took is not over, though the peer says so');
    throwsCode(() => b.receive(opening(2 * MOST_STREAMS + 1), 0), 'OOTO_STREAM_MANY');
    const streams = openedOf(b.takeEvents());
    for (const stream of streams) b.accept(stream);
    while (b.next(0));
    is(b.open.others, MOST_STREAMS / 2, 'nor what was taken and not read');
    for (const stream of streams) readWhole(b, stream);
    while (b.next(0));
    is(b.open.others, 0);
  }
});

test('what a stream holds unread when it ends still counts among what all may hold', () => {
  const limits = { creditBytes: 4 * INITIAL_CREDIT, growthBytes: 3 * INITIAL_CREDIT };
  const [a, b] = [new Multiplexer({ role: 'initiator' }), new Multiplexer({ role: 'responder', limits })];
  const first = a.start({ name: '' }, 0);
  a.write(first, new Uint8Array(12 * INITIAL_CREDIT));
  a.end(first);
  move(a, b);
  const [unread] = openedOf(b.takeEvents());
  while (!first.outflow.hasEnded) {
    readWhole(b, unread);
    move(b, a);
    move(a, b);
  }
  ok(unread.inflow.hasPieces, 'the last of it is not read');
  const second = a.start({ name: '' }, 0);
  a.write(second, new Uint8Array(100 * INITIAL_CREDIT));
  move(a, b);
  const [theirs] = openedOf(b.takeEvents());
  for (let turn = 0; turn < 20; turn++) {
    readWhole(b, theirs);
    move(b, a);
    move(a, b);
  }
  ok(readWhole(b, theirs).length <= INITIAL_CREDIT, 'there is nothing left to grow by');
  readWhole(b, unread);
  for (let turn = 0; turn < 20; turn++) {
    readWhole(b, theirs);
    move(b, a);
    move(a, b);
  }
  ok(readWhole(b, theirs).length > INITIAL_CREDIT, 'what was read is given back');
});
