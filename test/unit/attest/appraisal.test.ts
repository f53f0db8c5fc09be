import fc from 'fast-check';
import { type Appraisal, appraise, appraiseEnrolment } from '../../../src/attest/appraisal.ts';
import {
  answerChallenges,
  encodeEnrolmentEvidence,
  enrolmentMessage,
  MAX_CHALLENGES,
} from '../../../src/attest/evidence.ts';
import { challengeLeaf, enrolmentQualifyingData } from '../../../src/attest/qualifying.ts';
import { concat, u32be, utf8 } from '../../../src/base/bytes.ts';
import { isOotoError } from '../../../src/base/errors.ts';
import { hex } from '../../../src/base/hex.ts';
import { type CborValue, decode, encode } from '../../../src/envelope/cbor.ts';
import { label } from '../../../src/envelope/labels.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { crypto, digest, expected, MINUTE, meshId, NOW, node, policy } from './world.ts';

const test = suite('attest/appraisal');
const [worker, other] = [node('worker'), node('other')];
const hash = (text: string) => crypto.sha256(utf8(text));

const context = {
  exporter: hash('exporter'),
  nonce: hash('nonce'),
  attester: worker.subject,
  verifier: hash('verifier'),
};
const leaf = challengeLeaf(crypto, context);
const answer = (claims = worker.claims, leaves = [leaf], key = worker.key) =>
  answerChallenges(crypto, claims, leaves, key);
const [evidence] = answer();

const judge = (given: Uint8Array, change: Partial<Appraisal> = {}) =>
  appraise(crypto, given, { policy, attester: expected(worker), answers: leaf, time: NOW, ...change });
const refused = (code: string, given: Uint8Array, change: Partial<Appraisal> = {}) =>
  assert.throwsCode(() => judge(given, change), `OOTO_ATTEST_${code}`);

test('good evidence gives a verdict with its reasons', () => {
  const verdict = judge(evidence);
  assert.is(verdict.tier, 'software');
  assert.bytes(verdict.evidenceDigest, crypto.sha256(evidence));
  assert.bytes(verdict.manifest, digest);
  assert.equal([...verdict.versions], [['ooto', '0.1.0']]);
  assert.is(verdict.reasons.length, 4);
  assert.match(verdict.reasons.join('\n'), new RegExp(`ed25519 key of ${worker.id}[^]*${hex(digest)}`));
});

test('the leaf is the hash that the protocol names', () => {
  const { exporter, nonce, attester, verifier } = context;
  const bytes = concat(label('attestation-challenge'), exporter, nonce, attester, verifier);
  assert.bytes(leaf, crypto.sha256(bytes));
  assert.throwsCode(
    () => challengeLeaf(crypto, { ...context, nonce: new Uint8Array(16) }),
    'OOTO_ATTEST_INPUT',
  );
});

test('evidence says nothing on another channel, for another nonce, or between other certificates', () => {
  for (const name of ['exporter', 'nonce', 'attester', 'verifier'] as const) {
    const answers = challengeLeaf(crypto, { ...context, [name]: hash('another') });
    refused('BINDING', evidence, { answers });
  }
  const swapped = { ...context, attester: context.verifier, verifier: context.attester };
  refused('BINDING', evidence, { answers: challengeLeaf(crypto, swapped) });
});

test('evidence of another node is refused, whoever signed it', () => {
  const [genuine] = answer(other.claims, [leaf], other.key);
  refused('SIGNATURE', genuine);
  const [claimed] = answer(worker.claims, [leaf], other.key);
  refused('SIGNATURE', claimed);
  const [borrowed] = answer(other.claims);
  refused('NODE', borrowed);
  const [foreign] = answer({ ...worker.claims, mesh: hash('another mesh') });
  refused('MESH', foreign);
});

test('altered software is refused', () => {
  const [changed] = answer({ ...worker.claims, manifest: hash('altered program') });
  refused('MANIFEST', changed);
  refused('MANIFEST', evidence, { policy: { ...policy, manifests: [] } });
  refused('MANIFEST', evidence, { policy: { ...policy, manifests: [hex(digest).toUpperCase()] } });
});

