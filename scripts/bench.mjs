// Runs the benchmark: bundles bench/main.ts (or the script of that name, as `crossover`) to build/bench/ and starts it.
//   npm run bench -- [suite …] [--json FILE] [--browser] [--targets FILE] …   (all options: --help)
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { nodeOptions } from './build.mjs';

const words = process.argv.slice(2);
const script =
  words.length === 1 && /^[a-z-]+$/.test(words[0]) && existsSync(join('bench', `${words[0]}.ts`));
const name = script ? words[0] : 'main';
const outfile = join('build', 'bench', `${name}.js`);
await build({ ...nodeOptions, entryPoints: [join('bench', `${name}.ts`)], outfile, splitting: false });
const started = spawn(process.execPath, ['--enable-source-maps', outfile, ...(script ? [] : words)], {
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => started.kill(signal));
started.on('exit', (code) => process.exit(code ?? 1));
