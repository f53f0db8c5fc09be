/** Enrolment with live software TPMs: each member's own challenge, and who may be whose. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppraisalRules } from '../../../src/attest/appraisal-policy.ts';
import { unpadded } from '../../../src/attest/tpm/endorsement-certificate.ts';
import { readPublicArea } from '../../../src/attest/tpm/public-area.ts';
import { certificationData } from '../../../src/attest/tpm-proof.ts';
import { leafTbs } from '../../../src/authority/certification.ts';
import { encodeCredential } from '../../../src/authority/credential.ts';
import { deviceOf, keepClock } from '../../../src/authority/device.ts';
import { readLeaf } from '../../../src/authority/leaf.ts';
import type { Application, Claim } from '../../../src/authority/member.ts';
import { createRequest, type EnrolmentRequest } from '../../../src/authority/request.ts';
import { base64, hex } from '../../../src/base/hex.ts';
import { measuredRules } from '../../../src/cli/setting-up.ts';
import { decode, encode } from '../../../src/envelope/cbor.ts';
import type { NodeTpm } from '../../../src/mesh/attester.ts';
import { enrolmentEvidence } from '../../../src/mesh/enrolment-evidence.ts';
import type { MemberChallenge } from '../../../src/mesh/member-challenge.ts';
import type { MeshNode } from '../../../src/mesh/node.ts';
import { openTpmIdentity } from '../../../src/platform/node/tpm/identity.ts';
import type { Signer } from '../../../src/ports.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld, LIFE_MS, MANIFEST, signerOf } from '../../support/authority.ts';
import { testCrypto } from '../../support/crypto.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';
import { missingForTpm, Swtpm } from '../../support/swtpm.ts';
import { unpem } from '../../support/vendor.ts';

const test = suite('authority/device', { timeout: 90_000 });
const missing = missingForTpm();
const crypto = testCrypto();
const zeros = new Map([0, 1, 2, 3, 4, 5, 6, 7].map((i) => [i, new Uint8Array(32)]));
const world = new AuthorityWorld(crypto, { appraisal: measuredRules(MANIFEST, [zeros]) });
const judge = world.names[0];

interface Owner {
  swtpm: Swtpm;
  tpm: NodeTpm;
  signer: Signer;
  endorsement: Uint8Array;
}
let alice: Owner;
let mallory: Owner;

async function owner(before?: Swtpm, algorithm?: 'p256' | 'rsa2048'): Promise<Owner> {
  const swtpm = before ?? (await Swtpm.start());
  const port = swtpm.client();
  const attestationKey = await port.createAttestationKey();
  const identityKey = await port.createIdentityKey([0, 7]);
  const certification = await port.certify(identityKey, attestationKey, certificationData(crypto));
  const { publicArea: endorsementKey, certificate } = await port.endorsement(algorithm);
  const keys = {
    ...{ endorsementKey, attestationKey: attestationKey.publicArea },
    ...(certificate ? { certificate: unpadded(certificate) } : {}),
  };
  const signer: Signer = {
    algorithm: 'p256',
    publicKey: readPublicArea(identityKey.publicArea).key,
    sign: (message) => port.sign(identityKey, crypto.sha256(message)),
  };
  const tpm = { tpm: port, keys, attestationKey, identityKey, certification, readLog: async () => null };
  return { swtpm, tpm, signer, endorsement: deviceOf(crypto, keys).endorsementKey };
}

test.before(async () => {
  if (missing !== undefined) return;
  await world.establish();
  [alice, mallory] = await Promise.all([owner(), owner()]);
});
test.after(async () => {
  for (const each of missing === undefined ? [alice, mallory] : []) {
    await each.tpm.tpm.close();
    await each.swtpm.remove();
  }
});

function live(title: string, body: () => Promise<void>): void {
  if (missing !== undefined) test.unavailable(title, missing);
  else test(title, body);
}

function requestOf(
  name: string,
  by: Pick<Owner, 'signer'>,
  keys = alice.tpm.keys,
  at = world,
): Promise<EnrolmentRequest> {
  const { algorithm, publicKey } = by.signer;
  const id = at.id('worker', name);
  const key = { algorithm, bytes: publicKey };
  const nonce = crypto.random.bytes(16);
  const { meshId: mesh } = at.mesh.record;
  return createRequest(
    crypto,
    { mesh, id, key, life: LIFE_MS, tier: 'measured', nonce, tpm: keys },
    by.signer,
  );
}

/** What `by` answers to the members; `bend` is what an attacker makes of their challenges. */
async function apply(
  request: EnrolmentRequest,
  by: Owner,
  claim: Claim,
  bend: (challenges: MemberChallenge[]) => MemberChallenge[] = (challenges) => challenges,
  at = world,
): Promise<Application> {
  const challenges = await at.issuing().challenge(request);
  const node = {
    options: { crypto, signer: by.signer, tpm: by.tpm, logger: at.logger },
    claims: (mesh: Uint8Array, id: string) => ({
      ...{ mesh, node: id, manifest: MANIFEST, versions: new Map() },
      time: at.clock.now(),
    }),
    rulesOver: () => at.policy,
  } as unknown as MeshNode;
  const trust = { ...at.trust!, policy: at.policy };
  const { evidence } = await enrolmentEvidence(node, trust, request, bend(challenges));
  const nonces = challenges.map(({ member, nonce }) => ({ member, nonce }));
  return { request: request.encoded, claim, nonces, evidence };
}

