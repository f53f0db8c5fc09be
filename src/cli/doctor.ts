/**
 * `ooto doctor`. What flows through here: what this program needs of the machine is looked at, one check after the
 * other, and with a folder also what a node needs of its own: modes of its files, its configuration, its clock
 * against the newest mesh head it knows. Nothing is changed; each check says what it found.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { tokenMakers } from '../attest/appraisal-policy.ts';
import { type Maker, tierOfKey } from '../attest/hardware-key.ts';
import { HeadView, MOST_CLOCK_SKEW_MS, verifyHead } from '../authority/head.ts';
import { isOotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { GENESIS_KEY, type MeshTrust, ROOT_KEY, readTrust } from '../mesh/identity.ts';
import { rulesInStore } from '../mesh/node-attestation.ts';
import { createNodeCrypto } from '../node.ts';
import { openStore } from '../platform/node/store.ts';
import type { Store } from '../ports.ts';
import { readConfiguration } from './configuration.ts';
import { openNodeToken } from './node-token.ts';
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
  if (folder !== undefined)
    checks.push(modes(folder), configuration(folder), await identityKey(folder), await clock(folder));
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

/** Where it is, and which tier that makes by the rules that the node knows. A node that runs has its token open itself. */
async function identityKey(folder: string): Promise<Check> {
  const name = 'identity-key';
  try {
    const { tpm, pkcs11 } = readConfiguration(folder);
    if (tpm !== undefined) return { name, ok: true, found: `in the TPM at ${tpm}` };
    if (pkcs11 === undefined) return { name, ok: true, found: 'in a file, so tier software' };
    const crypto = createNodeCrypto();
    const { signer, certificates } = await openNodeToken(crypto, folder, pkcs11);
    signer.close();
    const { algorithm, publicKey: bytes } = signer;
    const makers = await tokenMakersOf(folder);
    const { tier, reasons } = tierOfKey(
      crypto,
      { key: { algorithm, bytes }, certificates },
      makers,
      Date.now(),
    );
    return {
      name,
      ok: true,
      found: `${pkcs11.key} in the token ${pkcs11.token}, tier ${tier}: ${reasons.join('; ')}`,
    };
  } catch (error) {
    return { name, ok: false, found: wordsOf(error) };
  }
}

/** None before the node has joined: it does not know the rules. */
function tokenMakersOf(folder: string): Promise<Maker[]> {
  return withState(folder, [], ({ crypto, store, trust }) => {
    const rules = rulesInStore(crypto, store, trust.genesis);
    return rules ? tokenMakers(rules) : [];
  });
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
  return withState(folder, undefined, ({ crypto, store, trust }) => {
    const head = store.get(HeadView.storeKey);
    return head && verifyHead(crypto, trust.authority, head).time;
  });
}

/** What `use` finds in the state of a node that is in a mesh, else `otherwise`. */
async function withState<T>(
  folder: string,
  otherwise: T,
  use: (state: { crypto: Crypto; store: Store; trust: MeshTrust }) => T,
): Promise<T> {
  lstatSync(join(folder, 'state'));
  const store = await openStore(join(folder, 'state'));
  try {
    const [genesis, root] = [GENESIS_KEY, ROOT_KEY].map((key) => store.get(key));
    if (!genesis || !root) return otherwise;
    const crypto = createNodeCrypto();
    return use({ crypto, store, trust: readTrust(crypto, genesis, root, store) });
  } finally {
    await store.close();
  }
}

function wordsOf(error: unknown): string {
  if (isOotoError(error)) return `${error.message} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}
