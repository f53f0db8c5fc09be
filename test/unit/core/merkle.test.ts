/** Merkle roots of the core against a recursive reading of RFC 6962, for every small size and over all borders. */
import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import { unhex } from '../../../src/base/hex.ts';
import { bytes, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { nobleCrypto } from '../../support/noble-crypto.ts';
import { messageLists, pattern, reference } from '../../support/sha256-cases.ts';
import { suite } from '../../support/suite.ts';

/** The test tree of certificate-transparency-go (merkle_test.go): leaves, and the root over the first n of them. */
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const { merkle: expected } = nobleCrypto();
const test = suite('core merkle', { timeout: 30_000 });

for (const { name, core } of testCores()) {
  const { merkle, sha256, engine } = core;
  const area = engine.input.length;

  test(`${name}: the public test tree`, () => {
    const leaves = LEAVES.map(unhex);
    for (const [i, root] of ROOTS.entries())
      bytes(merkle.root(leaves.slice(0, i + 1)), unhex(root), `${i + 1} leaves`);
  });

  test(`${name}: no leaves`, () => {
    bytes(merkle.root([]), reference(new Uint8Array()));
    bytes(merkle.rootOfHashes([]), reference(new Uint8Array()));
  });

  test(`${name}: every size to 260, from leaves and from hashes`, () => {
    const leaves = Array.from({ length: 260 }, (_, i) => pattern(i % 70, i));
    const hashes = leaves.map((leaf) => expected.leafHash(leaf));
    for (let size = 1; size <= leaves.length; size++) {
      const root = expected.rootOfHashes(hashes.slice(0, size));
      bytes(merkle.root(leaves.slice(0, size)), root, `${size} leaves`);
      bytes(merkle.rootOfHashes(hashes.slice(0, size)), root, `${size} hashes`);
    }
  });

  test(`${name}: any leaves`, () => {
    fc.assert(
      fc.property(messageLists, (leaves) => {
        bytes(merkle.root(leaves), expected.root(leaves));
      }),
    );
  });

  test(`${name}: leaves in uneven pieces and beyond the area`, () => {
    const lengths = [
      3,
      area,
      0,
      area / 2,
      area / 2,
      area - 5,
      area - 4,
      9,
      area + 1,
      64,
      64,
      64,
      area / 3,
      1,
      2,
    ];
    const leaves = lengths.map((length, i) => pattern(length, i));
    const hashes = leaves.map((leaf) => reference(Uint8Array.of(0), leaf));
    for (let size = 1; size <= leaves.length; size++)
      bytes(
        merkle.root(leaves.slice(0, size)),
        expected.rootOfHashes(hashes.slice(0, size)),
        `${size} leaves`,
      );
  });

  test(`${name}: more hashes than the area holds`, () => {
    const hashes = sha256.many(Array.from({ length: 80_001 }, (_, i) => utf8(`${i}`)));
    bytes(merkle.rootOfHashes(hashes), expected.rootOfHashes(hashes));
  });

  test(`${name}: node hashes`, () => {
    const [left, right] = [pattern(32, 1), pattern(32, 2)];
    bytes(merkle.nodeHash(left, right), reference(Uint8Array.of(1), left, right));
  });

  test(`${name}: what is no digest is refused`, () => {
    throwsCode(() => merkle.nodeHash(pattern(31), pattern(32)), 'OOTO_CORE_DIGEST');
    throwsCode(() => merkle.nodeHash(pattern(32), pattern(33)), 'OOTO_CORE_DIGEST');
    throwsCode(() => merkle.rootOfHashes([pattern(32), pattern(0)]), 'OOTO_CORE_DIGEST');
  });

  test(`${name}: a leaf is no node (second preimage)`, () => {
    const [left, right] = [merkle.root([utf8('a')]), merkle.root([utf8('b')])];
    const node = merkle.root([utf8('a'), utf8('b')]);
    const forged = new Uint8Array([...left, ...right]);
    if (merkle.root([forged]).every((byte, i) => byte === node[i]))
      throw new Error('a leaf passed for a node');
  });
}
