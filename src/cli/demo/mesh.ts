/**
 * The mesh of the demonstration: real processes on this machine. What flows through here, in order: an operator,
 * three founders and the draft; three authority processes that found the mesh; invites for a scheduler, two
 * workers, a collector and the originator; their processes; and the originator itself, in this process.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type GenesisDraft, readDraft } from '../../authority/genesis.ts';
import { OotoError } from '../../base/errors.ts';
import { hex, unhex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { readSignedDraft } from '../../mesh/authority/founding.ts';
import type { Role } from '../../mesh/operations.ts';
import { initialPolicy, readPolicy } from '../../mesh/policy.ts';
import { createNodeCrypto } from '../../node.ts';
import { coreFolder } from '../../platform/node/core-file.ts';
import { makePrivateFolder, readFileLimited, writeFileAtomically } from '../../platform/node/files.ts';
import type { SoftwareKey } from '../../platform/node/signer.ts';
import { type Launch, NodeProcess } from '../children.ts';
import { type NodeConfiguration, readConfiguration, writeConfiguration } from '../configuration.ts';
import { freePort } from '../free-port.ts';
import { measure } from '../measure.ts';
import { MACHINE } from '../node-folder.ts';
import { fingerprintOf, openNodeTpm, openTpm } from '../node-tpm.ts';
import { measureProgram } from '../program.ts';
import { type RunningNode, startNode } from '../running-node.ts';
import {
  createFounder,
  createMember,
  LAUNCH_REGISTER,
  launchedProgram,
  measuredRules,
  type Operator,
  openOperator,
  openOriginatorKey,
  QUOTED_REGISTERS,
  readMeshFiles,
  signDraft,
  writeInvite,
} from '../setting-up.ts';
import type { Terminal } from '../terminal.ts';
import { readRegisters, SoftwareTpms } from './software-tpms.ts';

export const AUTHORITIES = ['authority-1', 'authority-2', 'authority-3'] as const;
export const THRESHOLD = 2;
const MEMBERS: readonly { name: string; role: Role }[] = [
  { name: 'scheduler-1', role: 'scheduler' },
  { name: 'worker-1', role: 'worker' },
  { name: 'worker-2', role: 'worker' },
  { name: 'collector-1', role: 'collector' },
];
export const ORIGINATOR = 'originator-1';
/** The name under which policy lists the originator's key. */
export const ORIGINATOR_KEY_NAME = 'demo';
const READY_MS = 120_000;
const DRAFT = 'genesis.draft';
const LAUNCH_LIST = 'launch.list';

export interface DemoMeshOptions {
  folder: string;
  /** Path of the built command line. */
  program: string;
  /** Milliseconds between epochs, shortened so that a demonstration shows some. */
  epochMs: number;
  telemetryMs: number;
  /** Every node has a TPM of its own, made of software. */
  tpm?: boolean;
  terminal: Terminal;
  signal: AbortSignal;
}

export class DemoMesh {
  readonly options: DemoMeshOptions;
  readonly crypto: Crypto = createNodeCrypto();
  readonly processes = new Map<string, NodeProcess>();
  #operator: Operator | undefined;
  #originatorKey: SoftwareKey | undefined;
  #originator: RunningNode | undefined;
  #tpms: SoftwareTpms | undefined;

  constructor(options: DemoMeshOptions) {
    this.options = options;
  }

  /** Starts everything; resolves when every node is ready. */
  async start(): Promise<void> {
    await makePrivateFolder(this.options.folder);
    if (await this.#usesTpms()) {
      SoftwareTpms.requireSwtpm();
      this.#tpms = new SoftwareTpms();
      await measure(undefined, { list: this.folderOf(LAUNCH_LIST) });
    }
    this.#operator = await openOperator(this.crypto, join(this.options.folder, 'operator'));
    this.#originatorKey = await openOriginatorKey(this.crypto, join(this.options.folder, ORIGINATOR));
    await this.#found();
    await this.#inviteMembers();
    this.#originator = await this.#startOriginator();
  }

