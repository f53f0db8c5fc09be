import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { OotoError } from '../../../src/base/errors.ts';
import { unbase64 } from '../../../src/base/hex.ts';
import { verifyConsistency, verifyInclusion } from '../../../src/log/index.ts';
import { consistencyRanges, inclusionRanges } from '../../../src/log/proof.ts';
import { equal, is, ok, thrown, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { crypto, entriesFrom, entryAt, flipped, logOf, rootOf } from './logs.ts';

const test = suite('Merkle proofs', { timeout: 60_000 });

/** RFC 6962 section 2.1, written as the recursion of the text, over node:crypto. */
const sha = (...parts: Uint8Array[]) =>
  new Uint8Array(parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest());
function mth(leaves: Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha();
  if (leaves.length === 1) return sha(Uint8Array.of(0), leaves[0]);
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha(Uint8Array.of(1), mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}
function path(m: number, leaves: Uint8Array[]): Uint8Array[] {
  if (leaves.length === 1) return [];
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return m < k
    ? [...path(m, leaves.slice(0, k)), mth(leaves.slice(k))]
    : [...path(m - k, leaves.slice(k)), mth(leaves.slice(0, k))];
}
function subproof(m: number, leaves: Uint8Array[], complete: boolean): Uint8Array[] {
  if (m === leaves.length) return complete ? [] : [mth(leaves)];
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return m <= k
    ? [...subproof(m, leaves.slice(0, k), complete), mth(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), mth(leaves.slice(0, k))];
}

const { log } = logOf(70);
const leaves = entriesFrom(0, 70);

test('every inclusion proof to 70 is the one of RFC 6962 and verifies', () => {
  for (let size = 1; size <= 70; size++)
    for (let index = 0; index < size; index++) {
      const proof = log.proveInclusion(index, size);
      equal(proof, path(index, leaves.slice(0, size)));
      const leafHash = crypto.merkle.leafHash(entryAt(index));
      verifyInclusion(crypto, { index, size, leafHash, root: rootOf(size), proof });
    }
});

test('every consistency proof to 70 is the one of RFC 6962 and verifies', () => {
  for (let size2 = 1; size2 <= 70; size2++)
    for (let size1 = 1; size1 <= size2; size1++) {
      const proof = log.proveConsistency(size1, size2);
      equal(proof, subproof(size1, leaves.slice(0, size2), true));
      verifyConsistency(crypto, { size1, root1: rootOf(size1), size2, root2: rootOf(size2), proof });
    }
});

const sizes = fc.integer({ min: 1, max: 70 });

test('an inclusion proof with a changed, dropped, added or swapped hash, another index or size is refused', () => {
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(), fc.nat(255), (size, at, where, bit) => {
      const index = at % size;
      const proof = log.proveInclusion(index, size);
      const leafHash = crypto.merkle.leafHash(entryAt(index));
      const root = rootOf(size);
      const refuse = (claim: Partial<Parameters<typeof verifyInclusion>[1]>) =>
        throwsCode(
          () => verifyInclusion(crypto, { index, size, leafHash, root, proof, ...claim }),
          'OOTO_LOG_INCLUSION',
        );
      const flip = (hash: Uint8Array) => flipped(hash, where % 32, 1 << (bit % 8));
      refuse({ root: flip(root) });
      refuse({ leafHash: flip(leafHash) });
      refuse({ proof: [...proof, root] });
      refuse({ proof: [root, ...proof] });
      refuse({ index: size + index });
      if (size > 1) {
        refuse({ index: (index + 1) % size });
        const i = where % proof.length;
        refuse({ proof: proof.map((hash, j) => (i === j ? flip(hash) : hash)) });
        refuse({ proof: proof.filter((_, j) => j !== i) });
        refuse({ proof: proof.map((hash, j) => (i === j ? hash.subarray(1) : hash)) });
      }
    }),
  );
});

