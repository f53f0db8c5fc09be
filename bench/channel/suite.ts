/**
 * The channel against what a program would use instead, between two processes over the loopback: every message
 * delivered by itself, on the channel signed by its sender and verified before delivery. Rivals: TLS 1.3 with
 * AES-256-GCM and certificates on both sides, messages behind a length, the better of writing each message and of
 * gathering a turn's under cork; TCP the same way without any protection; @hyperswarm/secret-stream and libp2p with noise
 * and yamux, where they are there.
 */
import type { Row, Suite } from '../suite.ts';
import { DIALLING, Duel, dialling } from './duel.ts';
import { percentile, type Work } from './measure.ts';
import type { Members } from './members.ts';
import { channelPair, exchange } from './ooto.ts';

const ROUNDS = 5;
const ROUND_MS = 700;
const SIZES = [64, 1024, 16384, 65536, 1048576];
const POOL_SIZE = 65536;
const TRIPS = 1500;
const HANDSHAKES = 250;
const IN_FLIGHT = 16;
/** Rounds: a thousand handshakes. The optimising compilers are at work until then. */
const HANDSHAKE_WARM_UP = 4;
const CHANNELS = 1000;
const EPOCH_MS = 60_000;
const bytes = (size: number) => size;

type Figures = (duel: Duel) => Promise<Row[]>;

const CASES: Readonly<Record<string, Suite['cases'][string] & { figures: Figures }>> = {
  'throughput-signed': {
    title: 'one way, signed and verified, messages a second',
    unit: 'bytes',
    bytes,
    figures: throughput,
  },
  'throughput-signed-cpu': {
    title: 'the same, messages for each second of the processor, both processes together',
    unit: 'bytes',
    bytes,
    figures: processorTime,
  },
  'pool-throughput': {
    title: 'two channels at once, each end a pool of two threads, against both ends on one thread each',
    unit: 'bytes',
    bytes,
    figures: poolThroughput,
  },
  'request-response-p50': {
    title: 'request and response, signed and verified both ways, median',
    unit: 'bytes',
    figures: roundTripsOf('ooto', 'request-response-p50'),
  },
  'request-response-p50-authenticated': {
    title: 'the same with signatures checked after delivery',
    unit: 'bytes',
    figures: roundTripsOf('ooto-authenticated', 'request-response-p50-authenticated'),
  },
  'request-response-p99-us': {
    title: 'request and response, the slowest in a hundred, microseconds',
    unit: 'bytes',
    figures: slowestTrips,
  },
  handshakes: {
    title: 'full handshakes a second, sixteen under way, both certificates verified each time, no resumption',
    unit: 'items',
    figures: handshakesBy('handshakes', ({ rate }) => rate),
  },
  'handshakes-cpu': {
    title: 'the same, for each second of the processor, both processes together',
    unit: 'items',
    figures: handshakesBy('handshakes-cpu', ({ cpuMicros }) => 1e6 / cpuMicros),
  },
  'idle-channel-bytes': {
    title: 'memory of a channel on which nothing moves',
    unit: 'items',
    figures: async ({ members }) => [figure('idle-channel-bytes', 1, 'bytes', idleBytes(members))],
  },
  'epochs-1000-channels-core-share': {
    title: 'share of a core that a thousand channels with epochs of 60 s take',
    unit: 'items',
    figures: async ({ members }) => [
      figure('epochs-1000-channels-core-share', CHANNELS, 'share', epochShare(members)),
    ],
  },
  'epoch-stall-ms': {
    title: 'largest gap in delivery at 20 changes of epoch, less that without',
    unit: 'items',
    figures: async (duel) => {
      const [changed, calm] = await duel.gaps('ooto', 1024, 20);
      return [figure('epoch-stall-ms', 1, 'milliseconds', Math.max(0, changed - calm))];
    },
  },
};

async function throughput(duel: Duel): Promise<Row[]> {
  const rows: Row[] = [];
  for (const size of SIZES) {
    const others = ['secret-stream', 'libp2p', 'libp2p-gather'].filter((name) => duel.has(name));
    const names = ['tls-write', 'tls-cork', 'tls-gather', 'tcp-write', ...others, 'ooto'];
    const rates = await inTurns(names, async (name) => (await duel.throughput(name, size, ROUND_MS)).rate);
    const rivals = {
      tls: betterTls(rates),
      'tls-gathered-by-hand': rates['tls-gather'],
      tcp: rates['tcp-write'],
    };
    for (const name of others)
      Object.assign(rivals, { [name.replace('-gather', '-gathered-by-hand')]: rates[name] });
    for (const [rival, theirs] of Object.entries(rivals))
      rows.push(rateRow('throughput-signed', size, rival, rates.ooto, theirs));
  }
  return rows;
}

/** Of writing each message and of gathering a turn's, the better one of each round. */
function betterTls(rates: Readonly<Record<string, readonly number[]>>): number[] {
  return rates['tls-write'].map((rate, i) => Math.max(rate, rates['tls-cork'][i]));
}

/** Holds on a busy machine too, where rates do not: whoever waits for the processor does not use it. */
async function processorTime(duel: Duel): Promise<Row[]> {
  const rows: Row[] = [];
  for (const size of SIZES) {
    const perSecond = await inTurns(['tls-write', 'tls-cork', 'ooto'] as const, async (name) => {
      const { cpuMicros } = await duel.throughput(name, size, ROUND_MS);
      return 1e6 / cpuMicros;
    });
    rows.push(rateRow('throughput-signed-cpu', size, 'tls', perSecond.ooto, betterTls(perSecond)));
  }
  return rows;
}

