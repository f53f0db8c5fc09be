/**
 * The wire between the two channels of a {@link Pair}, in virtual time and with a seed. What flows through here: a
 * script says who sends what when; every frame of the wire takes its time, is held while the link is parted, or is
 * lost, doubled, overtaken or changed on the way; both sides are woken when their channels ask for it, each by clocks
 * of its own. The same seed gives the same run, to the byte. A run can be drawn as a Mermaid sequence diagram.
 */
import { readU32be, readU64be } from '../../src/base/bytes.ts';
import type { Moment } from '../../src/channel/limits.ts';
import { FRAME } from '../../src/channel/wire.ts';
import { framesOf, type Pair, type Side, START } from './network.ts';

/** Chances are of one frame. */
export interface Faults {
  readonly lose?: number;
  readonly double?: number;
  readonly overtake?: number;
  readonly change?: number;
  /** Of all frames this one alone, by its number from 0. */
  readonly strike?: { readonly frame: number; readonly fate: Fate };
  /** Least and greatest time on the way. */
  readonly delayMs?: readonly [least: number, most: number];
  /** Spans of time, from the beginning of the run, in which nothing gets through; it arrives after them. */
  readonly partings?: readonly (readonly [from: number, to: number])[];
  /** How far the responder's wall clock runs ahead. */
  readonly skewMs?: number;
}

/** Something that a script does at a moment of the run. */
export interface Deed {
  readonly at: number;
  readonly side: Side;
  readonly act: 'start' | 'renewEpoch' | 'close' | { readonly send: Uint8Array };
}

export type Fate = 'arrives' | 'lost' | 'doubled' | 'overtaken' | 'changed';

/** One frame, as it was sent. */
export interface Passage {
  readonly at: number;
  readonly from: Side;
  readonly fate: Fate;
  readonly what: string;
}

const SIDES = ['initiator', 'responder'] as const;
const FOREVER = Number.POSITIVE_INFINITY;
const NAMES = new Map<number, string>(Object.entries(FRAME).map(([name, type]) => [type, name]));
/** The responder was switched on at another time. */
const UPTIME_MS = 7_654_321;

export class Weather {
  readonly passages: Passage[] = [];
  readonly received: Record<Side, Uint8Array[]> = { initiator: [], responder: [] };
  readonly #pair: Pair;
  readonly #faults: Faults;
  readonly #chance: () => number;
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  #now = 0;
  readonly #lastArrival: Record<Side, number> = { initiator: 0, responder: 0 };
  /** Frames that wait for one that comes before them. */
  readonly #overtaken: Record<Side, Uint8Array[]> = { initiator: [], responder: [] };

  constructor(pair: Pair, seed: number, faults: Faults = {}) {
    this.#pair = pair;
    this.#faults = faults;
    this.#chance = mulberry32(seed);
  }

  /** Frames to which something happened that the peer must notice. */
  get harm(): number {
    return this.passages.filter(({ fate }) => fate !== 'arrives').length;
  }

  /** Plays the script, and goes on until nothing is left to happen before `untilMs`. */
  play(script: readonly Deed[], untilMs: number): void {
    for (const deed of script) this.#plan(deed.at, () => this.#do(deed));
    for (let next = this.#next(); next <= untilMs; next = this.#next()) {
      this.#now = next;
      const due = this.#queue
        .filter(({ at }) => at <= next)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (due) {
        this.#queue = this.#queue.filter((other) => other !== due);
        due.run();
      } else for (const side of SIDES) this.#wake(side);
    }
  }

  /** Code of the error that closed a side; undefined while it is open, or where the end was agreed. */
  closed(side: Side): string | undefined {
    const code = this.#pair.closedBy(side);
    return code === 'clean' ? undefined : code;
  }

  /** The run as a Mermaid sequence diagram. */
  diagram(): string {
    const lines = this.passages.map(({ at, from, fate, what }) => {
      const [a, b] = from === 'initiator' ? ['I', 'R'] : ['R', 'I'];
      const arrow = fate === 'lost' ? '-x' : '->>';
      return `    ${a}${arrow}${b}: ${(at / 1000).toFixed(3)} s ${what}${fate === 'arrives' ? '' : `, ${fate}`}`;
    });
    const heads = ['    participant I as initiator', '    participant R as responder'];
    return ['sequenceDiagram', ...heads, ...lines].join('\n');
  }

