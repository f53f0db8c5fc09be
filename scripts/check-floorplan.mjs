// Holds the house to its plan (docs/architecture.md). What flows through here: the imports of every source file,
// as esbuild's metafile has them, joined with the type-only imports that esbuild erases; each is judged by the
// table of floors below; what breaks a rule is printed with file and rule, and the exit code is 1.
//   node scripts/check-floorplan.mjs [root]
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, posix, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';

/** The table. A package entry that ends in `/` names a whole scope; a room within a room stands before it. */
export const ROOMS = [
  { room: 'assembly', floor: 0 },
  { room: 'src/base', floor: 1 },
  { room: 'src/ports.ts', floor: 1 },
  { room: 'src/core', floor: 2, packages: ['@assemblyscript/loader'] },
  {
    room: 'src/platform/node',
    floor: 2,
    builtins: true,
    packages: ['ws', 'ffi-rs', 'lmdb', '@nats-io/', 'pino', 'prom-client', '@cedar-policy/'],
  },
  { room: 'src/platform/browser', floor: 2, packages: ['idb'] },
  { room: 'src/crypto', floor: 3, packages: ['@noble/'] },
  { room: 'src/noise', floor: 4 },
  { room: 'src/envelope', floor: 4, packages: ['cborg'] },
  { room: 'src/cert', floor: 4, packages: ['@peculiar/', 'asn1js', 'reflect-metadata'] },
  { room: 'src/log', floor: 4 },
  { room: 'src/threshold', floor: 4 },
  { room: 'src/channel', floor: 5 },
  { room: 'src/attest', floor: 5 },
  { room: 'src/workload', floor: 5, packages: ['@bjorn3/browser_wasi_shim'] },
  { room: 'src/telemetry', floor: 5, packages: ['@opentelemetry/'] },
  { room: 'src/authority', floor: 6 },
  { room: 'src/mesh/audit', floor: 9 },
  { room: 'src/mesh/authority', floor: 8 },
  { room: 'src/mesh/jobs', floor: 8 },
  { room: 'src/mesh/telemetry', floor: 8 },
  { room: 'src/mesh', floor: 7 },
  { room: 'src/index.ts', floor: 10, door: true },
  { room: 'src/node.ts', floor: 10, door: true },
  { room: 'src/browser.ts', floor: 10, door: true },
  { room: 'src/browser-member.ts', floor: 10, door: true },
  { room: 'src/sandbox.ts', floor: 10, door: true },
  { room: 'src/channel-thread.ts', floor: 10, door: true },
  {
    room: 'src/cli',
    floor: 11,
    builtins: true,
    packages: ['commander', '@clack/prompts', 'smol-toml', 'valibot'],
  },
  { room: 'web', floor: 11, packages: ['preact', 'uplot'], below: ['src/browser.ts'] },
];

/** Written by machines for machines at the moment of writing a certificate: never loaded with a door. */
const LAZY_PACKAGES = ['@peculiar/', 'asn1js', 'reflect-metadata'];
const FORBIDDEN_NAMES = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'lib', 'misc']);
const BROWSER_DOORS = ['src/browser.ts', 'src/browser-member.ts'];
const SOURCE = /\.(ts|tsx|mjs|js)$/;

/**
 * Every breach of the plan below `root`, as `{ file, rule, message }`.
 * Rules: room name down floor package builtin browser cycle test outside lazy.
 */
export async function checkFloorplan(root) {
  const files = ['assembly', 'src', 'web'].flatMap((folder) => walk(root, folder));
  const imports = await readImports(root, files);
  return [
    ...files.flatMap(judgeName),
    ...imports.flatMap(judgeImport),
    ...cycles(imports),
    ...eagerlyLoaded(imports),
    ...(await builtinsBehindBrowserDoor(root, BROWSER_DOORS[0])),
    ...(await builtinsBehindBrowserDoor(root, BROWSER_DOORS[1])),
  ];
}

/** Relative paths with `/` of all source files in a folder; declaration files are no sources. */
function walk(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return walk(root, path);
    return SOURCE.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : [];
  });
}

