import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import { nodeClock } from '../../../src/platform/node/clock.ts';
import {
  createFileOnce,
  makePrivateFolder,
  readFileLimited,
  readSecretFile,
  writeFileAtomically,
} from '../../../src/platform/node/files.ts';
import { nodeLogger } from '../../../src/platform/node/logger.ts';
import { nodeRandom } from '../../../src/platform/node/random.ts';
import { softwareSigner } from '../../../src/platform/node/signer.ts';
import { openSpool } from '../../../src/platform/node/spool.ts';
import { bytes, equal, is, not, ok, rejectsCode, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';

const test = suite('node files');
const modeOf = (path: string) => statSync(path).mode & 0o777;

test('a file is replaced whole, is private, and leaves nothing beside it', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'a');
  await writeFileAtomically(path, utf8('one'));
  await writeFileAtomically(path, utf8('two'));
  is(readFileSync(path, 'utf8'), 'two');
  is(modeOf(path), 0o600);
  equal(readdirSync(folder), ['a']);
});

test('a failed write leaves the old content and no rest', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'taken'));
  await rejectsCode(writeFileAtomically(join(folder, 'taken'), utf8('x')), 'OOTO_FILES_WRITE');
  await rejectsCode(writeFileAtomically(join(folder, 'no', 'folder'), utf8('x')), 'OOTO_FILES_WRITE');
  equal(readdirSync(folder), ['taken']);
});

test('of many creators one wins, and everybody reads its content', async () => {
  const path = join(temporaryFolder(), 'once');
  const won = await Promise.all(Array.from({ length: 20 }, (_, i) => createFileOnce(path, utf8(`${i}`))));
  is(won.filter(Boolean).length, 1);
  is(readFileSync(path, 'utf8'), `${won.indexOf(true)}`);
});

test('private folders are 0700, new or found', async () => {
  const folder = join(temporaryFolder(), 'x', 'y');
  await makePrivateFolder(folder);
  is(modeOf(folder), 0o700);
  chmodSync(folder, 0o755);
  await makePrivateFolder(folder);
  is(modeOf(folder), 0o700);
});

test('a secret others may read, a link to one, a pipe and a long file are refused', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'secret');
  writeFileSync(path, 'seed', { mode: 0o600 });
  bytes(await readSecretFile(path), utf8('seed'));
  for (const mode of [0o640, 0o604, 0o620, 0o644, 0o666]) {
    chmodSync(path, mode);
    await rejectsCode(readSecretFile(path), 'OOTO_FILES_MODE');
  }
  chmodSync(path, 0o600);
  symlinkSync(path, join(folder, 'link'));
  await rejectsCode(readSecretFile(join(folder, 'link')), 'OOTO_FILES_READ');
  await rejectsCode(readSecretFile(path, 3), 'OOTO_FILES_SIZE');
  execFileSync('mkfifo', ['-m', '600', join(folder, 'pipe')]);
  await rejectsCode(readSecretFile(join(folder, 'pipe')), 'OOTO_FILES_READ');
  await rejectsCode(readFileLimited(folder), 'OOTO_FILES_READ');
  await rejectsCode(readFileLimited(join(folder, 'none')), 'OOTO_FILES_MISSING');
  is((await readFileLimited(path, 4)).length, 4);
});

test('the software identity is made once, kept, and readable by OpenSSL', async () => {
  const file = join(temporaryFolder(), 'identity.pem');
  const crypto = testCrypto();
  const options = { file, random: nodeRandom(), ed25519: crypto.ed25519 };
  const signers = await Promise.all(Array.from({ length: 5 }, () => softwareSigner(options)));
  const [first] = signers;
  for (const signer of signers) bytes(signer.publicKey, first.publicKey);
  is(modeOf(file), 0o600);
  const der = execFileSync('openssl', ['pkey', '-in', file, '-pubout', '-outform', 'DER']);
  bytes(new Uint8Array(der.subarray(-32)), first.publicKey);
  crypto.ed25519.verify(first.publicKey, utf8('m'), await first.sign(utf8('m')));
});