/** More threads than processors gain nothing: see docs/performance.md for what a machine says of this row. */
async function poolThroughput(duel: Duel): Promise<Row[]> {
  const rates = await inTurns(['two-channels', 'two-channels-pool'] as const, async (name) => {
    const { rate } = await duel.throughput(name, POOL_SIZE, ROUND_MS);
    return rate;
  });
  return [
    rateRow('pool-throughput', POOL_SIZE, 'one-thread', rates['two-channels-pool'], rates['two-channels']),
  ];
}

/** After rounds in which the programs are compiled, for both alike. */
function handshakesBy(name: string, perSecond: (work: Work) => number): Figures {
  return async (duel) => {
    const contest = (rounds: number) =>
      inTurns(
        ['tls-write', 'ooto'] as const,
        async (rival) => perSecond(await duel.handshakes(rival, HANDSHAKES, IN_FLIGHT)),
        rounds,
      );
    await contest(HANDSHAKE_WARM_UP);
    const rates = await contest(ROUNDS);
    return [rateRow(name, 1, 'tls', rates.ooto, rates['tls-write'])];
  };
}

function roundTripsOf(subject: string, name: string): Figures {
  return async (duel) => {
    const times = await inTurns(['tcp-write', subject], async (rival) =>
      percentile(await trips(duel, rival), 0.5),
    );
    const ratios = times[subject].map((time, i) => time / times['tcp-write'][i]);
    const [ours, theirs] = [percentile(times[subject], 0.5), percentile(times['tcp-write'], 0.5)];
    return [
      {
        ...figure(name, 64, 'tcp', percentile(ratios, 0.5)),
        subjectOps: 1000 / ours,
        rivalOps: 1000 / theirs,
        spread: spreadOf(ratios),
      },
    ];
  };
}

/** Of all rounds together, after one in which the programs are compiled. */
async function slowestTrips(duel: Duel): Promise<Row[]> {
  await trips(duel, 'ooto');
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) times.push(...(await trips(duel, 'ooto')));
  return [figure('request-response-p99-us', 64, 'microseconds', percentile(times, 0.99) * 1000)];
}

function trips(duel: Duel, name: string): Promise<number[]> {
  return duel.roundTrips(name, 64, TRIPS);
}

/** One result of each name after the other, round by round. */
async function inTurns<Name extends string>(
  names: readonly Name[],
  measure: (name: Name) => Promise<number>,
  rounds = ROUNDS,
): Promise<Record<Name, number[]>> {
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = 0; round < rounds; round++)
    for (const name of names) results[name].push(await measure(name));
  return results;
}

function rateRow(name: string, size: number, rival: string, ours: number[], theirs: number[]): Row {
  const ratios = ours.map((rate, i) => rate / theirs[i]);
  const [subjectOps, rivalOps] = [percentile(ours, 0.5), percentile(theirs, 0.5)];
  const ratio = percentile(ratios, 0.5);
  return { ...figure(name, size, rival, ratio), subjectOps, rivalOps, spread: spreadOf(ratios) };
}

function spreadOf(ratios: readonly number[]): number {
  return (percentile(ratios, 0.75) - percentile(ratios, 0.25)) / percentile(ratios, 0.5);
}

function figure(name: string, size: number, rival: string, ratio: number): Row {
  return {
    suite: 'channel',
    case: name,
    size,
    subject: 'ooto',
    rival,
    subjectOps: null,
    rivalOps: null,
    ratio,
    spread: 0,
  };
}

const START = { wall: Date.now(), monotonic: 0 };
const at = (ms: number) => ({ wall: START.wall + ms, monotonic: ms });

/** Bytes of a channel that has carried messages and changed its epoch twice. */
function idleBytes(members: Members): number {
  for (let i = 0; i < 50; i++) channelPair(members, START);
  const before = liveBytes();
  const pairs = Array.from({ length: CHANNELS / 2 }, () => channelPair(members, START));
  for (const [left, right] of pairs) {
    left.send(new Uint8Array(200_000));
    right.send(new Uint8Array(64));
    exchange(left, right, START);
  }
  for (const ms of [EPOCH_MS, 2 * EPOCH_MS, 2 * EPOCH_MS + 5_000]) renew(pairs, ms);
  return (liveBytes() - before) / CHANNELS;
}

function epochShare(members: Members): number {
  const pairs = Array.from({ length: CHANNELS }, () => channelPair(members, START));
  renew(pairs, EPOCH_MS);
  const before = process.cpuUsage();
  renew(pairs, 2 * EPOCH_MS);
  const { user, system } = process.cpuUsage(before);
  // Both ends are here: one of a thousand channels takes half of it.
  return (user + system) / 1000 / EPOCH_MS / 2;
}

function renew(pairs: readonly ReturnType<typeof channelPair>[], ms: number): void {
  for (const [left, right] of pairs) {
    left.tick(at(ms));
    right.tick(at(ms));
    exchange(left, right, at(ms));
  }
}

/** What is freed by one collection may leave more to the next. */
function liveBytes(): number {
  for (let i = 0; i < 3; i++) (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const suite: Suite = {
  name: 'channel',
  about: 'the channel between two processes, against TLS 1.3 and TCP',
  platforms: ['node'],
  cases: CASES,
  async figures(_platform, cases, reporter) {
    using duel = await Duel.start(process.argv[2]);
    const rows: Row[] = [];
    for (const [done, name] of cases.entries()) {
      reporter.progress(done, cases.length, name);
      rows.push(...(await CASES[name].figures(duel)));
    }
    return rows;
  },
};

if (process.argv.includes(DIALLING)) await dialling();

export default suite;
