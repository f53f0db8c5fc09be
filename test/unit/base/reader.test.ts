import { ByteReader } from '../../../src/base/reader.ts';
import { bytes, is, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('ByteReader');

test('takes fields in order, as copies, and nothing may be left', () => {
  const message = Uint8Array.of(1, 2, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 9, 7);
  const reader = new ByteReader(message);
  is(reader.u8(), 1);
  is(reader.u16(), 0x0203);
  is(reader.u32(), 4);
  is(reader.u64(), 5n);
  const field = reader.prefixed(1);
  bytes(field, Uint8Array.of(9));
  field[0] = 0;
  is(message[19], 9);
  throwsCode(() => reader.end(), 'OOTO_BASE_TRAILING');
  bytes(reader.bytes(1), Uint8Array.of(7));
  reader.end();
  throwsCode(() => reader.u8(), 'OOTO_BASE_SHORT');
});

test('lengths are limited before anything is taken', () => {
  throwsCode(() => new ByteReader(Uint8Array.of(0, 0, 0, 3, 1, 2, 3)).prefixed(2), 'OOTO_BASE_LONG');
  throwsCode(() => new ByteReader(Uint8Array.of(255, 255, 255, 255)).prefixed(0xffffffff), 'OOTO_BASE_SHORT');
});
