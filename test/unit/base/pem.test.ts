import fc from 'fast-check';
import { base64, hex, unbase64, unhex } from '../../../src/base/hex.ts';
import { pemDecode, pemEncode } from '../../../src/base/pem.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('base/pem');

test('hexadecimal and base64 have one spelling', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.bytes(unhex(hex(bytes)), bytes)));
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => assert.is(base64(bytes), Buffer.from(bytes).toString('base64'))),
  );
  for (const text of ['A0', '0', 'zz']) assert.throwsCode(() => unhex(text), 'OOTO_BASE_HEX');
  for (const text of ['AB', 'AB==', ' AAAA', 'AAA-', 'AAAA='])
    assert.throwsCode(() => unbase64(text), 'OOTO_BASE_BASE64');
});

test('bundles round-trip', () => {
  const block = fc.record(
    { label: fc.constantFrom('CERTIFICATE', 'OOTO GENESIS'), bytes: fc.uint8Array({ maxLength: 200 }) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(block, { maxLength: 4 }), (blocks) => {
      assert.equal(pemDecode(pemEncode(blocks)), blocks);
    }),
  );
});

test('every changed character either fails or changes the content', () => {
  const blocks = [{ label: 'A', bytes: Uint8Array.from({ length: 100 }, (_, i) => i) }];
  const text = pemEncode(blocks);
  for (let at = 0; at < text.length; at++) {
    const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
    let decoded: unknown;
    try {
      decoded = pemDecode(changed);
    } catch {
      continue;
    }
    assert.not.equal(decoded, blocks, `character ${at}`);
  }
});
