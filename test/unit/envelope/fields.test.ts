import fc from 'fast-check';
import * as f from '../../../src/envelope/fields.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('envelope/fields');

const shape = {
  name: f.text(8, /^[a-z]+$/),
  key: f.bytes(2),
  count: f.uint(10),
  note: f.optional(f.text(4)),
};
const good = { name: 'abc', key: new Uint8Array(2), count: 3 };

test('a message of the right shape comes back as it is', () => {
  assert.equal(f.fields(good, shape), good);
  assert.equal(f.fields({ ...good, note: 'hi' }, shape), { ...good, note: 'hi' });
});

test('missing, unknown and misfitting members are refused, and named', () => {
  const bad: [unknown, RegExp][] = [
    [null, /message is not a map/],
    [[], /a map/],
    [new Uint8Array(2), /a map/],
    ['text', /a map/],
    [{ ...good, extra: 1 }, /unknown member "extra"/],
    [{ name: 'abc', key: new Uint8Array(2) }, /message\.count is not present/],
    [{ ...good, name: 'ABC' }, /message\.name/],
    [{ ...good, name: 'abcdefghi' }, /message\.name/],
    [{ ...good, key: new Uint8Array(3) }, /message\.key is not 2 bytes/],
    [{ ...good, key: [0, 0] }, /message\.key/],
    [{ ...good, count: 11 }, /message\.count/],
    [{ ...good, count: -1 }, /message\.count/],
    [{ ...good, count: 3n }, /message\.count/],
    [{ ...good, note: undefined }, /message\.note/],
    [{ ...good, note: null }, /message\.note/],
    [{ ...good, constructor: 1 }, /unknown member "constructor"/],
    [JSON.parse('{"__proto__": {}, "name": "abc"}'), /unknown member "__proto__"/],
  ];
  for (const [value, message] of bad) {
    const error = assert.throwsCode(() => f.fields(value, shape), 'OOTO_ENVELOPE_FIELD');
    assert.is(error.fault, 'peer');
    assert.match(error.message, message);
  }
});

test('members are never taken from a prototype', () => {
  assert.throwsCode(() => f.fields(Object.create(good), shape), 'OOTO_ENVELOPE_FIELD');
  assert.throwsCode(() => f.fields({}, { toString: f.anything }), 'OOTO_ENVELOPE_FIELD');
});

test('unions are read by their tag', () => {
  const reader = f.variant('kind', { member: { id: f.text(4) }, founder: { draft: f.bytes(1) } });
  assert.equal(reader({ kind: 'member', id: 'a' }, 'payload'), { kind: 'member', id: 'a' });
  for (const value of [
    { kind: 'member', draft: new Uint8Array(1) },
    { kind: 'founder', draft: new Uint8Array(1), id: 'a' },
    { kind: 'toString' },
    { kind: 3 },
    { id: 'a' },
    null,
    'member',
  ])
    assert.throwsCode(() => reader(value, 'payload'), 'OOTO_ENVELOPE_FIELD');
});

test('lists, maps and integers keep their limits', () => {
  const refused = (reader: f.Reader<unknown>, ...values: unknown[]) => {
    for (const value of values) assert.throwsCode(() => reader(value, 'x'), 'OOTO_ENVELOPE_FIELD');
  };
  const numbers = f.list(f.uint(), { min: 1, max: 2 });
  assert.equal(numbers([1, 2], 'x'), [1, 2]);
  refused(numbers, [], [1, 2, 3], { 0: 1, length: 1 }, [1.5]);
  const map = f.mapOf(f.uint(), { max: 1 });
  assert.equal([...map({ a: 1 }, 'x')], [['a', 1]]);
  refused(map, { a: 1, b: 2 }, { a: 'b' }, [], null);
  assert.is(f.uint64(5, 'x'), 5n);
  assert.is(f.uint64(2n ** 64n - 1n, 'x'), 2n ** 64n - 1n);
  refused(f.uint64, -1, 1.5, 2n ** 64n, -1n, 'five', 2 ** 53);
  assert.is(f.nullable(f.uint())(null, 'x'), null);
  refused(f.oneOf('a', 'b'), 'c', null, ['a']);
  refused(f.literal(1), 2, '1', 1n);
  refused(f.boolean, 0, 'true', null);
  refused(f.text(2), '\u00fc\u00fc', 3, null);
});

test('whatever comes, a reader returns its type or throws its one code', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      try {
        const { name, key, count } = f.fields(value, shape);
        assert.ok(typeof name === 'string' && key.length === 2 && count <= 10);
      } catch (error) {
        assert.is((error as { code?: string }).code, 'OOTO_ENVELOPE_FIELD');
      }
    }),
  );
});
