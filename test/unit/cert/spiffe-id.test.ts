import fc from 'fast-check';
import { formatSpiffeId, parseSpiffeId } from '../../../src/cert/spiffe-id.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('cert/spiffe-id');

const domain = fc.string({ unit: fc.constantFrom(...'abz019._-'), minLength: 1, maxLength: 255 });
const segment = fc
  .string({ unit: fc.constantFrom(...'abzABZ019._-'), minLength: 1, maxLength: 20 })
  .filter((text) => text !== '.' && text !== '..');
const path = fc.array(segment, { maxLength: 8 }).map((segments) => segments.map((s) => `/${s}`).join(''));

test('the standard’s examples parse', () => {
  assert.equal(parseSpiffeId('spiffe://example.org/payments/web-fe'), {
    trustDomain: 'example.org',
    path: '/payments/web-fe',
  });
  assert.equal(parseSpiffeId('spiffe://staging.example_1.com'), {
    trustDomain: 'staging.example_1.com',
    path: '',
  });
  assert.equal(parseSpiffeId('spiffe://trustdomain/.../x'), { trustDomain: 'trustdomain', path: '/.../x' });
});

test('format and parse are each other’s inverse', () => {
  fc.assert(
    fc.property(domain, path, (trustDomain, segments) => {
      const id = { trustDomain, path: segments };
      assert.equal(parseSpiffeId(formatSpiffeId(id)), id);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (rest) => {
      const text = `spiffe://${rest}`;
      try {
        assert.is(formatSpiffeId(parseSpiffeId(text)), text);
      } catch (error) {
        assert.is((error as { code?: string }).code, 'OOTO_CERT_NAME');
      }
    }),
  );
});

test('every other spelling is refused', () => {
  const bad = [
    '',
    'spiffe',
    'spiffe:',
    'spiffe:/a/b',
    'spiffe://',
    'spiffe:///path',
    'SPIFFE://example.org/a',
    'Spiffe://example.org/a',
    'https://example.org/a',
    ' spiffe://example.org/a',
    'spiffe://Example.org/a',
    'spiffe://example.org:8443/a',
    'spiffe://user@example.org/a',
    'spiffe://exam%70le.org/a',
    'spiffe://ex\u0430mple.org/a',
    'spiffe://[::1]/a',
    'spiffe://example.org/',
    'spiffe://example.org/a/',
    'spiffe://example.org//a',
    'spiffe://example.org/a//b',
    'spiffe://example.org/./a',
    'spiffe://example.org/a/..',
    'spiffe://example.org/../a',
    'spiffe://example.org/%61',
    'spiffe://example.org/a%2fb',
    'spiffe://example.org/a?b',
    'spiffe://example.org/a#b',
    'spiffe://example.org/a b',
    'spiffe://example.org/a\0',
    'spiffe://example.org/a\n',
    'spiffe://example.org/\u00e4',
    'spiffe://example.org/a\\b',
    'spiffe://example.org/a:b',
    `spiffe://${'a'.repeat(256)}/a`,
    `spiffe://example.org/${'a'.repeat(2048)}`,
  ];
  for (const text of bad) assert.throwsCode(() => parseSpiffeId(text), 'OOTO_CERT_NAME');
});

test('2048 bytes are allowed, and no more', () => {
  const longest = `spiffe://example.org/${'a'.repeat(2048 - 21)}`;
  assert.is(longest.length, 2048);
  assert.is(formatSpiffeId(parseSpiffeId(longest)), longest);
  assert.throwsCode(() => parseSpiffeId(`${longest}a`), 'OOTO_CERT_NAME');
});

test('parts that would read differently once joined are refused', () => {
  for (const id of [
    { trustDomain: 'a/b', path: '/c' },
    { trustDomain: '', path: '' },
    { trustDomain: 'a', path: 'b' },
    { trustDomain: 'a', path: '/' },
  ])
    assert.throwsCode(() => formatSpiffeId(id), 'OOTO_CERT_NAME');
});
