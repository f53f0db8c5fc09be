// Writes the declarations of the public doors, which the package ships. Input: src/. Output: build/types, or a folder.
//   node scripts/types.mjs [folder]
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = dirname(import.meta.dirname);
const DOORS = ['index.ts', 'node.ts', 'browser.ts', 'browser-member.ts'].map((door) =>
  join(ROOT, 'src', door),
);

/** Imports in declarations name the scripts that stand beside them, not the sources they came from. */
const SOURCE_IMPORT = /((?:from |import\()['"]\.[^'"]*)\.ts(['"])/g;

/** Declarations of all that the doors reach, below `folder`. Throws where one cannot be written. */
export function writeTypes(folder) {
  mkdirSync(folder, { recursive: true });
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: DOORS }, ts.sys, ROOT);
  const program = ts.createProgram(DOORS, {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: join(ROOT, 'src'),
    outDir: folder,
  });
  const { diagnostics } = program.emit(undefined, (file, text) =>
    ts.sys.writeFile(file, text.replace(SOURCE_IMPORT, '$1.js$2')),
  );
  const wrong = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (wrong.length > 0) throw new Error(ts.formatDiagnostics(wrong, host));
}

const host = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => ROOT,
  getNewLine: () => '\n',
};

if (import.meta.filename === process.argv[1])
  writeTypes(resolve(process.argv[2] ?? join(ROOT, 'build', 'types')));
