/**
 * `ooto doctor`. What flows through here: what this program needs of the machine is looked at, one check after the
 * other, and with a folder also what a node needs of its own: modes of its files, its configuration, its clock
 * against the newest mesh head it knows. Nothing is changed; each check says what it found.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { HeadView, MOST_CLOCK_SKEW_MS, verifyHead } from '../authority/head.ts';
import { isOotoError } from '../base/errors.ts';
import { GENESIS_KEY, ROOT_KEY } from '../mesh/founding.ts';
import { readTrust } from '../mesh/identity.ts';
import { createNodeCrypto } from '../node.ts';
import { openStore } from '../platform/node/store.ts';
import { readConfiguration } from './configuration.ts';
import { examineTpm } from './tpm-check.ts';

const LEAST_NODE = [20, 19] as const;
const OTHERS = 0o077;
/** (module (func (result v128) (i8x16.splat (i32.const 0)))) */
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
];
/** The same with i8x16.relaxed_swizzle of two such vectors. */
const RELAXED = [
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0],
  ...[65, 0, 253, 15, 65, 0, 253, 15, 253, 128, 2, 11],
];

export interface Check {
  name: string;
  ok: boolean;
  found: string;
}

export interface DoctorReport {
  schema: 'ooto.doctor/1';
  healthy: boolean;
  checks: Check[];
}

export interface Examination {
  /** The node's, if it is to be examined too. */
  folder?: string | undefined;
  /** Where the TPM is, if not where the kernel has it. */
  tcti?: string | undefined;
}

/** Examines the machine, and the node's `folder` if given. */
export async function examine({ folder, tcti }: Examination): Promise<DoctorReport> {
  const checks = [nodeVersion(), simd(), relaxedSimd(), await tpm(tcti)];
  if (folder !== undefined) checks.push(modes(folder), configuration(folder), await clock(folder));
  return { schema: 'ooto.doctor/1', healthy: checks.every(({ ok }) => ok), checks };
}

function nodeVersion(): Check {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const ok = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  return { name: 'node', ok, found: `${process.versions.node}, ${LEAST_NODE.join('.')} or newer is needed` };
}

function simd(): Check {
  const ok = WebAssembly.validate(Uint8Array.from(SIMD));
  return { name: 'wasm-simd', ok, found: ok ? 'there' : 'missing, the core cannot run' };
}

/** Good to have: without it the core runs in its plain variant. */
function relaxedSimd(): Check {
  const there = WebAssembly.validate(Uint8Array.from(RELAXED));
  return { name: 'wasm-relaxed-simd', ok: true, found: there ? 'there' : 'missing, the plain core is used' };
}

/** Good to have, unless one is named: no node needs a TPM. */
async function tpm(tcti: string | undefined): Promise<Check> {
  const { ok, found } = await examineTpm({ program: process.argv[1], tcti });
  if (ok || tcti !== undefined) return { name: 'tpm', ok, found };
  return { name: 'tpm', ok: true, found: `not usable: ${found}` };
}

function modes(folder: string): Check {
  const name = 'file-modes';
  if (process.platform === 'win32') return { name, ok: true, found: 'modes mean nothing on this system' };
  try {
    const paths = ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })];
    const open = paths.filter((path) => (lstatSync(join(folder, path)).mode & OTHERS) !== 0);
    if (open.length === 0) return { name, ok: true, found: `${paths.length} files, none open to others` };
    return {
      name,
      ok: false,
      found: `open to others: ${open.slice(0, 8).join(', ')}; chmod go= what is named`,
    };
  } catch (error) {
    return { name, ok: false, found: wordsOf(error) };
  }
}

function configuration(folder: string): Check {
  try {
    const { role, name } = readConfiguration(folder);
    return { name: 'configuration', ok: true, found: `${role}/${name}` };
  } catch (error) {
    return { name: 'configuration', ok: false, found: wordsOf(error) };
  }
}

/** The newest head that the node has stored says what time it was at least. */
async function clock(folder: string): Promise<Check> {
  try {
    const time = await headTime(folder);
    if (time === undefined) return { name: 'clock', ok: true, found: 'no mesh head to hold it against' };
    const ahead = Date.now() - time;
    const ok = ahead >= -MOST_CLOCK_SKEW_MS;
    return {
      name: 'clock',
      ok,
      found: ok
        ? `${Math.round(ahead / 1000)} s after the newest mesh head`
        : 'behind the mesh; set the clock',
    };
  } catch (error) {
    return { name: 'clock', ok: false, found: wordsOf(error) };
  }
}

async function headTime(folder: string): Promise<number | undefined> {
  lstatSync(join(folder, 'state'));
  const store = await openStore(join(folder, 'state'));
  try {
    const [genesis, root, head] = [GENESIS_KEY, ROOT_KEY, HeadView.storeKey].map((key) => store.get(key));
    if (!genesis || !root || !head) return undefined;
    const crypto = createNodeCrypto();
    const trust = readTrust(crypto, genesis, root, store);
    return verifyHead(crypto, trust.authority, head).time;
  } finally {
    await store.close();
  }
}

function wordsOf(error: unknown): string {
  if (isOotoError(error)) return `${error.message} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}