/** All imports as `{ from, to, text, external, dynamic }`; `to` is a path below root, or a package's specifier. */
async function readImports(root, files) {
  const found = new Map();
  const add = (entry) => {
    const key = `${entry.from}\0${entry.to}`;
    const known = found.get(key);
    if (!known) found.set(key, entry);
    else {
      known.dynamic &&= entry.dynamic;
      known.typeOnly &&= entry.typeOnly;
    }
  };
  for (const entry of await bundledImports(root, files)) add(entry);
  for (const file of files) for (const entry of writtenImports(root, file)) add(entry);
  return [...found.values()];
}

/** What esbuild resolves: value imports. AssemblyScript is no TypeScript, so assembly/ is read as text alone. */
async function bundledImports(root, files) {
  const entryPoints = files.filter((file) => !file.startsWith('assembly/'));
  if (entryPoints.length === 0) return [];
  const { metafile } = await build({
    absWorkingDir: resolve(root),
    entryPoints,
    bundle: true,
    write: false,
    metafile: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outdir: 'out',
    logLevel: 'silent',
    jsx: 'automatic',
    loader: { '.css': 'empty', '.svg': 'empty' },
    plugins: [missingIsExternal],
  });
  return Object.entries(metafile.inputs).flatMap(([from, input]) =>
    input.imports
      .filter(({ path, external }) => !(external && path.startsWith('.')))
      .map(({ path, kind, external }) => ({
        from,
        to: path,
        external: Boolean(external),
        dynamic: kind === 'dynamic-import',
        typeOnly: false,
      })),
  );
}

/** A missing file is the compiler's error, not the plan's: it must not hide what else is wrong. */
const missingIsExternal = {
  name: 'missing-is-external',
  setup(bundler) {
    bundler.onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
      if (kind === 'entry-point' || existsSync(join(resolveDir, path))) return undefined;
      return { path, external: true };
    });
  },
};

/** What is written: also `import type`, `export type … from` and `import('…')` types, which esbuild erases. */
function writtenImports(root, from) {
  const text = readFileSync(join(root, from), 'utf8');
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => {
    const external = !fileName.startsWith('.');
    const to = external ? fileName : resolveWritten(root, from, fileName);
    return { from, to, external, dynamic: true, typeOnly: true };
  });
}

function resolveWritten(root, from, specifier) {
  const path = posix.normalize(posix.join(posix.dirname(from), specifier));
  if (existsSync(join(root, path)) && SOURCE.test(path)) return path;
  return [`${path}.ts`, `${path}/index.ts`].find((file) => existsSync(join(root, file))) ?? path;
}

function judgeName(file) {
  const bad = file
    .split('/')
    .slice(1)
    .map((part) => part.replace(/\.\w+$/, ''))
    .find((part) => FORBIDDEN_NAMES.has(part));
  const breaches = [];
  if (bad) breaches.push(breach(file, 'name', `“${bad}” says nothing: name the file after what it holds`));
  if (!roomOf(file)) breaches.push(breach(file, 'room', 'stands in no room of the plan'));
  return breaches;
}