test('a damaged or open identity file is refused, never replaced', async () => {
  const file = join(temporaryFolder(), 'identity.pem');
  const options = { file, random: nodeRandom(), ed25519: testCrypto().ed25519 };
  await softwareSigner(options);
  const good = readFileSync(file, 'utf8');
  chmodSync(file, 0o644);
  await rejectsCode(softwareSigner(options), 'OOTO_FILES_MODE');
  chmodSync(file, 0o600);
  for (const bad of [
    '',
    good.slice(1),
    good + good,
    good.replace('PRIVATE', 'PUBLIC'),
    good.replace('MC4C', 'MC4D'),
  ]) {
    writeFileSync(file, bad);
    await rejectsCode(softwareSigner(options), 'OOTO_SIGNER_FILE');
    is(readFileSync(file, 'utf8'), bad);
  }
});

test('an aborted signature is not given', async () => {
  const file = join(temporaryFolder(), 'identity.pem');
  const signer = await softwareSigner({ file, random: nodeRandom(), ed25519: testCrypto().ed25519 });
  const signal = AbortSignal.abort(new Error('no'));
  await signer.sign(utf8('m'), { signal }).then(
    () => {
      throw new Error('signed');
    },
    (reason) => is(reason.message, 'no'),
  );
});

test('log lines are JSON, filtered, bounded, and show errors by their code', () => {
  const file = join(temporaryFolder(), 'log');
  const logger = nodeLogger({ file, level: 'info', fields: { node: 'n1' } });
  logger.log('debug', 'not this');
  const error = new OotoError('OOTO_TEST_X', 'peer', 'bad', { culprits: ['a'] });
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  logger.log('warn', 'refused\n{"level":"error"}', {
    err: error,
    n: 5n,
    key: Uint8Array.of(1, 255),
    circle,
    long: 'x'.repeat(1e6),
  });
  logger.close();
  logger.log('error', 'after close');
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  is(lines.length, 1);
  const line = JSON.parse(lines[0]);
  is(line.level, 'warn');
  is(line.node, 'n1');
  equal(line.err, { code: 'OOTO_TEST_X', fault: 'peer', message: 'bad', culprits: ['a'] });
  is(line.n, '5');
  is(line.key, '01ff');
  ok(lines[0].length < 4000);
  is(modeOf(file), 0o600);
});

test('a log file that is full moves aside', () => {
  const file = join(temporaryFolder(), 'log');
  const logger = nodeLogger({ file, fileBytes: 1000 });
  for (let i = 0; i < 50; i++) logger.log('info', `line ${i}`);
  logger.close();
  ok(statSync(file).size <= 1000);
  ok(statSync(`${file}.1`).size <= 1000);
  ok(readFileSync(file, 'utf8').includes('line 49'));
  throwsCode(() => nodeLogger({ file: join(file, 'x') }), 'OOTO_LOGGER_OPEN');
});

test('scratch space has no name, reads anywhere, and ends where it ends', async () => {
  const folder = join(temporaryFolder(), 'spool');
  const spool = await openSpool(folder);
  equal(readdirSync(folder), []);
  equal(
    await Promise.all([spool.append(utf8('abc')), spool.append(utf8('')), spool.append(utf8('defg'))]),
    [0, 3, 3],
  );
  const into = new Uint8Array(4);
  is(await spool.read(2, into), 4);
  bytes(into, utf8('cdef'));
  is(await spool.read(5, into), 2);
  is(await spool.read(99, into), 0);
  await spool.close();
  await spool.close();
  await rejectsCode(spool.append(utf8('x')), 'OOTO_SPOOL_WRITE');
  await rejectsCode(spool.read(0, into), 'OOTO_SPOOL_READ');
});

test('random bytes differ; timers beyond 24 days do not fire at once', async () => {
  not.equal([...nodeRandom().bytes(16)], [...nodeRandom().bytes(16)]);
  is(nodeRandom().bytes(0).length, 0);
  const clock = nodeClock();
  let early = false;
  const cancel = clock.after(2 ** 40, () => {
    early = true;
  });
  await new Promise<void>((resolve) => clock.after(5, resolve));
  is(early, false);
  cancel();
  ok(clock.now() > 1.7e12);
});
