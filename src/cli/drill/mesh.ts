/**
 * The mesh of a drill: five members of an authority and whoever joins, each a process of its own in a folder of its own.
 * What flows through here: an operator signs the draft; members are started, killed, and cast: a member that lies is
 * a process of this program too, with a fault that lies in the drill alone. Invites are spent by `ooto join`.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppraisalRules } from '../../attest/appraisal-policy.ts';
import { logOrigin, type ValidCredential, validateCredential } from '../../authority/credential.ts';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { Log } from '../../log/index.ts';
import { GENESIS_KEY, type MeshTrust, ROOT_KEY, readTrust } from '../../mesh/identity.ts';
import { CREDENTIAL_KEY } from '../../mesh/joining.ts';
import { ROLES, type Role } from '../../mesh/operations.ts';
import { initialPolicy } from '../../mesh/policy.ts';
import { createNodeCrypto } from '../../node.ts';
import { coreFolder } from '../../platform/node/core-file.ts';
import { makePrivateFolder, readFileLimited, writeFileAtomically } from '../../platform/node/files.ts';
import { openStore } from '../../platform/node/store.ts';
import type { Store } from '../../ports.ts';
import { type EndedProcess, type Launch, NodeProcess, runToEnd } from '../children.ts';
import { freePort } from '../free-port.ts';
import { authorityKeys } from '../node-folder.ts';
import { measureProgram } from '../program.ts';
import {
  createFounder,
  type Operator,
  openOperator,
  readMeshFiles,
  signDraft,
  writeInvite,
} from '../setting-up.ts';
import type { Terminal } from '../terminal.ts';
import type { FaultName } from './faults.ts';
import { NodeLog } from './node-log.ts';

export const MEMBERS = ['authority-1', 'authority-2', 'authority-3', 'authority-4', 'authority-5'] as const;
export type Member = (typeof MEMBERS)[number];
export const THRESHOLD = 3;
const READY_MS = 60_000;
const DEED_MS = 60_000;
const POLL_MS = 25;
const OUTPUT_BYTES = 1024 * 1024;
export const TASK_FILE = 'task.json';
export const DEED_FILE = 'deed.json';

/** What a member does: its duty, nothing, or something that it should not. */
export type Part = 'honest' | 'dead' | FaultName;
/** A variable that makes the program measure itself as another one than policy names. */
export const ALTERED_PROGRAM = { OOTO_LAUNCHED: '1' };

export interface DrillMeshOptions {
  folder: string;
  /** Path of the built command line. */
  program: string;
  terminal: Terminal;
  signal: AbortSignal;
}

export class DrillMesh {
  readonly options: DrillMeshOptions;
  readonly crypto: Crypto = createNodeCrypto();
  readonly #processes = new Map<string, NodeProcess>();
  readonly #parts = new Map<Member, Part>();
  #operator: Operator | undefined;
  #launch: Launch | undefined;
  #aheadMs = 0;
  /** From the moment when all founders run until all are ready. */
  foundingMs = 0;

  constructor(options: DrillMeshOptions) {
    this.options = options;
  }

  /** Folders, keys and the draft that the operator has signed; nothing runs yet. */
  async prepare(): Promise<void> {
    const { crypto } = this;
    await makePrivateFolder(this.options.folder);
    this.#operator = await openOperator(crypto, this.folderOf('operator'));
    const founders = [];
    for (const name of MEMBERS) {
      const listen = `127.0.0.1:${await freePort()}`;
      founders.push(await createFounder(crypto, this.folderOf(name), { name, listen }));
    }
    const program = measureProgram(crypto, coreFolder()).digest;
    const policy = initialPolicy({ manifests: [hex(program)], originators: [], appraisal: rules(program) });
    const created = Date.now();
    const draft = signDraft(
      { name: 'drill', created, threshold: THRESHOLD, founders, policy },
      this.#operator,
    );
    for (const name of MEMBERS) {
      await writeFileAtomically(join(this.folderOf(name), 'genesis.draft'), draft);
      this.#parts.set(name, 'dead');
    }
  }

  folderOf(name: string): string {
    return join(this.options.folder, name);
  }

