/**
 * Compiles AssemblyScript in memory. What flows through here: source files, those of the repository or others given
 * under the same names, become a module with the options that the core is built with, and with the names of its
 * functions: they change nothing of the code.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';

export interface Compilation {
  /** Options of the compiler instead of those in asconfig.json. */
  args: readonly string[];
  /** Gives a file's text, or undefined to have it read from the repository. */
  source?: (file: string) => string | undefined;
}

export async function compile({ args, source }: Compilation): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main([...args, '--debug', '--outFile', 'out.wasm'], {
    readFile: (file: string, folder: string) => source?.(file) ?? read(join(folder, file)),
    writeFile: (_name: string, contents: Uint8Array | string) => {
      if (typeof contents !== 'string') binary = contents;
    },
    listFiles: () => [],
  });
  if (error || !binary) throw new Error(`asc ${args.join(' ')}: ${error?.message}\n${stderr}`);
  return binary;
}

function read(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

/** The core, with texts of its sources replaced: every replacement must find what it replaces. */
export async function compileCore(
  replacements: Readonly<Record<string, readonly [string, string]>> = {},
  target = 'release',
): Promise<Uint8Array> {
  const made = new Set<string>();
  const source = (file: string): string | undefined => {
    const path = file.replaceAll('\\', '/');
    const replacement = replacements[path];
    if (!replacement) return undefined;
    const text = readFileSync(path, 'utf8');
    if (!text.includes(replacement[0])) throw new Error(`${path} has no "${replacement[0]}"`);
    made.add(path);
    return text.replace(...(replacement as [string, string]));
  };
  const bytes = await compile({ args: ['--config', 'asconfig.json', '--target', target], source });
  const missed = Object.keys(replacements).filter((path) => !made.has(path));
  if (missed.length > 0) throw new Error(`never compiled: ${missed.join(', ')}`);
  return bytes;
}
