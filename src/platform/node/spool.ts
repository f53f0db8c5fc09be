/**
 * Scratch space: one file, appended to and read anywhere. It has no name once it is open (where the system
 * allows that), so it is private and a crash leaves nothing behind.
 */
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hex } from '../../base/hex.ts';
import type { Spool } from '../../ports.ts';
import { makePrivateFolder, PRIVATE_FILE } from './files.ts';
import { nodeRandom } from './random.ts';
import { systemError } from './system-error.ts';

/**
 * A spool in `folder`, which is made if need be.
 * Throws OOTO_SPOOL_OPEN, OOTO_SPOOL_WRITE (full disk) and OOTO_SPOOL_READ, all (environment).
 */
export async function openSpool(folder: string): Promise<Spool> {
  await makePrivateFolder(folder);
  const path = join(folder, `spool-${hex(nodeRandom().bytes(8))}.tmp`);
  try {
    const file = await open(path, 'wx+', PRIVATE_FILE);
    const named = await unlink(path).then(
      () => false,
      () => true,
    );
    return new FileSpool(file, path, named);
  } catch (cause) {
    throw systemError('OOTO_SPOOL_OPEN', `cannot make scratch space in ${folder}`, cause);
  }
}

class FileSpool implements Spool {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #named: boolean;
  #length = 0;
  #closed: Promise<void> | undefined;

  constructor(file: FileHandle, path: string, named: boolean) {
    this.#file = file;
    this.#path = path;
    this.#named = named;
  }

  async append(bytes: Uint8Array): Promise<number> {
    const offset = this.#length;
    this.#length += bytes.length;
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, offset + done);
        done += bytesWritten;
      }
      return offset;
    } catch (cause) {
      throw systemError('OOTO_SPOOL_WRITE', 'cannot write to scratch space', cause);
    }
  }

  async read(offset: number, into: Uint8Array): Promise<number> {
    try {
      let done = 0;
      while (done < into.length) {
        const { bytesRead } = await this.#file.read(into, done, into.length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    } catch (cause) {
      throw systemError('OOTO_SPOOL_READ', 'cannot read scratch space', cause);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#file.close().then(() => (this.#named ? unlink(this.#path) : undefined));
    return this.#closed;
  }
}
