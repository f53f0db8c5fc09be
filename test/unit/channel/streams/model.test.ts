/**
 * Streams against a model, over a wire with a seed. Two machines do what chance says while frames are on the way in both
 * directions; whatever happens, bytes arrive in order and unchanged, nobody exceeds credit or bounds, every stream comes
 * to the end that was meant, and a stream that can send is sent within one round of the others.
 */
import fc from 'fast-check';
import { INITIAL_CREDIT, MOST_STREAMS } from '../../../../src/channel/streams/bounds.ts';
import { Multiplexer, type StreamEvent } from '../../../../src/channel/streams/multiplexer.ts';
import type { Stream } from '../../../../src/channel/streams/stream.ts';
import { is, ok } from '../../../support/assert.ts';
import { Pair } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';
import { type Deed, Weather } from '../../../support/weather.ts';

const test = suite('streams: model', { timeout: 60_000 });
const LIMITS = { creditBytes: 4 * INITIAL_CREDIT, growthBytes: 6 * INITIAL_CREDIT };

type Act =
  | { readonly do: 'open' | 'end' | 'stop' | 'reset'; readonly side: 0 | 1; readonly which: number }
  | { readonly do: 'write'; readonly side: 0 | 1; readonly which: number; readonly length: number }
  | { readonly do: 'read'; readonly side: 0 | 1; readonly which: number; readonly pieces: number }
  | { readonly do: 'carry'; readonly side: 0 | 1; readonly frames: number };

const side = fc.constantFrom<0 | 1>(0, 1);
const which = fc.nat(50);
const ACTS: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('open' as const), side, which }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('write' as const), side, which, length: fc.nat(200_000) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('read' as const), side, which, pieces: fc.nat(12) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('carry' as const),
      side,
      frames: fc.integer({ min: 1, max: 20 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('end' as const, 'stop' as const, 'reset' as const),
      side,
      which,
    }),
  },
);

/** The byte that stands at a place of a direction. */
const byteAt = (place: number, opener: 0 | 1, index: number, from: 0 | 1) =>
  (place * 31 + opener * 7 + index * 13 + from * 101) & 0xff;

/** What one side knows of one stream. */
interface End {
  readonly stream: Stream;
  readonly opener: 0 | 1;
  /** Which of its opener's streams it is. */
  readonly index: number;
  written: number;
  read: number;
  hasEnded: boolean;
  hasStopped: boolean;
  hasReset: boolean;
}

class World {
  readonly machines = [
    new Multiplexer({ role: 'initiator', limits: LIMITS }),
    new Multiplexer({ role: 'responder', limits: LIMITS }),
  ];
  readonly ends: [End[], End[]] = [[], []];
  /** Frames on the way from each side. */
  readonly wires: [Uint8Array[], Uint8Array[]] = [[], []];
  isFinishing = false;

  act(act: Act): void {
    if (act.do === 'carry') this.carry(act.side, act.frames);
    else if (act.do === 'open') this.open(act.side);
    else {
      const ends = this.ends[act.side];
      const end = ends[act.which % Math.max(1, ends.length)];
      if (end) this.use(act, end);
    }
    this.check();
  }

  open(from: 0 | 1): void {
    const machine = this.machines[from];
    if (!machine.hasRoom) return;
    this.know(
      from,
      machine.start({ name: `${this.ends[from].filter(({ opener }) => opener === from).length}` }, 0),
      from,
    );
  }

  know(at: 0 | 1, stream: Stream, opener: 0 | 1): void {
    this.ends[at].push({
      stream,
      opener,
      index: Number(stream.head.name),
      written: 0,
      read: 0,
      hasEnded: false,
      hasStopped: false,
      hasReset: false,
    });
  }

  use(act: Exclude<Act, { do: 'carry' }>, end: End): void {
    const machine = this.machines[act.side];
    if (act.do === 'write' && !end.stream.outflow.isClosed && !end.stream.isReset) {
      const bytes = new Uint8Array(act.length).map((_, i) =>
        byteAt(end.written + i, end.opener, end.index, act.side),
      );
      machine.write(end.stream, bytes, act.length % 3 === 0);
      end.written += act.length;
    } else if (act.do === 'read') this.read(act.side, end, act.pieces);
    else if (act.do === 'end') {
      machine.end(end.stream);
      end.hasEnded = true;
    } else if (act.do === 'stop') {
      machine.stop(end.stream);
      end.hasStopped = true;
    } else if (act.do === 'reset') {
      machine.reset(end.stream);
      end.hasReset = true;
    }
  }

  read(at: 0 | 1, end: End, pieces: number): void {
    for (let i = 0; i < pieces; i++) {
      const piece = this.machines[at].read(end.stream);
      if (!piece) return;
      const from = at === 0 ? 1 : 0;
      for (const byte of piece.bytes)
        if (byte !== byteAt(end.read++, end.opener, end.index, from))
          throw new Error(`byte ${end.read - 1} is another`);
    }
  }

  /** So many frames leave a side and, behind those that are on the way, as many arrive at the other. */
  carry(from: 0 | 1, frames: number): void {
    for (let i = 0; i < frames; i++) {
      const frame = this.machines[from].next(0);
      if (frame) this.wires[from].push(frame.slice());
    }
    for (const frame of this.wires[from].splice(0, Math.ceil(frames / 2))) this.arrive(from, frame);
  }

