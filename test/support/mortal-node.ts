/**
 * A node that kills itself (SIGKILL) at a moment a test has chosen: before or after its n-th commit, at its n-th
 * write to a peer, or at a step of what the authority does (`member-steps.ts`). The test's own bundle is the program:
 * started as `<bundle> node run --folder FOLDER`, it runs the node of that folder like the command line does. The moment
 * lies in the folder, before the node starts or while it runs, and is taken away when read, so that the node lives when
 * it is started again. Nothing of this is in the program.
 */
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodePorts } from '../../src/cli/node-folder.ts';
import { runNode } from '../../src/cli/running-node.ts';
import { nodeClock } from '../../src/platform/node/clock.ts';
import { openStore } from '../../src/platform/node/store.ts';
import { tcpTransport } from '../../src/platform/node/transport.ts';
import type { Connection, Store, StoreChange, Transport } from '../../src/ports.ts';
import { watchSteps } from './member-steps.ts';

/** Before, after or at what, and which of them since the moment was set: `after-commit 3`, `done ceremony.open 1`. */
export type Moment = `${'before-commit' | 'after-commit' | 'at-write'} ${number}` | `${Step} ${number}`;
/** A commit that changes a key beginning so, or a step with its operation. */
export type Step = `${'before-commit' | 'after-commit' | StepName} ${string}`;
/** At the member that acts, at the one that asks it, and at the one that answers another. */
export type StepName = 'doing' | 'done' | 'asking' | 'asked' | 'answering' | 'answered' | 'sent';

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
  const fate = new Fate(folder);
  watchSteps(folder, (step) => fate.pass(step));
  await runNode(folder, stop.signal, mortalPorts(fate));
  return true;
}

/** Counts what passes since a moment was set, and dies when it is there. */
class Fate {
  readonly #file: string;
  #event = '';
  #left = 0;

  constructor(folder: string) {
    this.#file = join(folder, FILE);
  }

  pass(event: string): void {
    this.#look();
    if (event === this.#event) this.#count();
  }

  passCommit(when: 'before-commit' | 'after-commit', changes: readonly StoreChange[]): void {
    this.pass(when);
    const prefix = this.#event.startsWith(`${when} `) ? this.#event.slice(when.length + 1) : undefined;
    const keys = changes.map((change) => ('put' in change ? change.put : change.delete));
    if (prefix !== undefined && keys.some((key) => key.startsWith(prefix))) this.#count();
  }

  #count(): void {
    if (--this.#left === 0) process.kill(process.pid, 'SIGKILL');
  }

  #look(): void {
    let moment: string;
    try {
      moment = readFileSync(this.#file, 'utf8');
    } catch {
      return;
    }
    unlinkSync(this.#file);
    const words = moment.split(' ');
    this.#left = Number(words.pop());
    this.#event = words.join(' ');
  }
}

function mortalPorts(fate: Fate): NodePorts {
  return {
    clock: nodeClock(),
    transport: mortalTransport(tcpTransport(), () => fate.pass('at-write')),
    openStore: async (folder) => mortalStore(await openStore(folder), fate),
  };
}

function mortalStore(store: Store, fate: Fate): Store {
  return {
    get: (key) => store.get(key),
    range: (from, to, options) => store.range(from, to, options),
    async commit(changes) {
      fate.passCommit('before-commit', changes);
      await store.commit(changes);
      fate.passCommit('after-commit', changes);
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
