import fc from 'fast-check';
import {
  compare,
  concat,
  equal,
  readU32be,
  readU64be,
  u16be,
  u32be,
  u64be,
  utf8,
  utf8Decode,
} from '../../../src/base/bytes.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('base/bytes');

test('integers round-trip, and out-of-range ones are refused', () => {
  fc.assert(fc.property(fc.nat(0xffffffff), (n) => readU32be(u32be(n)) === n));
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (n) => readU64be(u64be(n)) === n));
  for (const body of [() => u16be(65536), () => u32be(-1), () => u32be(1.5), () => u64be(2n ** 64n)])
    assert.throwsCode(body, 'OOTO_BASE_RANGE');
  assert.throwsCode(() => readU32be(new Uint8Array(3)), 'OOTO_BASE_SHORT');
});

test('equal and compare agree with Buffer', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      assert.is(equal(a, b), Buffer.compare(a, b) === 0);
      assert.is(Math.sign(compare(a, b)), Buffer.compare(a, b));
      assert.ok(equal(a, concat(a)));
    }),
  );
});

test('UTF-8 is strict', () => {
  assert.is(utf8Decode(utf8('grün')), 'grün');
  assert.throwsCode(() => utf8Decode(Uint8Array.of(0xc0, 0x80)), 'OOTO_BASE_UTF8');
});
