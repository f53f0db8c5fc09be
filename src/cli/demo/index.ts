/**
 * The demonstration. What flows through here, in order: a mesh of separate processes is started; a text is counted
 * by its workers; what came out, who ran it and what was logged is written to files that anybody can verify; one
 * object says all of it. Without `--once` it stays up and serves its status until it is told to stop.
 */
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { anything, boolean, bytes, list, object, text, uint } from '../../envelope/fields.ts';
import type { NodeStatus } from '../../mesh/status.ts';
import { coreFolder } from '../../platform/node/core-file.ts';
import type { Terminal } from '../terminal.ts';
import { attackMesh } from './attacks.ts';
import { writeDemoFiles } from './files.ts';
import { AUTHORITIES, DemoMesh, ORIGINATOR_KEY_NAME, THRESHOLD } from './mesh.ts';
import { requireInput, runStatistics, type StatisticsJob } from './statistics.ts';

export const DEMO_EPOCH_MS = 2_000;
export const DEMO_TELEMETRY_MS = 500;
const EPOCHS_SHOWN = 2;
const SENDERS = 7;
const PATIENCE_MS = 30_000;
const POLL_MS = 100;

export interface DemoOptions {
  once: boolean;
  input?: string;
  folder?: string;
  /** Every node with a TPM of its own, made of software. */
  tpm: boolean;
  terminal: Terminal;
  signal: AbortSignal;
}

export async function demo({
  once,
  input,
  folder,
  tpm,
  terminal,
  signal,
}: DemoOptions): Promise<object & { schema: string }> {
  const file = input ?? defaultInput();
  await requireInput(file);
  const stop = new AbortController();
  const mesh = new DemoMesh({
    folder: folder ?? (await mkdtemp(join(tmpdir(), 'ooto-demo-'))),
    program: join(coreFolder(), 'cli.js'),
    epochMs: DEMO_EPOCH_MS,
    telemetryMs: DEMO_TELEMETRY_MS,
    tpm,
    terminal,
    signal: AbortSignal.any([signal, stop.signal]),
  });
  try {
    await mesh.start();
    terminal.say('the workers count the words of the input');
    const job = await runStatistics(mesh.originator, {
      file,
      originator: { name: ORIGINATOR_KEY_NAME, key: mesh.originatorKey },
      sequence: Date.now(),
      terminal,
      signal,
    });
    terminal.say(`channels renew their keys every ${DEMO_EPOCH_MS / 1000} s here; 60 s is the default`);
    await until(() => channels(mesh).epochs >= EPOCHS_SHOWN);
    const report = await describe(mesh, job);
    if (!once) {
      terminal.result(report, () => summary(report));
      await serveStatus(mesh, terminal, signal);
    }
    signal.throwIfAborted();
    return report;
  } catch (error) {
    // Once it is interrupted, whatever fails fails because of that.
    signal.throwIfAborted();
    throw error;
  } finally {
    stop.abort();
    await mesh.stop();
  }
}

/** A real text of the repository; in an installed package beside the program. */
function defaultInput(): string {
  return join(dirname(coreFolder()), 'extra', 'texts', 'paradise-lost.txt');
}

async function describe(mesh: DemoMesh, job: StatisticsJob) {
  const statuses = statusesOf(mesh);
  const { originator } = mesh;
  const { result, statistics, input } = job;
  const files = await writeDemoFiles(mesh, job);
  return {
    schema: 'ooto.demo/1' as const,
    mesh: {
      id: originator.status.mesh,
      nodes: statuses.map(({ id, role, pid }, i) => ({
        id,
        role,
        pid,
        folder: [...mesh.processes.values()][i].folder,
      })),
      authorities: AUTHORITIES.length,
      threshold: THRESHOLD,
      originator: { id: originator.status.id, pid: process.pid, folder: originator.open.folder },
    },
    joins: joinsOf([...statuses, originator.status]),
    channels: channels(mesh),
    workload: {
      definition: bytesHex(result.definition.digest),
      input,
      output: statistics,
      receipts: result.records.length,
      verified: result.records.length,
    },
    telemetry: await telemetryOf(mesh),
    attacks: await attackMesh(mesh),
    files,
  };
}

