/**
 * A mesh of real processes, as small as a test wants it: three founders, and whoever is invited. Each node is a
 * process of the built command line with a folder of its own; all of them end with the test.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type AppraisalRules, POLICY_LABEL } from '../../src/attest/appraisal-policy.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { hex } from '../../src/base/hex.ts';
import { pemEncode } from '../../src/base/pem.ts';
import { NodeProcess } from '../../src/cli/children.ts';
import type { NodeConfiguration } from '../../src/cli/configuration.ts';
import { measureProgram } from '../../src/cli/program.ts';
import {
  createFounder,
  createMember,
  type Operator,
  openOperator,
  openOriginatorKey,
  readMeshFiles,
  signDraft,
  writeInvite,
} from '../../src/cli/setting-up.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { documentMessage, encodeDocument, withSignature } from '../../src/envelope/document.ts';
import type { Role } from '../../src/mesh/operations.ts';
import { initialPolicy, type Policy } from '../../src/mesh/policy.ts';
import type { NodeStatus } from '../../src/mesh/status.ts';
import { createNodeCrypto } from '../../src/node.ts';
import { coreFolder } from '../../src/platform/node/core-file.ts';
import { makePrivateFolder, writeFileAtomically } from '../../src/platform/node/files.ts';
import { temporaryFolder } from './folder.ts';
import { ORIGINATOR_KEY_NAME } from './originator.ts';
import { onFailure } from './suite.ts';

export const FOUNDERS = ['authority-1', 'authority-2', 'authority-3'] as const;
/** The folder of the originator whose key the policy lists. */
export const ORIGINATOR = 'originator-1';
const READY_MS = 60_000;

/** Path of the program under test. */
export function builtProgram(): string {
  return join(coreFolder(import.meta.dirname), 'cli.js');
}

export class LiveMesh {
  readonly folder: string;
  readonly crypto: Crypto = createNodeCrypto();
  readonly processes = new Map<string, NodeProcess>();
  readonly #settings: Partial<NodeConfiguration>;
  readonly #policy: (program: Uint8Array) => Partial<Policy>;
  readonly #webSockets: boolean;
  readonly #places = new Map<string, string>();
  #operator: Operator | undefined;

  constructor({
    folder = temporaryFolder(),
    policy = () => ({}),
    webSockets = false,
    ...settings
  }: {
    folder?: string;
    /** What differs from the initial policy, given the digest of the program. */
    policy?: (program: Uint8Array) => Partial<Policy>;
    /** Founders listen for pages too. */
    webSockets?: boolean;
  } & Partial<NodeConfiguration> = {}) {
    this.folder = folder;
    this.#policy = policy;
    this.#webSockets = webSockets;
    this.#settings = settings;
    onFailure(() => [...this.processes.values()].map(({ report }) => report).join('\n'));
  }

