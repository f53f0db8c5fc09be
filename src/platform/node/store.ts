/**
 * The embedded store: one lmdb environment per node folder. What flows through here: a commit's keys are
 * checked, its values copied, room on the disk is made sure of, all of it is handed to one write transaction on
 * lmdb's thread, and the promise resolves after the transaction's pages and then its meta page have been flushed
 * (`overlappingSync` is off: lmdb would otherwise resolve before the flush). Reads see every resolved commit.
 * Batches are ours alone: lmdb's own batching of an event turn leaves promises that nobody handles when one fails.
 */
import { chmod, open as openFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { utf8 } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { Store, StoreChange, StoreEntry, StoreReader } from '../../ports.ts';
import { flushFolder, makePrivateFolder, PRIVATE_FILE } from './files.ts';
import { nodeRandom } from './random.ts';
import { makeLockFile, PAGE_BYTES, StoreRoom, type StoreSize } from './store-room.ts';
import { errorCode, systemError } from './system-error.ts';

export const KEY_BYTES_MOST = 500;
const FILE = 'store.lmdb';
/** lmdb's data format: two meta pages, each with this number behind the page header. */
const META_AT = 24;
const MAGIC = 0xbeefc0de;
/** What must be free when a store is opened. */
const ROOM_BYTES = 64 * 1024;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Opens the store in `folder`, which is made if need be (mode 0700; files 0600).
 * @throws OOTO_STORE_OPEN (environment) when the files cannot be opened or are damaged.
 */
export async function openStore(folder: string): Promise<Store> {
  await makePrivateFolder(folder);
  const path = join(folder, FILE);
  await requireRoom(folder);
  await requireEnvironment(path);
  try {
    await makeLockFile(`${path}-lock`);
    const database = open<Uint8Array, Uint8Array>({
      path,
      noSubdir: true,
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
      eventTurnBatching: false,
      ...({ permissionsMode: PRIVATE_FILE } as object),
    });
    await Promise.all([chmod(path, PRIVATE_FILE), chmod(`${path}-lock`, PRIVATE_FILE)]);
    await flushFolder(folder);
    return new LmdbStore(database, path);
  } catch (cause) {
    if (cause instanceof OotoError) throw cause;
    throw systemError('OOTO_STORE_OPEN', `cannot open the store ${path}`, cause);
  }
}

/**
 * Opens the store in `folder` to read it, beside the process that may be writing it; nothing of it is changed.
 * @throws OOTO_STORE_OPEN (environment) when there is none, or it cannot be opened or is damaged.
 */
export async function openStoreToRead(folder: string): Promise<StoreReader> {
  const path = join(folder, FILE);
  if ((await readHead(path)).length === 0)
    throw new OotoError('OOTO_STORE_OPEN', 'environment', `there is no store in ${folder}`);
  await requireEnvironment(path);
  try {
    const database = open<Uint8Array, Uint8Array>({
      ...{ path, noSubdir: true, readOnly: true },
      ...{ encoding: 'binary', keyEncoding: 'binary' },
      ...({ permissionsMode: PRIVATE_FILE } as object),
    });
    return new LmdbReader(database, path);
  } catch (cause) {
    throw systemError('OOTO_STORE_OPEN', `cannot open the store ${path}`, cause);
  }
}

/** Enough that opening meets no full disk. */
async function requireRoom(folder: string): Promise<void> {
  const probe = join(folder, `room-${hex(nodeRandom().bytes(8))}.tmp`);
  try {
    await writeFile(probe, new Uint8Array(ROOM_BYTES), { mode: PRIVATE_FILE, flag: 'wx' });
  } catch (cause) {
    throw systemError('OOTO_STORE_OPEN', `there is no room for the store in ${folder}`, cause);
  } finally {
    await rm(probe, { force: true });
  }
}

/** lmdb maps whatever it is given: a file that does not begin as an environment does would end the process. */
async function requireEnvironment(path: string): Promise<void> {
  const head = await readHead(path);
  const magic = (page: number) => new DataView(head.buffer).getUint32(page * PAGE_BYTES + META_AT, true);
  if (head.length > 0 && (head.length < 2 * PAGE_BYTES || magic(0) !== MAGIC))
    throw new OotoError('OOTO_STORE_OPEN', 'environment', `${path} is damaged or no store`, {
      hint: 'restore the node folder from a backup, or enrol the node anew',
    });
}

async function readHead(path: string): Promise<Uint8Array> {
  try {
    const file = await openFile(path, 'r');
    try {
      const head = new Uint8Array(2 * PAGE_BYTES);
      const { bytesRead } = await file.read(head, 0, head.length, 0);
      return head.slice(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return new Uint8Array();
    throw systemError('OOTO_STORE_OPEN', `cannot open the store ${path}`, cause);
  }
}

class LmdbReader implements StoreReader {
  protected readonly database: RootDatabase<Uint8Array, Uint8Array>;
  protected readonly path: string;
  #closed: Promise<void> | undefined;

  constructor(database: RootDatabase<Uint8Array, Uint8Array>, path: string) {
    this.database = database;
    this.path = path;
  }

  get(key: string): Uint8Array | undefined {
    this.requireOpen();
    const value = this.database.getBinary(encodeKey(key));
    return value === undefined ? undefined : new Uint8Array(value);
  }

  range(from: string, to: string, { limit, reverse = false }: { limit?: number; reverse?: boolean } = {}) {
    this.requireOpen();
    const low = utf8(from);
    const high = utf8(to);
    if (high.length === 0) return [];
    const bounds = reverse
      ? { start: high, exclusiveStart: true, ...(low.length > 0 && { end: low, inclusiveEnd: true }) }
      : { ...(low.length > 0 && { start: low }), end: high };
    const entries: StoreEntry[] = [];
    if (limit === 0) return entries;
    for (const { key, value } of this.database.getRange({ ...bounds, reverse, ...(limit && { limit }) }))
      entries.push({ key: decoder.decode(key), value: new Uint8Array(value) });
    return entries;
  }

  close(): Promise<void> {
    this.#closed ??= this.database.close();
    return this.#closed;
  }

  protected requireOpen(): void {
    if (this.#closed) throw new OotoError('OOTO_STORE_CLOSED', 'caller', `${this.path} has been closed`);
  }
}

class LmdbStore extends LmdbReader implements Store {
  readonly #room: StoreRoom;
  #allClosed: Promise<void> | undefined;

  constructor(database: RootDatabase<Uint8Array, Uint8Array>, path: string) {
    super(database, path);
    this.#room = new StoreRoom(path);
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    this.requireOpen();
    const prepared = changes.map((change) =>
      'put' in change
        ? { key: encodeKey(change.put), value: copy(change.value) }
        : { key: encodeKey(change.delete), value: undefined },
    );
    if (prepared.length === 0) return;
    const database = this.database;
    const release = this.#room.reserve(
      this.#size(),
      prepared.map(({ key, value }) => ({ key: key.length, value: value?.length })),
    );
    try {
      await database.batch(() => {
        for (const { key, value } of prepared)
          void (value ? database.put(key, value) : database.remove(key)).catch(() => {});
      });
    } catch (failure) {
      throw systemError('OOTO_STORE_WRITE', `cannot write to ${this.path}`, await reasonOf(failure));
    } finally {
      release();
    }
  }

  override close(): Promise<void> {
    this.#allClosed ??= super.close().then(() => this.#room.close());
    return this.#allClosed;
  }

  #size(): StoreSize {
    const stats = this.database.getStats() as unknown as Record<string, number>;
    const { lastPageNumber = 0, treeBranchPageCount = 0, treeLeafPageCount = 0, treeDepth = 0 } = stats;
    return { lastPage: lastPageNumber, treePages: treeBranchPageCount + treeLeafPageCount, treeDepth };
  }
}

/** lmdb reads the bytes later, on its own thread: they must not change under it. */
function copy(value: Uint8Array): Uint8Array {
  return Uint8Array.from(value);
}

function encodeKey(key: string): Uint8Array {
  const bytes = utf8(key);
  if (bytes.length === 0 || bytes.length > KEY_BYTES_MOST)
    throw new OotoError(
      'OOTO_STORE_KEY',
      'caller',
      `a key has 1 to ${KEY_BYTES_MOST} bytes, this one ${bytes.length}`,
    );
  if (decoder.decode(bytes) !== key)
    throw new OotoError('OOTO_STORE_KEY', 'caller', 'a key is well-formed Unicode');
  return bytes;
}

/** lmdb gives the cause of a failed commit as a promise of its own, which rejects. */
async function reasonOf(failure: unknown): Promise<unknown> {
  const commitError = (failure as { commitError?: Promise<unknown> }).commitError;
  if (!commitError) return failure;
  return commitError.then(
    () => failure,
    (reason: unknown) => reason,
  );
}
