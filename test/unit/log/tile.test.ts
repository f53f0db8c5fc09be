import fc from 'fast-check';
import { decodeBundle, encodeBundle, parseTilePath, tilePath } from '../../../src/log/index.ts';
import { hashesAt, tileWidth } from '../../../src/log/tile.ts';
import { equal, is, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('tiles');

test('paths are those of tlog-tiles', () => {
  is(tilePath({ level: 0, index: 1234067, width: 256 }), 'tile/0/x001/x234/067');
  is(tilePath({ level: 1, index: 0, width: 17 }), 'tile/1/000.p/17');
  is(tilePath({ level: 'entries', index: 273, width: 112 }), 'tile/entries/273.p/112');
  is(tilePath({ level: 63, index: 1000, width: 256 }), 'tile/63/x001/000');
});

test('every address has one path, and every path one address', () => {
  const address = fc.record({
    level: fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const)),
    index: fc.maxSafeNat(),
    width: fc.integer({ min: 1, max: 256 }),
  });
  fc.assert(fc.property(address, (a) => equal(parseTilePath(tilePath(a)), { ...a })));
});

test('other paths are refused', () => {
  for (const path of [
    '',
    'checkpoint',
    'tile/0/0',
    'tile/0/1234067',
    'tile/0/x000/001',
    'tile/0/x001/x234/x067',
    'tile/0/001/002',
    'tile/64/000',
    'tile/00/000',
    'tile/-1/000',
    'tile/data/000',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/',
    'tile/0/000/',
    '/tile/0/000',
    'tile/0/000\n',
    'tile/0/../000',
    `tile/0/${'x999/'.repeat(6)}999`,
  ])
    throwsCode(() => parseTilePath(path), 'OOTO_LOG_PATH');
});

test('a tree of 70,000 has the tiles that tlog-tiles counts', () => {
  is(hashesAt(0, 70_000), 70_000);
  is(tileWidth(0, 272, 70_000), 256);
  is(tileWidth(0, 273, 70_000), 112);
  is(tileWidth(0, 274, 70_000), 0);
  is(tileWidth(1, 0, 70_000), 256);
  is(tileWidth(1, 1, 70_000), 17);
  is(tileWidth(2, 0, 70_000), 1);
  is(tileWidth(1, 0, 256), 1);
  is(tileWidth(0, 1, 256), 0);
});

test('bundles are read back, and only whole', () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 40 });
  fc.assert(
    fc.property(entries, fc.nat(), (list, cut) => {
      const bundle = encodeBundle(list);
      equal(decodeBundle(bundle, list.length), list);
      throwsCode(() => decodeBundle(Uint8Array.of(...bundle, 0), list.length), 'OOTO_BASE_TRAILING');
      if (bundle.length > 0)
        throwsCode(
          () => decodeBundle(bundle.subarray(0, cut % bundle.length), list.length),
          'OOTO_BASE_SHORT',
        );
    }),
  );
  throwsCode(() => encodeBundle([new Uint8Array(65_536)]), 'OOTO_LOG_ENTRY');
  throwsCode(() => decodeBundle(new Uint8Array(514), 257), 'OOTO_LOG_ENTRY');
});
