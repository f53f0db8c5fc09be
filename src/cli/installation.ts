/**
 * The installed program, measured whole. What flows through here: the scripts and modules of this package, its lockfile,
 * the packages that it loads (found as Node finds them) and the Node binary become one canonical manifest. What is not
 * read at run time (types, maps, documents) is left out; a link in place of a file is refused, since it would be
 * followed unmeasured.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { createManifest, type Manifest, type ManifestFile } from '../attest/manifest.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';

/** Beside the program itself. */
const OWN_FILES = ['package.json', 'package-lock.json', 'npm-shrinkwrap.json', 'extra/launch/ooto-launch'];
/** Below build/, of a checkout: these come and go, and no file of the program looks for anything there. */
const OF_A_CHECKOUT = ['bench', 'test'];
const LOADED = /\.(?:js|mjs|cjs|json|node|wasm)$/;
const PROGRAM = /\.(?:js|wasm)$/;
/** The path under which the Node binary stands in a manifest. */
export const NODE_PATH = 'node';

/** Measures what is installed in `root`, and the Node binary that runs this. @throws OOTO_CLI_MEASURE (environment). */
export function measureInstallation(crypto: Crypto, root: string): Manifest {
  const others = OF_A_CHECKOUT.map((name) => join(root, 'build', name, '/'));
  const own = OWN_FILES.map((name) => join(root, name)).filter((file) => existsSync(file));
  const program = filesIn(join(root, 'build'), PROGRAM).filter(
    (file) => !others.some((folder) => file.startsWith(folder)),
  );
  const packages = packagesOf(root).flatMap((folder) => filesIn(folder, LOADED));
  const files = [...own, ...program, ...packages].map((file) => measure(crypto, file, nameIn(root, file)));
  return createManifest([...files, measure(crypto, realpathSync(process.execPath), NODE_PATH)]);
}

function measure(crypto: Crypto, file: string, path: string): ManifestFile {
  const content = new Uint8Array(readFileSync(file));
  return { path, size: content.length, sha256: crypto.sha256(content) };
}

/** Packages may be installed beside this one instead of in it; both are named alike. */
function nameIn(root: string, file: string): string {
  return relative(root, file)
    .replaceAll('\\', '/')
    .replace(/^(?:\.\.\/)+/, '');
}

/** Folders of the packages that this one needs to run, each once. */
function packagesOf(root: string): string[] {
  const found = new Set<string>();
  const open = [root];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop())
    for (const name of dependenciesOf(folder)) {
      const target = resolvePackage(folder, name);
      if (target === undefined || found.has(target)) continue;
      found.add(target);
      open.push(target);
    }
  return [...found];
}

function dependenciesOf(folder: string): string[] {
  const described = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = described;
  return Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
}

/** As Node looks for a package: in the folders named node_modules from here upwards. */
function resolvePackage(from: string, name: string): string | undefined {
  for (let folder = from, below = ''; folder !== below; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    below = folder;
  }
  return undefined;
}

/** Files whose names fit, in all folders below but those of other packages. */
function filesIn(folder: string, names: RegExp): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesIn(path, names);
    if (!names.test(entry.name)) return [];
    if (entry.isFile()) return [path];
    throw new OotoError(
      'OOTO_CLI_MEASURE',
      'environment',
      `${path} is no plain file, so it cannot be measured`,
    );
  });
}
