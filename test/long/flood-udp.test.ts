/**
 * A flood of datagrams over real sockets, on loopback. The node under attack, the attacker and the honest peers are
 * processes of their own: 50,000 datagrams a second, from many addresses of 127.0.0.0/8, are hellos, first messages
 * without a good cookie, records for unknown indexes, and junk. Meanwhile honest peers join, and a channel that was
 * there goes on. Whoever sends faster than one processor takes datagrams from a socket fills the system's buffer, and
 * honest datagrams get lost among the others: that is what the resending is for. Joins count in full where nothing else
 * runs; the ratio of throughputs is printed, and must show that the channel goes on.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatagramEndpoint, type DatagramPeer } from '../../src/channel/datagram/endpoint.ts';
import { encodeFirst, encodeHello, HELLO_BYTES } from '../../src/channel/datagram/packet.ts';
import { encodePreamble, NO_COOKIE } from '../../src/channel/preamble.ts';
import { SignatureVerifier } from '../../src/channel/signature-verifier.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { nodeClock } from '../../src/platform/node/clock.ts';
import { udpSocket } from '../../src/platform/node/udp.ts';
import * as assert from '../support/assert.ts';
import { countingAgreements } from '../support/counting-crypto.ts';
import { testCrypto } from '../support/crypto.ts';
import { MESH_ID, makeParty, type Party, seededRandom, verifierOf } from '../support/network.ts';
import { suite } from '../support/suite.ts';

const MIB = 2 ** 20;
const FLOOD_MS = 20_000;
const PER_SECOND = 50_000;
const SOURCES = 64;
const JOINS = 100;
const JOIN_MS = 3_000;
const PAYLOAD = new Uint8Array(1_000);
const IN_FLIGHT = 32;
const LOST_AFTER_MS = 100;
const HANDSHAKES_MS = 5_000;
/** Handshakes are so many a second for each address. */
const DIALLERS = 64;
/** Four busy processes share two processors: 0.35 was measured, and 0.14 to 0.18 where the machine was much used otherwise. */
const LEAST_THROUGHPUT = 0.05;

interface Report {
  address: string;
  rss: number;
  /** Microseconds of processor time since the start. */
  cpu: number;
  /** 99 of 100 turns of the event loop since the last report came no later than so many milliseconds. */
  lateMs: number;
  /** Diffie-Hellmans and encapsulations since the start. */
  work: number;
  status: DatagramEndpoint['status'];
}

function partyOf(name: string): Party {
  const now = Date.now();
  const delegation = { notBefore: now - 60_000, notAfter: now + 600_000 };
  return makeParty(testCrypto(seededRandom(`flood ${name}`)), name, { delegation });
}

const names = ['victim', 'friend', ...Array.from({ length: JOINS }, (_, i) => `guest-${i}`)];
const parties = new Map<string, Party>();
const partyNamed = (name: string) => parties.get(name) ?? parties.set(name, partyOf(name)).get(name)!;

async function endpointOf(
  name: string,
  crypto: Crypto = testCrypto(),
  address = '127.0.0.1:0',
): Promise<DatagramEndpoint> {
  const party = partyNamed(name);
  const known = name === 'victim' ? names : ['victim'];
  return new DatagramEndpoint({
    ...{ crypto, meshId: MESH_ID, own: () => party.own, verifier: verifierOf(...known.map(partyNamed)) },
    socket: await udpSocket(address, { takesStrangers: name === 'victim' }),
    ...{ clock: nodeClock(), soon: setImmediate },
    verifierOfSignatures: new SignatureVerifier(crypto, setImmediate),
  });
}

async function liveAsVictim(): Promise<void> {
  const { crypto, work } = countingAgreements(testCrypto());
  const endpoint = await endpointOf('victim', crypto);
  endpoint.onPeer = (peer) => {
    peer.onMessage = (message) => void peer.send(message);
  };
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  process.on('message', () => {
    const lateMs = delay.percentile(99) / 1e6 - 5;
    delay.reset();
    globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    const { address, status } = endpoint;
    const rss = process.memoryUsage.rss();
    process.send?.({ address, rss, cpu: user + system, lateMs, work: work(), status } satisfies Report);
  });
}

