/** The kernel’s list of measured files: what a quoted register proves of it, and what must not be believed. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import {
  type ImaEntry,
  type ImaMeasurement,
  unknownFiles,
  verifyImaLog,
} from '../../../../src/attest/tpm/ima-log.ts';
import { concat, utf8 } from '../../../../src/base/bytes.ts';
import { isOotoError } from '../../../../src/base/errors.ts';
import { hex } from '../../../../src/base/hex.ts';
import { bytes, is, ok, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('IMA list');
const crypto = testCrypto();
const sha = (name: string, ...parts: Uint8Array[]) => {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};
const u32 = (value: number) => Uint8Array.of(value, value >> 8, value >> 16, value >>> 24);
const field = (bytes: Uint8Array) => concat(u32(bytes.length), bytes);
const zeros = new Uint8Array(32);

interface File {
  path: string;
  algorithm?: string;
  digest?: Uint8Array;
  template?: 'ima-ng' | 'ima-sig';
  signature?: Uint8Array;
  violation?: boolean;
}
const NONE = new Uint8Array(0);

/** As kernel/security/integrity/ima writes an entry. */
function written(file: File) {
  const { path, algorithm = 'sha256', template = 'ima-ng', signature = NONE, violation = false } = file;
  const digest = file.digest ?? sha(algorithm, utf8(path));
  const fields = [concat(utf8(`${algorithm}:`), Uint8Array.of(0), digest), utf8(`${path}\0`)];
  if (template === 'ima-sig') fields.push(signature);
  const data = concat(...fields.map(field));
  const sha1 = violation ? new Uint8Array(20) : sha('sha1', data);
  const binary = concat(u32(10), sha1, field(utf8(template)), field(data));
  const end = template === 'ima-sig' ? ` ${hex(signature)}` : '';
  const text = `10 ${hex(sha1)} ${template} ${algorithm}:${hex(digest)} ${path}${end}\n`;
  return {
    binary,
    text: utf8(text),
    measurement: violation ? zeros.slice().fill(0xff) : sha('sha256', data),
  };
}

const FILES: File[] = [
  { path: 'boot_aggregate' },
  { path: '/usr/bin/node' },
  { path: '/opt/my_program/cli.js', algorithm: 'sha512' },
  { path: '/usr/bin/signed', template: 'ima-sig', signature: Uint8Array.of(3, 2, 4) },
  { path: '/usr/bin/unsigned', template: 'ima-sig' },
  { path: '/var/log/written', violation: true, digest: zeros },
];
const entries = FILES.map(written);
const FORMS = (['binary', 'text'] as const).map(
  (form) => [form, concat(...entries.map((entry) => entry[form]))] as const,
);
const pathsOf = (measured: readonly ImaMeasurement[]) =>
  measured.map((entry) => (entry === 'violation' ? entry : entry.path)).join();
const valueAfter = (count: number) =>
  entries.slice(0, count).reduce((value, { measurement }) => sha('sha256', value, measurement), zeros);

for (const [form, log] of FORMS) {
  test(`${form}: a list is proven as far as the register goes, and not beyond`, () => {
    for (let count = 1; count <= FILES.length; count++) {
      const proven = verifyImaLog(crypto, log, valueAfter(count));
      is(
        pathsOf(proven),
        FILES.slice(0, count)
          .map(({ path, violation }) => (violation ? 'violation' : path))
          .join(),
      );
    }
    const all = verifyImaLog(crypto, log, valueAfter(FILES.length));
    bytes((all[1] as ImaEntry).digest, sha('sha256', utf8('/usr/bin/node')));
    is((all[2] as ImaEntry).algorithm, 'sha512');
    is(all[5], 'violation', 'of a file that was written meanwhile nothing is known');
  });

  test(`${form}: whatever the bytes, the same entries are proven or nothing is`, () => {
    const proven = valueAfter(FILES.length);
    const whole = JSON.stringify(verifyImaLog(crypto, log, proven));
    fc.assert(
      fc.property(fc.nat(log.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const bent = log.slice();
        bent[at] ^= mask;
        try {
          // The kernel's own SHA-1 can be changed without consequence.
          is(JSON.stringify(verifyImaLog(crypto, bent, proven)), whole);
        } catch (error) {
          ok(isOotoError(error) && error.code.startsWith('OOTO_ATTEST_IMA_'), String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
}

test('refused: entries left out, added, in another order, renamed, or a violation made of a file', () => {
  const proven = valueAfter(FILES.length);
  const [a, b, ...rest] = entries.map(({ binary }) => binary);
  const renamed = written({ path: '/usr/bin/nope', digest: sha('sha256', utf8('/usr/bin/node')) }).binary;
  const violated = written({ path: '/usr/bin/node', violation: true }).binary;
  for (const list of [
    [b, ...rest],
    [a, a, b, ...rest],
    [b, a, ...rest],
    [a, renamed, ...rest],
    [a, violated, ...rest],
  ])
    throwsCode(() => verifyImaLog(crypto, concat(...list), proven), 'OOTO_ATTEST_IMA_VALUE');
});

test('refused: a register that was never extended, whatever the list says', () => {
  for (const log of [NONE, ...FORMS.map(([, all]) => all)])
    throwsCode(() => verifyImaLog(crypto, log, zeros), 'OOTO_ATTEST_IMA_VALUE');
});

test('a file that policy does not know is named, and one that was written', () => {
  const known = new Set(
    FILES.slice(0, 5).map(({ path, algorithm = 'sha256' }) => hex(sha(algorithm, utf8(path)))),
  );
  const all = verifyImaLog(crypto, FORMS[0][1], valueAfter(FILES.length));
  is(pathsOf(unknownFiles(all, known)), 'violation');
  known.delete(hex((all[1] as ImaEntry).digest));
  is(unknownFiles(all, known).length, 2);
});

test('refused as no list: other registers and templates, digests of no length, paths without end, too much', () => {
  const data = (...fields: Uint8Array[]) => concat(...fields.map(field));
  const entry = (template: string, content: Uint8Array, register = 10) =>
    concat(u32(register), new Uint8Array(20).fill(1), field(utf8(template)), field(content));
  const [digest, path] = [concat(utf8('sha256:\0'), zeros), utf8('/x\0')];
  const bad = [
    entry('ima-ng', data(digest, path), 11),
    entry('ima', data(digest, path)),
    entry('ima-ng', data(digest)),
    entry('ima-ng', data(digest, path, NONE)),
    entry('ima-sig', data(digest, path)),
    entry('ima-ng', data(digest.subarray(1), path)),
    entry('ima-ng', data(digest.subarray(0, -1), path)),
    entry('ima-ng', data(utf8('sha256'), path)),
    entry('ima-ng', data(digest, utf8('/x'))),
    entry('ima-ng', data(digest, utf8('/x\0y\0'))),
    entry('ima-ng', data(digest, path)).subarray(0, -1),
    utf8('10 nonsense\n'),
    FORMS[1][1].subarray(0, -1),
    new Uint8Array(9 * 1024 * 1024),
  ];
  for (const log of bad)
    throwsCode(() => verifyImaLog(crypto, log, sha('sha256', log)), 'OOTO_ATTEST_IMA_FORM');
});