test('a consistency proof with a changed, dropped or added hash, or another root, is refused', () => {
  fc.assert(
    fc.property(sizes, sizes, fc.nat(), fc.nat(255), (a, b, where, bit) => {
      const [size1, size2] = [Math.min(a, b), Math.max(a, b)];
      const proof = log.proveConsistency(size1, size2);
      const [root1, root2] = [rootOf(size1), rootOf(size2)];
      const refuse = (claim: Partial<Parameters<typeof verifyConsistency>[1]>) =>
        throwsCode(
          () => verifyConsistency(crypto, { size1, root1, size2, root2, proof, ...claim }),
          'OOTO_LOG_CONSISTENCY',
        );
      const flip = (hash: Uint8Array) => flipped(hash, where % 32, 1 << (bit % 8));
      refuse({ root1: flip(root1) });
      refuse({ root2: flip(root2) });
      refuse({ proof: [...proof, root2] });
      refuse({ size1: size2 + 1 });
      refuse({ size1: 0 });
      if (proof.length > 0) {
        const i = where % proof.length;
        refuse({ proof: proof.map((hash, j) => (i === j ? flip(hash) : hash)) });
        refuse({ proof: proof.filter((_, j) => j !== i) });
      }
    }),
  );
});

test('a proof that stops below the root is refused, even for the hash it stops at', () => {
  const leafHash = crypto.merkle.leafHash(entryAt(0));
  for (let size = 2; size <= 20; size++) {
    const proof = log.proveInclusion(0, size);
    let root = leafHash;
    for (const [i, sibling] of proof.entries()) {
      const cut = { index: 0, size, leafHash, root, proof: proof.slice(0, i) };
      throwsCode(() => verifyInclusion(crypto, cut), 'OOTO_LOG_INCLUSION');
      root = crypto.merkle.nodeHash(root, sibling);
    }
    verifyInclusion(crypto, { index: 0, size, leafHash, root, proof });
  }
});

test('sizes that are none are refused', () => {
  const root = rootOf(1);
  for (const size of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
    throwsCode(
      () => verifyInclusion(crypto, { index: 0, size, leafHash: root, root, proof: [] }),
      'OOTO_LOG_INCLUSION',
    );
    throwsCode(
      () => verifyConsistency(crypto, { size1: 1, root1: root, size2: size, root2: root, proof: [] }),
      'OOTO_LOG_CONSISTENCY',
    );
    ok(thrown(() => inclusionRanges(0, size)) instanceof OotoError);
    ok(thrown(() => consistencyRanges(1, size)) instanceof OotoError);
  }
});

test('proofs of the largest trees are as long as they must be', () => {
  is(inclusionRanges(0, 2 ** 52).length, 52);
  is(inclusionRanges(2 ** 53 - 2, 2 ** 53 - 1).length, 52);
  is(consistencyRanges(2 ** 52, 2 ** 53 - 1).length, 1);
});

test('a published inclusion proof verifies (transparency-dev/merkle, inclusion 2)', () => {
  const claim = {
    index: 5,
    size: 8,
    root: unbase64('XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg='),
    leafHash: unbase64('QnGia+DYqE8L1UyMMC58s6O10fpngKQLzOKHNHfatlg='),
    proof: [
      'vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=',
      'yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=',
      '037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=',
    ].map(unbase64),
  };
  verifyInclusion(crypto, claim);
  throwsCode(() => verifyInclusion(crypto, { ...claim, index: 7 }), 'OOTO_LOG_INCLUSION');
});

test('a published consistency proof verifies (transparency-dev/merkle, consistency 2)', () => {
  const claim = {
    size1: 6,
    size2: 8,
    root1: unbase64('duZ9rbzfHhDht03cYIq9L5jfsW+851J3tSMqEn8gh+8='),
    root2: unbase64('XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg='),
    proof: [
      'DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=',
      'yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=',
      '037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=',
    ].map(unbase64),
  };
  verifyConsistency(crypto, claim);
  throwsCode(() => verifyConsistency(crypto, { ...claim, size2: 16 }), 'OOTO_LOG_CONSISTENCY');
});
