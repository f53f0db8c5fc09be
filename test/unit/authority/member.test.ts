import { AuthorityView } from '../../../src/authority/authority-view.ts';
import { leafTbs } from '../../../src/authority/certification.ts';
import { readLeaf } from '../../../src/authority/leaf.ts';
import { type Application, AuthorityMember, type Claim } from '../../../src/authority/member.ts';
import type { EnrolmentRequest, EnrolmentRequestBody } from '../../../src/authority/request.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld, type Candidate, LIFE_MS, signerOf } from '../../support/authority.ts';
import { testCrypto } from '../../support/crypto.ts';
import { seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/member', { timeout: 60_000 });
const crypto = testCrypto(seededRandom('member'));
const world = new AuthorityWorld(crypto);
const judge = world.names[0];
const nothingBound = () => undefined;

test.before(async () => {
  await world.establish();
});

interface Case {
  candidate: Candidate;
  request: EnrolmentRequest;
  claim: Claim;
  application: Application;
}

async function invited(name = 'w', changes: Partial<EnrolmentRequestBody> = {}): Promise<Case> {
  const candidate = world.candidate();
  const id = world.id('worker', name);
  const request = await world.request(candidate, changes.id ?? id, changes);
  const claim = world.inviteClaim(id, request);
  return { candidate, request, claim, application: world.application(candidate, request, claim) };
}

async function appraise(
  { request, application }: Pick<Case, 'request' | 'application'>,
  { name = judge, bound = nothingBound as (key: string) => Uint8Array | undefined } = {},
) {
  const tbs = await leafTbs(crypto, world.mesh.record, request, world.clock.now());
  return world.members.get(name)!.appraise(application, tbs, { now: world.clock.now(), bound });
}

test('an invited node: the invite is bound, and the entry says what was judged', async () => {
  const asked = await invited();
  const appraisal = await appraise(asked);
  assert.is(appraisal.changes.length, 1);
  const [change] = appraisal.changes;
  assert.ok('put' in change && change.put.startsWith('invite/'));
  assert.bytes('put' in change ? change.value : new Uint8Array(), asked.request.digest);
  const leaf = readLeaf(appraisal.leaf);
  assert.is(leaf.kind === 'certificate' && leaf.id, asked.request.id);
  assert.is(leaf.kind === 'certificate' && leaf.verdict, 'software');
});

test('an invite that is bound to another request is refused, to the same one is not', async () => {
  const asked = await invited();
  await assert.rejectsCode(
    appraise(asked, { bound: () => new Uint8Array(32) }),
    'OOTO_AUTHORITY_INVITE_USED',
  );
  await appraise(asked, { bound: () => asked.request.digest });
});

test('nobody is invited into the authority, whatever the operators granted', async () => {
  const candidate = world.candidate();
  const id = world.id('authority', 'late');
  const request = await world.request(candidate, id);
  const application = world.application(candidate, request, world.inviteClaim(id, request));
  await assert.rejectsCode(appraise({ request, application }), 'OOTO_AUTHORITY_NOT_A_FOUNDER');
});

test('a founder of the genesis record, and nobody who only says so', async () => {
  const founder = world.founder('a2');
  const id = world.id('authority', 'a2');
  const claim: Claim = { kind: 'founder' };
  const request = await world.request(founder, id);
  await appraise({ request, application: world.application(founder, request, claim) });
  const wrong: [Candidate, string][] = [
    [world.candidate(), id],
    [founder, world.id('worker', 'a2')],
    [founder, world.id('authority', 'a3')],
    [founder, world.id('authority', 'a9')],
  ];
  for (const [candidate, name] of wrong) {
    const asked = await world.request(candidate, name);
    const application = world.application(candidate, asked, claim);
    await assert.rejectsCode(appraise({ request: asked, application }), 'OOTO_AUTHORITY_NOT_A_FOUNDER');
  }
});

test('a renewal keeps name and key, and needs a valid certificate and a root', async () => {
  const node = await world.certify('worker', 'r1');
  const claim: Claim = { kind: 'renewal', credential: node.credential };
  const same = await world.request(node, node.id);
  const renewal = { request: same, application: world.application(node, same, claim) };
  await appraise(renewal);
  const other = await world.request(node, world.id('worker', 'r2'));
  await assert.rejectsCode(
    appraise({ request: other, application: world.application(node, other, claim) }),
    'OOTO_CERT_ID',
  );
  const thief = world.candidate();
  const stolen = await world.request(thief, node.id);
  await assert.rejectsCode(
    appraise({ request: stolen, application: world.application(thief, stolen, claim) }),
    'OOTO_AUTHORITY_RENEWAL',
  );
  world.clock.jump(2 * 3_600_000);
  try {
    const late = await world.request(node, node.id);
    const application = world.application(node, late, claim);
    await assert.rejectsCode(appraise({ request: late, application }), 'OOTO_CERT_EXPIRED');
  } finally {
    world.clock.jump(-2 * 3_600_000);
  }
});

test('without a root there is nothing to judge a renewal by', async () => {
  const node = await world.certify('worker', 'r3');
  const request = await world.request(node, node.id);
  const claim: Claim = { kind: 'renewal', credential: node.credential };
  const application = world.application(node, request, claim);
  const tbs = await leafTbs(crypto, world.mesh.record, request, world.clock.now());
  const context = { now: world.clock.now(), bound: nothingBound };
  const early = new AuthorityMember({
    ...{
      crypto,
      name: judge,
      longestLifeMs: LIFE_MS,
      authority: new AuthorityView(crypto, world.mesh.record),
    },
    judge: () => assert.unreachable('nothing is judged') as never,
  });
  assert.throwsCode(() => early.appraise(application, tbs, context), 'OOTO_AUTHORITY_RENEWAL');
});

test('the evidence must answer this member: each wrong list of nonces is refused', async () => {
  const change = async (edit: (nonces: Application['nonces'], asked: Case) => Application['nonces']) => {
    const asked = await invited();
    const nonces = edit(asked.application.nonces, asked);
    const evidence = world.evidence(asked.candidate, asked.request, nonces);
    return appraise({ request: asked.request, application: { ...asked.application, nonces, evidence } });
  };
  const refused = (edit: Parameters<typeof change>[0]) =>
    assert.rejectsCode(change(edit), 'OOTO_AUTHORITY_CHALLENGE');
  await refused((nonces) => nonces.filter(({ member }) => member !== judge));
  await refused((nonces) => nonces.map((entry) => ({ ...entry, nonce: new Uint8Array(32) })));
  await refused(([own, ...others]) => [{ ...own, nonce: others[0].nonce }, ...others]);
  await refused(([first, second, third]) => [first, third, second]);
  await refused((nonces) => [...nonces, { member: 'zz', nonce: new Uint8Array(32) }]);
  await refused((nonces) => [{ member: 'a0', nonce: new Uint8Array(32) }, ...nonces]);
  const alone = await change((nonces) => nonces.filter(({ member }) => member === judge));
  assert.ok(alone.leaf.length > 0);
});

test('a list that names one member twice is refused', async () => {
  const asked = await invited();
  const [first, second, third] = asked.application.nonces;
  const application = { ...asked.application, nonces: [first, first, second, third] };
  await assert.rejectsCode(appraise({ request: asked.request, application }), 'OOTO_AUTHORITY_CHALLENGE');
});

test('a nonce serves once, for one minute, and for its own request', async () => {
  const asked = await invited();
  await appraise(asked);
  await assert.rejectsCode(appraise(asked), 'OOTO_AUTHORITY_CHALLENGE');
  const late = await invited();
  world.clock.advance(60_000);
  await assert.rejectsCode(appraise(late), 'OOTO_AUTHORITY_CHALLENGE');
  const [one, two] = [await invited('x'), await invited('y')];
  const moved = { ...one.application, nonces: two.application.nonces };
  await assert.rejectsCode(
    appraise({ request: one.request, application: moved }),
    'OOTO_AUTHORITY_CHALLENGE',
  );
});

test('asked again before it is used, the nonce is the same; afterwards it is another', async () => {
  const member = world.members.get(judge)!;
  const digest = crypto.random.bytes(32);
  const now = world.clock.now();
  assert.bytes(member.challenge(digest, now, 'a1'), member.challenge(digest, now + 59_999, 'a2'));
  assert.not.equal(member.challenge(digest, now, 'a1'), member.challenge(digest, now + 60_000, 'a1'));
});

test('evidence that is not good enough is refused, and the challenge stays open for better', async () => {
  const asked = await invited();
  const { candidate, request, application } = asked;
  const { nonces } = application;
  const refused = (evidence: Uint8Array, code: string) =>
    assert.rejectsCode(appraise({ request, application: { ...application, evidence } }), code);
  await refused(world.evidence(candidate, request, nonces, new Uint8Array(32)), 'OOTO_ATTEST_MANIFEST');
  await refused(world.evidence(candidate, request, nonces.slice(1)), 'OOTO_ATTEST_BINDING');
  await refused(world.evidence(world.candidate(), request, nonces), 'OOTO_ATTEST_SIGNATURE');
  await refused(Uint8Array.of(1), 'OOTO_ATTEST_EVIDENCE');
  await appraise(asked);
});

test('a higher tier than the evidence shows is refused', async () => {
  const asked = await invited('t', { tier: 'hardware' });
  await assert.rejectsCode(appraise(asked), 'OOTO_ATTEST_TIER');
  await assert.rejectsCode(invited('t', { tier: 'measured' }), 'OOTO_AUTHORITY_REQUEST');
});

test('a request for another mesh, or one whose signature does not hold, is refused', async () => {
  const foreign = await invited('f', { mesh: new Uint8Array(32) });
  await assert.rejectsCode(appraise(foreign), 'OOTO_AUTHORITY_REQUEST');
  const asked = await invited();
  const changed = asked.request.encoded.slice();
  changed[changed.length - 1] ^= 1;
  const application = { ...asked.application, request: changed };
  await assert.rejectsCode(appraise({ request: asked.request, application }), 'OOTO_ENVELOPE_SIGNATURE');
  const borrowed = Ed25519SigningKey.generate(crypto);
  await assert.rejectsCode(
    world.request({ identity: borrowed, signer: { ...signerOf(borrowed) } }, 'x', {
      key: { algorithm: 'ed25519', bytes: world.candidate().signer.publicKey },
    }),
    'OOTO_ENVELOPE_SIGNATURE',
  );
});

test('one coordinator cannot use up the challenges of all', async () => {
  const fresh = new AuthorityWorld(crypto).members.get('a1')!;
  const now = world.clock.now();
  const flood = (coordinator: string) => {
    for (let opened = 0; ; opened++)
      try {
        fresh.challenge(crypto.random.bytes(32), now, coordinator);
      } catch (error) {
        return { opened, error };
      }
  };
  const { opened, error } = flood('a2');
  assert.is(opened, 1365);
  assert.throwsCode(() => {
    throw error;
  }, 'OOTO_AUTHORITY_BUSY');
  assert.is(fresh.challenge(crypto.random.bytes(32), now, 'a3').length, 32);
  assert.is(fresh.challenge(crypto.random.bytes(32), now + 60_000, 'a2').length, 32);
});