async function appraise(
  request: EnrolmentRequest,
  application: Application,
  bound = new Map<string, Uint8Array>(),
  at = world,
) {
  const tbs = await leafTbs(crypto, at.mesh.record, request, at.clock.now());
  const context = { now: at.clock.now(), bound: (key: string) => bound.get(key) };
  const appraisal = at.members.get(judge)!.appraise(application, tbs, context);
  for (const change of appraisal.changes) if ('put' in change) bound.set(change.put, change.value);
  return appraisal;
}

const invited = (request: EnrolmentRequest, endorsement?: Uint8Array, at = world) =>
  at.inviteClaim(request.id, request, undefined, endorsement);

live(
  'a TPM that operators named enrols, and is bound to the node; under another name it is refused',
  async () => {
    const bound = new Map<string, Uint8Array>();
    const request = await requestOf('one', alice);
    const claim = invited(request, alice.endorsement);
    const leaf = readLeaf((await appraise(request, await apply(request, alice, claim), bound)).leaf);
    assert.ok(leaf.kind === 'certificate' && leaf.verdict === 'measured');
    assert.equal(leaf.device, { ...deviceOf(crypto, alice.tpm.keys), vouched: 'named' });
    const again = await requestOf('one', alice);
    await appraise(again, await apply(again, alice, invited(again, alice.endorsement)), bound);
    const other = await requestOf('two', alice);
    const application = await apply(other, alice, invited(other, alice.endorsement));
    await assert.rejectsCode(appraise(other, application, bound), 'OOTO_AUTHORITY_DEVICE');
  },
);

live('a TPM that was cleared comes back by an invite that names it, under its own name', async () => {
  const before = await owner();
  const { swtpm, endorsement } = before;
  const owners = [before];
  try {
    for (let starts = 0; starts < 3; starts++) await swtpm.restart();
    const bound = new Map<string, Uint8Array>();
    const request = await requestOf('cleared', before, before.tpm.keys);
    const claim = invited(request, endorsement);
    await appraise(request, await apply(request, before, claim), bound);
    await swtpm.tools('tpm2_clear', '-c', 'p');
    const after = await owner(swtpm);
    owners.push(after);
    assert.equal(after.endorsement, endorsement, 'the same TPM');
    const anew = await requestOf('cleared', after, after.tpm.keys);
    await appraise(anew, await apply(anew, after, invited(anew, endorsement)), bound);
    const other = await requestOf('another', after, after.tpm.keys);
    const application = await apply(other, after, invited(other, endorsement));
    await assert.rejectsCode(appraise(other, application, bound), 'OOTO_AUTHORITY_DEVICE');
  } finally {
    for (const { tpm } of owners) await tpm.tpm.close();
    await swtpm.remove();
  }
});

live('a renewal by a TPM that has been seen after more starts than it tells of is refused', async () => {
  const request = await requestOf('renewed', alice);
  const issued = await world
    .issuing()
    .issue(await apply(request, alice, invited(request, alice.endorsement)));
  const claim: Claim = { kind: 'renewal', credential: encodeCredential({ ...issued, head: null }) };
  const renewal = await requestOf('renewed', alice);
  await appraise(renewal, await apply(renewal, alice, claim));
  const later = keepClock(deviceOf(crypto, alice.tpm.keys), { clock: 0n, resetCount: 99, restartCount: 0 });
  assert.ok('put' in later);
  const rolledBack = await requestOf('renewed', alice);
  const application = await apply(rolledBack, alice, claim);
  const bound = new Map([[later.put, later.value]]);
  await assert.rejectsCode(appraise(rolledBack, application, bound), 'OOTO_ATTEST_TPM_ROLLBACK');
});

