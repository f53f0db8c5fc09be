/**
 * Where logs are read, and whose word counts. What flows through here: a place (an HTTP address of tiles, a folder of
 * tiles, the folder of a member that may be running) becomes a source that nobody believes yet; the folder of any node of
 * the mesh, read beside the process that runs it, or keys that an operator names, say who signs logs and cosigns them.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { logKeyOf, witnessKeysOf } from '../authority/credential.ts';
import { utf8Decode } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  decodeBundle,
  encodeBundle,
  missingResource,
  type NoteKey,
  type NoteType,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  type TileAddress,
  type TiledLog,
  tilePath,
} from '../log/index.ts';
import { LogStore } from '../log/log-store.ts';
import { MAX_NOTE_BYTES } from '../log/note.ts';
import { HASH_BYTES } from '../log/proof.ts';
import { TILE_WIDTH } from '../log/tile.ts';
import { GENESIS_KEY, type MeshTrust, ROOT_KEY, readTrust } from '../mesh/identity.ts';
import { pause } from '../mesh/patience.ts';
import { nodeClock } from '../platform/node/clock.ts';
import { readFileLimited } from '../platform/node/files.ts';
import { httpClient } from '../platform/node/http.ts';
import { openStoreToRead } from '../platform/node/store.ts';
import type { StoreReader } from '../ports.ts';

/** More than 256 entries of 64 KiB. */
const MOST_RESOURCE_BYTES = 17 * 1024 * 1024;
/** How often a reader waits for a server that has had enough for the moment. */
const MOST_WAITS = 60;
const WAIT_MS = 1_000;

/** Whom the reader believes, by the names of keys. */
export interface LogTrust {
  readonly crypto: Crypto;
  readonly logs: readonly NoteKey[];
  readonly witnesses: readonly NoteKey[];
  /** The mesh, where a folder says which. */
  readonly mesh?: MeshTrust;
}

export interface TrustWords {
  /** Of any node of the mesh. */
  folder?: string;
  logKey: string[];
  witnessKey: string[];
}

/** @throws OOTO_CLI_USAGE (caller) when nothing says whose signature counts; OOTO_STORE_OPEN (environment). */
export async function readLogTrust(
  crypto: Crypto,
  { folder, logKey, witnessKey }: TrustWords,
  place?: string,
): Promise<LogTrust> {
  const node = folder ?? (place !== undefined && isNodeFolder(place) ? place : undefined);
  const named = {
    logs: logKey.map((key) => readKey(crypto, key, ['ed25519'])),
    witnesses: witnessKey.map((key) => readKey(crypto, key, ['cosignature', 'treeCosignature'])),
  };
  if (node === undefined) {
    if (named.logs.length > 0) return { crypto, ...named };
    throw new OotoError('OOTO_CLI_USAGE', 'caller', 'whose log? give --folder or --log-key', {
      hint: '--folder names the folder of any node of the mesh, which knows the keys; ooto log show prints them',
    });
  }
  const mesh = await reading(node, (store) => trustOf(crypto, node, store));
  const { committees } = mesh.authority;
  const logs = committees.flatMap((record) => record.members.map(({ name }) => logKeyOf(record, name)));
  const witnesses = committees.flatMap(witnessKeysOf);
  return {
    ...{ crypto, mesh },
    logs: distinct([...logs, ...named.logs]),
    witnesses: distinct([...witnesses, ...named.witnesses]),
  };
}

/** What the node of a folder knows of its mesh, whether it runs or not. @throws OOTO_CLI_NODE (caller). */
export function trustOf(crypto: Crypto, folder: string, store: StoreReader): MeshTrust {
  const [genesis, root] = [GENESIS_KEY, ROOT_KEY].map((key) => store.get(key));
  if (genesis && root) return readTrust(crypto, genesis, root, store);
  throw new OotoError('OOTO_CLI_NODE', 'caller', `the node of ${folder} is in no mesh yet`);
}

/** The state of a node, as it is now. @throws OOTO_STORE_OPEN (environment). */
export async function reading<T>(folder: string, read: (store: StoreReader) => T): Promise<T> {
  const store = await openStoreToRead(join(folder, 'state'));
  try {
    return read(store);
  } finally {
    await store.close();
  }
}

export interface LogPlace {
  readonly log: TiledLog;
  close(): Promise<void>;
}