  get originator(): RunningNode {
    return required(this.#originator);
  }

  get originatorKey(): SoftwareKey {
    return required(this.#originatorKey);
  }

  folderOf(name: string): string {
    return join(this.options.folder, name);
  }

  process(name: string): NodeProcess {
    return required(this.processes.get(name));
  }

  /** An invite for one more node, written into its folder. */
  async invite(role: Role, name: string, configuration: Partial<NodeConfiguration> = {}): Promise<string> {
    const folder = this.folderOf(name);
    const tpm = await this.#tpmOf(name);
    const { epochMs: epoch_ms, telemetryMs: telemetry_ms } = this.options;
    await createMember(folder, {
      name,
      role,
      listen: '127.0.0.1:0',
      epoch_ms,
      telemetry_ms,
      ...tpm,
      ...configuration,
    });
    const file = join(folder, 'invite');
    const mesh = await readMeshFiles(this.folderOf(AUTHORITIES[0]));
    const endorsementKey = tpm.tpm === undefined ? undefined : await this.#endorsementKey(folder, tpm.tpm);
    await writeInvite(this.crypto, required(this.#operator), mesh, {
      ...{ role, name, file, endorsementKey },
      now: Date.now(),
    });
    return folder;
  }

  /** How a process of this node is started where nodes have TPMs: by the launcher, before this TPM. */
  launchOf(name: string): Launch | undefined {
    const tcti = this.#tpms?.placeOf(name);
    if (tcti === undefined) return undefined;
    const root = dirname(coreFolder());
    const [launcher, list] = [join(root, 'extra', 'launch', 'ooto-launch'), this.folderOf(LAUNCH_LIST)];
    const command = [launcher, '--list', list, '--root', root, '--node', process.execPath, '--'];
    return { command, environment: { TPM2TOOLS_TCTI: tcti } };
  }

  async stop(): Promise<void> {
    await Promise.all([
      this.#originator?.close(),
      ...[...this.processes.values()].map((child) => child.stop()),
    ]);
    this.#tpms?.stop();
  }

  /** What the operator sees on the machine of a node before it is invited. */
  async #endorsementKey(folder: string, tpm: string): Promise<Uint8Array> {
    const { node } = await openNodeTpm(this.crypto, folder, { tpm, tpm_event_log: '' });
    await node.tpm.close();
    return unhex(fingerprintOf(this.crypto, node.keys));
  }

  /** Where this node's TPM is; nothing without `--tpm`. */
  async #tpmOf(name: string): Promise<Partial<NodeConfiguration>> {
    const tcti = await this.#tpms?.start(name, this.folderOf(name));
    return tcti === undefined ? {} : { tpm: tcti, tpm_event_log: '' };
  }