/** What is sent, over and over, with the sender's index changed. */
function ammunition(): Uint8Array[] {
  const preamble = encodePreamble(MESH_ID, NO_COOKIE);
  const forged = encodePreamble(MESH_ID, NO_COOKIE.with(5, 5));
  const piece = { index: 0, count: 2, bytes: new Uint8Array(1_123) };
  return [
    encodeHello({ sender: 1, preamble }),
    encodeHello({ sender: 1, preamble: forged }),
    encodeFirst({ sender: 1, preamble: forged }, piece),
    new Uint8Array(1_200).fill(0x10),
    new Uint8Array(HELLO_BYTES).fill(0x30).fill(0, 0, 4),
  ];
}

async function liveAsAttacker(): Promise<void> {
  const to = String(process.env.OOTO_FLOOD_ADDRESS);
  const sockets = await Promise.all(
    Array.from({ length: SOURCES }, (_, i) => udpSocket(`127.${1 + i}.${(7 * i) % 250}.9:0`)),
  );
  for (const socket of sockets) socket.onDatagram(() => {});
  const shots = ammunition();
  let sent = 0;
  const started = performance.now();
  for (let elapsed = 0; elapsed < FLOOD_MS; elapsed = performance.now() - started) {
    for (const due = (elapsed / 1_000) * PER_SECOND; sent < due; sent++) {
      const shot = shots[sent % shots.length];
      shot[8] = sent;
      shot[7] = sent >>> 8;
      if (!sockets[sent % SOURCES].send(shot, to)) break;
    }
    await sleep(1);
  }
  const counts = sockets.map(({ counts: { received } }) => received);
  process.send?.({ sent, received: counts.reduce((sum, count) => sum + count, 0) });
  await Promise.all(sockets.map((socket) => socket.close()));
}

/** Full handshakes, one after the other from each of many addresses, until the time is over. */
async function liveAsDialler(): Promise<void> {
  const to = String(process.env.OOTO_FLOOD_ADDRESS);
  const crypto = testCrypto();
  const started = performance.now();
  let done = 0;
  const dialOn = async (number: number) => {
    const endpoint = await endpointOf(`guest-${number}`, crypto, `127.201.${number}.9:0`);
    while (performance.now() - started < HANDSHAKES_MS) {
      const signal = AbortSignal.timeout(JOIN_MS);
      const peer = await endpoint.dial(to, partyNamed('victim').own.id, { signal }).catch(() => undefined);
      if (!peer) continue;
      done++;
      peer.close();
      await peer.closed;
    }
    await endpoint.close();
  };
  await Promise.all(Array.from({ length: DIALLERS }, (_, number) => dialOn(number)));
  process.send?.({ done, perSecond: (done * 1_000) / (performance.now() - started) });
}

