/**
 * What an operation leaves in the core's memory. What flows through here: an operation is run with secrets that
 * are named; afterwards the whole linear memory is searched for every eight bytes of them. Run again in a fresh
 * core with other secrets, it must leave the very same memory: this finds what no search can, secrets that were
 * spread, multiplied or transposed.
 */
import { createHash } from 'node:crypto';
import { hex } from '../../src/base/hex.ts';
import type { Core } from '../../src/core/index.ts';

const NEEDLE_BYTES = 8;

export interface Operation {
  name: string;
  run(core: Core, scene: Scene): void;
  /** Bytes at the start of the output area that may hold a public result. */
  publicOutput?: number;
  /** Names the only secrets of an operation whose other work is public and may stay: it is searched, not compared. */
  allPublicBut?: string;
}

export interface Scene {
  /** Bytes that must not stay; other ones in each run. */
  secret(label: string, length: number): Uint8Array;
  /** A secret that arose on the way, such as a shared secret or a round key. */
  derived(label: string, secret: Uint8Array): void;
  /** A public result: it may stay anywhere. */
  published(result: Uint8Array): void;
}

/** Runs in a fresh core; the labels of secrets of which at least eight bytes are still in memory. */
export function secretsLeft(core: Core, operation: Operation): string[] {
  const { secrets } = runWith(core, operation, 'first');
  const memory = asBuffer(core.engine.memory);
  return secrets.filter(([, bytes]) => contains(memory, bytes)).map(([label]) => label);
}

/** Runs with different secrets in two fresh cores; the first address where their memories differ afterwards. */
export function firstDifference(cores: readonly [Core, Core], operation: Operation): string | undefined {
  const [one, two] = cores.map((core, i) => {
    const { results } = runWith(core, operation, `run ${i}`);
    core.engine.output.fill(0, 0, operation.publicOutput ?? 0);
    for (const result of results) blank(core.engine.memory, result);
    return core.engine.memory;
  });
  const at = one.findIndex((byte, i) => byte !== two[i]);
  return at < 0
    ? undefined
    : `address ${at}: ${hex(one.subarray(at, at + 8))} and ${hex(two.subarray(at, at + 8))}`;
}

interface Ran {
  secrets: [string, Uint8Array][];
  results: Uint8Array[];
}

function runWith(core: Core, operation: Operation, seed: string): Ran {
  const ran: Ran = { secrets: [], results: [] };
  const scene: Scene = {
    // Copies are kept for the search: the operation may wipe its own.
    derived: (label, bytes) => void ran.secrets.push([label, bytes.slice()]),
    published: (result) => void ran.results.push(result.slice()),
    secret: (label, length) => {
      const bytes = stretch(`${seed} ${operation.name} ${label}`, length);
      scene.derived(label, bytes);
      return bytes;
    },
  };
  operation.run(core, scene);
  return ran;
}

function blank(memory: Uint8Array, result: Uint8Array): void {
  const found = asBuffer(memory);
  for (let at = found.indexOf(asBuffer(result)); at >= 0; at = found.indexOf(asBuffer(result), at))
    memory.fill(0, at, at + result.length);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function stretch(seed: string, length: number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: length }).update(seed).digest());
}

/** Every window of a short secret is searched for; of a long one, a window at each of 24 places. */
function contains(memory: Buffer, secret: Uint8Array): boolean {
  const places = secret.length - NEEDLE_BYTES;
  const step = Math.max(1, Math.floor(places / 24));
  for (let at = 0; at <= places; at += step)
    if (memory.includes(asBuffer(secret.subarray(at, at + NEEDLE_BYTES)))) return true;
  return false;
}
