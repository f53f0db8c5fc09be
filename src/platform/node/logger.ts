/**
 * The log of a node: one JSON object a line, `{time, level, message, …fields}`. What flows through here: an
 * event passes the level filter, its fields are made printable (bytes in hexadecimal, errors as code, fault and
 * message), and the line is appended at once, so that a killed process has logged what it did. Nothing is
 * awaited and nothing thrown: lines that cannot be written whole are taken back and counted, and the count goes
 * into the next line.
 * A file that reaches its limit is moved to `<file>.1`, replacing the one before.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs';
import { debuglog } from 'node:util';
import { utf8 } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { Logger, LogLevel } from '../../ports.ts';
import { PRIVATE_FILE } from './files.ts';
import { systemError } from './system-error.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const FILE_BYTES_MOST = 32 * 1024 * 1024;
const TEXT_MOST = 2_000;
const ITEMS_MOST = 64;
const DEPTH_MOST = 4;
const STDERR = 2;

export interface LoggerOptions {
  /** Least level that is written; `info` if absent, `debug` under `NODE_DEBUG=ooto`. */
  level?: LogLevel;
  /** Appended to; made with mode 0600. */
  file?: string;
  /** Whether lines go to stderr too. Always under `NODE_DEBUG=ooto`. */
  stderr?: boolean;
  /** Fields that every line carries, for example the node's id. */
  fields?: Readonly<Record<string, unknown>>;
  /** Size at which the file is moved aside. */
  fileBytes?: number;
}

export interface NodeLogger extends Logger {
  close(): void;
}

/** @throws OOTO_LOGGER_OPEN (environment) when the file cannot be opened. */
export function nodeLogger(options: LoggerOptions = {}): NodeLogger {
  const debugging = debuglog('ooto').enabled;
  const least = LEVELS.indexOf(debugging ? 'debug' : (options.level ?? 'info'));
  const sinks: Sink[] = [];
  if (options.file) sinks.push(new FileSink(options.file, options.fileBytes ?? FILE_BYTES_MOST));
  if (options.stderr || debugging) sinks.push({ write: (line) => writeSync(STDERR, line), close() {} });
  let dropped = 0;
  return {
    log(level, message, fields = {}) {
      if (LEVELS.indexOf(level) < least || sinks.length === 0) return;
      const head = { time: new Date().toISOString(), level, message: printable(message, 0) };
      const line = `${JSON.stringify({ ...head, ...printableFields({ ...options.fields, ...fields }), ...(dropped > 0 && { dropped }) })}\n`;
      let failed = false;
      for (const sink of sinks) failed = !written(sink, line) || failed;
      dropped = failed ? dropped + 1 : 0;
    },
    close() {
      for (const sink of sinks.splice(0)) sink.close();
    },
  };
}

interface Sink {
  write(line: string): void;
  close(): void;
}

function written(sink: Sink, line: string): boolean {
  try {
    sink.write(line);
    return true;
  } catch {
    return false;
  }
}

class FileSink implements Sink {
  readonly #path: string;
  readonly #most: number;
  #file: number;
  #size: number;

  constructor(path: string, most: number) {
    this.#path = path;
    this.#most = most;
    try {
      this.#file = openSync(path, 'a', PRIVATE_FILE);
      this.#size = fstatSync(this.#file).size;
    } catch (cause) {
      throw systemError('OOTO_LOGGER_OPEN', `cannot open the log file ${path}`, cause);
    }
  }

  write(line: string): void {
    if (this.#size > 0 && this.#size + line.length > this.#most) this.#rotate();
    const bytes = utf8(line);
    const written = writeSync(this.#file, bytes);
    if (written < bytes.length) {
      ftruncateSync(this.#file, this.#size);
      throw new OotoError('OOTO_LOGGER_WRITE', 'environment', `${this.#path} took half a line`);
    }
    this.#size += written;
  }

  close(): void {
    closeSync(this.#file);
  }

  #rotate(): void {
    renameSync(this.#path, `${this.#path}.1`);
    const next = openSync(this.#path, 'a', PRIVATE_FILE);
    closeSync(this.#file);
    this.#file = next;
    this.#size = 0;
  }
}

function printableFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, printable(value, 0)]));
}

/** A form of `value` that JSON can carry, bounded in length and depth; what is odd is named, never walked. */
function printable(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return shortened(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return shortened(hex(value.subarray(0, TEXT_MOST / 2)));
  if (value instanceof OotoError)
    return {
      code: value.code,
      fault: value.fault,
      message: shortened(value.message),
      ...(value.culprits.length > 0 && { culprits: value.culprits.slice(0, ITEMS_MOST) }),
    };
  if (value instanceof Error) return { name: value.name, message: shortened(value.message) };
  if (depth >= DEPTH_MOST) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, ITEMS_MOST).map((item) => printable(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, ITEMS_MOST)
      .map(([name, item]) => [name, printable(item, depth + 1)]),
  );
}

function shortened(text: string): string {
  return text.length <= TEXT_MOST ? text : `${text.slice(0, TEXT_MOST)}…`;
}