function start(role: string, address = ''): ChildProcess {
  return fork(process.argv[1], {
    execArgv: ['--expose-gc', '--enable-source-maps'],
    env: { ...process.env, OOTO_FLOOD_ROLE: role, OOTO_FLOOD_ADDRESS: address },
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

/** Echoes of 1,000 bytes a second over one channel; what is lost is given up after a while. */
async function throughput(peer: DatagramPeer, ms: number): Promise<number> {
  let done = 0;
  const waiting: (() => void)[] = [];
  peer.onMessage = () => {
    done++;
    waiting.shift()?.();
  };
  const started = performance.now();
  const isOver = () => performance.now() - started > ms;
  const ask = async () => {
    while (!isOver()) {
      peer.send(PAYLOAD);
      const cancel = new AbortController();
      await Promise.race([
        new Promise<void>((resolve) => waiting.push(resolve)),
        sleep(LOST_AFTER_MS, undefined, { signal: cancel.signal }).catch(() => {}),
      ]);
      cancel.abort();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, ask));
  return (done * 1_000) / (performance.now() - started);
}

/** Whether the guest has joined within three seconds; what gets lost is resent by the handshake itself. */
async function joins(name: string, address: string): Promise<boolean> {
  const endpoint = await endpointOf(name);
  try {
    const signal = AbortSignal.timeout(JOIN_MS);
    await endpoint.dial(address, partyNamed('victim').own.id, { signal });
    return true;
  } catch {
    return false;
  } finally {
    await endpoint.close();
  }
}

if (process.env.OOTO_FLOOD_ROLE === 'victim') await liveAsVictim();
else if (process.env.OOTO_FLOOD_ROLE === 'attacker') await liveAsAttacker().then(() => process.disconnect());
else if (process.env.OOTO_FLOOD_ROLE === 'dialler') await liveAsDialler().then(() => process.exit());
else {
  const test = suite('long/flood-udp', { timeout: 240_000 });
  test('under 50,000 datagrams a second memory stays, honest peers join, and a channel that was there goes on', async () => {
    const machineIsIdle = loadavg()[0] < 1;
    const victim = start('victim');
    const friend = await endpointOf('friend');
    try {
      const { address } = await reportOf(victim);
      const peer = await friend.dial(address, partyNamed('victim').own.id);
      await throughput(peer, 1_000);
      const idle = await throughput(peer, 4_000);
      const rested = await reportOf(victim);
      const { done, perSecond } = await answerOf<{ done: number; perSecond: number }>(
        start('dialler', address),
      );
      const perHandshake = ((await reportOf(victim)).cpu - rested.cpu) / done;
      // V8 and malloc keep what a first flood made them take: a leak is what the second one adds.
      const quiet = await reportOf(victim);
      const first = await answerOf<{ sent: number; received: number }>(start('attacker', address));
      await sleep(2_000);
      const before = await reportOf(victim);
      const taken = before.status.received - quiet.status.received;
      const cost = (before.cpu - quiet.cpu) / taken;
      assert.is(before.work, quiet.work, 'no Diffie-Hellman, no KEM for strangers');
      const attack = answerOf<{ sent: number }>(start('attacker', address));
      await sleep(2_000);
      const flooded = await throughput(peer, 4_000);
      let joined = 0;
      for (let i = 0; i < JOINS; i++) joined += Number(await joins(`guest-${i}`, address));
      const during = await reportOf(victim);
      const { sent } = await attack;
      const grown = (during.rss - before.rss) / MIB;
      console.error(
        `flood: ${first.sent} sent in ${FLOOD_MS / 1_000} s, ${taken} taken, ${cost.toFixed(1)} us of processor each, ${first.received} answers; rss +${((before.rss - quiet.rss) / MIB).toFixed(1)}, then +${grown.toFixed(1)} MiB with ${sent} more; ${joined} of ${JOINS} joined; throughput ${flooded.toFixed(0)}/s, ${(flooded / idle).toFixed(2)} of idle; ${JSON.stringify(during.status)}`,
      );
      console.error(
        `no attack: ${perSecond.toFixed(0)} full handshakes/s, both ends and ${DIALLERS} addresses on ${cpus().length} processors, ${perHandshake.toFixed(0)} us of processor each at the node; event loop p99 ${rested.lateMs.toFixed(1)} ms late, under flood ${during.lateMs.toFixed(1)} ms`,
      );
      assert.ok(grown <= 32, `${grown} MiB`);
      assert.ok(joined >= (machineIsIdle ? 0.99 : 0.8) * JOINS, `${joined} joined`);
      assert.ok(during.status.halfOpen <= JOINS && during.status.sources <= JOINS);
      assert.ok(flooded >= LEAST_THROUGHPUT * idle, `${flooded} of ${idle} echoes a second`);
      assert.is(peer.channel.state, 'established', 'the channel is still there');
    } finally {
      await friend.close();
      victim.kill();
    }
  });
}
