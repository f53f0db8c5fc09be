/**
 * A node that kills itself (SIGKILL) at a moment a test has chosen: before or after its n-th commit, or at its n-th
 * write to a peer. The test's own bundle is the program: started as `<bundle> node run --folder FOLDER`, it runs the
 * node of that folder like the command line does. The moment lies in the folder and is taken away when read, so that
 * the node lives when it is started again.
 */
import { existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodePorts } from '../../src/cli/node-folder.ts';
import { runNode } from '../../src/cli/running-node.ts';
import { nodeClock } from '../../src/platform/node/clock.ts';
import { openStore } from '../../src/platform/node/store.ts';
import { tcpTransport } from '../../src/platform/node/transport.ts';
import type { Connection, Store, Transport } from '../../src/ports.ts';

export type Moment = `${'before-commit' | 'after-commit' | 'at-write'} ${number}`;

const FILE = 'moment';

/** The node of `folder` will die at this moment, once. */
export function setMoment(folder: string, moment: Moment): void {
  writeFileSync(join(folder, FILE), moment);
}

/** Whether this process was started as a node; if so, it is one until it ends. */
export async function livesAsNode(): Promise<boolean> {
  const [command, run, , folder] = process.argv.slice(2);
  if (command !== 'node' || run !== 'run') return false;
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort(new Error('told to stop')));
  await runNode(folder, stop.signal, mortalPorts(takeMoment(folder)));
  return true;
}

function takeMoment(folder: string): Moment | undefined {
  const file = join(folder, FILE);
  if (!existsSync(file)) return undefined;
  const moment = readFileSync(file, 'utf8') as Moment;
  unlinkSync(file);
  return moment;
}

function mortalPorts(moment: Moment | undefined): NodePorts {
  const [what, count] = moment?.split(' ') ?? [];
  const seen = new Map<string, number>();
  const pass = (name: string) => {
    seen.set(name, (seen.get(name) ?? 0) + 1);
    if (name === what && seen.get(name) === Number(count)) process.kill(process.pid, 'SIGKILL');
  };
  return {
    clock: nodeClock(),
    transport: mortalTransport(tcpTransport(), () => pass('at-write')),
    openStore: async (folder) => mortalStore(await openStore(folder), pass),
  };
}

function mortalStore(store: Store, pass: (name: string) => void): Store {
  return {
    get: (key) => store.get(key),
    range: (from, to, options) => store.range(from, to, options),
    async commit(changes) {
      pass('before-commit');
      await store.commit(changes);
      pass('after-commit');
    },
    close: () => store.close(),
  };
}

function mortalTransport(transport: Transport, pass: () => void): Transport {
  const wrap = (connection: Connection): Connection => ({
    remoteAddress: connection.remoteAddress,
    incoming: connection.incoming,
    write(bytes) {
      pass();
      return connection.write(bytes);
    },
    close: () => connection.close(),
  });
  return {
    dial: async (address, options) => wrap(await transport.dial(address, options)),
    async listen(address) {
      const listener = await transport.listen(address);
      async function* wrapped() {
        for await (const connection of listener.connections) yield wrap(connection);
      }
      return { address: listener.address, connections: wrapped(), close: () => listener.close() };
    },
  };
}
