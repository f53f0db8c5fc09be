/**
 * Files of a node. What flows through here: bytes are written to a temporary file beside their place, flushed,
 * renamed over it, and the folder is flushed, so a reader sees the old content or the new and a crash loses
 * neither. Secrets live in folders of mode 0700 and files of mode 0600, and are not read from files that
 * others may read. On Windows modes mean nothing and are not checked.
 */
import { constants } from 'node:fs';
import { chmod, type FileHandle, link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import { nodeRandom } from './random.ts';
import { errorCode, systemError } from './system-error.ts';

export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;
const OTHERS = 0o077;
const READ_BYTES_DEFAULT = 16 * 1024 * 1024;
const hasModes = process.platform !== 'win32';

/**
 * Replaces the content of `path`; durable once resolved.
 * @throws OOTO_FILES_WRITE (environment), for example on a full disk; the old content is then untouched.
 */
export async function writeFileAtomically(
  path: string,
  bytes: Uint8Array,
  { mode = PRIVATE_FILE }: { mode?: number } = {},
): Promise<void> {
  await viaTemporary(path, bytes, mode, (temporary) => rename(temporary, path));
}

/**
 * Creates `path` with its whole content, unless it exists. Of many callers, in any processes, exactly one
 * is told `true`.
 * @throws OOTO_FILES_WRITE (environment).
 */
export async function createFileOnce(
  path: string,
  bytes: Uint8Array,
  { mode = PRIVATE_FILE }: { mode?: number } = {},
): Promise<boolean> {
  let created = true;
  await viaTemporary(path, bytes, mode, async (temporary) => {
    await link(temporary, path).catch((error) => {
      if (errorCode(error) !== 'EEXIST') throw error;
      created = false;
    });
    await unlink(temporary);
  });
  return created;
}

/**
 * Makes a folder that only its owner may enter, parents included; an existing one is tightened.
 * @throws OOTO_FILES_FOLDER (environment).
 */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: PRIVATE_FOLDER });
    if (hasModes && ((await lstat(path)).mode & OTHERS) !== 0) await chmod(path, PRIVATE_FOLDER);
  } catch (cause) {
    throw systemError('OOTO_FILES_FOLDER', `cannot make the private folder ${path}`, cause);
  }
}

/**
 * The content of a regular file of at most `maxBytes`.
 * @throws OOTO_FILES_MISSING (caller) when there is none.
 * @throws OOTO_FILES_SIZE (caller) when it is longer.
 * @throws OOTO_FILES_READ (environment) when it cannot be read or is no regular file.
 */
export async function readFileLimited(path: string, maxBytes = READ_BYTES_DEFAULT): Promise<Uint8Array> {
  return withFile(path, constants.O_RDONLY, (file) => readWhole(file, path, maxBytes));
}

/**
 * The content of a secret file: as {@link readFileLimited}, and no link, and closed to group and others.
 * @throws OOTO_FILES_MODE (environment) when others may read or write it.
 */
export async function readSecretFile(path: string, maxBytes = 64 * 1024): Promise<Uint8Array> {
  return withFile(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0), async (file) => {
    const { mode } = await file.stat();
    if (hasModes && (mode & OTHERS) !== 0)
      throw new OotoError(
        'OOTO_FILES_MODE',
        'environment',
        `${path} has mode ${(mode & 0o777).toString(8)}: others may use this secret`,
        { hint: `if nobody else has read it: chmod 600 ${path}` },
      );
    return readWhole(file, path, maxBytes);
  });
}

async function viaTemporary(
  path: string,
  bytes: Uint8Array,
  mode: number,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${hex(nodeRandom().bytes(8))}.tmp`;
  try {
    await writeFlushed(temporary, bytes, mode);
    await place(temporary);
    await flushFolder(dirname(resolve(path)));
  } catch (cause) {
    await unlink(temporary).catch(() => {});
    throw systemError('OOTO_FILES_WRITE', `cannot write ${path}`, cause);
  }
}

async function writeFlushed(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A new name survives a crash of the machine only when its folder is flushed; Windows has no such call. */
export async function flushFolder(path: string): Promise<void> {
  if (!hasModes) return;
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function withFile<T>(path: string, flags: number, use: (file: FileHandle) => Promise<T>): Promise<T> {
  try {
    const file = await open(path, flags | (constants.O_NONBLOCK ?? 0));
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof OotoError) throw cause;
    if (errorCode(cause) === 'ENOENT')
      throw new OotoError('OOTO_FILES_MISSING', 'caller', `there is no file ${path}`, {
        cause,
        hint: 'is the path right?',
      });
    throw systemError('OOTO_FILES_READ', `cannot read ${path}`, cause);
  }
}

async function readWhole(file: FileHandle, path: string, maxBytes: number): Promise<Uint8Array> {
  const status = await file.stat();
  if (!status.isFile())
    throw new OotoError('OOTO_FILES_READ', 'environment', `${path} is not a regular file`, {
      hint: 'give a file, no folder and no device',
    });
  const bytes = new Uint8Array(Math.min(status.size, maxBytes) + 1);
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) return bytes.slice(0, length);
    length += bytesRead;
  }
  if (length <= maxBytes) return readWhole(file, path, maxBytes);
  throw new OotoError('OOTO_FILES_SIZE', 'caller', `${path} is longer than ${maxBytes} bytes`, {
    hint: 'it is not the file that is meant',
  });
}
