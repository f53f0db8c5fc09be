// Runs benchmark suites: each bench/<suite>.ts is bundled to build/bench/ and run as a process of its own, one after
// the other. Without a name it lists what there is.
//   npm run bench -- [suite …]
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { nodeOptions } from './build.mjs';

const suites = readdirSync('bench')
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !suites.includes(name));

if (wanted.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no suite is called ${unknown.join(', ')}`);
  console.error(`suites: ${suites.join(', ')}`);
  process.exit(wanted.length === 0 ? 0 : 2);
}
for (const name of wanted) {
  const outfile = join('build', 'bench', `${name}.js`);
  await build({ ...nodeOptions, entryPoints: [join('bench', `${name}.ts`)], outfile, splitting: false });
  const { status } = spawnSync(process.execPath, ['--enable-source-maps', outfile], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
