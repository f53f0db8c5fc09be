/**
 * A flood of first messages over real sockets, on loopback. The node under attack, the attackers and the honest peers
 * are processes of their own: strangers connect from many addresses of 127.0.0.0/8, send a first message, junk or
 * nothing, and start anew. Meanwhile honest peers join, and a channel that was there goes on. Bounded in time and rate.
 * What strangers cost is measured in processor time; throughput by the clock counts where nothing else runs.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { cpus, loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Channel } from '../../src/channel/channel.ts';
import { Link } from '../../src/channel/link.ts';
import { encodePreamble, NO_COOKIE } from '../../src/channel/preamble.ts';
import { SignatureVerifier } from '../../src/channel/signature-verifier.ts';
import { Peers, type PeersLimits, type PeersOptions } from '../../src/mesh/peers.ts';
import { nodeClock } from '../../src/platform/node/clock.ts';
import { tcpTransport } from '../../src/platform/node/transport.ts';
import type { Connection } from '../../src/ports.ts';
import * as assert from '../support/assert.ts';
import { testCrypto } from '../support/crypto.ts';
import { MESH_ID, makeParty, type Party, seededRandom, verifierOf } from '../support/network.ts';
import { suite } from '../support/suite.ts';

const MIB = 2 ** 20;
const FLOOD_MS = 12_000;
const PER_SECOND = 1_000;
const MOST_CONNECTIONS = 1_500;
const JOINS = 100;
const TRIES = 3;
const TRY_MS = 1_000;
const PAYLOAD = new Uint8Array(16 * 1024);
const IN_FLIGHT = 16;
const HANDSHAKES_MS = 5_000;
/** Handshakes under load are so many a second for each address. */
const DIALLERS = 64;

interface Report {
  rss: number;
  /** Microseconds of processor time since the start. */
  cpu: number;
  /** 99 of 100 turns of the event loop since the last report came no later than so many milliseconds. */
  lateMs: number;
  limits: PeersLimits;
  address: string;
}

function partyOf(name: string): Party {
  const now = Date.now();
  const delegation = { notBefore: now - 60_000, notAfter: now + 600_000 };
  return makeParty(testCrypto(seededRandom(`flood ${name}`)), name, { delegation });
}

const names = ['victim', 'friend', ...Array.from({ length: JOINS }, (_, i) => `guest-${i}`)];

function peersOf(name: string): Peers {
  const handlers = {
    authenticated: () => undefined,
    ready: () => {},
    answer: async (_: unknown, __: string, body: unknown) => body,
    refused: () => {},
  } as unknown as PeersOptions['handlers'];
  const peers = new Peers({
    ...{ crypto: testCrypto(), clock: nodeClock(), logger: { log() {} }, handlers, epochMs: 60_000 },
    transport: tcpTransport(),
  });
  const party = partyOf(name);
  const verifier = verifierOf(...names.map(partyOf));
  peers.join({ meshId: MESH_ID, own: () => party.own, verifier, accept: ['member'] });
  return peers;
}

async function liveAsVictim(): Promise<void> {
  const peers = peersOf('victim');
  const address = await peers.listen('127.0.0.1:0');
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  process.on('message', () => {
    const lateMs = delay.percentile(99) / 1e6 - 5;
    delay.reset();
    globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    process.send?.({
      rss: process.memoryUsage.rss(),
      cpu: user + system,
      lateMs,
      limits: peers.limits,
      address,
    } satisfies Report);
  });
}

async function liveAsAttacker(): Promise<void> {
  const port = Number(process.env.OOTO_FLOOD_PORT);
  const channel = new Channel({
    ...{ crypto: testCrypto(), role: 'initiator', meshId: MESH_ID, own: partyOf('friend').own },
    verifier: verifierOf(partyOf('victim')),
    expectedId: partyOf('victim').own.id,
  });
  const now = { wall: Date.now(), monotonic: 0 };
  channel.start(now);
  const hello = channel.flush(now);
  const junk = Uint8Array.from([
    0,
    0,
    8,
    0,
    1,
    ...encodePreamble(MESH_ID, NO_COOKIE),
    ...PAYLOAD.slice(0, 1_981),
  ]);
  const open = new Set<Socket>();
  let sent = 0;
  const begin = () => {
    const kind = sent % 4;
    const localAddress = `127.${1 + (sent % 200)}.${Math.floor(sent / 200) % 250}.7`;
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    sent++;
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    socket.on('connect', () => kind < 3 && socket.write(kind === 0 ? junk : hello));
    socket.on('data', () => socket.destroy());
    if (open.size > MOST_CONNECTIONS) [...open][0].destroy();
  };
  const started = performance.now();
  for (let elapsed = 0; elapsed < FLOOD_MS; elapsed = performance.now() - started) {
    while (sent < (elapsed / 1_000) * PER_SECOND) begin();
    await sleep(5);
  }
  for (const socket of open) socket.destroy();
  process.send?.({ sent });
}

/** A connection from an address of its own. */
async function dialFrom(localAddress: string, port: number): Promise<Connection> {
  const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true }).on('error', () => {});
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('close', reject));
  return {
    remoteAddress: `127.0.0.1:${port}`,
    incoming: socket,
    write: async (bytes) => void socket.write(bytes),
    close: () => socket.destroySoon(),
  };
}

