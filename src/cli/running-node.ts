/**
 * A node as a process. What flows through here, in order: the folder is opened, the node listens, founds or joins
 * its mesh, takes up its role, keeps itself up, and says how it is in `status.json` until it is told to stop.
 */
import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ValidCredential } from '../authority/credential.ts';
import { type Invite, readInvite } from '../authority/invite.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { SelfWatch } from '../mesh/audit/self-watch.ts';
import { readSignedDraft, type SignedDraft } from '../mesh/authority/founding.ts';
import { AuthorityNode } from '../mesh/authority/member.ts';
import { readTrust } from '../mesh/identity.ts';
import { comeBack, endedCredential, join as joinMesh, present, storedCredential } from '../mesh/joining.ts';
import type { KeyFinding } from '../mesh/key-proving.ts';
import { pause } from '../mesh/patience.ts';
import { attestationStatus, type NodeStatus } from '../mesh/status.ts';
import { Upkeep } from '../mesh/upkeep.ts';
import { nodeClock } from '../platform/node/clock.ts';
import {
  makePrivateFolder,
  readFileLimited,
  readSecretFile,
  writeFileAtomically,
} from '../platform/node/files.ts';
import type { HttpListener } from '../platform/node/http.ts';
import { ACKNOWLEDGED, ALARM_ID } from './alarms.ts';
import { BundleFile } from './bundle.ts';
import { takeFederation } from './federation.ts';
import { foreignLogs, serveLog } from './log-http.ts';
import { authorityKeys, closeNode, type NodePorts, type OpenNode, openNode } from './node-folder.ts';
import { isAway } from './node-tpm.ts';
import { policyInFile } from './policy.ts';
import { type RoleService, startRole } from './roles.ts';

const STATUS_MS = 250;
const JOIN_AGAIN_MS = 1_000;
const INVITE_BYTES = 4 * 1024 * 1024;

export class RunningNode {
  readonly open: OpenNode;
  readonly address: string;
  readonly upkeep: Upkeep;
  readonly authority: AuthorityNode | undefined;
  readonly service: RoleService;
  readonly logHttp: HttpListener | undefined;
  readonly watch: SelfWatch;
  readonly #joinMs: number;
  readonly #key: KeyFinding;
  readonly #life: AbortController;

  constructor(
    parts: Pick<
      RunningNode,
      'open' | 'address' | 'upkeep' | 'authority' | 'service' | 'logHttp' | 'watch'
    > & {
      joinMs: number;
      key: KeyFinding;
      life: AbortController;
    },
  ) {
    this.open = parts.open;
    this.address = parts.address;
    this.upkeep = parts.upkeep;
    this.authority = parts.authority;
    this.service = parts.service;
    this.logHttp = parts.logHttp;
    this.watch = parts.watch;
    this.#joinMs = parts.joinMs;
    this.#key = parts.key;
    this.#life = parts.life;
  }

  /** Fires when the node is closed. */
  get signal(): AbortSignal {
    return this.#life.signal;
  }

