/**
 * One execution of a WASI preview 1 module, as a function: module, arguments, standard input and a seed go in;
 * exit code, standard output and standard error come out. What flows through here, in order: the module is
 * confined and compiled, its imports are held against a list, it is instantiated with three streams and nothing
 * else, `_start` runs, and what it wrote is handed back.
 *
 * The module sees no file, no network, no environment, no clock and no randomness of the host. Its clocks stand
 * still at zero, sleeping returns at once, and its random numbers follow from the seed by a generator that is no
 * cryptographic one: the same request has the same result on every machine. This function does not end before
 * the module does; whoever calls it holds the deadline (`platform/node/worker.ts` ends the thread).
 */
import { Fd, WASI, wasi } from '@bjorn3/browser_wasi_shim';
import { readU32be, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { SandboxLimits, SandboxResult } from '../ports.ts';
import { confineModule } from './module.ts';

export interface ExecutionRequest {
  module: Uint8Array;
  arguments: readonly string[];
  stdin: Uint8Array;
  limits: SandboxLimits;
  /** 32 bytes. */
  seed: Uint8Array;
}

const INTERFACE = 'wasi_snapshot_preview1';
const OUTPUT_BYTES_FIRST = 4096;

/**
 * Runs a module to its end.
 * @throws OOTO_SANDBOX_MODULE (peer) when it is malformed or no WASI command.
 * @throws OOTO_SANDBOX_IMPORT (peer) when it asks for anything but WASI preview 1 functions.
 * @throws OOTO_SANDBOX_MEMORY (peer) when it begins with more memory than it may have.
 * @throws OOTO_SANDBOX_OUTPUT (peer) when it writes more than it may.
 * @throws OOTO_SANDBOX_TRAP (peer) when it traps.
 */
export function execute(request: ExecutionRequest): SandboxResult {
  const module = compile(confineModule(request.module, request.limits.memoryBytes));
  const budget = { left: request.limits.outputBytes, exceeded: false };
  const [stdout, stderr] = [new OutputStream(budget), new OutputStream(budget)];
  const host = new WASI([...request.arguments], [], [new InputStream(request.stdin), stdout, stderr], {
    debug: false,
  });
  Object.assign(
    host.wasiImport,
    repeatable(request, () => host.inst.exports.memory.buffer),
  );
  requireOnlyWasi(module, host.wasiImport);
  const exitCode = start(host, module, budget);
  return { exitCode, stdout: stdout.content(), stderr: stderr.content() };
}

function compile(bytes: Uint8Array): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes as BufferSource);
  } catch (cause) {
    throw new OotoError('OOTO_SANDBOX_MODULE', 'peer', 'the module does not compile', { cause });
  }
}

/** A module gets functions of the one interface it may know, and must offer what a WASI command offers. */
function requireOnlyWasi(module: WebAssembly.Module, offered: Readonly<Record<string, unknown>>): void {
  for (const { module: source, name, kind } of WebAssembly.Module.imports(module))
    if (source !== INTERFACE || kind !== 'function' || !Object.hasOwn(offered, name))
      throw new OotoError(
        'OOTO_SANDBOX_IMPORT',
        'peer',
        `the module imports the ${kind} ${JSON.stringify(`${source}.${name}`.slice(0, 120))}, which it cannot have`,
      );
  const exported = new Map(WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]));
  if (exported.get('memory') !== 'memory' || exported.get('_start') !== 'function')
    throw new OotoError('OOTO_SANDBOX_MODULE', 'peer', 'the module exports no memory and _start');
}

/** A module can catch what the host throws, so a limit once exceeded is remembered and decides at the end. */
function start(host: WASI, module: WebAssembly.Module, budget: OutputBudget): number {
  let exitCode = 0;
  let trap: unknown;
  try {
    const instance = new WebAssembly.Instance(module, {
      [INTERFACE]: host.wasiImport as WebAssembly.ModuleImports,
    });
    exitCode = host.start(instance as Parameters<WASI['start']>[0]) >>> 0;
  } catch (cause) {
    trap = cause ?? new Error('the module threw nothing');
  }
  if (budget.exceeded)
    throw new OotoError('OOTO_SANDBOX_OUTPUT', 'peer', 'the module wrote more than it may');
  if (trap !== undefined)
    throw new OotoError('OOTO_SANDBOX_TRAP', 'peer', `the module trapped: ${describe(trap)}`, {
      cause: trap,
    });
  return exitCode;
}

function describe(trap: unknown): string {
  return (trap instanceof Error ? trap.message : String(trap)).slice(0, 200);
}

/**
 * What replaces the shim's own: everything by which a run could differ from the next, its sockets and signals,
 * which throw texts, and its sizes of arguments, which count characters where the module needs bytes.
 */