/** How each node came in: on which evidence, by which quote, and for which request. */
function joinsOf(statuses: readonly NodeStatus[]) {
  return statuses.map(({ id, tier, joinMs: ms, attestation }) => ({
    id,
    tier,
    ms,
    ...(attestation.enrolment ?? {}),
    channels: attestation.channels,
  }));
}

/** Waits until every other node's records have come, then asks the collector what it has verified. */
async function telemetryOf({ originator }: DemoMesh) {
  const { node } = originator.open;
  const [collector] = await originator.upkeep.find('collector');
  let summary = readSummary(await node.ask(collector, 'telemetry.summary', null), 'telemetry.summary');
  for (let waited = 0; waited < PATIENCE_MS && !isComplete(summary); waited += POLL_MS) {
    await sleep(POLL_MS);
    summary = readSummary(await node.ask(collector, 'telemetry.summary', null), 'telemetry.summary');
  }
  const records = summary.nodes.reduce((sum, each) => sum + each.records, 0);
  const { root, time } = summary;
  return {
    nodes: summary.nodes.length,
    records,
    verified: records,
    checkpoint: { root, time: new Date(time).toISOString() },
  };
}

const readSummary = object({
  nodes: list(
    object({ node: text(2048), records: uint(), silent: boolean, head: bytes(32), checkpoint: anything }),
    {
      max: 100_000,
    },
  ),
  metrics: anything,
  root: text(64),
  time: uint(),
});

/** Three authorities, the scheduler, two workers and the originator send; each has promised a checkpoint. */
function isComplete({ nodes }: { nodes: readonly { checkpoint: unknown }[] }): boolean {
  return nodes.length >= SENDERS && nodes.every(({ checkpoint }) => checkpoint !== null);
}

function statusesOf(mesh: DemoMesh): NodeStatus[] {
  return [...mesh.processes.values()].map((child) => {
    const status = child.status();
    if (!status) throw new Error(`no status of ${child.folder}`);
    return status;
  });
}

/** Every channel has two ends, and each end counts what it sent and received. */
function channels(mesh: DemoMesh) {
  const ends = [...statusesOf(mesh).map((status) => status.channels), mesh.originator.open.node.peers.totals];
  return {
    count: Math.round(ends.reduce((sum, end) => sum + end.count, 0) / 2),
    suite: ends[0].suite,
    epochs: Math.max(...ends.map((end) => end.epochs)),
    signedMessages: Math.round(ends.reduce((sum, end) => sum + end.signedMessages, 0) / 2),
    epochMs: DEMO_EPOCH_MS,
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS && !condition(); waited += POLL_MS) await sleep(POLL_MS);
}

/** The state of the nodes over HTTP on this machine alone, until the signal. */
async function serveStatus(mesh: DemoMesh, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(
      `${JSON.stringify({ schema: 'ooto.demo-status/1', nodes: statusesOf(mesh), channels: channels(mesh) })}\n`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  terminal.say(`status at http://127.0.0.1:${port}/ until Ctrl-C`);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  server.closeAllConnections();
  server.close();
}

function summary(report: Awaited<ReturnType<typeof describe>>): string {
  const { mesh, workload, channels: links } = report;
  return [
    `mesh      ${mesh.id}`,
    `nodes     ${mesh.nodes.length} processes, ${mesh.threshold} of ${mesh.authorities} authorities must agree`,
    `channels  ${links.count} of ${links.suite}, ${links.epochs} epochs, ${links.signedMessages} signed messages`,
    `tier      ${tierOf(report)}`,
    `job       ${workload.output.words} words, ${workload.output.lines} lines, ${workload.receipts} receipts verified`,
    `attacks   ${report.attacks.filter(({ refused }) => refused).length} of ${report.attacks.length} refused`,
    `receipt   ${report.files.receipt}`,
  ].join('\n');
}

function tierOf({ joins }: Awaited<ReturnType<typeof describe>>): string {
  const tiers = [...new Set(joins.map(({ tier }) => tier))].join(', ');
  return tiers === 'software'
    ? 'software: nothing here is vouched for by hardware (--tpm shows TPMs)'
    : tiers;
}

function bytesHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
