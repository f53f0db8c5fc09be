/**
 * Wrong input at the command line, as transcripts: what is typed, how it ends, what is said. Every failure is one
 * sentence with code and fault, then a hint, and never a stack trace; stdout stays empty.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from '../support/assert.ts';
import { temporaryFolder } from '../support/folder.ts';
import { builtProgram, LiveMesh } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/command-line', { timeout: 120_000 });
const MESH = '0'.repeat(64);
const WORKER = 'name = "w1"\nrole = "worker"\nlisten = "127.0.0.1:0"\n';
const base = temporaryFolder();
const at = (...path: string[]) => join(base, ...path);

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
  ms: number;
}

function ooto(...args: readonly string[]): Promise<Ended> {
  return ootoAs({}, ...args);
}

function ootoAs(user: { uid?: number; gid?: number }, ...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const started = performance.now();
    const child = spawn(process.execPath, [builtProgram(), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...user,
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (text) => {
      said.stdout += text;
    });
    child.stderr.on('data', (text) => {
      said.stderr += text;
    });
    child.on('close', (code) => resolve({ code, ...said, ms: performance.now() - started }));
  });
}

/** A folder with these files, of mode 0600 unless said. */
function folder(
  name: string,
  files: Record<string, string | Uint8Array>,
  modes: Record<string, number> = {},
) {
  mkdirSync(at(name), { recursive: true, mode: 0o700 });
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(at(name), file, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(join(at(name), file), content, { mode: 0o600 });
  }
  for (const [file, mode] of Object.entries(modes)) chmodSync(join(at(name), file), mode);
  return at(name);
}

function sparse(name: string, bytes: number): string {
  writeFileSync(at(name), '');
  truncateSync(at(name), bytes);
  return at(name);
}

const toml = (name: string, text: string | Uint8Array) => [
  'node',
  'run',
  '--folder',
  folder(name, { 'node.toml': text }),
];
const run = (...parts: Parameters<typeof folder>) => ['node', 'run', '--folder', folder(...parts)];

type Transcript = [what: string, args: string[], code: number, said: RegExp];

