import fc from 'fast-check';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import { hex, unhex } from '../../../src/base/hex.ts';
import { type CborValue, decode, encode } from '../../../src/envelope/cbor.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('envelope/cbor');
const limits = { maxBytes: 4096 };

/** RFC 8949 appendix A, the rows within this subset. */
const APPENDIX_A: [CborValue, string][] = [
  [0, '00'],
  [23, '17'],
  [24, '1818'],
  [100, '1864'],
  [1000, '1903e8'],
  [1000000, '1a000f4240'],
  [1000000000000, '1b000000e8d4a51000'],
  [18446744073709551615n, '1bffffffffffffffff'],
  [-18446744073709551616n, '3bffffffffffffffff'],
  [-1, '20'],
  [-1000, '3903e7'],
  [false, 'f4'],
  [true, 'f5'],
  [null, 'f6'],
  [new Uint8Array(), '40'],
  [unhex('01020304'), '4401020304'],
  ['', '60'],
  ['IETF', '6449455446'],
  ['\u00fc', '62c3bc'],
  ['\u{10151}', '64f0908591'],
  [[], '80'],
  [[1, [2, 3], [4, 5]], '8301820203820405'],
  [{}, 'a0'],
  [{ a: 1, b: [2, 3] }, 'a26161016162820203'],
];

/** Other spellings, and what has no place here (RFC 8949 appendix A and section 4.2). */
const REFUSED: Record<string, string> = {
  'empty input': '',
  'trailing byte': '0000',
  'truncated bytes': '4401',
  'truncated array': '8201',
  'truncated map': 'a16161',
  'long integer': '1800',
  'long length': '5801ff',
  'long array length': '980100',
  'indefinite bytes': '5f42010243030405ff',
  'indefinite array': '9fff',
  'indefinite map': 'bfff',
  'unsorted keys': 'a2616201616102',
  'shorter key last': 'a262616101616201',
  'duplicate keys': 'a2616101616102',
  'integer key': 'a10102',
  'key __proto__': `a1${'69'}${hex(utf8('__proto__'))}a0`,
  undefined: 'f7',
  float: 'fb3ff8000000000000',
  'integral float': 'f93c00',
  NaN: 'f97e00',
  infinity: 'f97c00',
  tag: 'c001',
  break: 'ff',
  'simple value': 'f0',
  'ill-formed UTF-8': '62c328',
  'byte order mark': '63efbbbf',
  'reserved length': '1c',
};

test('the vectors of RFC 8949 appendix A encode and decode', () => {
  for (const [value, encoded] of APPENDIX_A) {
    assert.is(hex(encode(value)), encoded);
    assert.equal(decode(unhex(encoded), limits), value);
  }
});

test('every other spelling is refused', () => {
  for (const [what, encoded] of Object.entries(REFUSED)) {
    const error = assert.throwsCode(() => decode(unhex(encoded), limits), 'OOTO_ENVELOPE_CBOR');
    assert.is(error.fault, 'peer', what);
  }
});

test('values without an encoding are the caller’s mistake', () => {
  const nested = Array.from({ length: 17 }).reduce<unknown>((inner) => [inner], 0);
  const circular: unknown[] = [];
  circular.push(circular);
  const bad = [
    1.5,
    Number.NaN,
    2 ** 53,
    2n ** 64n,
    -(2n ** 64n) - 1n,
    undefined,
    '\ud800',
    '\ufeffa',
    nested,
  ];
  bad.push(circular, new Date(0), new Map(), { a: undefined }, JSON.parse('{"__proto__":1}'), () => 0);
  for (const value of bad)
    assert.is(assert.throwsCode(() => encode(value as CborValue), 'OOTO_ENVELOPE_CBOR').fault, 'caller');
});

test('what is encoded decodes to the same value, in one spelling', () => {
  const word = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((text) => !text.startsWith('\ufeff'));
  const key = word.filter((text) => text !== '__proto__');
  const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(null, true, false),
      fc.maxSafeInteger(),
      fc.bigInt(2n ** 53n, 2n ** 64n - 1n),
      word,
      fc.uint8Array({ maxLength: 40 }),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(value, (original) => {
      const encoded = encode(original);
      const decoded = decode(encoded, { maxBytes: encoded.length });
      assert.equal(decoded, original);
      assert.bytes(encode(decoded), encoded);
    }),
  );
});

test('arbitrary bytes decode to the value whose encoding they are, or throw an OotoError', () => {
  const cbor = fc.uint8Array({ maxLength: 64 });
  fc.assert(
    fc.property(cbor, (bytes) => {
      try {
        assert.bytes(encode(decode(bytes, limits)), bytes);
      } catch (error) {
        assert.instance(error, OotoError);
      }
    }),
    { numRuns: 2000 },
  );
});

test('size, depth and count are limited before anything is built', () => {
  assert.throwsCode(() => decode(new Uint8Array(11), { maxBytes: 10 }), 'OOTO_ENVELOPE_SIZE');
  const deep = (levels: number) => concat(new Uint8Array(levels).fill(0x81), Uint8Array.of(0));
  assert.equal(decode(deep(1), limits), [0]);
  decode(deep(16), limits);
  assert.throwsCode(() => decode(deep(17), limits), 'OOTO_ENVELOPE_CBOR');
  assert.throwsCode(() => decode(deep(1_000_000), { maxBytes: 2_000_000 }), 'OOTO_ENVELOPE_CBOR');
  const many = (count: number) => encode(new Array<number>(count).fill(0));
  assert.is((decode(many(65_536 - 1), { maxBytes: 100_000 }) as CborValue[]).length, 65_535);
  assert.throwsCode(() => decode(many(65_536), { maxBytes: 100_000 }), 'OOTO_ENVELOPE_CBOR');
  decode(many(299), { maxBytes: 400, maxItems: 300 });
  assert.throwsCode(() => decode(many(300), { maxBytes: 400, maxItems: 300 }), 'OOTO_ENVELOPE_CBOR');
  for (const claim of ['9affffffff', 'baffffffff', '5affffffff', '9bffffffffffffffff', '5bffffffffffffffff'])
    assert.throwsCode(() => decode(unhex(claim), limits), 'OOTO_ENVELOPE_CBOR');
});

test('decoded bytes do not alias the input', () => {
  const input = unhex('4401020304');
  const value = decode(Buffer.from(input), limits) as Uint8Array;
  assert.is(Object.getPrototypeOf(value), Uint8Array.prototype);
  const again = decode(input, limits) as Uint8Array;
  input.fill(0);
  assert.bytes(again, unhex('01020304'));
});
