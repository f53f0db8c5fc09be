/** Tiers `hardware` and `authenticator`: proven of the very key at enrolment, named by the certificate on channels. */
import { sign } from 'node:crypto';
import { type AppraisalPolicy, appraise, appraiseEnrolment } from '../../../src/attest/appraisal.ts';
import type { AppraisalRules } from '../../../src/attest/appraisal-policy.ts';
import {
  answerChallenges,
  encodeEnrolmentEvidence,
  encodeKeyEnrolmentEvidence,
  enrolmentMessage,
} from '../../../src/attest/evidence.ts';
import type { KeyProof } from '../../../src/attest/key-proof.ts';
import { bindAuthenticator } from '../../../src/authority/authenticator.ts';
import { concat } from '../../../src/base/bytes.ts';
import { base64, hex } from '../../../src/base/hex.ts';
import type { Tier } from '../../../src/cert/tier.ts';
import { authenticatorProver, tokenProver } from '../../../src/mesh/key-proving.ts';
import { is, match, throwsCode } from '../../support/assert.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { coordinates, SoftwareAuthenticator } from '../../support/software-authenticator.ts';
import { suite } from '../../support/suite.ts';
import * as vendor from '../../support/vendor.ts';
import { crypto, digest, expected, MINUTE, meshId, NOW, node, policy } from './world.ts';

const test = suite('attest/key-proof');
const MARK = '1.3.6.1.4.1.41482.3.3';
const maker = vendor.ecKey();
const [makerName, keyName] = ['Maker of tokens', 'Key'].map(vendor.nameOf);
const scheme = 'ecdsa256';
const makerRoot = vendor.issue({
  ...{ subject: makerName, issuer: makerName, publicKey: maker.publicKey, signer: maker.privateKey },
  ...{ extensions: [vendor.AUTHORITY, vendor.SIGNS_CERTIFICATES], scheme },
});
const authenticator = new SoftwareAuthenticator();
const worker = node('worker');
const nonce = new Uint8Array(32).fill(3);

/** An identity key, and its attestation by the maker. */
class TokenKey {
  readonly pair = vendor.ecKey();
  readonly key = {
    algorithm: 'p256' as const,
    bytes: concat(Uint8Array.of(4), ...coordinates(this.pair)),
  };
  readonly attestation = vendor.issue({
    ...{ subject: keyName, issuer: makerName, publicKey: this.pair.publicKey, signer: maker.privateKey },
    ...{ extensions: [vendor.NO_AUTHORITY, vendor.extension(MARK, Uint8Array.of(5))], scheme },
  });

  sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign('sha256', message, { key: this.pair.privateKey, dsaEncoding: 'ieee-p1363' }));
  }
}

const [token, other] = [new TokenKey(), new TokenKey()];
const rules: AppraisalRules = {
  development: false,
  roles: [{ role: 'worker', minimumTier: 'software', maximumAgeMs: MINUTE }],
  manifests: [{ digest: hex(digest), launch: hex(digest) }],
  ...{ registers: [], identityRegisters: [], launchRegisters: [], firmware: [] },
  endorsement: { fingerprints: [], roots: [] },
  tokens: [{ root: base64(makerRoot), mark: MARK }],
  authenticators: { party: authenticator.party, roots: [base64(authenticator.root)] },
};
const pinned: AppraisalPolicy = { ...policy, rules };
const context = { meshId, nodeId: worker.id, key: token.key, nonce, time: NOW };

function enrol(
  proof: KeyProof | undefined,
  claimed: Tier,
  { by = token, asked = claimed, judged = pinned as AppraisalPolicy } = {},
) {
  const signature = by.sign(enrolmentMessage(worker.claims, nonce, claimed));
  const evidence = proof
    ? encodeKeyEnrolmentEvidence(worker.claims, nonce, { tier: claimed, signature, proof })
    : encodeEnrolmentEvidence(worker.claims, nonce, signature);
  const attester = { meshId, nodeId: worker.id, role: 'worker', tier: asked, key: by.key };
  return appraiseEnrolment(crypto, evidence, { policy: judged, attester, answers: nonce, time: NOW });
}

const attested = { kind: 'token' as const, certificates: [token.attestation] };

test('a key that its maker attests is of tier hardware, and nothing else is', () => {
  const { tier, reasons } = enrol(attested, 'hardware');
  is(tier, 'hardware');
  match(reasons.join(), /attested under the pinned root/);
  const refused = (code: string, ...given: Parameters<typeof enrol>) =>
    throwsCode(() => enrol(...given), `OOTO_ATTEST_${code}`);
  refused('KEY', { kind: 'token', certificates: [other.attestation] }, 'hardware');
  refused('KEY', attested, 'hardware', { by: other });
  refused('KEY', attested, 'hardware', { judged: policy });
  refused('KEY', attested, 'hardware', { judged: { ...policy, rules: { ...rules, tokens: [] } } });
  refused('TIER', attested, 'authenticator');
  refused('TIER', attested, 'software', { asked: 'software' });
  refused('TIER', attested, 'measured');
  refused('SIGNATURE', undefined, 'hardware');
  refused('TIER', undefined, 'software', { asked: 'hardware' });
});