function repeatable({ arguments: list, seed }: ExecutionRequest, memory: () => ArrayBuffer) {
  const next = generator(seed);
  const unsupported = () => wasi.ERRNO_NOTSUP;
  return {
    args_sizes_get(count: number, size: number): number {
      const view = new DataView(memory());
      view.setUint32(count, list.length, true);
      view.setUint32(
        size,
        list.reduce((sum, argument) => sum + utf8(argument).length + 1, 0),
        true,
      );
      return wasi.ERRNO_SUCCESS;
    },
    clock_res_get(_clock: number, resolution: number): number {
      new DataView(memory()).setBigUint64(resolution, 1n, true);
      return wasi.ERRNO_SUCCESS;
    },
    clock_time_get(_clock: number, _precision: bigint, time: number): number {
      new DataView(memory()).setBigUint64(time, 0n, true);
      return wasi.ERRNO_SUCCESS;
    },
    random_get(at: number, length: number): number {
      const bytes = new Uint8Array(memory(), at >>> 0, length >>> 0);
      for (let i = 0; i < bytes.length; i++) bytes[i] = next();
      return wasi.ERRNO_SUCCESS;
    },
    poll_oneoff(subscriptions: number, events: number, count: number, stored: number): number {
      return pollClocks(new DataView(memory()), subscriptions >>> 0, events >>> 0, count >>> 0, stored >>> 0);
    },
    sched_yield: () => wasi.ERRNO_SUCCESS,
    proc_raise: unsupported,
    sock_accept: unsupported,
    sock_recv: unsupported,
    sock_send: unsupported,
    sock_shutdown: unsupported,
  };
}

const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;

/** Every wait for a clock is over at once; waits for streams are not supported (WASI preview 1, poll_oneoff). */
function pollClocks(
  view: DataView,
  subscriptions: number,
  events: number,
  count: number,
  stored: number,
): number {
  if (count === 0) return wasi.ERRNO_INVAL;
  for (let i = 0; i < count; i++) {
    const from = subscriptions + i * SUBSCRIPTION_BYTES;
    if (view.getUint8(from + 8) !== wasi.EVENTTYPE_CLOCK) return wasi.ERRNO_NOTSUP;
    const to = events + i * EVENT_BYTES;
    const userdata = view.getBigUint64(from, true);
    for (let offset = 0; offset < EVENT_BYTES; offset += 8) view.setBigUint64(to + offset, 0n, true);
    view.setBigUint64(to, userdata, true);
    view.setUint8(to + 10, wasi.EVENTTYPE_CLOCK);
  }
  view.setUint32(stored, count, true);
  return wasi.ERRNO_SUCCESS;
}

/** xoshiro128** 1.1 (Blackman and Vigna, 2018), one byte a call, begun from the first 16 bytes of the seed. */
function generator(seed: Uint8Array): () => number {
  const s = Uint32Array.from({ length: 4 }, (_, i) => readU32be(seed, 4 * i));
  if (s.every((word) => word === 0)) s[0] = 1;
  const rotate = (x: number, by: number) => ((x << by) | (x >>> (32 - by))) >>> 0;
  return () => {
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9);
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
    return result >>> 24;
  };
}

class InputStream extends Fd {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    super();
    this.#bytes = bytes;
  }

  override fd_read(size: number) {
    const data = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += data.length;
    return { ret: wasi.ERRNO_SUCCESS, data };
  }

  override fd_fdstat_get() {
    return { ret: wasi.ERRNO_SUCCESS, fdstat: streamStatus() };
  }
}

/** Bytes that the streams of one execution may still take. */
interface OutputBudget {
  left: number;
  exceeded: boolean;
}

class OutputStream extends Fd {
  readonly #budget: OutputBudget;
  #bytes = new Uint8Array(OUTPUT_BYTES_FIRST);
  #length = 0;

  constructor(budget: OutputBudget) {
    super();
    this.#budget = budget;
  }

  content(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  override fd_write(data: Uint8Array) {
    this.#budget.exceeded ||= data.length > this.#budget.left;
    if (this.#budget.exceeded) throw new RangeError('more output than the limit');
    this.#budget.left -= data.length;
    this.#reserve(this.#length + data.length);
    this.#bytes.set(data, this.#length);
    this.#length += data.length;
    return { ret: wasi.ERRNO_SUCCESS, nwritten: data.length };
  }

  override fd_fdstat_get() {
    return { ret: wasi.ERRNO_SUCCESS, fdstat: streamStatus() };
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

function streamStatus() {
  return new wasi.Fdstat(wasi.FILETYPE_UNKNOWN, 0);
}
