/**
 * `ooto log tail`. What flows through here: the members' logs are read over sessions, by the node of a folder that does not
 * run otherwise, or where they are published, beside a node that runs; each is followed from its first entry, and an entry
 * is told once it leads to a signed root; with a monitored name only what concerns it. Entries and alarms are printed as
 * they come, and proof of a fork is written beside the folder's state.
 */
import { join } from 'node:path';
import { logOrigin, readCredential } from '../authority/credential.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { readCertificate } from '../cert/certificate.ts';
import { parseSpiffeId } from '../cert/spiffe-id.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  consistencyFromTiles,
  encodeForkEvidence,
  parseCheckpoint,
  parseNote,
  type TiledLog,
} from '../log/index.ts';
import { exportForkFile } from '../mesh/audit/evidence-file.ts';
import { type LogSource, memberLog } from '../mesh/audit/log-reader.ts';
import { type LogEvent, MemberWatch } from '../mesh/audit/log-watch.ts';
import type { MeshTrust } from '../mesh/identity.ts';
import { CREDENTIAL_KEY } from '../mesh/joining.ts';
import { pause } from '../mesh/patience.ts';
import { createNodeCrypto } from '../node.ts';
import { nodeClock } from '../platform/node/clock.ts';
import { makePrivateFolder, writeFileAtomically } from '../platform/node/files.ts';
import type { StoreReader } from '../ports.ts';
import { openLogPlace, reading, trustOf } from './log-place.ts';
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
  /** Where logs are read beside a running node; none: over sessions of a node that does not run. */
  log: string[];
}

/** The logs that are followed, and what is told of them. */
interface Tailed {
  readonly trust: MeshTrust;
  /** The name of the folder's node, and the keys that it has. */
  readonly own: Watched;
  logs(): TailedLog[];
}

interface TailedLog {
  readonly member: string;
  readonly source: LogSource;
  /** Checkpoints of this log that others were shown. */
  seen(origin: string): string[];
}

type Watched = ReadonlyMap<string, ReadonlySet<string>>;

/** Resolves to whether there was cause for alarm, once every log was read or the signal fired. */
export async function tailLogs(words: TailWords, terminal: Terminal, signal: AbortSignal): Promise<boolean> {
  const watched = watchedBy(words);
  if (words.log.length > 0) return tailPublished(words, watched, terminal, signal);
  const running = await startNode(words.folder, signal);
  try {
    void running.upkeep.run();
    return await follow(overSessions(running, signal), watched, words, terminal, signal);
  } finally {
    await running.close();
  }
}

/** Beside the node of the folder, which may be running: nothing but its state is read, and the logs where they are. */
async function tailPublished(
  words: TailWords,
  watched: Watched | undefined,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const crypto = createNodeCrypto();
  const { trust, own } = await reading(words.folder, (store) => ({
    trust: trustOf(crypto, words.folder, store),
    own: ownNameIn(crypto, store),
  }));
  const places = await Promise.all(words.log.map((place) => openLogPlace(place, signal)));
  try {
    const logs = await Promise.all(places.map(({ log }) => publishedLog(crypto, trust, log)));
    return await follow({ trust, own, logs: () => logs }, watched, words, terminal, signal);
  } finally {
    for (const { close } of places) await close();
  }
}

/** Its checkpoint says whose log it is; whether it is signed so, the watch judges. */
async function publishedLog(crypto: Crypto, { authority }: MeshTrust, log: TiledLog): Promise<TailedLog> {
  const { origin } = parseCheckpoint(parseNote(await log.checkpoint()).text);
  const member = authority.members.find(({ name }) => logOrigin(authority.meshId, name) === origin);
  if (!member)
    throw new OotoError('OOTO_AUTHORITY_LOG', 'peer', `${origin} is the log of no member of this mesh`);
  const consistency = (from: number, to: number) => consistencyFromTiles(crypto, log, from, to);
  return { member: member.name, source: { ...log, consistency }, seen: () => [] };
}

function overSessions({ open, upkeep }: RunningNode, signal: AbortSignal): Tailed {
  const { node } = open;
  const { crypto, signer } = node.options;
  return {
    trust: node.trust,
    own: new Map([[upkeep.credential.id, new Set([hex(crypto.sha256(signer.publicKey))])]]),
    logs: () =>
      upkeep.authorities.map((member) => ({
        member: member.name,
        source: memberLog(node, member, signal),
        seen: (origin) => node.seenCheckpoints.take(origin),
      })),
  };
}

async function follow(
  tailed: Tailed,
  watched: Watched | undefined,
  words: TailWords,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  const watches = new Map<string, MemberWatch>();
  const crypto = createNodeCrypto();
  let alarmed = false;
  for (;;) {
    for (const { member, source, seen } of tailed.logs()) {
      const { committee } = tailed.trust.authority;
      const watch =
        watches.get(member) ??
        new MemberWatch({
          ...{ crypto, committee, member, source, begin: 'first entry', tellsAll: true },
          watched: watched ?? tailed.own,
        });
      watches.set(member, watch);
      const events = await watch.look(seen(watch.origin)).catch((error: Error) => {
        watches.delete(member);
        terminal.warn(`${member} cannot be read: ${error.message}`);
        return [];
      });
      const { monitor } = words;
      for (const event of events.filter((one) => monitor === undefined || concerns(one, monitor))) {
        if (event.event === 'alarm') alarmed = true;
        await tell(crypto, tailed.trust, words.folder, event, terminal);
      }
    }
    if (words.once || signal.aborted) return alarmed;
    await pause(nodeClock(), LOOK_MS, signal).catch(() => {});
    if (signal.aborted) return alarmed;
  }
}

async function tell(
  crypto: Crypto,
  trust: MeshTrust,
  nodeFolder: string,
  event: LogEvent,
  terminal: Terminal,
): Promise<void> {
  if (event.event !== 'alarm' || event.alarm !== 'fork')
    return terminal.event({ schema: 'ooto.log-event/1', ...plain(event) }, () => describe(event));
  const { evidence, ...said } = event;
  const encoded = encodeForkEvidence(evidence);
  const folder = join(nodeFolder, 'evidence');
  const file = join(folder, `${event.member}-${hex(crypto.sha256(encoded)).slice(0, 16)}.pem`);
  await makePrivateFolder(folder);
  const text = exportForkFile(trust, event.member, encoded);
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

/** By its certificate, whether that is still valid or not. */
function ownNameIn(crypto: Crypto, store: StoreReader): Watched {
  const stored = store.get(CREDENTIAL_KEY);
  if (!stored) return new Map();
  const { id, publicKey } = readCertificate(readCredential(stored).certificate).claims;
  return new Map([[id, new Set([hex(crypto.sha256(publicKey.bytes))])]]);
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