test('a key that a pinned authenticator has signed for, in this enrolment, is of tier authenticator', async () => {
  const prover = authenticatorProver(crypto, authenticator, new MemoryStore());
  const proof = await prover.prove(context);
  const { tier, authenticator: shown } = enrol(proof, 'authenticator');
  is(tier, 'authenticator');
  is(shown?.signCount, authenticator.count);
  const refused = async (code: string, asked: typeof context, judged: AppraisalPolicy = pinned) => {
    const wrong = await authenticatorProver(crypto, authenticator, new MemoryStore()).prove(asked);
    throwsCode(() => enrol(wrong, 'authenticator', { judged }), `OOTO_ATTEST_${code}`);
  };
  await refused('WEBAUTHN_CLIENT', { ...context, nonce: new Uint8Array(32) });
  await refused('WEBAUTHN_CLIENT', { ...context, key: other.key });
  await refused('WEBAUTHN_CLIENT', { ...context, nodeId: node('other').id });
  await refused('WEBAUTHN_CLIENT', { ...context, meshId: nonce });
  const { party } = authenticator;
  const unpinned = (authenticators?: AppraisalRules['authenticators']) => {
    const { authenticators: _, ...others } = rules;
    return { ...policy, rules: authenticators ? { ...others, authenticators } : others };
  };
  await refused('WEBAUTHN_ROOT', context, unpinned({ party, roots: [] }));
  await refused('WEBAUTHN_ROOT', context, unpinned({ party, roots: [base64(makerRoot)] }));
  await refused('KEY', context, unpinned());
  throwsCode(() => enrol(proof, 'hardware'), 'OOTO_ATTEST_TIER');
});

test('a credential serves one node, and its counter rises at every member', () => {
  const stored = new Map<string, Uint8Array>();
  const shown = (signCount: number, id = worker.id, credential = token.key.bytes) => {
    const change = bindAuthenticator(crypto, (key) => stored.get(key), { credential, signCount }, id);
    if ('put' in change) stored.set(change.put, change.value);
  };
  shown(3);
  throwsCode(() => shown(3), 'OOTO_ATTEST_WEBAUTHN_COUNTER');
  throwsCode(() => shown(2), 'OOTO_ATTEST_WEBAUTHN_COUNTER');
  shown(4);
  throwsCode(() => shown(5, node('other').id), 'OOTO_AUTHORITY_DEVICE');
  shown(1, node('other').id, other.key.bytes);
  shown(0, worker.id, makerRoot);
  shown(0, worker.id, makerRoot);
});

test('on a channel evidence names the tier of the certificate, no more and no less', () => {
  const leaf = nonce;
  const judged = (certificate: Tier, claimed: Exclude<Tier, 'measured'>, isUnproven = false) => {
    const [evidence] = answerChallenges(crypto, worker.claims, [leaf], worker.key, claimed);
    const attester = { ...expected(worker), role: 'worker', tier: certificate, isUnproven };
    return appraise(crypto, evidence, { policy: pinned, attester, answers: leaf, time: NOW });
  };
  for (const tier of ['software', 'authenticator', 'hardware'] as const) is(judged(tier, tier).tier, tier);
  const wrong: [Tier, Exclude<Tier, 'measured'>][] = [
    ['software', 'hardware'],
    ['software', 'authenticator'],
    ['authenticator', 'hardware'],
    ['authenticator', 'software'],
    ['hardware', 'software'],
    ['measured', 'hardware'],
    ['measured', 'software'],
  ];
  for (const [certificate, claimed] of wrong)
    throwsCode(() => judged(certificate, claimed), 'OOTO_ATTEST_TIER');
  throwsCode(() => judged('hardware', 'hardware', true), 'OOTO_ATTEST_TIER');
});

test('a node claims what it can prove, and says why it is no more', async () => {
  const find = (certificates: readonly Uint8Array[], by: AppraisalRules | undefined = rules) =>
    tokenProver(crypto, certificates).find(context, by);
  is((await find([token.attestation])).tier, 'hardware');
  const bare = await find([]);
  is(bare.tier, 'software');
  match(bare.reasons.join(), /not attested/);
  const store = new MemoryStore();
  const prover = authenticatorProver(crypto, authenticator, store);
  is((await prover.find(context, rules)).tier, 'authenticator');
  const registered = authenticator.count;
  await prover.find(context, rules);
  is(authenticator.count, registered, 'it is registered once');
  const { authenticators: _, ...others } = rules;
  match((await prover.find(context, others)).reasons.join(), /pins no makers/);
  const refusing = { ...authenticator, register: () => Promise.reject(new Error('the user said no')) };
  const refused = authenticatorProver(crypto, refusing as never, new MemoryStore());
  const finding = await refused.find(context, rules);
  is(finding.tier, 'software');
  match(finding.reasons.join(), /the user said no/);
});
