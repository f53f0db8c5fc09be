/**
 * `ooto log tail`. What flows through here: the node of a folder, which does not run otherwise, comes up; each member's
 * log is followed from its first entry, and an entry is told once it leads to a signed root; with a monitored name only
 * what concerns it. Entries and alarms are printed as they come, and proof of a fork is written beside the folder's state.
 */
import { join } from 'node:path';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { parseSpiffeId } from '../cert/spiffe-id.ts';
import { encodeForkEvidence } from '../log/index.ts';
import { exportForkFile } from '../mesh/evidence-file.ts';
import { memberLog } from '../mesh/log-reader.ts';
import { type LogEvent, MemberWatch } from '../mesh/log-watch.ts';
import { pause } from '../mesh/patience.ts';
import { nodeClock } from '../platform/node/clock.ts';
import { makePrivateFolder, writeFileAtomically } from '../platform/node/files.ts';
import { type RunningNode, startNode } from './running-node.ts';
import type { Terminal } from './terminal.ts';

const LOOK_MS = 5_000;
const KEY = /^[0-9a-f]{64}$/;

export interface TailWords {
  folder: string;
  /** A SPIFFE id. */
  monitor?: string;
  /** SHA-256 of the keys that its holder has, in hexadecimal. */
  key: string[];
  once?: boolean;
}

/** Resolves to whether there was cause for alarm, once every log was read or the signal fired. */
export async function tailLogs(words: TailWords, terminal: Terminal, signal: AbortSignal): Promise<boolean> {
  const watched = watchedBy(words);
  const running = await startNode(words.folder, signal);
  try {
    void running.upkeep.run();
    const own = ownName(running);
    return await follow(running, watched ?? own, words, terminal, signal);
  } finally {
    await running.close();
  }
}

type Watched = ReadonlyMap<string, ReadonlySet<string>>;

async function follow(
  running: RunningNode,
  watched: Watched,
  { once = false, monitor }: TailWords,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const watches = new Map<string, MemberWatch>();
  let alarmed = false;
  for (;;) {
    for (const member of running.upkeep.authorities) {
      const { node } = running.open;
      const watch =
        watches.get(member.name) ??
        new MemberWatch({
          ...{ crypto: node.options.crypto, committee: node.trust.authority.committee, member: member.name },
          ...{ source: memberLog(node, member, signal), begin: 'first entry', watched, tellsAll: true },
        });
      watches.set(member.name, watch);
      const events = await watch.look(node.seenCheckpoints.take(watch.origin)).catch((error: Error) => {
        watches.delete(member.name);
        terminal.warn(`${member.name} cannot be read: ${error.message}`);
        return [];
      });
      for (const event of events.filter((one) => monitor === undefined || concerns(one, monitor))) {
        if (event.event === 'alarm') alarmed = true;
        await tell(running, event, terminal);
      }
    }
    if (once || signal.aborted) return alarmed;
    await pause(nodeClock(), LOOK_MS, signal).catch(() => {});
    if (signal.aborted) return alarmed;
  }
}

async function tell({ open }: RunningNode, event: LogEvent, terminal: Terminal): Promise<void> {
  if (event.event !== 'alarm' || event.alarm !== 'fork')
    return terminal.event({ schema: 'ooto.log-event/1', ...plain(event) }, () => describe(event));
  const { evidence, ...said } = event;
  const encoded = encodeForkEvidence(evidence);
  const { crypto } = open.node.options;
  const folder = join(open.folder, 'evidence');
  const file = join(folder, `${event.member}-${hex(crypto.sha256(encoded)).slice(0, 16)}.pem`);
  await makePrivateFolder(folder);
  const text = exportForkFile(open.node.trust, event.member, encoded);
  await writeFileAtomically(file, new TextEncoder().encode(text));
  terminal.event({ schema: 'ooto.log-event/1', ...said, file }, () => `${describe(event)}; proof: ${file}`);
}

function watchedBy({ monitor, key }: TailWords): Watched | undefined {
  if (key.some((digest) => !KEY.test(digest)))
    throw new OotoError('OOTO_CLI_USAGE', 'caller', 'a key is given as SHA-256, 64 hexadecimal digits');
  if (monitor === undefined) {
    if (key.length === 0) return undefined;
    throw new OotoError('OOTO_CLI_USAGE', 'caller', 'keys are given for a name: --monitor is missing');
  }
  parseSpiffeId(monitor);
  return new Map([[monitor, new Set(key)]]);
}

/** Without a name the node's own is watched. */
function ownName({ open, upkeep }: RunningNode): Watched {
  const { crypto, signer } = open.node.options;
  return new Map([[upkeep.credential.id, new Set([hex(crypto.sha256(signer.publicKey))])]]);
}

/** Alarms about a log concern everybody. */
function concerns(event: LogEvent, id: string): boolean {
  if (event.event === 'entry') return event.leaf.kind === 'certificate' && event.leaf.id === id;
  return event.event === 'alarm';
}

function describe(event: LogEvent): string {
  const { member } = event;
  if (event.event === 'checkpoint') return `${member} ${event.size} ${event.root}`;
  if (event.event === 'entry') {
    const { leaf } = event;
    const what = leaf.kind === 'certificate' ? `${leaf.id} key ${hex(leaf.key)}` : '';
    return `${member} ${event.index} ${leaf.kind} ${what}`.trimEnd();
  }
  if (event.alarm === 'certificate')
    return `ALARM ${member} ${event.index} a certificate for ${event.id} with the key ${event.key}`;
  return `ALARM ${member} ${event.reason}`;
}

/** Bytes as hexadecimal text. */
function plain(event: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(event).map(([name, value]) => [name, value instanceof Object ? plainValue(value) : value]),
  );
}

function plainValue(value: object): unknown {
  if (value instanceof Uint8Array) return hex(value);
  return Array.isArray(value) ? value : plain(value);
}