  /** A folder that holds a mesh already is started again. */
  async #found(): Promise<void> {
    const { terminal } = this.options;
    if (this.#isFounded) {
      terminal.say('the mesh of this folder starts again');
      await this.#requireThisProgram();
      await this.#restartTpms();
    } else {
      terminal.say('three founders make the mesh together');
      await this.#draft();
    }
    await this.#startAll(AUTHORITIES);
  }

  get #isFounded(): boolean {
    return AUTHORITIES.every((name) => existsSync(join(this.folderOf(name), DRAFT)));
  }

  /** As asked; a mesh that is there already keeps what it was made with. */
  async #usesTpms(): Promise<boolean> {
    if (!this.#isFounded) return this.options.tpm === true;
    const { founders } = await this.#readDraft();
    const uses = founders.every(({ tpm }) => tpm !== undefined);
    if (this.options.tpm && !uses)
      throw new OotoError('OOTO_CLI_FOLDER', 'caller', 'the mesh of this folder was made without TPMs', {
        hint: 'give another --folder',
      });
    return uses;
  }

  async #readDraft(): Promise<GenesisDraft> {
    const encoded = await readFileLimited(join(this.folderOf(AUTHORITIES[0]), DRAFT));
    return readDraft(readSignedDraft(this.crypto, encoded).draft);
  }

  /** They listen elsewhere now. */
  async #restartTpms(): Promise<void> {
    for (const name of AUTHORITIES) {
      const folder = this.folderOf(name);
      await writeConfiguration(folder, { ...readConfiguration(folder), ...(await this.#tpmOf(name)) });
    }
  }

  /** Policy names the program that nodes may run: a mesh made by another build of it would refuse this one. */
  async #requireThisProgram(): Promise<void> {
    const { manifests } = readPolicy((await this.#readDraft()).policy, 'policy');
    const own = measureProgram(this.crypto, coreFolder()).digest;
    if (manifests.includes(hex(own))) return;
    throw new OotoError(
      'OOTO_CLI_FOLDER',
      'caller',
      `the mesh in ${this.options.folder} was made by another build of this program`,
      { hint: 'give another --folder, or remove this one' },
    );
  }

  async #draft(): Promise<void> {
    const { epochMs: epoch_ms, telemetryMs: telemetry_ms } = this.options;
    const founders = [];
    const registers = [];
    for (const name of AUTHORITIES) {
      const listen = `127.0.0.1:${await freePort()}`;
      const configuration = { name, listen, epoch_ms, telemetry_ms, ...(await this.#tpmOf(name)) };
      if (configuration.tpm !== undefined)
        registers.push(await readRegisters(this.crypto, configuration.tpm, QUOTED_REGISTERS));
      founders.push(await createFounder(this.crypto, this.folderOf(name), configuration));
    }
    const program = measureProgram(this.crypto, coreFolder()).digest;
    const policy = initialPolicy({
      ...(this.#tpms ? { appraisal: measuredRules(launchedProgram(this.crypto), registers) } : {}),
      manifests: [hex(program)],
      originators: [{ name: ORIGINATOR_KEY_NAME, publicKey: this.originatorKey.publicKey }],
    });
    const draft = signDraft(
      { name: 'demo', created: Date.now(), threshold: THRESHOLD, founders, policy },
      required(this.#operator),
    );
    for (const name of AUTHORITIES) await writeFileAtomically(join(this.folderOf(name), DRAFT), draft);
  }

  async #inviteMembers(): Promise<void> {
    this.options.terminal.say('scheduler, workers and collector join by invite');
    for (const { role, name } of MEMBERS) await this.invite(role, name);
    await this.#startAll(MEMBERS.map(({ name }) => name));
  }

  async #startAll(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const child = new NodeProcess(this.options.program, this.folderOf(name), this.launchOf(name));
      this.processes.set(name, child);
      child.start();
    }
    let ready = 0;
    await Promise.all(
      names.map(async (name) => {
        await this.process(name).until(
          'ready',
          (status) => status.state === 'ready',
          READY_MS,
          this.options.signal,
        );
        this.options.terminal.progress('nodes ready', ++ready, names.length);
      }),
    );
  }

  /** The originator is this very process, which extends its own register: that shows how it goes, and proves nothing. */
  async #measureSelf(folder: string): Promise<boolean> {
    const { tpm: place } = readConfiguration(folder);
    if (!this.#tpms || place === undefined) return false;
    const tpm = openTpm(this.crypto, place);
    const { launch } = launchedProgram(this.crypto);
    const held = (await tpm.readRegisters([LAUNCH_REGISTER])).get(LAUNCH_REGISTER);
    if (held?.every((byte) => byte === 0)) await tpm.extendRegister(LAUNCH_REGISTER, launch);
    await tpm.close();
    return true;
  }

  async #startOriginator(): Promise<RunningNode> {
    const folder = await this.invite('originator', ORIGINATOR);
    const isMeasured = await this.#measureSelf(folder);
    const running = await startNode(folder, this.options.signal, { ...MACHINE, isMeasured });
    void running.upkeep.run();
    return running;
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the demonstration mesh has not been started');
  return value;
}
