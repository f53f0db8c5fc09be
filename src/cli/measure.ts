/**
 * `ooto measure`. What flows through here: the installed program is measured; the manifest is printed, written, signed
 * as a release, or held against one that was signed before; what a launcher needs is written beside it. Files are PEM:
 * `OOTO MANIFEST`, or `OOTO RELEASE` with signatures.
 */
import { dirname, resolve } from 'node:path';
import {
  compareManifests,
  encodeManifest,
  launchMeasurement,
  type Manifest,
  manifestDigest,
  readManifest,
  releaseDraft,
  verifyRelease,
} from '../attest/manifest.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { pemDecode, pemEncode } from '../base/pem.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { createNodeCrypto } from '../node.ts';
import { coreFolder } from '../platform/node/core-file.ts';
import { readFileLimited, writeFileAtomically } from '../platform/node/files.ts';
import { measureInstallation } from './installation.ts';
import { readQuorum, signedByOperator } from './operator-documents.ts';

const FILE_BYTES = 8 * 1024 * 1024;
const LABELS = { manifest: 'OOTO MANIFEST', release: 'OOTO RELEASE' } as const;

export interface MeasureOptions {
  /** Where the manifest goes. */
  out?: string;
  /** Paths of the files in their order, for a launcher. */
  list?: string;
  /** The operator's folder: signs. */
  operator?: string;
  /** Name of the release that is signed, and which it is. */
  release?: string;
  number?: string;
}

/** Measures the program installed in `folder`, or this one. */
export async function measure(folder: string | undefined, options: MeasureOptions) {
  const crypto = createNodeCrypto();
  const root = resolve(folder ?? dirname(coreFolder()));
  const manifest = measureInstallation(crypto, root);
  if (options.list !== undefined) await writeText(options.list, pathLines(manifest));
  if (options.out !== undefined) await writeText(options.out, await fileOf(crypto, manifest, options));
  return { schema: 'ooto.measure/1' as const, folder: root, ...summary(crypto, manifest) };
}

/** Measures again, and holds it against `file`; `keys` are those of a release. @throws OOTO_VERIFY_CHANGED (local). */
export async function checkMeasurement(
  folder: string | undefined,
  { file, keys }: { file: string; keys: readonly string[] },
) {
  const crypto = createNodeCrypto();
  const root = resolve(folder ?? dirname(coreFolder()));
  const expected = readMeasured(crypto, await readText(file), keys);
  const found = measureInstallation(crypto, root);
  const differences = compareManifests(expected, found);
  if (differences.length > 0) {
    const told = differences.slice(0, 8).map(({ path, change }) => `${path} ${change}`);
    throw new OotoError(
      'OOTO_VERIFY_CHANGED',
      'local',
      `the program is not as it was signed: ${told.join(', ')}`,
      {
        hint: 'install the release again; do not run this one',
      },
    );
  }
  return { schema: 'ooto.measure/1' as const, folder: root, ...summary(crypto, found) };
}

function summary(crypto: Crypto, manifest: Manifest) {
  return {
    files: manifest.files.length,
    bytes: manifest.files.reduce((sum, { size }) => sum + size, 0),
    digest: hex(manifestDigest(crypto, manifest)),
    launch: hex(launchMeasurement(crypto, manifest)),
  };
}

function pathLines({ files }: Manifest): string {
  return files.map(({ path }) => `${path}\n`).join('');
}

async function fileOf(crypto: Crypto, manifest: Manifest, options: MeasureOptions): Promise<string> {
  const { operator, release, number = '1' } = options;
  if (operator === undefined) return pemEncode([{ label: LABELS.manifest, bytes: encodeManifest(manifest) }]);
  if (release === undefined)
    throw new OotoError('OOTO_CLI_USAGE', 'caller', 'a signed manifest needs --release');
  const draft = releaseDraft(Number(number), release, manifest);
  return pemEncode([{ label: LABELS.release, bytes: await signedByOperator(crypto, operator, draft) }]);
}

function readMeasured(crypto: Crypto, text: string, keys: readonly string[]): Manifest {
  const [block, ...more] = pemDecode(text);
  if (more.length > 0 || !block) throw misfit();
  if (block.label === LABELS.release) return verifyRelease(crypto, block.bytes, readQuorum(keys)).manifest;
  if (block.label !== LABELS.manifest || keys.length > 0) throw misfit();
  return readManifest(block.bytes);
}

function misfit(): OotoError {
  return new OotoError(
    'OOTO_CLI_USAGE',
    'caller',
    'the file is no manifest, or no release that --key could verify',
  );
}

async function readText(file: string): Promise<string> {
  return new TextDecoder().decode(await readFileLimited(file, FILE_BYTES));
}

async function writeText(file: string, text: string): Promise<void> {
  await writeFileAtomically(file, new TextEncoder().encode(text));
}