  arrive(from: 0 | 1, frame: Uint8Array): void {
    const to = from === 0 ? 1 : 0;
    this.machines[to].receive(frame, 0);
    for (const at of [0, 1] as const)
      for (const event of this.machines[at].takeEvents()) this.take(at, event);
  }

  take(at: 0 | 1, event: StreamEvent): void {
    if (event.type === 'opened') {
      this.know(at, event.stream, at === 0 ? 1 : 0);
      if (this.isFinishing) this.machines[at].accept(event.stream);
    }
    const end = this.ends[at].find(({ stream }) => stream === event.stream)!;
    if (event.type === 'stopped') end.hasEnded = true;
    if (event.type === 'reset') end.hasReset = true;
  }

  check(): void {
    for (const machine of this.machines) {
      ok(machine.open.own <= MOST_STREAMS && machine.open.others <= MOST_STREAMS);
    }
  }

  /** Everything on the way arrives, everything is read, and every stream is ended. */
  finish(): void {
    this.isFinishing = true;
    for (const at of [0, 1] as const)
      for (const { stream, opener } of this.ends[at]) if (opener !== at) this.machines[at].accept(stream);
    const settle = () => {
      for (let turn = 0; turn < 10_000; turn++) {
        let moved = 0;
        for (const from of [0, 1] as const) {
          for (const end of this.ends[from]) this.read(from, end, 1_000);
          for (let frame = this.machines[from].next(0); frame; frame = this.machines[from].next(0)) {
            this.wires[from].push(frame.slice());
            moved++;
          }
          for (const frame of this.wires[from].splice(0)) this.arrive(from, frame);
        }
        if (moved === 0) return;
      }
      throw new Error('the machines never fall silent');
    };
    settle();
    for (const at of [0, 1] as const) for (const { stream } of this.ends[at]) this.machines[at].end(stream);
    settle();
    settle();
  }

  judge(): void {
    for (const at of [0, 1] as const) {
      ok(
        this.machines[at].open.own === 0 && this.machines[at].open.others === 0,
        'every place is free again',
      );
      for (const end of this.ends[at]) {
        ok(end.stream.isOver, 'every stream is over');
        const other = this.ends[at === 0 ? 1 : 0].find(
          ({ opener, index }) => opener === end.opener && index === end.index,
        );
        if (!other || end.hasReset || other.hasReset || other.hasStopped) continue;
        is(other.read, end.written, 'what was written was read');
      }
    }
  }
}

test('whatever two sides do, bytes arrive in order and every stream comes to its end', () => {
  fc.assert(
    fc.property(fc.array(ACTS, { minLength: 5, maxLength: 120 }), (acts) => {
      const world = new World();
      for (const act of acts) world.act(act);
      world.finish();
      world.judge();
    }),
    { numRuns: 200, includeErrorInReport: true },
  );
});

test('streams that can send are served in turn, whatever the others have to send', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 2, maxLength: 40 }), (lengths) => {
      const machine = new Multiplexer({ role: 'initiator' });
      const streams = lengths.map((length) => {
        const stream = machine.start({ name: '' }, 0);
        machine.write(stream, new Uint8Array(length));
        return stream;
      });
      const served = new Map<number, number>();
      for (let frame = machine.next(0); frame; frame = machine.next(0)) {
        const number = new DataView(frame.buffer, frame.byteOffset).getUint32(1);
        served.set(number, (served.get(number) ?? 0) + 1);
        const waiting = streams.filter(({ outflow }) => outflow.isReady);
        const counts = waiting.map(({ number: one }) => served.get(one) ?? 0);
        ok(
          Math.max(...served.values()) - Math.min(...counts, Math.max(...served.values())) <= 1,
          'a turn was left out',
        );
      }
      is(streams.filter(({ outflow }) => !outflow.isEmpty).length, 0);
    }),
  );
});

test('over a channel in any weather that it stands, streams arrive whole', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const pair = new Pair({ seed: `streams ${seed}` });
    const [here, there] = [new Multiplexer({ role: 'initiator' }), new Multiplexer({ role: 'responder' })];
    const sent = [40_000, 5, 63_000, 1_000].map((length, i) => new Uint8Array(length).fill(i + 1));
    for (const bytes of sent) {
      const stream = here.start({ name: `${bytes.length}` }, 0);
      here.write(stream, bytes);
      here.end(stream);
    }
    const script: Deed[] = [
      { at: 0, side: 'responder', act: 'start' },
      { at: 0, side: 'initiator', act: 'start' },
    ];
    for (let frame = here.next(0), at = 2_000; frame; frame = here.next(0), at += seed * 7)
      script.push({ at, side: 'initiator', act: { send: frame.slice() } });
    script.push({ at: 2_040, side: 'responder', act: 'renewEpoch' });
    const weather = new Weather(pair, seed, { delayMs: [1, 100], partings: [[2_100, 2_900]] });
    weather.play(script, 20_000);
    for (const message of weather.received.responder) there.receive(message, 0);
    const streams = there.takeEvents().flatMap((event) => (event.type === 'opened' ? [event.stream] : []));
    is(streams.length, sent.length, `seed ${seed}`);
    for (const [i, stream] of streams.entries()) {
      let length = 0;
      for (let piece = there.read(stream); piece; piece = there.read(stream)) {
        ok(piece.bytes.every((byte) => byte === i + 1));
        length += piece.bytes.length;
      }
      is(length, sent[i].length);
      ok(stream.inflow.hasEnded);
    }
  }
});