live('an endorsement key that nobody named, or another than the invite’s, is refused', async () => {
  const request = await requestOf('unnamed', alice);
  for (const endorsement of [undefined, mallory.endorsement]) {
    const application = await apply(request, alice, invited(request, endorsement));
    await assert.rejectsCode(appraise(request, application), 'OOTO_AUTHORITY_DEVICE');
  }
});

live('an invite for a TPM is not spent on a node without one', async () => {
  const candidate = world.candidate();
  const id = world.id('worker', 'soft');
  const request = await world.request(candidate, id);
  const claim = world.inviteClaim(id, request, undefined, alice.endorsement);
  const application = world.application(candidate, request, claim);
  await assert.rejectsCode(appraise(request, application), 'OOTO_AUTHORITY_DEVICE');
});

live('a genuine endorsement key beside an attestation key of another TPM opens nothing', async () => {
  const keys = { ...mallory.tpm.keys, endorsementKey: alice.tpm.keys.endorsementKey };
  const request = await requestOf('borrowed', mallory, keys);
  const claim = invited(request, alice.endorsement);
  await assert.rejectsCode(apply(request, mallory, claim), 'OOTO_MESH_ENROLMENT');
  // Instead of what only Alice's TPM opens, mallory answers what a member has sealed for her own.
  const own = await requestOf('own', mallory, mallory.tpm.keys);
  const sealed = new Map((await world.issuing().challenge(own)).map((each) => [each.member, each.sealed]));
  const bend = (challenges: MemberChallenge[]) =>
    challenges.map((each) => ({ ...each, sealed: sealed.get(each.member)! }));
  const application = await apply(request, mallory, claim, bend);
  await assert.rejectsCode(appraise(request, application), 'OOTO_AUTHORITY_CREDENTIAL');
});

live('what was answered for one request serves no other', async () => {
  const [first, second] = [await requestOf('first', alice), await requestOf('second', alice)];
  const answered = await apply(first, alice, invited(first, alice.endorsement));
  const application = await apply(second, alice, invited(second, alice.endorsement));
  const moved = { ...application, evidence: answered.evidence };
  await assert.rejectsCode(appraise(second, moved), 'OOTO_ATTEST_NODE');
  const same = await requestOf('first', alice);
  const open = await apply(same, alice, invited(same, alice.endorsement));
  await assert.rejectsCode(appraise(same, { ...open, evidence: answered.evidence }), 'OOTO_ATTEST_BINDING');
});

live('a key in software is not certified by naming a genuine TPM', async () => {
  const { identity } = world.candidate();
  const software = { ...alice, signer: signerOf(identity) };
  const request = await requestOf('software', software);
  const application = await apply(request, software, invited(request, alice.endorsement));
  await assert.rejectsCode(appraise(request, application), 'OOTO_ATTEST_TPM_IDENTITY');
});

/** The same with a maker of TPMs whose root is pinned, and keys of one algorithm. */
async function certifiedWorld(algorithm: 'p256' | 'rsa2048', swtpm: Swtpm): Promise<AuthorityWorld> {
  const pem = readFileSync(join(swtpm.folder, 'ca', 'swtpm-localca-rootca-cert.pem'), 'utf8');
  const rules = measuredRules(MANIFEST, [zeros]);
  const endorsement = { algorithm, fingerprints: [], roots: [base64(unpem(pem))] };
  const made = new AuthorityWorld(crypto, {
    appraisal: { ...rules, endorsement },
    judgesEndorsements: true,
  });
  await made.establish();
  return made;
}

/** The certificate of swtpm's own authority, as vendors put it into the TPM. */
async function keepChain(swtpm: Swtpm): Promise<void> {
  const issuer = unpem(readFileSync(join(swtpm.folder, 'ca', 'issuer.pem'), 'utf8'));
  const half = Math.ceil(issuer.length / 2);
  const parts = [issuer.subarray(0, half), issuer.subarray(half)];
  for (const [i, part] of parts.entries()) {
    writeFileSync(join(swtpm.folder, 'part'), part);
    const index = `0x1c0010${i}`;
    await swtpm.tools(
      'tpm2_nvdefine',
      index,
      '-C',
      'o',
      '-s',
      String(part.length),
      '-a',
      'ownerread|ownerwrite|authread|authwrite',
    );
    await swtpm.tools('tpm2_nvwrite', index, '-C', 'o', '-i', 'part');
  }
}

