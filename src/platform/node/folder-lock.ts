/**
 * One process to a folder. What flows through here: the folder's real path becomes the name of a local socket; who
 * listens on it has the folder, and the system takes the name back when that process ends, however it ends. Two
 * processes with one node's keys and logs would contradict each other in its name.
 */
import { createHash } from 'node:crypto';
import { realpath, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OotoError } from '../../base/errors.ts';
import { errorCode, systemError } from './system-error.ts';

export interface FolderLock {
  release(): Promise<void>;
}

/**
 * Takes the folder for this process until released.
 * @throws OOTO_FILES_LOCKED (caller) while another process has it, OOTO_FILES_FOLDER (environment).
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const name = socketName(await realpath(folder));
  const server = (await listen(name, folder)) ?? (await takeOver(name, folder));
  if (!server)
    throw new OotoError('OOTO_FILES_LOCKED', 'caller', `another process runs the node in ${folder}`, {
      hint: 'ooto status shows its process id',
    });
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** Linux has names that are no files; elsewhere a file may be left behind and is taken over. */
function socketName(path: string): string {
  const id = `ooto-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`;
  if (process.platform === 'linux') return `\0${id}`;
  return process.platform === 'win32' ? join('\\\\.\\pipe', id) : join(tmpdir(), `${id}.sock`);
}

/** The server that holds the name, or undefined when another has it. */
function listen(name: string, folder: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (cause) => {
      if (errorCode(cause) === 'EADDRINUSE') resolve(undefined);
      else reject(systemError('OOTO_FILES_FOLDER', `cannot lock ${folder}`, cause));
    });
    server.listen(name, () => {
      server.unref();
      resolve(server);
    });
  });
}

async function takeOver(name: string, folder: string): Promise<Server | undefined> {
  if (name.startsWith('\0') || process.platform === 'win32' || (await answers(name))) return undefined;
  await unlink(name).catch(() => {});
  return listen(name, folder);
}

function answers(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(name);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
  });
}
