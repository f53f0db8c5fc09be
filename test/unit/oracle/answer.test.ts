/** The oracle's protocol: every line gets one answer, and what is no request is refused, never fatal. */
import fc from 'fast-check';
import { type Answer, answerLine, type OperationTable } from '../../oracle/answer.ts';
import { operationsOf } from '../../oracle/operations.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('oracle answers', { timeout: 30_000 });
const operations = operationsOf(testCrypto());

async function ask(request: unknown, table: OperationTable = operations): Promise<Answer> {
  return JSON.parse(await answerLine(table, typeof request === 'string' ? request : JSON.stringify(request)));
}

const refused = (id: number | string | null, code: string) => ({ id, ok: false, code });

test('computes and answers under the id of the request', async () => {
  // FIPS 180-4, "abc".
  const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(await ask({ id: 7, op: 'sha256', msg: '616263' }), { id: 7, ok: true, out: { digest } });
  assert.equal(await ask({ id: 'x', op: 'sha256', msg: '616263' }), { id: 'x', ok: true, out: { digest } });
});

test('an operation that is not there has a code of its own', async () => {
  for (const op of ['sha3', '', 'constructor', '__proto__', 'toString', 'SHA256'])
    assert.equal(await ask({ id: 1, op }), refused(1, 'OOTO_ORACLE_UNKNOWN_OP'));
});

test('what is no request is refused', async () => {
  for (const line of ['', ' ', 'x', '{', '[]', 'null', '1', '"sha256"', '{"id":1,"op":"sha256"', '\u0000'])
    assert.equal(await ask(line), refused(null, 'OOTO_ORACLE_REQUEST'));
  assert.equal(await ask({ id: 1 }), refused(1, 'OOTO_ORACLE_REQUEST'));
  assert.equal(await ask({ id: 1, op: 5 }), refused(1, 'OOTO_ORACLE_REQUEST'));
  assert.equal(await ask({ id: {}, op: 'sha256', msg: '' }), refused(null, 'OOTO_ORACLE_REQUEST'));
});

test('fields are there, of their type, their own, and lower-case hexadecimal', async () => {
  for (const msg of [undefined, null, 5, [], {}, 'ABCD', 'abc', 'zz', ' 61', '0x61'])
    assert.equal(await ask({ id: 1, op: 'sha256', msg }), refused(1, 'OOTO_ORACLE_REQUEST'));
  assert.equal(
    await ask({ id: 1, op: 'sha256', msg: '', engine: 'fastest' }),
    refused(1, 'OOTO_ORACLE_REQUEST'),
  );
  assert.equal(await ask('{"id":1,"op":"sha256","__proto__":{"msg":""}}'), refused(1, 'OOTO_ORACLE_REQUEST'));
  assert.equal(await ask({ id: 1, op: 'sha256.many', msgs: '6161' }), refused(1, 'OOTO_ORACLE_REQUEST'));
  assert.equal(await ask({ id: 1, op: 'sha256.many', msgs: [1] }), refused(1, 'OOTO_ORACLE_REQUEST'));
});

test('a tag of another length cannot move the border to the ciphertext', async () => {
  const [key, iv] = ['00'.repeat(32), '00'.repeat(12)];
  const sealed = await ask({ id: 1, op: 'aes256gcm.seal', key, iv, aad: '', pt: '6162' });
  if (!sealed.ok) throw new Error(sealed.code);
  const { ct, tag } = sealed.out as { ct: string; tag: string };
  const open = (ct: string, tag: string) => ask({ id: 1, op: 'aes256gcm.open', key, iv, aad: '', ct, tag });
  assert.equal(await open(ct, tag), { id: 1, ok: true, out: { pt: '6162' } });
  assert.equal(await open(ct.slice(0, 2), ct.slice(2) + tag), refused(1, 'OOTO_ORACLE_REQUEST'));
});

test("the product's refusals arrive with their own codes", async () => {
  const [key, iv, tag] = ['00'.repeat(32), '00'.repeat(12), '00'.repeat(16)];
  assert.equal(
    await ask({ id: 1, op: 'aes256gcm.open', key, iv, aad: '', ct: '', tag }),
    refused(1, 'OOTO_CRYPTO_AUTHENTICATION'),
  );
});

test('an error without a code is a fault of the product and says so', async () => {
  const broken: OperationTable = new Map([
    [
      'broken',
      () => {
        throw new RangeError('out of bounds');
      },
    ],
  ]);
  assert.equal(await ask({ id: 1, op: 'broken' }, broken), refused(1, 'OOTO_ORACLE_INTERNAL'));
});

test('any line gets exactly one line of JSON', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (line) => {
      const answer = await answerLine(operations, line);
      assert.not.ok(answer.includes('\n'));
      assert.is(JSON.parse(answer).ok, false);
    }),
  );
});

test('no fields of any kind under any operation end the oracle', async () => {
  const names = [
    'key',
    'iv',
    'aad',
    'pt',
    'ct',
    'tag',
    'msg',
    'msgs',
    'records',
    'head',
    'leaves',
    'pk',
    'sig',
  ];
  const more = [
    'items',
    'seed',
    'ek',
    'm',
    'dk',
    'c',
    'scalar',
    'point',
    'length',
    'ikm',
    'salt',
    'info',
    'vector',
  ];
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.uint8Array({ maxLength: 64 }).map((b) => Buffer.from(b).toString('hex')),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...operations.keys()),
      fc.dictionary(fc.constantFrom(...names, ...more), value),
      async (op, fields) => {
        const answer = await ask({ ...fields, id: 1, op });
        assert.is(answer.id, 1);
        assert.type(answer.ok, 'boolean');
      },
    ),
    { numRuns: 400 },
  );
});
