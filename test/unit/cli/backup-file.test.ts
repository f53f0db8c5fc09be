/** The file of a backup: what was written comes back whole, or not at all. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '../../../src/base/bytes.ts';
import { isOotoError } from '../../../src/base/errors.ts';
import { BackupReader, BackupWriter } from '../../../src/cli/backup-file.ts';
import type { CborValue } from '../../../src/envelope/cbor.ts';
import { RECOVERY_SEED_BYTES, recoveryKey } from '../../../src/envelope/recovery.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('cli/backup-file', { timeout: 60_000 });
const crypto = testCrypto();
const folder = mkdtempSync(join(tmpdir(), 'ooto-backup-'));
test.after(() => rmSync(folder, { recursive: true }));
const seed = crypto.random.bytes(RECOVERY_SEED_BYTES);
const HEADER = { node: 'spiffe://mesh/authority/a1', created: 1_800_000_000_000 };
const SECRET = utf8('a secret share that nobody may read');
const PIECES: CborValue[] = [{ kind: 'one', content: SECRET }, [1, 2, 3], { kind: 'end' }];

async function written(name: string, pieces = PIECES): Promise<string> {
  const path = join(folder, name);
  const writer = await BackupWriter.create(crypto, path, HEADER, recoveryKey(crypto, seed));
  for (const piece of pieces.slice(0, -1)) await writer.write(piece);
  const bytes = await writer.finish(pieces[pieces.length - 1]);
  assert.is(bytes, statSync(path).size);
  return path;
}

async function read(path: string, by = seed): Promise<CborValue[]> {
  const pieces: CborValue[] = [];
  const reader = await BackupReader.open(crypto, path, by);
  for await (const piece of reader.pieces()) pieces.push(piece);
  assert.equal(reader.header, HEADER);
  return pieces;
}

function changed(bytes: Uint8Array): Promise<CborValue[]> {
  const path = join(folder, 'changed');
  writeFileSync(path, bytes);
  return read(path);
}

async function refused(bytes: Uint8Array, what: string): Promise<void> {
  const outcome = await changed(bytes).then(
    () => 'taken',
    (error) => error,
  );
  assert.ok(isOotoError(outcome), `${what}: ${outcome}`);
}

/** Where each piece begins, and the end. */
function boundaries(file: Uint8Array): number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const head = utf8('ooto/1 backup\0').length;
  const starts = [head + 4 + view.getUint32(head)];
  while (starts[starts.length - 1] < file.length)
    starts.push(starts[starts.length - 1] + 4 + view.getUint32(starts[starts.length - 1]));
  return starts;
}

test('what was written comes back, and the file shows none of it', async () => {
  const path = await written('good');
  assert.equal(await read(path), PIECES);
  assert.is(statSync(path).mode & 0o777, 0o600);
  assert.is(readFileSync(path).indexOf(SECRET), -1);
  assert.equal(
    readdirSync(folder).filter((name) => name.endsWith('.tmp')),
    [],
  );
});

test('another recovery key opens nothing', async () => {
  const path = await written('other');
  await assert.rejectsCode(
    read(path, crypto.random.bytes(RECOVERY_SEED_BYTES)),
    'OOTO_CRYPTO_AUTHENTICATION',
  );
});

test('cut off anywhere, it is refused', async () => {
  const file = new Uint8Array(readFileSync(await written('cut')));
  for (const end of [0, 3, 40, ...boundaries(file).slice(0, -1), file.length - 1])
    await refused(file.slice(0, end), `cut at ${end}`);
});

test('with a byte changed anywhere, or one added, it is refused', async () => {
  const file = new Uint8Array(readFileSync(await written('bytes')));
  for (let at = 0; at < file.length; at += 13) {
    const bent = file.slice();
    bent[at] ^= 1;
    await refused(bent, `byte ${at}`);
  }
  await assert.rejectsCode(changed(new Uint8Array([...file, 0])), 'OOTO_CLI_BACKUP');
});

test('pieces left out, exchanged or taken from another backup are refused', async () => {
  const file = new Uint8Array(readFileSync(await written('pieces')));
  const other = new Uint8Array(readFileSync(await written('others')));
  const [first, second, third, end] = boundaries(file);
  const part = (from: number, to: number, of = file) => [...of.slice(from, to)];
  const head = part(0, first);
  const mixes = [
    [...head, ...part(second, third), ...part(third, end)],
    [...head, ...part(first, second), ...part(third, end)],
    [...head, ...part(second, third), ...part(first, second), ...part(third, end)],
    [...head, ...part(first, second, other), ...part(second, third), ...part(third, end)],
    [...head, ...part(first, second), ...part(first, second), ...part(second, third), ...part(third, end)],
    [...part(0, first, other), ...part(first, end)],
  ];
  for (const mix of mixes) await refused(Uint8Array.from(mix), 'a mix');
});

test('a backup that is given up leaves nothing', async () => {
  const path = join(folder, 'given-up');
  const writer = await BackupWriter.create(crypto, path, HEADER, recoveryKey(crypto, seed));
  await writer.write({ kind: 'one' });
  await writer.abandon();
  assert.equal(
    readdirSync(folder).filter((name) => name.startsWith('given-up')),
    [],
  );
});