live(
  'certified by its maker, over the authority that the TPM holds; and judged again at each renewal',
  async () => {
    const swtpm = await Swtpm.start({ certificates: true });
    await keepChain(swtpm);
    const at = await certifiedWorld('rsa2048', swtpm);
    const port = swtpm.client();
    const keysFile = join(temporaryFolder(), 'tpm.keys');
    const identity = await openTpmIdentity({
      ...{ tpm: port, codec: { encode, decode }, file: keysFile, registers: [0, 7] },
      sha256: (message) => crypto.sha256(message),
      certificationData: certificationData(crypto),
    });
    const { signer, endorsementKey, certificate, chain, ...made } = identity;
    assert.is(chain.length, 1, 'one certificate in two indexes');
    const own = { endorsementKey, attestationKey: made.attestationKey.publicArea, certificate: certificate! };
    const keys = { ...own, chain: [...chain] };
    const tpm = { tpm: port, keys, ...made, readLog: async () => null };
    const bob: Owner = { swtpm, tpm, signer, endorsement: deviceOf(crypto, keys).endorsementKey };
    try {
      const bare = await requestOf('bare', bob, own, at);
      await assert.rejectsCode(
        appraise(bare, await apply(bare, bob, invited(bare, undefined, at), undefined, at), undefined, at),
        'OOTO_ATTEST_TPM_ENDORSEMENT',
      );
      const request = await requestOf('certified', bob, keys, at);
      const claim = invited(request, undefined, at);
      const issued = await at.issuing().issue(await apply(request, bob, claim, undefined, at));
      const renewal: Claim = { kind: 'renewal', credential: encodeCredential({ ...issued, head: null }) };
      const renew = async () => {
        const again = await requestOf('certified', bob, keys, at);
        return appraise(again, await apply(again, bob, renewal, undefined, at), undefined, at);
      };
      const leaf = readLeaf((await renew()).leaf);
      assert.is(leaf.kind === 'certificate' && leaf.device?.vouched, 'judged');
      const { appraisal } = at.policy;
      const without = (endorsement: AppraisalRules['endorsement']) => {
        at.policy = { ...at.policy, appraisal: { ...appraisal!, endorsement } };
      };
      without({ fingerprints: [], roots: [] });
      await assert.rejectsCode(renew(), 'OOTO_ATTEST_TPM_ENDORSEMENT');
      without({ fingerprints: [hex(bob.endorsement)], roots: [] });
      await renew();
      without({ algorithm: 'p256', fingerprints: [hex(bob.endorsement)], roots: [] });
      await assert.rejectsCode(renew(), 'OOTO_ATTEST_TPM_ENDORSEMENT');
    } finally {
      await port.close();
      await swtpm.remove();
    }
  },
);

live('what operators named is renewed without being judged by lists', async () => {
  const at = new AuthorityWorld(crypto, {
    appraisal: measuredRules(MANIFEST, [zeros]),
    judgesEndorsements: true,
  });
  await at.establish();
  const request = await requestOf('named', alice, alice.tpm.keys, at);
  const claim = invited(request, alice.endorsement, at);
  const issued = await at.issuing().issue(await apply(request, alice, claim, undefined, at));
  const renewal: Claim = { kind: 'renewal', credential: encodeCredential({ ...issued, head: null }) };
  const again = await requestOf('named', alice, alice.tpm.keys, at);
  const { leaf } = await appraise(again, await apply(again, alice, renewal, undefined, at), undefined, at);
  const entry = readLeaf(leaf);
  assert.is(entry.kind === 'certificate' && entry.device?.vouched, 'named');
});

live(
  'one TPM with two endorsement keys is one node: those of one algorithm count, whoever names the other',
  async () => {
    const swtpm = await Swtpm.start({ certificates: true });
    const at = await certifiedWorld('rsa2048', swtpm);
    const p256 = await owner(swtpm, 'p256');
    const open = [p256];
    try {
      for (const endorsement of [undefined, p256.endorsement]) {
        const request = await requestOf('second', p256, p256.tpm.keys, at);
        const application = await apply(request, p256, invited(request, endorsement, at), undefined, at);
        await assert.rejectsCode(
          appraise(request, application, undefined, at),
          'OOTO_ATTEST_TPM_ENDORSEMENT',
        );
      }
      await p256.tpm.tpm.close();
      const rsa = await owner(swtpm, 'rsa2048');
      open.push(rsa);
      assert.not.equal(rsa.endorsement, p256.endorsement);
      const request = await requestOf('first', rsa, rsa.tpm.keys, at);
      await appraise(
        request,
        await apply(request, rsa, invited(request, rsa.endorsement, at), undefined, at),
        undefined,
        at,
      );
    } finally {
      for (const { tpm } of open) await tpm.tpm.close();
      await swtpm.remove();
    }
  },
);
