/**
 * Text statistics of a file, computed by the mesh. What flows through here: the file is opened once and read by
 * offset; the repository's WASI module runs over its chunks on the workers; partial results are merged in scratch
 * space on disk, so that memory does not grow with the file.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OotoError } from '../../base/errors.ts';
import type { JobInput } from '../../mesh/jobs/chunk-run.ts';
import { type JobResult, runJob } from '../../mesh/jobs/job.ts';
import { coreFolder } from '../../platform/node/core-file.ts';
import type { SoftwareKey } from '../../platform/node/signer.ts';
import { openSpool } from '../../platform/node/spool.ts';
import { chunkLength } from '../../workload/definition.ts';
import { type TextStatistics, TextStatisticsMerge } from '../../workload/text-statistics.ts';
import type { RunningNode } from '../running-node.ts';
import type { Terminal } from '../terminal.ts';

export const LARGEST_INPUT_BYTES = 2 ** 30;
const HASH_PIECE_BYTES = 1024 * 1024;
const TOP_WORDS = 10;
const JOB_LIFE_MS = 24 * 3_600_000;

export interface StatisticsJob {
  result: JobResult;
  statistics: TextStatistics;
  input: { bytes: number; sha256: string };
}

/** @throws OOTO_CLI_INPUT (caller) for what is no regular file of at most 1 GiB, and what running a job throws. */
export async function runStatistics(
  running: RunningNode,
  options: {
    file: string;
    originator: { name: string; key: SoftwareKey };
    sequence: number;
    terminal: Terminal;
    signal: AbortSignal;
  },
): Promise<StatisticsJob> {
  const file = await openInput(options.file);
  const spool = await openSpool(join(running.open.folder, 'scratch'));
  try {
    const { size } = await file.stat();
    const sha256 = await digestOf(file, size);
    const merge = new TextStatisticsMerge(running.open.crypto, spool);
    const input = fileInput(file, size, options.file);
    let chunkBytes = (_: number) => 0;
    const result = await runJob(running.open.node, running.upkeep, {
      name: 'text-statistics',
      originator: options.originator,
      sequence: options.sequence,
      module: new Uint8Array(await readFile(join(coreFolder(), 'text-statistics.wasm'))),
      arguments: [],
      input,
      limits: { memoryBytes: 64 * 1024 * 1024, timeMs: 120_000, outputBytes: 12 * 1024 * 1024 },
      lifeMs: JOB_LIFE_MS,
      defined: (definition) => {
        chunkBytes = (index) => chunkLength(definition, index);
      },
      take: (index, output) => merge.add(index, output, chunkBytes(index)),
      progress: (done, total) => options.terminal.progress('chunks done', done, total),
      signal: options.signal,
    });
    const statistics = await merge.finish(result.definition.chunks.length, TOP_WORDS);
    return { result, statistics, input: { bytes: size, sha256 } };
  } finally {
    await spool.close();
    await file.close();
  }
}

/** @throws OOTO_CLI_INPUT (caller) unless the file can be the input of a job. */
export async function requireInput(path: string): Promise<void> {
  await (await openInput(path)).close();
}

async function openInput(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    // A pipe without a writer would wait for one.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw refuse(code === 'ENOENT' ? `there is no file ${path}` : `${path} cannot be read: ${code}`, cause);
  }
  const status = await file.stat();
  if (status.isFile() && status.size <= LARGEST_INPUT_BYTES) return file;
  await file.close();
  throw refuse(
    status.isFile()
      ? `${path} has ${status.size} bytes`
      : `${path} is ${status.isDirectory() ? 'a folder' : 'no file'}`,
  );
}

function refuse(what: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_CLI_INPUT', 'caller', what, {
    cause,
    hint: 'the input is a regular file of at most 1 GiB that you may read',
  });
}

function fileInput(file: FileHandle, bytes: number, path: string): JobInput {
  return {
    bytes,
    async read(offset, length) {
      const piece = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const { bytesRead } = await file.read(piece, at, length - at, offset + at);
        if (bytesRead === 0)
          throw new OotoError('OOTO_CLI_INPUT', 'environment', `${path} became shorter while it was read`);
        at += bytesRead;
      }
      return piece;
    },
  };
}

async function digestOf(file: FileHandle, size: number): Promise<string> {
  const hash = createHash('sha256');
  const piece = new Uint8Array(HASH_PIECE_BYTES);
  for (let offset = 0; offset < size; ) {
    const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, size - offset), offset);
    if (bytesRead === 0) break;
    hash.update(piece.subarray(0, bytesRead));
    offset += bytesRead;
  }
  return hash.digest('hex');
}