  process(name: string): NodeProcess {
    const known = this.#processes.get(name);
    if (known) return known;
    const child = new NodeProcess(this.options.program, this.folderOf(name), this.#launch);
    this.#processes.set(name, child);
    return child;
  }

  /** Kills everything; whatever starts from now on has a wall clock that is so much later. */
  async sleepThrough(ms: number): Promise<void> {
    await Promise.all([...this.#processes.values()].map((child) => child.kill()));
    this.#processes.clear();
    for (const name of this.#parts.keys()) this.#parts.set(name, 'dead');
    this.#aheadMs += ms;
    const later = `const now = Date.now; Date.now = () => now() + ${this.#aheadMs};`;
    const script = `data:text/javascript,${encodeURIComponent(later)}`;
    const command = [process.execPath, '--import', script, this.options.program];
    this.#launch = { command, environment: {} };
  }

  /** What the clocks of its processes say, in milliseconds since 1970. */
  get now(): number {
    return Date.now() + this.#aheadMs;
  }

  /** Starts the node of this folder as it is, and does not wait for it. */
  start(name: string, how?: Parameters<NodeProcess['start']>[0]): void {
    this.process(name).start(how);
  }

  async ready(names: readonly string[]): Promise<void> {
    const { signal } = this.options;
    await Promise.all(
      names.map((name) =>
        this.process(name).until('ready', ({ state }) => state === 'ready', READY_MS, signal),
      ),
    );
  }

  /** Starts some founders, who wait for the others. */
  startFounders(names: readonly Member[]): void {
    for (const name of names) {
      this.#parts.set(name, 'honest');
      this.start(name);
    }
  }

  /** Has all founders make the mesh, unless they have. */
  async found(): Promise<void> {
    if (this.foundingMs > 0) return;
    const started = performance.now();
    await this.cast();
    await this.ready(MEMBERS);
    this.foundingMs = performance.now() - started;
  }

  /**
   * Gives every member its part, honest where none is named; whoever played another is killed (SIGKILL) and started
   * anew; whoever has a task after the others are ready. Resolves when all that live are.
   */
  async cast(
    parts: Partial<Record<Member, Part>> = {},
    tasks: Partial<Record<Member, object>> = {},
  ): Promise<void> {
    const changed = MEMBERS.filter(
      (name) => this.#parts.get(name) !== (parts[name] ?? 'honest') || tasks[name],
    );
    await Promise.all(changed.map((name) => this.process(name).kill()));
    const others = changed.filter((name) => !tasks[name]);
    for (const wave of [others, changed.filter((name) => tasks[name])]) {
      for (const name of wave) {
        this.#parts.set(name, parts[name] ?? 'honest');
        await this.#cast(name, parts[name] ?? 'honest', tasks[name]);
      }
      await this.ready(wave.filter((name) => this.#parts.get(name) !== 'dead'));
    }
  }

  async #cast(name: string, part: Part, task: object | undefined): Promise<void> {
    const folder = this.folderOf(name);
    rmSync(join(folder, DEED_FILE), { force: true });
    if (part === 'dead') return;
    if (part === 'honest') {
      this.start(name);
      return;
    }
    await writeFileAtomically(join(folder, TASK_FILE), new TextEncoder().encode(JSON.stringify(task ?? {})));
    this.start(name, { words: ['authority', 'drill-member', '--fault', part] });
  }

  /** The same for a node that is no member of the authority. */
  async castNode(name: string, part: 'honest' | FaultName, task?: object): Promise<void> {
    await this.process(name).kill();
    await this.#cast(name, part, task);
    await this.ready([name]);
  }

  /** What came of the deed that a member was cast for. */
  async deed<T>(name: string): Promise<T> {
    const file = join(this.folderOf(name), DEED_FILE);
    const child = this.process(name);
    for (const until = performance.now() + DEED_MS; !existsSync(file); await sleep(POLL_MS)) {
      this.options.signal.throwIfAborted();
      if (!child.running || performance.now() > until)
        throw new OotoError('OOTO_CLI_DRILL', 'environment', `${name} did not do its deed: ${child.report}`);
    }
    const { done, failed } = JSON.parse(new TextDecoder().decode(await readFileLimited(file)));
    if (failed !== undefined) throw new OotoError('OOTO_CLI_DRILL', 'local', `${name} failed: ${failed}`);
    return done as T;
  }

  /** The members that have no fault and run. */
  get honest(): Member[] {
    return MEMBERS.filter((name) => this.#parts.get(name) === 'honest');
  }

  /** What this node logs from now on. */
  logOf(name: string): NodeLog {
    return new NodeLog(join(this.folderOf(name), 'node.log'));
  }

  async trust(): Promise<MeshTrust> {
    const { genesis, root } = await readMeshFiles(this.folderOf(MEMBERS[0]));
    return readTrust(this.crypto, genesis, root);
  }

  /** An invite for one name; returns its file. */
  async invite(role: Role, name: string, endorsementKey?: Uint8Array): Promise<string> {
    const file = join(this.options.folder, `${name}.invite`);
    const mesh = await readMeshFiles(this.folderOf(MEMBERS[0]));
    const operator = required(this.#operator);
    await writeInvite(this.crypto, operator, mesh, { role, name, file, endorsementKey, now: this.now });
    return file;
  }

  /** `ooto join` in a process of its own. */
  join(name: string, invite: string): Promise<EndedProcess> {
    return this.run(this.joinWords(name, invite));
  }

  joinWords(name: string, invite: string): string[] {
    return ['join', '--folder', this.folderOf(name), '--invite', invite, '--json'];
  }

  /** Whether this node has a folder. */
  has(name: string): boolean {
    return existsSync(join(this.folderOf(name), 'state'));
  }

  /** A command of this program, run to its end. */
  run(words: readonly string[]): Promise<EndedProcess> {
    const { program, signal } = this.options;
    return runToEnd(program, words, { mostBytes: OUTPUT_BYTES, signal, launch: this.#launch });
  }

  /** The store of a node that does not run now, or is stopped for it. */
  async withStore<T>(name: string, use: (store: Store) => Promise<T>, isStopped = false): Promise<T> {
    if (isStopped) await this.cast({ [name]: 'dead' });
    const store = await openStore(join(this.folderOf(name), 'state'));
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  }

  /** What a node that does not run now knows of the authority, judged anew from the genesis record on. */
  trustOf(name: string): Promise<MeshTrust> {
    return this.withStore(name, async (store) => {
      const [genesis, root] = [GENESIS_KEY, ROOT_KEY].map((key) => required(store.get(key)));
      return readTrust(this.crypto, genesis, root, store);
    });
  }

  /** The certificate of a node that does not run now, judged anew with all its proofs. */
  async credentialOf(name: string): Promise<ValidCredential> {
    const trust = await this.trustOf(name);
    const encoded = await this.withStore(name, async (store) => required(store.get(CREDENTIAL_KEY)));
    return validateCredential(this.crypto, trust, encoded, { time: this.now });
  }

  /** Every entry of the log of a member that does not run now. */
  async leavesOf(name: Member): Promise<Uint8Array[]> {
    const { crypto } = this;
    const { authority } = await this.trust();
    const folder = this.folderOf(name);
    const store = await openStore(join(folder, 'state'));
    try {
      const { log: signer } = await authorityKeys(crypto, folder);
      const log = new Log({
        crypto,
        store,
        prefix: 'log/',
        origin: logOrigin(authority.meshId, name),
        signer,
      });
      return [...log.entries()];
    } finally {
      await store.close();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((child) => child.stop()));
  }
}

/** Nodes without a TPM are welcome; whoever claims one is judged as strictly as anywhere. */
function rules(program: Uint8Array): AppraisalRules {
  const registers = [0, 1, 2, 3, 4, 5, 6, 7].map((register) => ({ register, values: [] }));
  return {
    development: false,
    roles: ROLES.map((role) => ({ role, minimumTier: 'software' as const, maximumAgeMs: 600_000 })),
    manifests: [{ digest: hex(program), launch: hex(program) }],
    registers,
    identityRegisters: [0, 7],
    launchRegisters: [],
    firmware: [],
    endorsement: { fingerprints: [], roots: [] },
  };
}

function required<T>(value: T | undefined): T {
  if (value === undefined)
    throw new OotoError('OOTO_CLI_DRILL', 'local', 'the mesh of the drill was not prepared');
  return value;
}