/** @throws OOTO_CLI_USAGE (caller) for what is none of the three, OOTO_STORE_OPEN (environment). */
export async function openLogPlace(place: string, signal?: AbortSignal): Promise<LogPlace> {
  if (/^https?:\/\//.test(place))
    return { log: overHttp(place.replace(/\/$/, ''), signal), close: async () => {} };
  if (existsSync(join(place, 'checkpoint'))) return { log: inFolder(place), close: async () => {} };
  if (!isNodeFolder(place))
    throw new OotoError('OOTO_CLI_USAGE', 'caller', `${place} is no log`, {
      hint: "a log is read from its address (http://…), a folder of tiles, or a member's folder",
    });
  const store = await openStoreToRead(join(place, 'state'));
  return { log: inStore(store), close: () => store.close() };
}

function isNodeFolder(place: string): boolean {
  return existsSync(join(place, 'node.toml'));
}

function overHttp(prefix: string, signal?: AbortSignal): TiledLog {
  const client = httpClient();
  const read = async (path: string): Promise<Uint8Array | undefined> => {
    for (let waits = 0; ; waits++) {
      const options = { mostBytes: MOST_RESOURCE_BYTES, ...(signal ? { signal } : {}) };
      const { status, body } = await client.get(`${prefix}/${path}`, options);
      if (status === 200) return body;
      if (status === 404) return undefined;
      if (status !== 429 || waits >= MOST_WAITS)
        throw new OotoError('OOTO_TRANSPORT_UNREACHABLE', 'peer', `${prefix}/${path}: status ${status}`);
      await pause(nodeClock(), WAIT_MS, signal ?? new AbortController().signal);
    }
  };
  return readBy(read);
}

function inFolder(folder: string): TiledLog {
  return readBy((path) =>
    readFileLimited(join(folder, path), MOST_RESOURCE_BYTES).catch((error) => {
      if (isOotoError(error, 'OOTO_FILES_MISSING')) return undefined;
      throw error;
    }),
  );
}

function readBy(read: (path: string) => Promise<Uint8Array | undefined>): TiledLog {
  return {
    async checkpoint() {
      return noteOf(await read('checkpoint'));
    },
    async resource(address) {
      const bytes = (await read(tilePath(address))) ?? (await beginningOf(address, read));
      if (!bytes) throw missingResource(address);
      return bytes;
    },
  };
}

/** A server may let go of a tile that is not full once it has the full one (tlog-tiles, "Partial tiles"). */
async function beginningOf(
  { level, index, width }: TileAddress,
  read: (path: string) => Promise<Uint8Array | undefined>,
): Promise<Uint8Array | undefined> {
  if (width === TILE_WIDTH) return undefined;
  const full = await read(tilePath({ level, index, width: TILE_WIDTH }));
  if (!full || level !== 'entries') return full?.subarray(0, width * HASH_BYTES);
  return encodeBundle(decodeBundle(full, TILE_WIDTH).slice(0, width));
}

/** The writer may add meanwhile: its checkpoint and what it covers are read in one turn, which is one state. */
function inStore(store: StoreReader): TiledLog {
  const stored = new LogStore(store, 'log/');
  return {
    async checkpoint() {
      const note = stored.checkpoint();
      if (note === undefined) throw new OotoError('OOTO_CLI_NODE', 'caller', 'this node keeps no log');
      return note;
    },
    async resource(address) {
      const { size } = parseCheckpoint(parseNote(stored.checkpoint() ?? '').text);
      const bytes = stored.resource(address, size);
      if (!bytes) throw missingResource(address);
      return bytes;
    },
  };
}

function noteOf(bytes: Uint8Array | undefined): string {
  if (!bytes || bytes.length > MAX_NOTE_BYTES)
    throw new OotoError('OOTO_LOG_NOTE', 'peer', 'there is no checkpoint, or one that is too long');
  return utf8Decode(bytes);
}

function readKey(crypto: Crypto, words: string, types: readonly NoteType[]): NoteKey {
  const { type, ...key } = parseVerifierKey(crypto, words);
  if (types.includes(type)) return key;
  throw new OotoError('OOTO_CLI_USAGE', 'caller', `${words} is a key for something else`);
}

/** A name keeps its key from one committee to the next. */
function distinct(keys: readonly NoteKey[]): NoteKey[] {
  const text = ({ name, publicKey }: NoteKey) => `${name} ${publicKey.join()}`;
  return [...new Map(keys.map((key) => [text(key), key])).values()];
}
