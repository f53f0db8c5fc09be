// Writes test/vectors/noise.json, the project's own Noise vectors, from the second derivation in the test tree.
//   node scripts/noise-vectors.mjs
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

process.chdir(dirname(import.meta.dirname));
const { outputFiles } = await build({
  entryPoints: [join('test', 'vectors', 'noise.ts')],
  bundle: true,
  format: 'esm',
  platform: 'node',
  write: false,
});
const { ownVectorFile } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
);
writeFileSync(join('test', 'vectors', 'noise.json'), ownVectorFile());