const TRANSCRIPTS: Transcript[] = [
  ['no such command', ['bogus'], 2, /unknown command 'bogus' \(OOTO_CLI_USAGE, fault: caller\)/],
  ['no such flag', ['demo', '--bogus'], 2, /unknown option '--bogus' \(OOTO_CLI_USAGE/],
  ['a flag without its value', ['demo', '--input'], 2, /argument missing \(OOTO_CLI_USAGE/],
  ['a required flag is missing', ['node', 'run'], 2, /--folder <folder>' not specified \(OOTO_CLI_USAGE/],
  [
    'a word too many',
    ['node', 'run', 'extra', '--folder', at('x')],
    2,
    /too many arguments.*\(OOTO_CLI_USAGE/,
  ],

  [
    'input: no such file',
    ['demo', '--input', at('none')],
    1,
    /there is no file .*none \(OOTO_CLI_INPUT, fault: caller\)/,
  ],
  ['input: a folder', ['demo', '--input', base], 1, /is a folder \(OOTO_CLI_INPUT/],
  ['input: a device', ['demo', '--input', '/dev/zero'], 1, /\/dev\/zero is no file \(OOTO_CLI_INPUT/],
  [
    'input: one byte over 1 GiB',
    ['demo', '--input', sparse('big', 2 ** 30 + 1)],
    1,
    /has 1073741825 bytes \(OOTO_CLI_INPUT/,
  ],

  ['verify: no mesh given', ['verify', at('none')], 2, /which mesh\?.*\(OOTO_CLI_USAGE/],
  [
    'verify: --mesh is no id',
    ['verify', at('none'), '--mesh', 'abc'],
    2,
    /64 lower-case hex.*\(OOTO_CLI_USAGE/,
  ],
  ['verify: --mesh in capitals', ['verify', at('none'), '--mesh', 'A'.repeat(64)], 2, /\(OOTO_CLI_USAGE/],
  [
    'verify: no such file',
    ['verify', at('none'), '--mesh', MESH],
    1,
    /there is no file.*\(OOTO_FILES_MISSING/,
  ],
  ['verify: a folder', ['verify', base, '--mesh', MESH], 1, /not a regular file \(OOTO_FILES_READ/],
  [
    'verify: not a file of evidence',
    ['verify', join(folder('v', { f: 'hi\n' }), 'f'), '--mesh', MESH],
    3,
    /"form" failed.*\(OOTO_VERIFY_FORM/,
  ],
  [
    'verify: not text',
    ['verify', join(folder('v2', { f: Uint8Array.of(0xff, 0xfe) }), 'f'), '--mesh', MESH],
    3,
    /\(OOTO_VERIFY_FORM/,
  ],

  [
    'status: nothing there',
    ['status', '--folder', at('none')],
    5,
    /no node has run in .*\(OOTO_CLI_UNAVAILABLE/,
  ],
  [
    'status: not what a node writes',
    ['status', '--folder', folder('s', { 'status.json': '{' })],
    1,
    /not what a node writes \(OOTO_CLI_STATUS/,
  ],
  [
    'status: of a node that has ended',
    ['status', '--folder', folder('s2', { 'status.json': '{"schema":"ooto.status/1","pid":4194999}' })],
    5,
    /is not running \(OOTO_CLI_UNAVAILABLE/,
  ],

  [
    'run: no such folder',
    ['node', 'run', '--folder', at('none')],
    1,
    /node\.toml cannot be read \(OOTO_CLI_CONFIGURATION/,
  ],
  ['node.toml: not TOML', toml('t1', '= ='), 1, /node\.toml: not TOML \(OOTO_CLI_CONFIGURATION/],
  ['node.toml: not UTF-8', toml('t2', Uint8Array.of(0xff)), 1, /not UTF-8 \(OOTO_CLI_CONFIGURATION/],
  [
    'node.toml: too large',
    toml('t3', `#${' '.repeat(65_536)}`),
    1,
    /larger than 65536 bytes \(OOTO_CLI_CONFIGURATION/,
  ],
  [
    'node.toml: name',
    toml('t4', WORKER.replace('w1', 'W 1')),
    1,
    /node\.toml: name: .*\(OOTO_CLI_CONFIGURATION/,
  ],
  [
    'node.toml: role',
    toml('t5', WORKER.replace('worker', 'boss')),
    1,
    /node\.toml: role: .*\(OOTO_CLI_CONFIGURATION/,
  ],
  [
    'node.toml: listen',
    toml('t6', WORKER.replace(':0', ':70000')),
    1,
    /node\.toml: listen: .*\(OOTO_CLI_CONFIGURATION/,
  ],
  [
    'node.toml: listen missing',
    toml('t7', WORKER.replace(/listen.*/, '')),
    1,
    /node\.toml: listen: .*\(OOTO_CLI_CONFIGURATION/,
  ],
  [
    'node.toml: epoch_ms',
    toml('t8', `${WORKER}epoch_ms = 60001\n`),
    1,
    /node\.toml: epoch_ms: .*\(OOTO_CLI_CONFIGURATION/,
  ],
  [
    'node.toml: telemetry_ms',
    toml('t9', `${WORKER}telemetry_ms = 0\n`),
    1,
    /node\.toml: telemetry_ms: .*\(OOTO_CLI_CONFIGURATION/,
  ],
  [
    'node.toml: certificate_ms',
    toml('t10', `${WORKER}certificate_ms = 1.5\n`),
    1,
    /node\.toml: certificate_ms: .*\(OOTO_CLI_CONFIGURATION/,
  ],
  [
    'node.toml: log_level',
    toml('t11', `${WORKER}log_level = "loud"\n`),
    1,
    /node\.toml: log_level: .*\(OOTO_CLI_CONFIGURATION/,
  ],
  [
    'node.toml: a field it does not have',
    toml('t12', `${WORKER}secret = "x"\n`),
    1,
    /node\.toml: secret: .*\(OOTO_CLI_CONFIGURATION/,
  ],

  [
    'run: neither certificate nor invite',
    toml('i1', WORKER),
    1,
    /invite, and no valid certificate \(OOTO_CLI_INVITE, fault: caller\)/,
  ],
  [
    'run: a damaged invite',
    run('i2', { 'node.toml': WORKER, invite: 'nonsense' }),
    1,
    /is no invite, or was damaged.*\(OOTO_CLI_INVITE/,
  ],
  [
    'run: an invite too large',
    run('i3', { 'node.toml': WORKER, invite: new Uint8Array(4 * 1024 * 1024 + 1) }),
    1,
    /is longer than 4194304 bytes \(OOTO_FILES_SIZE/,
  ],
  [
    'run: an invite that others can read',
    run('i4', { 'node.toml': WORKER, invite: 'x' }, { invite: 0o644 }),
    1,
    /invite has mode 644.*\(OOTO_FILES_MODE/,
  ],
  [
    'run: a key that others can read',
    run('k1', { 'node.toml': WORKER, 'identity.key': 'x' }, { 'identity.key': 0o640 }),
    1,
    /identity\.key has mode 640.*\(OOTO_FILES_MODE/,
  ],
  [
    'run: a damaged key',
    run('k2', { 'node.toml': WORKER, 'identity.key': 'x' }),
    1,
    /holds no Ed25519 key.*\(OOTO_SIGNER_FILE/,
  ],
  [
    'run: a damaged store',
    run('k3', { 'node.toml': WORKER, 'state/store.lmdb': 'x'.repeat(20_000) }),
    1,
    /is damaged or no store \(OOTO_STORE_OPEN/,
  ],
  [
    'run: a founder without a draft',
    toml('g1', WORKER.replace('worker', 'authority')),
    1,
    /genesis\.draft \(OOTO_FILES_MISSING/,
  ],
  [
    'run: a founder with a damaged draft',
    run('g2', { 'node.toml': WORKER.replace('worker', 'authority'), 'genesis.draft': 'x' }),
    1,
    /genesis\.draft is no genesis draft.*\(OOTO_CLI_DRAFT/,
  ],
  [
    'run: an address that is taken by another program',
    toml('l1', WORKER.replace('127.0.0.1:0', '192.0.2.1:4710')),
    1,
    /cannot listen on 192\.0\.2\.1:4710.*\(OOTO_TRANSPORT_LISTEN/,
  ],
];

for (const [what, args, code, said] of TRANSCRIPTS)
  test(`${what}: exit ${code}`, async () => requireRefusal(await ooto(...args), code, said));

test('input: unreadable: exit 1', async () => {
  const file = join(folder('u', { f: 'x' }, { f: 0 }), 'f');
  // Root may read everything, so it steps down.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  requireRefusal(await ootoAs(user, 'demo', '--input', file), 1, /cannot be read: EACCES \(OOTO_CLI_INPUT/);
});

test('a folder in use, a folder of another role, and a mesh that is away', async () => {
  const mesh = new LiveMesh();
  try {
    await mesh.found();
    const own = await mesh.invite('worker', 'w1');
    mesh.start('w1');
    await mesh.ready('w1');
    const twice = /another process runs the node in .* \(OOTO_FILES_LOCKED/;
    requireRefusal(await ooto('node', 'run', '--folder', own), 1, twice);
    await mesh.process('w1').stop();
    writeFileSync(join(own, 'node.toml'), WORKER.replace('"worker"', '"scheduler"'), { mode: 0o600 });
    const said = /says scheduler\/w1, the certificate worker\/w1 \(OOTO_CLI_CONFIGURATION/;
    requireRefusal(await ooto('node', 'run', '--folder', own), 1, said);

    const late = await mesh.invite('worker', 'w2');
    await mesh.stop();
    const away = await ooto('node', 'run', '--folder', late);
    requireRefusal(away, 5, /no member of the authority can be reached \(OOTO_MESH_UNAVAILABLE/);
  } finally {
    await mesh.stop();
  }
});

test('help is there for every command, at once', async () => {
  const all = await ooto('--help');
  assert.is(all.code, 0);
  const listed = all.stdout.slice(all.stdout.indexOf('Commands:'));
  const commands = [...listed.matchAll(/^ {2}([a-z]+) /gm)]
    .map(([, name]) => name)
    .filter((name) => name !== 'help');
  assert.ok(commands.includes('demo') && commands.includes('doctor'), all.stdout);
  for (const name of commands) {
    const { code, stdout, stderr } = await ooto(name, '--help');
    assert.is(code, 0, name);
    assert.match(stdout, new RegExp(`^Usage: ooto ${name}`));
    assert.is(stderr, '');
  }
  assert.match((await ooto('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
});

test('doctor examines machine and folder, as text and as JSON', async () => {
  const machine = await ooto('doctor', '--json');
  assert.is(machine.code, 0, machine.stderr);
  const report = JSON.parse(machine.stdout);
  assert.is(report.schema, 'ooto.doctor/1');
  assert.equal(
    report.checks.map(({ name }: { name: string }) => name),
    ['node', 'wasm-simd', 'wasm-relaxed-simd', 'tpm'],
  );
  const gone = await ooto('doctor', '--tcti', 'swtpm:path=/nowhere/tpm');
  assert.is(gone.code, 1);
  assert.match(gone.stdout, /^FAIL tpm: /m);
  const open = folder('d1', { 'node.toml': WORKER, 'identity.key': 'x' }, { 'identity.key': 0o644 });
  const sick = await ooto('doctor', '--folder', open);
  assert.is(sick.code, 1);
  assert.match(sick.stdout, /^FAIL file-modes: open to others: identity\.key/m);
  assert.match(sick.stdout, /^ok {3}configuration: worker\/w1/m);
});

function requireRefusal({ code, stdout, stderr }: Ended, expected: number, said: RegExp): void {
  assert.is(code, expected, stderr);
  assert.match(stderr, said);
  const lines = stderr.trimEnd().split('\n');
  const sentence = lines.findIndex((line) => /^ooto: .+ \(OOTO_[A-Z0-9_]+, fault: \w+\)$/.test(line));
  assert.ok(sentence >= 0, `a sentence with code and fault: ${stderr}`);
  assert.match(lines[sentence + 1] ?? '', /^ooto: hint: .+/);
  assert.is(sentence + 2, lines.length, `nothing after the hint: ${stderr}`);
  assert.not.match(stderr, /^\s+at /m);
  assert.is(stdout, '');
}
