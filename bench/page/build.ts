/** The page as plain files in build/bench/page: scripts bundled for browsers, both cores, one style sheet. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { BUNDLES, missingIsExternal } from '../prepare.ts';
import { PLOT_STYLE } from '../report/svg.ts';

export const PAGE = join(BUNDLES, 'page');
const SOURCE = join('bench', 'page');

/** @param suites names of suites that run in browsers. */
export async function buildPage(suites: readonly string[]): Promise<void> {
  rmSync(PAGE, { recursive: true, force: true });
  mkdirSync(PAGE, { recursive: true });
  const entries = suites.map((name) => [`suite-${name}`, join('bench', name, 'suite.ts')]);
  await build({
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    sourcemap: true,
    logLevel: 'warning',
    splitting: true,
    chunkNames: 'chunk-[hash]',
    entryPoints: {
      page: join(SOURCE, 'page.ts'),
      worker: join(SOURCE, 'worker.ts'),
      ...Object.fromEntries(entries),
    },
    outdir: PAGE,
    external: ['node:*'],
    plugins: [missingIsExternal],
  });
  for (const file of ['index.html', 'icon.svg']) copyFileSync(join(SOURCE, file), join(PAGE, file));
  for (const file of ['core.wasm', 'core-relaxed.wasm']) copyFileSync(join('build', file), join(PAGE, file));
  writeFileSync(
    join(PAGE, 'style.css'),
    `${readFileSync(join(SOURCE, 'style.css'), 'utf8')}\n${PLOT_STYLE}\n`,
  );
  writeFileSync(join(PAGE, 'suites.json'), JSON.stringify(suites));
}
