/** Appraisal policies: read strictly, taken only forward, and judged check by check with a reason for each. */
import fc from 'fast-check';
import {
  type AppraisalRules,
  endorsementRules,
  findings,
  type ProvenFacts,
  readRules,
  requireAcceptable,
  requireLaterPolicy,
  verifyAppraisalPolicy,
} from '../../../src/attest/appraisal-policy.ts';
import { launchedValue, launchMeasurement } from '../../../src/attest/manifest.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import { base64, hex } from '../../../src/base/hex.ts';
import { documentMessage, encodeDocument, withSignature } from '../../../src/envelope/document.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { bytes, is, match, ok, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { AUTHORITY, issue, nameOf, rsaKey } from '../../support/vendor.ts';
import { crypto, digest, manifest } from './world.ts';

const test = suite('appraisal policy');
const operator = new Ed25519SigningKey(crypto, crypto.sha256(utf8('operator')));
const quorum = { keys: [{ keyid: 'operator', publicKey: operator.publicKey }], threshold: 1 };
const measurement = launchMeasurement(crypto, manifest);
const launched = launchedValue(crypto, measurement);
const booted = crypto.sha256(utf8('boot'));
const { publicKey, privateKey: signer } = rsaKey();
const [subject, issuer] = [nameOf('Root'), nameOf('Root')];
const root = issue({ subject, issuer, publicKey, signer, extensions: [AUTHORITY] });

const rules: AppraisalRules = {
  development: false,
  roles: [
    { role: 'worker', minimumTier: 'measured', maximumAgeMs: 60_000 },
    { role: 'originator', minimumTier: 'software', maximumAgeMs: 600_000 },
  ],
  manifests: [{ digest: hex(digest), launch: hex(measurement) }],
  registers: [
    { register: 0, values: [hex(booted)] },
    { register: 10, values: [] },
    { register: 15, values: [] },
  ],
  identityRegisters: [0, 15],
  launchRegisters: [15],
  firmware: ['0000000000002020'],
  endorsement: { algorithm: 'p256', fingerprints: ['ab'.repeat(32)], roots: [base64(root)] },
};
const facts: ProvenFacts = {
  role: 'worker',
  tier: 'measured',
  ageMs: 1_000,
  manifest: digest,
  registers: new Map([
    [0, booted],
    [10, measurement],
    [15, launched],
  ]),
  firmwareVersion: 0x2020n,
  endorsement: ['listed'],
};

function signed(body: AppraisalRules, version = 1, key = operator): Uint8Array {
  const draft = { kind: 'appraisal-policy' as const, version, body };
  const signature = key.sign(documentMessage(draft));
  return encodeDocument(withSignature(draft, { keyid: 'operator', signature }));
}

test('a signed policy is read, and its roots are certificates', () => {
  const document = verifyAppraisalPolicy(crypto, signed(rules), quorum);
  is(document.version, 1);
  is(JSON.stringify(document.body), JSON.stringify(rules));
  bytes(endorsementRules(document.body).roots[0], root);
});

test('another signer, no signer, a changed byte', () => {
  const stranger = new Ed25519SigningKey(crypto, crypto.sha256(utf8('stranger')));
  throwsCode(
    () => verifyAppraisalPolicy(crypto, signed(rules, 1, stranger), quorum),
    'OOTO_ENVELOPE_SIGNATURE',
  );
  const encoded = signed(rules);
  fc.assert(
    fc.property(fc.nat(encoded.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const bent = encoded.slice();
      bent[at] ^= mask;
      let refused = false;
      try {
        verifyAppraisalPolicy(crypto, bent, quorum);
      } catch (error) {
        refused = error instanceof OotoError;
      }
      ok(refused, `a change at ${at} is accepted`);
    }),
    { numRuns: 300 },
  );
});

test('an older policy is refused, and another under the same version', () => {
  const [first, second] = [1, 2].map((version) =>
    verifyAppraisalPolicy(crypto, signed(rules, version), quorum),
  );
  const twin = verifyAppraisalPolicy(crypto, signed({ ...rules, firmware: [] }, 2), quorum);
  is(requireLaterPolicy(undefined, first), first);
  is(requireLaterPolicy(first, second), second);
  is(requireLaterPolicy(second, second), second);
  throwsCode(() => requireLaterPolicy(second, first), 'OOTO_ATTEST_RULES_VERSION');
  throwsCode(() => requireLaterPolicy(second, twin), 'OOTO_ATTEST_RULES_VERSION');
});