/** Full handshakes, one after the other from each of many addresses, until the time is over. */
async function liveAsDialler(): Promise<void> {
  const port = Number(process.env.OOTO_FLOOD_PORT);
  const crypto = testCrypto();
  const [clock, verifier] = [nodeClock(), new SignatureVerifier(crypto, setImmediate)];
  const expectedId = partyOf('victim').own.id;
  const known = verifierOf(partyOf('victim'));
  const started = performance.now();
  let done = 0;
  const dialOn = async (number: number) => {
    const { own } = partyOf(`guest-${number % JOINS}`);
    while (performance.now() - started < HANDSHAKES_MS) {
      const connection = await dialFrom(`127.201.${number}.9`, port);
      const who = { crypto, role: 'initiator' as const, meshId: MESH_ID, own, verifier: known, expectedId };
      const channel = new Channel({ ...who, defersSignatures: true });
      const link = new Link({ channel, connection, clock, verifier });
      await link.established.then(
        () => done++,
        () => {},
      );
      link.close();
    }
  };
  await Promise.all(Array.from({ length: DIALLERS }, (_, number) => dialOn(number)));
  process.send?.({ done, perSecond: (done * 1_000) / (performance.now() - started) });
}

function start(role: string, port = 0): ChildProcess {
  return fork(process.argv[1], {
    execArgv: ['--expose-gc', '--enable-source-maps'],
    env: { ...process.env, OOTO_FLOOD_ROLE: role, OOTO_FLOOD_PORT: String(port) },
  });
}

function answerOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => child.once('message', (message) => resolve(message as T)));
}

function reportOf(victim: ChildProcess): Promise<Report> {
  const report = answerOf<Report>(victim);
  victim.send('report');
  return report;
}

/** Requests of 16 KiB a second, over one channel, until `over`. */
async function throughput(peers: Peers, over: () => boolean): Promise<number> {
  const session = peers.with(MESH_ID, partyOf('victim').own.id)!;
  const started = performance.now();
  let done = 0;
  const ask = async () => {
    for (; !over(); done++) await session.request('node.ping', PAYLOAD);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, ask));
  return (done * 1_000) / (performance.now() - started);
}

/** Whether the guest has joined within three tries of a second each. */
async function joins(name: string, address: string): Promise<boolean> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const peers = peersOf(name);
    const tryIsOver = sleep(TRY_MS);
    try {
      const signal = AbortSignal.timeout(TRY_MS);
      await peers.dial(MESH_ID, address, partyOf('victim').own.id, { signal });
      return true;
    } catch {
      await tryIsOver;
    } finally {
      await peers.close();
    }
  }
  return false;
}

if (process.env.OOTO_FLOOD_ROLE === 'victim') await liveAsVictim();
else if (process.env.OOTO_FLOOD_ROLE === 'attacker') await liveAsAttacker().then(() => process.disconnect());
else if (process.env.OOTO_FLOOD_ROLE === 'dialler') await liveAsDialler().then(() => process.exit());
else {
  const test = suite('long/flood', { timeout: 180_000 });
  test('under a flood memory stays, honest peers join, and a channel that was there goes on', async () => {
    const machineIsIdle = loadavg()[0] < 1;
    const victim = start('victim');
    const peers = peersOf('friend');
    try {
      const { address } = await reportOf(victim);
      const port = Number(address.split(':').at(-1));
      await peers.dial(MESH_ID, address, partyOf('victim').own.id);
      const fromNow =
        (ms: number, began = performance.now()) =>
        () =>
          performance.now() - began > ms;
      await throughput(peers, fromNow(1_000));
      const idle = await throughput(peers, fromNow(4_000));
      const rested = await reportOf(victim);
      const { done, perSecond } = await answerOf<{ done: number; perSecond: number }>(start('dialler', port));
      const perHandshake = ((await reportOf(victim)).cpu - rested.cpu) / done;
      // V8 and malloc keep what a first flood made them take: a leak is what the second one adds.
      const quiet = await reportOf(victim);
      const first = await answerOf<{ sent: number }>(start('attacker', port));
      await sleep(6_000);
      const before = await reportOf(victim);
      const cost = (before.cpu - quiet.cpu) / first.sent;
      const attacker = start('attacker', port);
      const attack = answerOf<{ sent: number }>(attacker);
      await sleep(2_000);
      const flooded = await throughput(peers, fromNow(4_000));
      let joined = 0;
      for (let i = 0; i < JOINS; i++) joined += Number(await joins(`guest-${i}`, address));
      const during = await reportOf(victim);
      const { sent } = await attack;
      const { limits } = during;
      const grown = (during.rss - before.rss) / MIB;
      console.error(
        `flood: ${sent} first messages; rss +${grown.toFixed(1)} MiB; ${joined} of ${JOINS} joined; ${Math.round(cost)} us of processor a stranger; throughput ${(flooded / idle).toFixed(2)} of idle; ${JSON.stringify(limits)}`,
      );
      console.error(
        `no attack: ${perSecond.toFixed(0)} full handshakes/s, both ends and ${DIALLERS} addresses on ${cpus().length} processors, ${perHandshake.toFixed(0)} us of processor each at the node; event loop p99 ${rested.lateMs.toFixed(1)} ms late, under flood ${during.lateMs.toFixed(1)} ms`,
      );
      assert.ok(grown <= 32, `${grown} MiB`);
      assert.ok(joined >= 0.99 * JOINS, `${joined} joined`);
      const left = 1 - (PER_SECOND * cost) / 1e6;
      assert.ok(left >= 0.7, `strangers leave ${left} of a processor`);
      if (machineIsIdle) assert.ok(flooded >= 0.7 * idle, `${flooded} of ${idle} requests a second`);
      assert.ok(limits.cookiesAsked > 0 && limits.halfOpen <= 1_024 && limits.sources <= 65_536);
      assert.ok(peers.with(MESH_ID, partyOf('victim').own.id), 'the channel is still there');
    } finally {
      await peers.close();
      victim.kill();
    }
  });
}