  #do({ side, act }: Deed): void {
    const channel = this.#pair[side];
    if (act === 'start') channel.start(this.#moment(side));
    else if (channel.state === 'closed') return;
    else if (act === 'close') channel.close(this.#moment(side));
    else if (channel.state !== 'established') throw new Error(`${side} is ${channel.state} at ${this.#now}`);
    else if (act === 'renewEpoch') channel.renewEpoch();
    else channel.send(act.send);
    this.#flush(side);
  }

  #wake(side: Side): void {
    this.#pair[side].tick(this.#moment(side));
    this.#flush(side);
  }

  #flush(side: Side): void {
    const bytes = this.#pair[side].flush(this.#moment(side));
    this.#collect(side);
    for (const frame of framesOf(bytes)) this.#send(side, frame);
  }

  #send(from: Side, frame: Uint8Array): void {
    const fate = this.#fateOf();
    this.passages.push({ at: this.#now, from, fate, what: describe(frame) });
    if (fate === 'lost') return;
    if (fate === 'overtaken') return void this.#overtaken[from].push(frame);
    const arrival = Math.max(this.#lastArrival[from], this.#arrival());
    this.#lastArrival[from] = arrival;
    const at = 5 + Math.floor(this.#chance() * (frame.length - 5));
    const bytes = fate === 'changed' ? frame.with(at, frame[at] ^ 0x10) : frame;
    this.#plan(arrival, () => this.#arrive(from, bytes));
    if (fate === 'doubled') this.#plan(arrival, () => this.#arrive(from, bytes));
    for (const late of this.#overtaken[from].splice(0)) this.#plan(arrival, () => this.#arrive(from, late));
  }

  #arrive(from: Side, bytes: Uint8Array): void {
    const to = from === 'initiator' ? 'responder' : 'initiator';
    this.#pair.now = this.#moment(to);
    this.#pair.inject(from, bytes);
    this.#collect(to);
    this.#flush(to);
  }

  #collect(side: Side): void {
    this.#pair.collect(side);
    this.received[side].push(...this.#pair.takeMessages(side));
  }

  #fateOf(): Fate {
    const { lose = 0, double = 0, overtake = 0, change = 0, strike } = this.#faults;
    if (strike) return strike.frame === this.passages.length ? strike.fate : 'arrives';
    const drawn = this.#chance();
    if (drawn < lose) return 'lost';
    if (drawn < lose + double) return 'doubled';
    if (drawn < lose + double + overtake) return 'overtaken';
    return drawn < lose + double + overtake + change ? 'changed' : 'arrives';
  }

  #arrival(): number {
    const [least, most] = this.#faults.delayMs ?? [10, 10];
    const arrival = this.#now + least + Math.floor(this.#chance() * (most - least + 1));
    const parting = this.#faults.partings?.find(([from, to]) => this.#now < to && arrival >= from);
    return parting ? Math.max(arrival, parting[1]) : arrival;
  }

  #plan(at: number, run: () => void): void {
    this.#queue.push({ at, order: this.#order++, run });
  }

  #next(): number {
    const deadlines = SIDES.map(
      (side) => this.#pair[side].deadline() - this.#moment(side).monotonic + this.#now,
    );
    const next = Math.min(FOREVER, ...this.#queue.map(({ at }) => at), ...deadlines);
    return Math.max(this.#now, Math.ceil(next));
  }

  #moment(side: Side): Moment {
    const { skewMs = 0 } = this.#faults;
    const own = side === 'responder' ? { wall: skewMs, monotonic: UPTIME_MS } : { wall: 0, monotonic: 0 };
    return {
      wall: START.wall + this.#now + own.wall,
      monotonic: START.monotonic + this.#now + own.monotonic,
    };
  }
}

/** What a frame says of itself in the clear. */
function describe(frame: Uint8Array): string {
  const type = frame[4];
  const name = NAMES.get(type) ?? `type ${type}`;
  return type < FRAME.batch ? name : `${name} (epoch ${readU32be(frame, 5)}, ${readU64be(frame, 9)})`;
}

/** A small generator of public repute; nothing secret comes of it. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
