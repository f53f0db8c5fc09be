/**
 * The channel against its rivals, between two processes over the loopback, message by message.
 *   npm run bench -- channel
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Rival } from './channel/link.ts';
import {
  countMessages,
  handshakes,
  percentile,
  roundTrips,
  sendFor,
  type Task,
  type Throughput,
} from './channel/measure.ts';
import { ootoRival } from './channel/ooto.ts';
import { tcpRival, tlsRival } from './channel/socket.ts';
import { makeTlsIdentity, type TlsIdentity } from './channel/tls-identity.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const MS = Number(process.env.MS ?? 500);
const SIZES = (process.env.SIZES ?? '64,1024,16384,65536,1048576').split(',').map(Number);

function rivalsOf(identity: TlsIdentity): Map<string, Rival> {
  const rivals = [
    tcpRival('write'),
    tlsRival('write', identity),
    tlsRival('cork', identity),
    tlsRival('gather', identity),
    ootoRival('ooto', {}),
    ootoRival('ooto-authenticated', { delivery: 'authenticated' }),
  ];
  return new Map(rivals.map((rival) => [rival.name, rival]));
}

async function dialling(): Promise<void> {
  const [identity] = (await once(process, 'message')) as [TlsIdentity];
  const rivals = rivalsOf(identity);
  process.on('message', async (task: Task) => {
    process.send!(await perform(rivals.get(task.rival)!, task));
  });
  process.send!('ready');
}

async function perform(rival: Rival, task: Task): Promise<unknown> {
  if (task.kind === 'handshakes') return handshakes(rival, task.port, task.count, task.inFlight);
  const link = await rival.dial(task.port);
  if (task.kind === 'round-trips') return roundTrips(link, task.size, task.count);
  return sendFor(link, task.size, task.ms);
}

class Duel {
  readonly #child: ChildProcess;
  readonly rivals: Map<string, Rival>;

  constructor(child: ChildProcess, rivals: Map<string, Rival>) {
    this.#child = child;
    this.rivals = rivals;
  }

  async throughput(name: string, size: number): Promise<Throughput> {
    let counted: ReturnType<typeof countMessages> | undefined;
    const senderMicros = await this.#run(
      name,
      (port) => ({ kind: 'throughput', rival: name, port, size, ms: MS }),
      (link) => {
        counted = countMessages(link, size, MS);
      },
      () => counted!,
    );
    return { ...(await counted!), senderMicros: senderMicros as number };
  }

  roundTrips(name: string, size: number, count: number): Promise<number[]> {
    return this.#run(
      name,
      (port) => ({ kind: 'round-trips', rival: name, port, size, count }),
      (link) => {
        link.onMessage = (message) => {
          link.begin();
          link.send(message);
          link.end();
        };
      },
    ) as Promise<number[]>;
  }

  handshakes(name: string, count: number, inFlight: number): Promise<number> {
    return this.#run(
      name,
      (port) => ({ kind: 'handshakes', rival: name, port, count, inFlight }),
      () => {},
    ) as Promise<number>;
  }

  async #run(
    name: string,
    task: (port: number) => Task,
    accept: Parameters<Rival['listen']>[0],
    settled: () => Promise<unknown> = async () => {},
  ): Promise<unknown> {
    const server = await this.rivals.get(name)!.listen(accept);
    this.#child.send(task(server.port));
    const [result] = await once(this.#child, 'message');
    await settled();
    server.close();
    return result;
  }
}

async function main(): Promise<void> {
  const identity = await makeTlsIdentity();
  const child = fork(process.argv[1], ['--dialling'], {
    execArgv: process.env.CHILD_PROF ? ['--cpu-prof', '--cpu-prof-dir=/tmp/channel/prof-child'] : [],
  });
  child.send(identity);
  await once(child, 'message');
  const duel = new Duel(child, rivalsOf(identity));
  const wanted = (process.env.CASES ?? 'throughput,round-trips,handshakes').split(',');
  if (wanted.includes('throughput')) for (const size of SIZES) await compareThroughput(duel, size);
  if (wanted.includes('round-trips')) await compareRoundTrips(duel);
  if (wanted.includes('handshakes')) await compareHandshakes(duel);
  child.disconnect();
}

async function compareThroughput(duel: Duel, size: number): Promise<void> {
  const names = (process.env.RIVALS ?? 'tls-write,tls-cork,tls-gather,ooto').split(',');
  const results = new Map<string, Throughput[]>(names.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const name of names) results.get(name)!.push(await duel.throughput(name, size));
  const best = (name: string) => Math.max(0, ...(results.get(name) ?? []).map((r) => r.perSecond));
  const microsOf = (name: string, side: 'senderMicros' | 'receiverMicros') =>
    Math.min(...(results.get(name) ?? []).map((r) => r[side]));
  const dearest = (name: string) =>
    Math.max(microsOf(name, 'senderMicros'), microsOf(name, 'receiverMicros'));
  for (const name of names)
    console.log(
      `${String(size).padStart(8)} ${name.padEnd(20)} ${Math.round(best(name)).toString().padStart(9)} msg/s ${((best(name) * size) / 1e6).toFixed(0).padStart(5)} MB/s  undisturbed µs/msg: send ${microsOf(name, 'senderMicros').toFixed(3)} receive ${microsOf(name, 'receiverMicros').toFixed(3)}`,
    );
  const rival = Math.max(best('tls-write'), best('tls-cork'));
  const rivalMicros = Math.min(dearest('tls-write'), dearest('tls-cork'));
  for (const name of names.filter((one) => one.startsWith('ooto')))
    console.log(
      `${String(size).padStart(8)} ${name} / tls: ${(best(name) / rival).toFixed(2)}   undisturbed ${(rivalMicros / dearest(name)).toFixed(2)}`,
    );
}

async function compareRoundTrips(duel: Duel): Promise<void> {
  const names = ['tcp-write', 'tls-write', 'ooto', 'ooto-authenticated'];
  const times = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const name of names) times.get(name)!.push(...(await duel.roundTrips(name, 64, 1500)));
  const p50 = (name: string) => percentile(times.get(name)!, 0.5) * 1000;
  for (const name of names)
    console.log(
      `round trip 64 B ${name.padEnd(20)} p50 ${p50(name).toFixed(0)} µs  p99 ${(percentile(times.get(name)!, 0.99) * 1000).toFixed(0)} µs  /tcp ${(p50(name) / p50('tcp-write')).toFixed(2)}`,
    );
}

async function compareHandshakes(duel: Duel): Promise<void> {
  for (const inFlight of [1, 16])
    for (const name of ['tls-write', 'ooto']) {
      const rates: number[] = [];
      for (let round = 0; round < ROUNDS; round++) rates.push(await duel.handshakes(name, 200, inFlight));
      console.log(`handshakes/s ${name.padEnd(12)} in flight ${inFlight}: ${Math.max(...rates).toFixed(0)}`);
    }
}

if (process.argv.includes('--dialling')) await dialling();
else await main();