test('the tier must be what the certificate claims and what policy wants', () => {
  for (const tier of ['authenticator', 'hardware', 'measured'] as const) {
    refused('TIER', evidence, { attester: { ...expected(worker), tier } });
    refused('TIER', evidence, { policy: { ...policy, minimumTier: tier } });
  }
});

test('evidence has an age, and no clock runs ahead of it', () => {
  const time = worker.claims.time;
  judge(evidence, { time: time + policy.maximumAgeMs });
  refused('AGE', evidence, { time: time + policy.maximumAgeMs + 1 });
  judge(evidence, { time: time - 2 * MINUTE });
  refused('AGE', evidence, { time: time - 2 * MINUTE - 1 });
  refused('AGE', evidence, { time: time - 1, skewMs: 0 });
  refused('AGE', evidence, { time: Number.NaN });
});

test('one signature answers many challenges, each by its own path', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), (count) => {
      const leaves = Array.from({ length: count }, (_, i) => hash(`challenge ${i}`));
      const all = answer(worker.claims, leaves);
      assert.is(new Set(all.map((one) => hex(fields(one).statement as Uint8Array))).size, 1);
      all.forEach((one, i) => {
        judge(one, { answers: leaves[i] });
        if (count > 1) refused('BINDING', one, { answers: leaves[(i + 1) % count] });
      });
    }),
    { numRuns: 10 },
  );
});

test('as many challenges as fit, and not one more', () => {
  const leaves = Array.from({ length: MAX_CHALLENGES }, (_, i) => hash(`challenge ${i}`));
  const all = answer(worker.claims, leaves);
  judge(all[1023], { answers: leaves[1023] });
  assert.throwsCode(() => answer(worker.claims, [...leaves, leaf]), 'OOTO_ATTEST_INPUT');
  assert.throwsCode(() => answer(worker.claims, []), 'OOTO_ATTEST_INPUT');
});

const fields = (encoded: Uint8Array) =>
  decode(encoded, { maxBytes: 20_000 }) as { [name: string]: CborValue } & {
    index: number;
    count: number;
    path: Uint8Array[];
  };

test('a path cannot be bent', () => {
  const leaves = Array.from({ length: 7 }, (_, i) => (i === 4 ? leaf : hash(`challenge ${i}`)));
  const good = fields(answer(worker.claims, leaves)[4]);
  judge(encode(good));
  const bent = (change: Record<string, CborValue>, code = 'BINDING') =>
    refused(code, encode({ ...good, ...change }));
  const { path } = good;
  bent({ index: 3 });
  bent({ index: 5 });
  bent({ index: 6 });
  bent({ index: 7 });
  bent({ count: 1, index: 0 });
  bent({ count: 0 });
  bent({ path: path.slice(1) });
  bent({ path: path.slice(0, -1) });
  bent({ path: [...path].reverse() });
  bent({ path: [...path, path[0]] });
  bent({ path: [] });
  bent({ path: [path[0].map((byte) => byte ^ 1), ...path.slice(1)] });
  bent({ path: Array<Uint8Array>(11).fill(path[0]) }, 'EVIDENCE');
  bent({ path: [path[0].subarray(1)] }, 'EVIDENCE');
  bent({ index: 1024 }, 'EVIDENCE');
  bent({ count: 2 ** 40 }, 'EVIDENCE');
  bent({ index: -1 }, 'EVIDENCE');
});

test('an inner node of the tree does not pass for a challenge', () => {
  const leaves = [leaf, hash('second')];
  const good = fields(answer(worker.claims, leaves)[0]);
  const root = crypto.merkle.root(leaves);
  for (const answers of [root, crypto.merkle.leafHash(leaf)])
    refused('BINDING', encode({ ...good, index: 0, count: 1, path: [] }), { answers });
});

