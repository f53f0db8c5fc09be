/**
 * The conformance runner on small files made here: what a file holds is what is counted, and every way in which
 * a file or an answer can be less than published turns the suite red.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runSuite } from '../../conformance/run.ts';
import { SUITES } from '../../conformance/suites.ts';
import type { Suite } from '../../conformance/vector.ts';
import { answerLine } from '../../oracle/answer.ts';
import type { Answerer } from '../../oracle/answerer.ts';
import { operationsOf } from '../../oracle/operations.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('conformance runner');
const folder = mkdtempSync(join(tmpdir(), 'ooto-vectors-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const operations = operationsOf(testCrypto());
const answerer: Answerer = {
  engines: ['auto'],
  answer: (lines) => Promise.all(lines.map((line) => answerLine(operations, line))),
  close: async () => {},
};

const HMAC = 'wycheproof/testvectors_v1/hmac_sha256_test.json';
const X25519 = 'wycheproof/testvectors_v1/x25519_test.json';
/** RFC 4231, test cases 1 and 2. */
const HMAC_TESTS = [
  {
    tcId: 1,
    key: '0b'.repeat(20),
    msg: '4869205468657265',
    tag: 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    result: 'valid',
  },
  {
    tcId: 2,
    key: '4a656665',
    msg: '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
    tag: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    result: 'valid',
  },
];

/** The real suite of this title, told that its one file holds `cases` cases. */
function expecting(title: string, cases: number): Suite {
  const found = SUITES.find((candidate) => candidate.title === title);
  if (!found) throw new Error(`no suite ${title}`);
  return { ...found, files: { [Object.keys(found.files)[0]]: cases } };
}

function write(
  path: string,
  tests: readonly object[],
  group: object = {},
  numberOfTests = tests.length,
): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  const content = { numberOfTests, testGroups: [{ tagSize: 256, ...group, tests }] };
  writeFileSync(join(folder, path), JSON.stringify(content));
}

async function counts(tested: Suite): Promise<[passed: number, failed: number, skipped: number]> {
  const { passed, failed, skipped } = await runSuite(tested, folder, answerer);
  return [passed, failed, skipped];
}

test('a whole file passes', async () => {
  write(HMAC, HMAC_TESTS);
  assert.equal(await counts(expecting('wycheproof HMAC-SHA-256', 2)), [2, 0, 0]);
});

test('a file shorter or longer than published fails', async () => {
  write(HMAC, HMAC_TESTS);
  const { failures } = await runSuite(expecting('wycheproof HMAC-SHA-256', 3), folder, answerer);
  assert.equal(failures, [`${HMAC}: 3 cases are published, the text shows 2, 2 were read`]);
  assert.equal(await counts(expecting('wycheproof HMAC-SHA-256', 1)), [2, 1, 0]);
});

test('a reader that passes over a case fails', async () => {
  write(HMAC, HMAC_TESTS);
  const whole = expecting('wycheproof HMAC-SHA-256', 2);
  const forgetful: Suite = { ...whole, read: (file, engines) => whole.read(file, engines).slice(1) };
  assert.equal(await counts(forgetful), [1, 1, 0]);
});

test('a file whose own count is another fails', async () => {
  write(HMAC, HMAC_TESTS, {}, 3);
  assert.equal(await counts(expecting('wycheproof HMAC-SHA-256', 2)), [0, 1, 0]);
});

test('a missing file and one that is no JSON fail', async () => {
  rmSync(join(folder, HMAC), { force: true });
  assert.equal(await counts(expecting('wycheproof HMAC-SHA-256', 2)), [0, 1, 0]);
  writeFileSync(join(folder, HMAC), '"tcId" "tcId"');
  assert.equal(await counts(expecting('wycheproof HMAC-SHA-256', 2)), [0, 1, 0]);
});

test('a wrong value fails, an invalid one must differ', async () => {
  const [first, second] = HMAC_TESTS;
  write(HMAC, [first, { ...second, tag: first.tag }]);
  assert.equal(await counts(expecting('wycheproof HMAC-SHA-256', 2)), [1, 1, 0]);
  write(HMAC, [
    { ...first, tag: second.tag, result: 'invalid' },
    { ...second, result: 'invalid' },
  ]);
  assert.equal(await counts(expecting('wycheproof HMAC-SHA-256', 2)), [1, 1, 0]);
});

test('an X25519 flag that nobody has decided fails', async () => {
  // RFC 7748 section 5.2, first vector.
  const vector = {
    tcId: 1,
    private: 'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    public: 'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    shared: 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    result: 'acceptable',
  };
  write(X25519, [
    { ...vector, flags: ['Twist'] },
    { ...vector, tcId: 2, flags: ['Unheard'] },
    { ...vector, tcId: 3, flags: ['ZeroSharedSecret'] },
  ]);
  assert.equal(await counts(expecting('wycheproof X25519', 3)), [1, 2, 0]);
});

test("an error of the oracle's own is no refusal", async () => {
  write(HMAC, HMAC_TESTS);
  const deaf: Answerer = {
    ...answerer,
    answer: async (lines) => lines.map(() => '{"id":1,"ok":false,"code":"OOTO_ORACLE_UNKNOWN_OP"}'),
  };
  for (const title of ['wycheproof X25519', 'wycheproof HMAC-SHA-256']) {
    write(X25519, [
      { tcId: 1, private: '', public: '', shared: '', result: 'acceptable', flags: ['ZeroSharedSecret'] },
    ]);
    const cases = title.endsWith('X25519') ? 1 : 2;
    const { passed, failed } = await runSuite(expecting(title, cases), folder, deaf);
    assert.equal([passed, failed], [0, cases]);
  }
});

test('what is out of scope is counted with its reason', async () => {
  const name = 'wycheproof/testvectors_v1/aes_gcm_test.json';
  write(name, [{ tcId: 1, result: 'valid' }], { keySize: 128 });
  const { skipped, reasons } = await runSuite(expecting('wycheproof AES-256-GCM', 1), folder, answerer);
  assert.is(skipped, 1);
  assert.equal([...reasons], [['with another key size', 1]]);
});

test('vectors that may be absent are skipped with their reason, and judged where they lie', async () => {
  const found = SUITES.find(({ mayLack }) => mayLack !== undefined);
  if (!found) throw new Error('no suite whose vectors may be absent');
  const absent = await runSuite(found, folder, answerer);
  assert.equal([absent.passed, absent.failed, absent.skipped], [0, 0, 5]);
  assert.equal([...absent.reasons.values()], [5]);
  const [path] = Object.keys(found.files);
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), '{}');
  assert.is((await runSuite(found, folder, answerer)).skipped, 0);
  assert.ok((await runSuite(found, folder, answerer)).failed > 0);
});
