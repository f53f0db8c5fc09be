/** Vector files from a folder: a path may be one file, or a folder whose JSON files are one case each. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { VectorFile } from './vector.ts';

/** @throws Error when there is no such file. */
export function loadVectorFile(folder: string, path: string): VectorFile {
  const paths = statSync(join(folder, path)).isDirectory() ? jsonFilesBelow(folder, path) : [path];
  const texts = paths.map((path) => {
    const content = readFileSync(join(folder, path));
    return { path, text: content.toString('utf8'), bytes: new Uint8Array(content) };
  });
  return { path, texts };
}

function jsonFilesBelow(folder: string, path: string): string[] {
  return readdirSync(join(folder, path), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const inner = `${path}/${entry.name}`;
      if (entry.isDirectory()) return jsonFilesBelow(folder, inner);
      return entry.name.endsWith('.json') ? [inner] : [];
    });
}