  get status(): NodeStatus {
    const { node, configuration } = this.open;
    const { credential } = this.upkeep;
    const head = node.head.current;
    const log = this.authority?.duty.log;
    return {
      schema: 'ooto.status/1',
      id: credential.id,
      name: configuration.name,
      role: configuration.role,
      tier: credential.tier,
      pid: process.pid,
      state: 'ready',
      address: this.address,
      mesh: hex(node.trust.genesis.meshId),
      joinMs: Math.round(this.#joinMs),
      certificate: { serial: hex(credential.serial), notAfter: new Date(credential.notAfter).toISOString() },
      head: head ? { number: head.number, time: new Date(head.time).toISOString() } : null,
      channels: node.peers.totals,
      attestation: attestationStatus(node, this.#key),
      limits: node.peers.limits,
      evidence: { headForks: node.headForks.all, logAlarms: this.watch.alarms },
      log: log ? { size: log.size, root: hex(log.root), http: this.logHttp?.address ?? null } : null,
      telemetry: this.service.telemetry,
      counters: this.service.counters,
    };
  }

  /** Ends everything that the node does of its own accord, then its sessions and its store. */
  async close(): Promise<void> {
    this.#life.abort(new OotoError('OOTO_MESH_CLOSED', 'local', 'the node was stopped'));
    await this.logHttp?.close();
    await this.service.close();
    await closeNode(this.open);
  }
}

/** Starts the node in `folder`; resolves when it is ready. What it opened is closed when it cannot be. */
export async function startNode(
  folder: string,
  signal: AbortSignal,
  ports?: NodePorts,
): Promise<RunningNode> {
  const open = await openNode(folder, ports);
  const life = new AbortController();
  try {
    return await start(open, signal, life);
  } catch (error) {
    life.abort(error);
    open.logger.log('error', 'not started', { error });
    await closeNode(open);
    throw error;
  }
}

async function start(open: OpenNode, outer: AbortSignal, life: AbortController): Promise<RunningNode> {
  const { node, configuration, logger } = open;
  const signal = AbortSignal.any([outer, life.signal]);
  // Every request and pause in flight listens, and stops listening when it is over.
  setMaxListeners(0, signal);
  logger.log('info', 'starting', { pid: process.pid });
  const address = configuration.role === 'originator' ? '' : await node.peers.listen(configuration.listen);
  const webSocket = configuration.listen_web_socket;
  const addresses = [
    ...(address ? [address] : []),
    ...(webSocket ? [await node.peers.listen(webSocket)] : []),
  ];
  const started = performance.now();
  const authority = configuration.role === 'authority' ? await startAuthority(open, signal) : undefined;
  const credential = authority ? storedOrThrow(open) : await becomeMember(open, signal);
  const joinMs = performance.now() - started;
  await takeFederation(open);
  const key = await node.findKey(node.trust);
  const upkeep = new Upkeep({
    ...{ node, credential, signal },
    lifeMs: configuration.certificate_ms,
    addresses,
  });
  const logHttp = await serveLog(authority, configuration);
  const service = startRole({ open, upkeep, authority, signal });
  await upkeep.refresh();
  const watch = new SelfWatch(node, () => upkeep.authorities);
  logger.log('info', 'ready', { id: credential.id, joinMs: Math.round(joinMs) });
  return new RunningNode({ open, address, upkeep, authority, service, logHttp, watch, joinMs, key, life });
}

/** Runs the node in `folder` until the signal, which may come before it is ready. */
export async function runNode(folder: string, signal: AbortSignal, ports?: NodePorts): Promise<void> {
  const running = await startNode(folder, signal, ports).catch((error) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (running) await keepRunning(running, signal);
}

/** Keeps a started node up, and says how it is, until the signal. */
export async function keepRunning(running: RunningNode, signal: AbortSignal): Promise<void> {
  void running.upkeep.run();
  void running.watch.run(running.signal);
  const bundle = new BundleFile(running.open.folder);
  while (!signal.aborted && !running.authority?.rolledBack) {
    await writeStatus(running);
    await writeBundle(running, bundle);
    await takeAcknowledgements(running);
    await writeForks(running);
    await sleepUntil(STATUS_MS, signal);
  }
  await running.close();
  if (running.authority?.rolledBack) throw running.authority.rolledBack;
}

/** For people alone: a node whose disk is full for a while goes on without it. */
async function writeStatus({ open, status }: RunningNode): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(status, undefined, 2));
  await writeFileAtomically(join(open.folder, 'status.json'), bytes).catch((error) =>
    open.logger.log('warn', 'the status was not written', { error }),
  );
}

/** Alarms that an operator has seen: a file for each, which is taken away. A full disk lets them wait. */
async function takeAcknowledgements({ open, watch }: RunningNode): Promise<void> {
  const folder = join(open.folder, ACKNOWLEDGED);
  if (!existsSync(folder)) return;
  for (const alarmId of (await readdir(folder)).filter((name) => ALARM_ID.test(name))) {
    try {
      await watch.acknowledge(alarmId);
      await unlink(join(folder, alarmId));
    } catch (error) {
      open.logger.log('warn', 'an acknowledgement was not taken', { error });
    }
  }
}

/** Proof for anybody, which `ooto verify` judges; what cannot be written now is written later. */
async function writeForks({ open, watch }: RunningNode): Promise<void> {
  const folder = join(open.folder, 'evidence');
  for (const [name, file] of watch.files) {
    const path = join(folder, `${name}.pem`);
    if (existsSync(path)) continue;
    await makePrivateFolder(folder);
    await writeFileAtomically(path, new TextEncoder().encode(file)).catch((error) =>
      open.logger.log('warn', 'the evidence was not written', { error }),
    );
  }
}

/** For software of others, which goes on by the last one. */
async function writeBundle({ open }: RunningNode, file: BundleFile): Promise<void> {
  await file
    .update(open.node.trust.authority, nodeClock().now())
    .catch((error) => open.logger.log('warn', 'the trust bundle was not written', { error }));
}

/** A member in its place, whether or not any certificate is valid. */
export function standAuthority(open: OpenNode, signal: AbortSignal): Promise<AuthorityNode> {
  return startAuthority(open, signal, true);
}

async function startAuthority(
  open: OpenNode,
  signal: AbortSignal,
  withoutCertificate = false,
): Promise<AuthorityNode> {
  const { folder, crypto, node, configuration } = open;
  const signed = await readDraftFile(crypto, join(folder, 'genesis.draft'));
  const foreign = foreignLogs(crypto, configuration);
  const authority = new AuthorityNode(node, await authorityKeys(crypto, folder), signed, signal, foreign);
  const rules = await readRulesFile(open);
  if (withoutCertificate) {
    await authority.stand(rules);
    return authority;
  }
  await authority.start(configuration.certificate_ms, rules);
  await writeFileAtomically(join(folder, 'genesis.record'), node.trust.genesis.encoded);
  await writeFileAtomically(join(folder, 'root.der'), node.trust.authority.firstRoot.der);
  return authority;
}

/** Rules of appraisal that the operators have signed since the mesh was founded, if the folder has some. */
async function readRulesFile({ folder }: OpenNode): Promise<Uint8Array | undefined> {
  const file = join(folder, 'appraisal.policy');
  const content = await readFileLimited(file).catch((error) => {
    if (isOotoError(error, 'OOTO_FILES_MISSING')) return undefined;
    throw error;
  });
  return content && policyInFile(file, content);
}

async function readDraftFile(crypto: Crypto, file: string): Promise<SignedDraft> {
  const bytes = await readFileLimited(file);
  try {
    return readSignedDraft(crypto, bytes);
  } catch (cause) {
    throw new OotoError('OOTO_CLI_DRAFT', 'caller', `${file} is no genesis draft that its operators signed`, {
      cause,
      hint: 'get it again from the operators, and compare its fingerprint',
    });
  }
}

/** With the certificate in the store, or by the invite, which is spent and removed. */
async function becomeMember(open: OpenNode, signal: AbortSignal): Promise<ValidCredential> {
  const { folder, crypto, node, configuration } = open;
  const stored = storedCredential(node);
  const file = join(folder, 'invite');
  const rules = await readRulesFile(open);
  if (stored) {
    requireOwn(open, stored);
    if (rules) await node.adoptRules(rules);
    await present(node, stored);
    await unlink(file).catch(() => {});
    return stored;
  }
  const ended = endedCredential(node);
  if (ended && !existsSync(file)) {
    if (rules) await node.adoptRules(rules);
    return comeBack(node, ended, configuration.certificate_ms, signal).catch((error) =>
      explainEnded(file, error),
    );
  }
  const invite = readInviteFile(file, await readSecretFile(file, INVITE_BYTES).catch(explainMissing));
  node.trustMesh(readTrust(crypto, invite.genesis, invite.root, open.store));
  if (rules) await node.adoptRules(rules);
  for (;;) {
    try {
      const credential = await joinMesh(node, invite, configuration.certificate_ms, signal);
      await unlink(file);
      return credential;
    } catch (error) {
      if (!isAway(error)) throw error;
      open.logger.log('warn', 'not joined yet, the TPM does not answer', { error });
      await pause(nodeClock(), JOIN_AGAIN_MS, signal);
    }
  }
}

function storedOrThrow(open: OpenNode): ValidCredential {
  const stored = storedCredential(open.node);
  if (!stored) throw new OotoError('OOTO_CLI_NODE', 'local', `the node in ${open.folder} has no certificate`);
  requireOwn(open, stored);
  return stored;
}

/** A folder keeps the role and name it joined with: its certificate is for no other. */
function requireOwn({ folder, configuration }: OpenNode, { role, name }: ValidCredential): void {
  if (role === configuration.role && name === configuration.name) return;
  throw new OotoError(
    'OOTO_CLI_CONFIGURATION',
    'caller',
    `${join(folder, 'node.toml')} says ${configuration.role}/${configuration.name}, the certificate ${role}/${name}`,
    { hint: 'put role and name back, or make a new folder for another node' },
  );
}

function readInviteFile(file: string, bytes: Uint8Array): Invite {
  try {
    return readInvite(bytes);
  } catch (cause) {
    throw new OotoError('OOTO_CLI_INVITE', 'caller', `${file} is no invite, or was damaged on its way`, {
      cause,
      hint: 'copy it again, or ask an operator for a new one',
    });
  }
}

/** Without a rescue it is as if it had never been a member. */
function explainEnded(file: string, error: unknown): never {
  if (!isOotoError(error, 'OOTO_AUTHORITY_RETURN')) throw error;
  throw new OotoError('OOTO_CLI_INVITE', 'caller', `${file} does not exist, and no valid certificate`, {
    cause: error,
    hint: 'a node comes back after its certificate has expired by an invite of an operator',
  });
}

function explainMissing(error: unknown): never {
  if (!isOotoError(error) || error.code !== 'OOTO_FILES_MISSING') throw error;
  throw new OotoError('OOTO_CLI_INVITE', 'caller', `${error.message}, and no valid certificate`, {
    cause: error,
    hint: 'a node joins, or comes back after its certificate has expired, by an invite of an operator',
  });
}

function sleepUntil(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