test('no changed byte is accepted as other evidence than what was signed', () => {
  fc.assert(
    fc.property(fc.nat(evidence.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = evidence.slice();
      changed[at] ^= flip;
      try {
        judge(changed);
      } catch (error) {
        assert.ok(isOotoError(error) && error.code.startsWith('OOTO_ATTEST_'));
        return;
      }
      throw new Error(`byte ${at} changed by ${flip} went unnoticed`);
    }),
    { numRuns: 200 },
  );
  for (const garbage of [new Uint8Array(), utf8('x'), new Uint8Array(20_000)]) refused('EVIDENCE', garbage);
  refused('EVIDENCE', encode({ ...fields(evidence), kind: 'tpm' }));
  refused('EVIDENCE', encode({ ...fields(evidence), more: 1 }));
});

const nonces = ['a', 'b', 'c'].map((member) => ({ member, nonce: hash(`nonce ${member}`) }));
const request = hash('request');
const qualifying = enrolmentQualifyingData(crypto, { meshId, request, nonces });

test('enrolment binds mesh, request and every member’s challenge, in one order', () => {
  const list = nonces.map(({ member, nonce }) => concat(u32be(1), utf8(member), nonce));
  const inner = crypto.sha256(concat(label('enrolment-nonces'), u32be(3), ...list));
  const whole = concat(label('enrolment-qualifying'), meshId, request, inner);
  assert.bytes(qualifying, crypto.sha256(whole));
  const shuffled = [nonces[2], nonces[0], nonces[1]];
  assert.bytes(enrolmentQualifyingData(crypto, { meshId, request, nonces: shuffled }), qualifying);
  const digests = [
    { meshId: hash('x'), request, nonces },
    { meshId, request: hash('x'), nonces },
    { meshId, request, nonces: nonces.slice(1) },
    { meshId, request, nonces: [{ member: 'a', nonce: hash('x') }, ...nonces.slice(1)] },
    { meshId, request, nonces: [{ member: 'aa', nonce: nonces[0].nonce }, ...nonces.slice(1)] },
  ].map((changed) => hex(enrolmentQualifyingData(crypto, changed)));
  assert.is(new Set([...digests, hex(qualifying)]).size, 6);
  for (const bad of [[], [nonces[0], nonces[0]], [{ member: 'a', nonce: new Uint8Array(31) }]])
    assert.throwsCode(
      () => enrolmentQualifyingData(crypto, { meshId, request, nonces: bad }),
      'OOTO_ATTEST_INPUT',
    );
});

test('enrolment evidence is judged by the key that asks for the certificate', () => {
  const sign = (claims = worker.claims, bound = qualifying, key = worker.key) =>
    encodeEnrolmentEvidence(claims, bound, key.sign(enrolmentMessage(claims, bound)));
  const enrol = (given: Uint8Array, change: Partial<Appraisal> = {}) =>
    appraiseEnrolment(crypto, given, {
      policy,
      attester: expected(worker),
      answers: qualifying,
      time: NOW,
      ...change,
    });
  const denied = (code: string, given: Uint8Array, change: Partial<Appraisal> = {}) =>
    assert.throwsCode(() => enrol(given, change), `OOTO_ATTEST_${code}`);
  assert.is(enrol(sign()).tier, 'software');
  denied('SIGNATURE', sign(worker.claims, qualifying, other.key));
  denied('BINDING', sign(worker.claims, hash('another request')));
  denied('BINDING', sign(), {
    answers: enrolmentQualifyingData(crypto, { meshId, request: hash('x'), nonces }),
  });
  denied('NODE', sign(other.claims));
  denied('MESH', sign({ ...worker.claims, mesh: hash('x') }));
  denied('MANIFEST', sign({ ...worker.claims, manifest: hash('x') }));
  denied('AGE', sign(), { time: NOW + policy.maximumAgeMs + 1 });
  denied('TIER', sign(), { attester: { ...expected(worker), tier: 'measured' } });
  denied('EVIDENCE', evidence);
  assert.throwsCode(() => judge(sign()), 'OOTO_ATTEST_EVIDENCE');
});

test('a signature for a channel is none for an enrolment, nor the other way round', () => {
  const { statement } = fields(evidence);
  const moved = encode({ kind: 'software', statement });
  assert.throwsCode(
    () =>
      appraiseEnrolment(crypto, moved, {
        policy,
        attester: expected(worker),
        answers: crypto.merkle.root([leaf]),
        time: NOW,
      }),
    'OOTO_ATTEST_SIGNATURE',
  );
});