function judgeImport({ from, to, external }) {
  const room = roomOf(from);
  if (!room) return [];
  if (external) return judgePackage(from, room, to);
  if (/^(test|bench|scripts)\//.test(to))
    return [breach(from, 'test', `imports ${to}: the house does not rest on its scaffolding`)];
  if (room.room === 'assembly' && !to.startsWith('assembly/'))
    return [breach(from, 'outside', `imports ${to}: the core imports nothing from outside assembly/`)];
  const target = roomOf(to);
  if (!target) return [breach(from, 'outside', `imports ${to}, which stands in no room of the plan`)];
  return judgeFloor(from, room, to, target);
}

function judgeFloor(from, room, to, target) {
  if (room === target || (room.door && target.door)) return [];
  if (target.room === 'assembly')
    return [breach(from, 'outside', `imports ${to}: the core is reached as WebAssembly alone`)];
  if (target.floor > room.floor)
    return [breach(from, 'down', `imports ${to}: an import only goes down, ${onFloor(room, target)}`)];
  if (target.floor === room.floor)
    return [
      breach(from, 'floor', `imports ${to}: rooms of one floor are strangers, ${onFloor(room, target)}`),
    ];
  if (room.below && !room.below.includes(target.room))
    return [breach(from, 'floor', `imports ${to}: ${room.room} stands on ${room.below.join(', ')} alone`)];
  return [];
}

function onFloor(room, target) {
  return `${room.room} is on floor ${room.floor}, ${target.room} on floor ${target.floor}`;
}

function judgePackage(from, room, specifier) {
  if (room.room === 'assembly')
    return [breach(from, 'outside', `imports ${specifier}: the core imports nothing from outside assembly/`)];
  if (isBuiltin(specifier))
    return room.builtins
      ? []
      : [
          breach(
            from,
            'builtin',
            `imports ${specifier}: only ${namesOf((r) => r.builtins)} touch Node itself`,
          ),
        ];
  if (matches(room.packages ?? [], specifier)) return [];
  const owners = namesOf((r) => matches(r.packages ?? [], specifier));
  const who = owners ? `that package belongs to ${owners}` : 'no room of the plan uses that package';
  return [breach(from, 'package', `imports ${specifier}: ${who}`)];
}

function matches(names, specifier) {
  return names.some((name) =>
    name.endsWith('/') ? specifier.startsWith(name) : specifier === name || specifier.startsWith(`${name}/`),
  );
}

function namesOf(predicate) {
  return ROOMS.filter(predicate)
    .map(({ room }) => room)
    .join(', ');
}

function roomOf(file) {
  return ROOMS.find(({ room }) => file === room || file.startsWith(`${room}/`));
}

/** One breach per group of files that import each other in a circle, type imports included. */
function cycles(imports) {
  const edges = edgesOf(imports.filter(({ external }) => !external));
  const [done, path, breaches] = [new Set(), [], []];
  const visit = (file) => {
    if (path.includes(file)) {
      const circle = [...path.slice(path.indexOf(file)), file];
      breaches.push(breach(file, 'cycle', `imports itself by way of ${circle.slice(1).join(' → ')}`));
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const next of edges.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of edges.keys()) visit(file);
  return breaches;
}

/** A door must not load what only the writing of certificates needs. */
function eagerlyLoaded(imports) {
  const eager = imports.filter(({ dynamic, typeOnly }) => !dynamic && !typeOnly);
  const edges = edgesOf(eager);
  const reached = new Set();
  const visit = (file) => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const next of edges.get(file) ?? []) visit(next);
  };
  for (const { room, door } of ROOMS) if (door) visit(room);
  return eager
    .filter(({ from, to, external }) => external && reached.has(from) && matches(LAZY_PACKAGES, to))
    .map(({ from, to }) =>
      breach(from, 'lazy', `a door loads ${to} with it: reach that package by import() when it is needed`),
    );
}

function edgesOf(imports) {
  const edges = new Map();
  for (const { from, to } of imports) edges.set(from, [...(edges.get(from) ?? []), to]);
  return edges;
}

/** Bundles a browser's door with all its packages, as a browser gets it, and looks for Node's modules inside. */
async function builtinsBehindBrowserDoor(root, door) {
  if (!existsSync(join(root, door))) return [];
  const found = [];
  const recordBuiltins = {
    name: 'record-builtins',
    setup(bundler) {
      bundler.onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point' || !isBuiltin(path)) return undefined;
        found.push({ file: relative(resolve(root), importer).replaceAll('\\', '/'), path });
        return { path, external: true };
      });
    },
  };
  const { errors } = await build({
    absWorkingDir: resolve(root),
    entryPoints: [door],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'esm',
    outdir: 'out',
    logLevel: 'silent',
    plugins: [recordBuiltins],
  }).catch((failure) => failure);
  const unresolved = errors.map(({ text, location }) =>
    breach(location?.file ?? door, 'browser', `the browser's door does not bundle: ${text}`),
  );
  const builtins = found.map(({ file, path }) =>
    breach(file, 'browser', `imports ${path}, and ${door} reaches it: browsers have no such module`),
  );
  return [...builtins, ...unresolved];
}

function breach(file, rule, message) {
  return { file, rule, message };
}

async function main(root) {
  const breaches = await checkFloorplan(root);
  for (const { file, rule, message } of breaches) console.error(`${file}: ${message} [${rule}]`);
  if (breaches.length > 0) console.error(`${breaches.length} breaches of the floor plan`);
  process.exitCode = breaches.length > 0 ? 1 : 0;
}

if (basename(process.argv[1] ?? '') === 'check-floorplan.mjs')
  await main(process.argv[2] ?? dirname(import.meta.dirname));