  /** Folders, keys and the signed draft of three founders; nothing runs yet. */
  async prepare(): Promise<void> {
    await makePrivateFolder(this.folder);
    this.#operator = await openOperator(this.crypto, join(this.folder, 'operator'));
    const founders = [];
    for (const name of FOUNDERS) {
      const listen = `127.0.0.1:${await freePort()}`;
      const settings = { ...this.#settings, name, listen, ...(await this.#webSocket()) };
      founders.push(await createFounder(this.crypto, this.folderOf(name), settings));
    }
    const program = measureProgram(this.crypto, coreFolder(import.meta.dirname)).digest;
    const manifests = [hex(program)];
    const { publicKey } = await openOriginatorKey(this.crypto, this.folderOf(ORIGINATOR));
    const originators = [{ name: ORIGINATOR_KEY_NAME, publicKey }];
    const policy = initialPolicy({ manifests, originators, ...this.#policy(program) });
    const draft = signDraft(
      { name: 'test', created: Date.now(), threshold: 2, founders, policy },
      this.#operator,
    );
    for (const name of FOUNDERS) await writeFileAtomically(join(this.folderOf(name), 'genesis.draft'), draft);
  }

  async #webSocket(): Promise<Partial<NodeConfiguration>> {
    return this.#webSockets ? { listen_web_socket: `ws://127.0.0.1:${await freePort()}` } : {};
  }

  /** Signs rules of appraisal as the operator, as the file that nodes take them from. */
  rulesFile(version: number, body: AppraisalRules, operator = this.#operator): Uint8Array {
    if (!operator) throw new Error('the mesh has not been prepared');
    const draft = { kind: 'appraisal-policy' as const, version, body };
    const { keyid, key } = operator;
    const signed = withSignature(draft, { keyid, signature: key.sign(documentMessage(draft)) });
    return utf8(pemEncode([{ label: POLICY_LABEL, bytes: encodeDocument(signed) }]));
  }

  /** Puts rules into the founders' folders, and starts the founders again with them. */
  async restartWithRules(file: Uint8Array): Promise<void> {
    for (const name of FOUNDERS) {
      await writeFileAtomically(join(this.folderOf(name), 'appraisal.policy'), file);
      await this.process(name).stop();
      this.start(name);
    }
    await this.ready(...FOUNDERS);
  }

  /** Prepares and starts the founders; resolves when the mesh is founded. */
  async found(): Promise<void> {
    await this.prepare();
    for (const name of FOUNDERS) this.start(name);
    await this.ready(...FOUNDERS);
  }

  /** Writes the folder of a new node and its invite. */
  async invite(
    role: Role,
    name: string,
    settings: Partial<NodeConfiguration> = {},
    endorsementKey?: Uint8Array,
  ): Promise<string> {
    const folder = this.folderOf(name);
    await createMember(folder, { ...this.#settings, name, role, listen: '127.0.0.1:0', ...settings });
    const file = join(folder, 'invite');
    const mesh = await readMeshFiles(this.folderOf(FOUNDERS[0]));
    if (!this.#operator) throw new Error('the mesh has not been prepared');
    const now = Date.now();
    await writeInvite(this.crypto, this.#operator, mesh, { role, name, file, now, endorsementKey });
    return folder;
  }

  /** Starts the node, as the built command line or as another `program` that understands `node run`. */
  start(name: string, program = builtProgram()): NodeProcess {
    const child = new NodeProcess(program, this.folderOf(name));
    this.processes.set(name, child);
    child.start();
    return child;
  }

  process(name: string): NodeProcess {
    const child = this.processes.get(name);
    if (!child) throw new Error(`no process ${name}`);
    return child;
  }

  async ready(...names: readonly string[]): Promise<NodeStatus[]> {
    return Promise.all(
      names.map((name) => this.process(name).until('ready', ({ state }) => state === 'ready', READY_MS)),
    );
  }

  hasLogged(name: string, message: string): boolean {
    return (
      existsSync(join(this.folderOf(name), 'node.log')) &&
      this.logOf(name).some((line) => line.message === message)
    );
  }

  /** What the node's own log says, line by line; a line that is being written is not one yet. */
  logOf(name: string): { level: string; message: string; [field: string]: unknown }[] {
    const text = readFileSync(join(this.folderOf(name), 'node.log'), 'utf8');
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  folderOf(name: string): string {
    return this.#places.get(name) ?? join(this.folder, name);
  }

  /** The folder of this node lies elsewhere. */
  place(name: string, folder: string): void {
    this.#places.set(name, folder);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.processes.values()].map((child) => child.stop()));
  }
}

/** Waits for the end of a process that ends by itself. */
export async function untilEnded(child: NodeProcess, timeoutMs = READY_MS): Promise<void> {
  for (const deadline = performance.now() + timeoutMs; child.running; ) {
    if (performance.now() > deadline)
      throw new Error(`still running after ${timeoutMs} ms\n${child.lastWords}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
