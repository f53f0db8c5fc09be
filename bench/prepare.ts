/**
 * What stands before a run: the rooms of bench/ that hold a suite, their bundles in build/bench/, and the rivals'
 * packages, which are installed from their own lockfile when it is not what is there.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import type { Suite } from './suite.ts';

export const BUNDLES = resolve('build', 'bench');
const RIVALS = join('bench', 'rivals');
const STAMP = join(RIVALS, 'node_modules', '.ooto-lock');

export const nodeOptions: BuildOptions = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  logLevel: 'warning',
  // ffi-rs and lmdb look for their binaries beside themselves; of the others, in CommonJS, an import when needed would lose the names.
  external: ['ffi-rs', 'lmdb', '@peculiar/asn1-schema', '@peculiar/asn1-x509'],
  // Packages in CommonJS ask for Node's modules by require, which ES modules lack.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
};

/** A package that is not installed is looked for at run time, in vain, where its loss can be told. */
export const missingIsExternal: Plugin = {
  name: 'missing-is-external',
  setup(bundler) {
    bundler.onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...options }) => {
      if (pluginData === 'asked') return undefined;
      const found = await bundler.resolve(path, { ...options, pluginData: 'asked' });
      return found.errors.length > 0 ? { path, external: true } : undefined;
    });
  },
};

/** The rooms with a suite. */
export function suiteNames(): string[] {
  return readdirSync('bench', { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join('bench', entry.name, 'suite.ts')))
    .map(({ name }) => name);
}

/** Those of `suites` that run in browsers. */
export function browserSuites(suites: readonly BundledSuite[]): string[] {
  return suites.filter(({ suite }) => suite.platforms.includes('browser')).map(({ suite }) => suite.name);
}

export interface BundledSuite {
  suite: Suite;
  file: string;
}

/** Bundles suites and the process they run in; only what is asked for is loaded. */
export async function bundleSuites(names: readonly string[]): Promise<BundledSuite[]> {
  const suites = Object.fromEntries(names.map((name) => [`suite-${name}`, join('bench', name, 'suite.ts')]));
  await build({
    ...nodeOptions,
    entryPoints: { child: join('bench', 'child.ts'), ...suites },
    outdir: BUNDLES,
    splitting: true,
    chunkNames: 'chunk-[hash]',
    plugins: [missingIsExternal],
  });
  const bundled: BundledSuite[] = [];
  for (const name of names) {
    const file = join(BUNDLES, `suite-${name}.js`);
    const { default: suite } = (await import(pathToFileURL(file).href)) as { default: Suite };
    bundled.push({ suite, file });
  }
  return bundled;
}

/** Without a way to install them the run goes on with the rivals that are there. */
export function installRivals(say: (text: string) => void): void {
  const lock = createHash('sha256')
    .update(readFileSync(join(RIVALS, 'package-lock.json')))
    .digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return;
  say('installing the rivals into bench/rivals/node_modules');
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const { status } = spawnSync(
    npm[0],
    [...npm.slice(1), 'ci', '--loglevel=error', '--no-audit', '--no-fund'],
    {
      cwd: RIVALS,
      stdio: ['ignore', 2, 2],
    },
  );
  if (status === 0) writeFileSync(STAMP, lock);
  else say('the rivals could not be installed: those that are not here are left out');
}
