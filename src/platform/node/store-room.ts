/**
 * Room on the disk for the embedded store. What flows through here: before a commit is handed to lmdb, the pages it
 * can need at most are counted, and where the file has not that much behind lmdb's last page, zeros are appended to
 * it; what the disk has no room for is refused here. lmdb must never meet a full disk itself: where one of its
 * writes fails it overruns the buffer of its own error message and takes the process with it, and where a page of
 * its lock file cannot be backed the mapping does. Zeros are only ever appended, so they cannot replace what lmdb
 * writes at the same time. On file systems that copy on write (btrfs, ZFS) room in a file is no promise: there,
 * and on a failing disk, the process can still end, and the store then reopens as of its last commit.
 */
import { closeSync, fstatSync, openSync, statfsSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { PRIVATE_FILE } from './files.ts';
import { errorCode, systemError } from './system-error.ts';

export const PAGE_BYTES = 4096;
/** The file grows by a multiple of this. */
const STEP_BYTES = 64 * 1024;
/** More than lmdb's lock file with all its readers. */
const LOCK_BYTES = 12 * 1024;
/** Roots, the list of free pages and its splits. */
const PAGES_OF_ANY_COMMIT = 32;
/** Kept for commits that only delete, so that a store on a full disk can be emptied. */
const DELETION_BYTES = 256 * 1024;
/** Pages whose numbers fit on one page of the list of free pages, halved for its splits. */
const PAGES_LISTED = 256;

/** lmdb's header of an entry, and of a page of a long value. */
const HEADER_BYTES = 16;
/** An entry that is longer has pages of its own. */
const ENTRY_BYTES_MOST = 2_000;
/** What pages hold at least on average once they have been split. */
const FILLED_BYTES = 1_024;

/** What lmdb says of itself. */
export interface StoreSize {
  /** The last page in use. */
  lastPage: number;
  /** Pages of the tree, without those of long values. */
  treePages: number;
  treeDepth: number;
}

/** Bytes of key and value of one change; a deletion has no value. */
export interface ChangeSize {
  key: number;
  value: number | undefined;
}

export class StoreRoom {
  readonly #path: string;
  readonly #file: number;
  readonly #zeros = new Uint8Array(STEP_BYTES);
  /** Bytes that commits in flight may take. */
  #promised = 0;

  /** @throws OOTO_STORE_OPEN (environment). */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = openSync(path, 'a', PRIVATE_FILE);
    } catch (cause) {
      throw systemError('OOTO_STORE_OPEN', `cannot open the store ${path}`, cause);
    }
  }

  /**
   * Makes sure of room for a commit; returns what gives the room back once the commit is over.
   * @throws OOTO_STORE_WRITE (environment) when the disk is full; nothing has been written then.
   */
  reserve(size: StoreSize, changes: readonly ChangeSize[]): () => void {
    const treePages = size.treePages + this.#promised / PAGE_BYTES;
    const bytes = pagesAtMost({ ...size, treePages }, changes) * PAGE_BYTES;
    const kept = changes.every(({ value }) => value === undefined) ? 0 : DELETION_BYTES;
    try {
      this.#extend((size.lastPage + 1) * PAGE_BYTES + this.#promised + bytes + kept);
    } catch (cause) {
      throw systemError('OOTO_STORE_WRITE', `cannot write to ${this.#path}`, cause);
    }
    this.#promised += bytes;
    return () => {
      this.#promised -= bytes;
    };
  }

  close(): void {
    closeSync(this.#file);
  }

  #extend(end: number): void {
    let size = fstatSync(this.#file).size;
    if (size >= end) return;
    this.#requireFree(end - size);
    while (size < end) size += writeSync(this.#file, this.#zeros, 0, STEP_BYTES - (size % STEP_BYTES));
  }

  /** What cannot be had whole is not taken in part; a file system that tells nothing is tried. */
  #requireFree(bytes: number): void {
    const { blocks, bavail, bsize } = statfsSync(this.#path);
    if (blocks > 0 && bavail * bsize < bytes)
      throw Object.assign(new Error(`${bytes} bytes are not free`), { code: 'ENOSPC' });
  }
}

/**
 * New pages that a commit takes: every change copies its path, but no page is copied twice; a full page is split by
 * its first entry, and again when it has been filled; long values have pages of their own; the numbers of freed pages
 * are written down.
 */
function pagesAtMost({ lastPage, treePages, treeDepth }: StoreSize, changes: readonly ChangeSize[]): number {
  let [ofValues, entryBytes, entries] = [0, 0, 0];
  for (const { key, value } of changes) {
    if (value === undefined) continue;
    const isLong = key + value + HEADER_BYTES > ENTRY_BYTES_MOST;
    entries++;
    entryBytes += HEADER_BYTES + key + (isLong ? 0 : value);
    if (isLong) ofValues += Math.ceil((value + HEADER_BYTES) / PAGE_BYTES);
  }
  const copied = Math.min(changes.length * (treeDepth + 1), treePages);
  const split = Math.min(entries, treePages) + Math.ceil(entryBytes / FILLED_BYTES);
  return ofValues + copied + split + Math.ceil(lastPage / PAGES_LISTED) + PAGES_OF_ANY_COMMIT;
}

/** Makes lmdb's lock file, unless there is one, with every page of it on the disk. @throws the system's error. */
export async function makeLockFile(path: string): Promise<void> {
  try {
    const file = await open(path, 'wx', PRIVATE_FILE);
    try {
      await file.writeFile(new Uint8Array(LOCK_BYTES));
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause;
  }
}