test('rules that are not sound', () => {
  const forged = [...rules.registers, { register: 23, values: [] }];
  const bad: Partial<AppraisalRules>[] = [
    { registers: forged },
    { registers: [...rules.registers].reverse() },
    { launchRegisters: [14] },
    { identityRegisters: [0, 1] },
    { identityRegisters: [0, 0] },
    { roles: [...rules.roles, rules.roles[0]] },
    { manifests: [...rules.manifests, rules.manifests[0]] },
    { endorsement: { algorithm: 'p256', fingerprints: [], roots: ['AAAA'] } },
    { endorsement: { algorithm: 'p256', fingerprints: [], roots: ['not base64'] } },
    { endorsement: { fingerprints: [], roots: [base64(root)] } },
    { tokens: [{ root: 'AAAA', mark: '1.2.3' }] },
    { authenticators: { party: { id: 'a', origin: 'https://a' }, roots: ['AAAA'] } },
  ];
  for (const change of bad)
    throwsCode(() => readRules({ ...rules, ...change }, 'policy'), 'OOTO_ATTEST_RULES');
  readRules({ ...rules, registers: forged, development: true }, 'policy');
  const misshapen = [{ roles: [] }, { manifests: [] }, { firmware: ['2020'] }, { more: 1 }];
  for (const change of misshapen)
    throwsCode(() => readRules({ ...rules, ...change }, 'policy'), 'OOTO_ENVELOPE_FIELD');
});

test('what is in order is accepted, with a reason for each check', () => {
  const reasons = requireAcceptable(crypto, rules, facts);
  is(reasons.length, 10);
  match(reasons.join('\n'), /register 10 holds .* may hold anything/);
  const software = { role: 'originator', tier: 'software', ageMs: 0, manifest: digest } as const;
  is(requireAcceptable(crypto, rules, software).length, 4);
});

const other = crypto.sha256(utf8('other'));
const withRegister = (register: number, value: Uint8Array) => new Map(facts.registers).set(register, value);
const worse: [string, Partial<ProvenFacts>, RegExp][] = [
  ['role', { role: 'guest' }, /role guest is not one/],
  ['tier', { tier: 'hardware' }, /tier hardware is less than measured/],
  ['age', { ageMs: 60_001 }, /60001 ms old/],
  ['age', { ageMs: Number.NaN }, /NaN ms old/],
  ['manifest', { manifest: other }, /is not one of the policy/],
  ['registers', { registers: withRegister(0, other) }, /register 0 holds/],
  ['registers', { registers: new Map() }, /register 0 was not quoted/],
  ['registers', { registers: undefined }, /register 10 was not quoted/],
  ['launch', { registers: withRegister(15, other) }, /launch register 15 does not hold/],
  ['launch', { registers: withRegister(15, measurement) }, /launch register 15 does not hold/],
  ['launch', { registers: withRegister(15, launchedValue(crypto, other)) }, /launch register 15/],
  ['firmware', { firmwareVersion: 0x2021n }, /firmware 0000000000002021 of the TPM is not allowed/],
  ['firmware', { firmwareVersion: undefined }, /firmware 0000000000000000/],
  ['endorsement', { endorsement: undefined }, /nobody vouches/],
];
for (const [check, change, reason] of worse)
  test(`refused for its ${check}: ${Object.keys(change)} ${reason.source}`, () => {
    const bent = { ...facts, ...change };
    match(throwsCode(() => requireAcceptable(crypto, rules, bent), 'OOTO_ATTEST_REFUSED').message, reason);
    ok(findings(crypto, rules, bent).some((found) => found.check === check && !found.ok));
  });

test('every reason against is told at once', () => {
  const found = findings(crypto, rules, { ...facts, ageMs: 1e9, manifest: other, firmwareVersion: 1n });
  is(
    found
      .filter((finding) => !finding.ok)
      .map(({ check }) => check)
      .join(),
    'age,manifest,launch,firmware',
  );
});
