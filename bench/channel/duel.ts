/**
 * Two processes that measure rivals together. What flows through here: this one accepts, another one, started from
 * the same file, dials; tasks and results go between them as messages.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { libp2pRival } from './libp2p.ts';
import type { Rival } from './link.ts';
import {
  countMessages,
  handshakes,
  roundTrips,
  Shift,
  sendFor,
  type Task,
  type Work,
  watchGaps,
} from './measure.ts';
import type { Members } from './members.ts';
import type { BenchMesh } from './mesh.ts';
import { makeMesh, meetIn, ootoRival } from './ooto.ts';
import { POOL_CHANNELS, twoChannelsRival } from './pool.ts';
import { secretStreamRival } from './secret-stream.ts';
import { tcpRival, tlsRival } from './socket.ts';
import { makeTlsIdentity, type TlsIdentity } from './tls-identity.ts';

export const DIALLING = '--channel-dialling';
const WINDOW_MS = 100;

function rivalsOf(identity: TlsIdentity, members: Members): Map<string, Rival> {
  const rivals = [
    tcpRival('write'),
    tlsRival('write', identity),
    tlsRival('cork', identity),
    tlsRival('gather', identity),
    ootoRival('ooto', members, {}),
    ootoRival('ooto-authenticated', members, { delivery: 'authenticated' }),
    twoChannelsRival('two-channels', 0),
    twoChannelsRival('two-channels-pool', POOL_CHANNELS),
    ...[secretStreamRival(), libp2pRival('write'), libp2pRival('gather')].filter(
      (rival) => rival !== undefined,
    ),
  ];
  return new Map(rivals.map((rival) => [rival.name, rival]));
}

/** What both processes must know before anything is measured. */
interface Introduction {
  identity: TlsIdentity;
  mesh: BenchMesh;
}

/** What the other process does: whatever it is told. */
export async function dialling(): Promise<void> {
  const [{ identity, mesh }] = (await once(process, 'message')) as [Introduction];
  const rivals = rivalsOf(identity, meetIn(mesh));
  process.on('message', async (task: Task) => process.send!(await perform(rivals.get(task.rival)!, task)));
  process.send!('ready');
}

async function perform(rival: Rival, task: Task): Promise<unknown> {
  if (task.kind === 'handshakes') return handshakes(rival, task.port, task.count, task.inFlight);
  const link = await rival.dial(task.port);
  if (task.kind === 'round-trips') return roundTrips(link, task.size, task.count);
  let renewed = 0;
  return sendFor(link, task.size, task.ms, (elapsed) => {
    if (elapsed < (renewed + 1) * (task.epochEveryMs ?? Number.POSITIVE_INFINITY)) return;
    renewed++;
    link.renewEpoch?.();
  });
}

export class Duel implements Disposable {
  readonly #child: ChildProcess;
  readonly members: Members;
  readonly #rivals: Map<string, Rival>;

  private constructor(child: ChildProcess, members: Members, rivals: Map<string, Rival>) {
    this.#child = child;
    this.members = members;
    this.#rivals = rivals;
  }

  /** @param file whose start with {@link DIALLING} as argument calls {@link dialling} */
  static async start(file: string): Promise<Duel> {
    const introduction: Introduction = { identity: await makeTlsIdentity(), mesh: await makeMesh() };
    const child = fork(file, [DIALLING], { stdio: ['ignore', 2, 2, 'ipc'] });
    child.send(introduction);
    await once(child, 'message');
    const members = meetIn(introduction.mesh);
    return new Duel(child, members, rivalsOf(introduction.identity, members));
  }

  has(name: string): boolean {
    return this.#rivals.has(name);
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }

  /** Messages as they are delivered, and what they cost both processes. */
  async throughput(name: string, size: number, ms: number): Promise<Work> {
    let counted: Promise<Work> | undefined;
    const sent = (await this.#run(
      name,
      (port) => ({ kind: 'throughput', rival: name, port, size, ms }),
      (link) => {
        counted = countMessages(link, size, ms);
      },
      () => counted!,
    )) as Work;
    const { rate, cpuMicros } = await counted!;
    return { rate, cpuMicros: cpuMicros + sent.cpuMicros };
  }

  /** Largest gaps between deliveries with and without a change of epoch, milliseconds. */
  async gaps(name: string, size: number, changes: number): Promise<[number, number]> {
    let watched: Promise<[number, number]> | undefined;
    const epochEveryMs = 2 * WINDOW_MS;
    const ms = (changes + 1) * epochEveryMs;
    await this.#run(
      name,
      (port) => ({ kind: 'throughput', rival: name, port, size, ms, epochEveryMs }),
      (link) => {
        watched = watchGaps(link, WINDOW_MS, () => link.epoch!());
      },
      () => watched!,
    );
    return watched!;
  }

  /** Milliseconds each. */
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

  /** Connections, and what they cost both processes. */
  async handshakes(name: string, count: number, inFlight: number): Promise<Work> {
    const shift = new Shift();
    const dialled = (await this.#run(
      name,
      (port) => ({ kind: 'handshakes', rival: name, port, count, inFlight }),
      () => {},
    )) as Work;
    const { rate, cpuMicros } = dialled;
    return { rate, cpuMicros: cpuMicros + shift.end(count).cpuMicros };
  }

  async #run(
    name: string,
    task: (port: number) => Task,
    accept: Parameters<Rival['listen']>[0],
    arrived: () => Promise<unknown> = async () => {},
  ): Promise<unknown> {
    const server = await this.#rivals.get(name)!.listen(accept);
    this.#child.send(task(server.port));
    const [result] = await once(this.#child, 'message');
    await arrived();
    server.close();
    return result;
  }
}
