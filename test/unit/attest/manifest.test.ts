import fc from 'fast-check';
import {
  createManifest,
  encodeManifest,
  type ManifestFile,
  manifestDigest,
  readManifest,
} from '../../../src/attest/manifest.ts';
import { concat } from '../../../src/base/bytes.ts';
import { encode } from '../../../src/envelope/cbor.ts';
import { label } from '../../../src/envelope/labels.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { crypto } from './world.ts';

const test = suite('attest/manifest');
const file = (path: string, fill = 0): ManifestFile => ({
  path,
  size: 1,
  sha256: new Uint8Array(32).fill(fill),
});
const FORM = 'OOTO_ATTEST_MANIFEST_FORM';

test('the order of measuring does not matter, and the digest is that of the encoding', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}(\/[a-zA-Z.-]{2,5})?$/), { minLength: 1 });
  fc.assert(
    fc.property(names, fc.infiniteStream(fc.nat()), (paths, keys) => {
      fc.pre(!paths.some((path) => path.endsWith('/..')));
      const files = paths.map((path) => file(path));
      const shuffled = files.map((f) => ({ f, k: keys.next().value })).sort((a, b) => a.k - b.k);
      const one = createManifest(files);
      assert.equal(createManifest(shuffled.map(({ f }) => f)), one);
      assert.equal(readManifest(encodeManifest(one)), one);
      const expected = crypto.sha256(concat(label('software-manifest'), encodeManifest(one)));
      assert.bytes(manifestDigest(crypto, one), expected);
    }),
  );
});

test('any difference gives another digest', () => {
  const good = [file('a'), file('b')];
  const digests = [
    good,
    [file('a')],
    [file('a'), file('c')],
    [file('a'), file('b', 1)],
    [file('a'), { ...file('b'), size: 2 }],
    [...good, file('c')],
  ].map((files) => manifestDigest(crypto, createManifest(files)).join());
  assert.is(new Set(digests).size, digests.length);
});

test('paths are plain, relative and named once', () => {
  const long = 'a/'.repeat(512);
  for (const path of ['', '/a', 'a/', 'a//b', '.', '..', 'a/../b', './a', 'a\\b', 'a\0', 'a\nb', `${long}ab`])
    assert.throwsCode(() => createManifest([file(path)]), FORM);
  assert.throwsCode(() => createManifest([file('a'), file('a', 1)]), FORM);
  assert.throwsCode(() => createManifest([]), FORM);
});

test('a manifest in another order, with a file twice or with more members is refused', () => {
  const refused = (files: ManifestFile[], code: string) =>
    assert.throwsCode(() => readManifest(encode({ files: files.map((f) => ({ ...f })) })), code);
  refused([file('b'), file('a')], FORM);
  refused([file('a'), file('a')], FORM);
  refused([file('../a')], FORM);
  refused([], 'OOTO_ENVELOPE_FIELD');
  refused([{ ...file('a'), mode: 1 } as ManifestFile], 'OOTO_ENVELOPE_FIELD');
  refused([{ ...file('a'), sha256: new Uint8Array(31) }], 'OOTO_ENVELOPE_FIELD');
});
