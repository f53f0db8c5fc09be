import type { Claim } from '../../../src/authority/member.ts';
import type { EnrolmentRequest } from '../../../src/authority/request.ts';
import { requireDocumentRight } from '../../../src/mesh/document-right.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld, type CertifiedNode, LIFE_MS } from '../../support/authority.ts';
import { groupOf, signedRevocations } from '../../support/committee.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/document-right');
const crypto = testCrypto();
const world = new AuthorityWorld(crypto);
let member: CertifiedNode;

test.before(async () => {
  await world.establish();
  member = await world.certify('worker', 'w0');
});

const judge = (request: EnrolmentRequest, right?: Claim) =>
  requireDocumentRight(crypto, world.trust!, request, right, world.clock.now());

test('whoever is invited may read, with that request, under that name, in time', async () => {
  const [id, candidate] = [world.id('worker', 'w1'), world.candidate()];
  const request = await world.request(candidate, id);
  const right = world.inviteClaim(id, request);
  judge(request, right);
  const again = await world.request(candidate, id);
  assert.throwsCode(() => judge(again, right), 'OOTO_CRYPTO_SIGNATURE');
  const other = await world.request(candidate, world.id('worker', 'w2'));
  assert.throwsCode(() => judge(other, right), 'OOTO_AUTHORITY_INVITE');
  assert.throwsCode(
    () => requireDocumentRight(crypto, world.trust!, request, right, world.clock.now() + LIFE_MS),
    'OOTO_AUTHORITY_INVITE_EXPIRED',
  );
});

test('whoever was a member may read with the same key, also when its certificate has ended', async () => {
  const right: Claim = { kind: 'renewal', credential: member.credential };
  const request = await world.request(member, member.id);
  requireDocumentRight(crypto, world.trust!, request, right, world.clock.now() + 100 * LIFE_MS);
  const stolen = await world.request(world.candidate(), member.id);
  assert.throwsCode(() => judge(stolen, right), 'OOTO_MESH_ENROLMENT');
  const renamed = await world.request(member, world.id('worker', 'w1'));
  assert.throwsCode(() => judge(renamed, right), 'OOTO_CERT_ID');
});

test('nobody else: no right, the right of founders, and whoever is revoked', async () => {
  const request = await world.request(member, member.id);
  assert.throwsCode(() => judge(request), 'OOTO_MESH_ENROLMENT');
  assert.throwsCode(() => judge(request, { kind: 'founder' }), 'OOTO_MESH_ENROLMENT');
  const { authority } = world;
  const revocation = { kind: 'node' as const, id: member.id, reason: 'lost', time: world.clock.now() };
  const revocations = signedRevocations(crypto, authority.revocations, [revocation], groupOf(world.mesh));
  authority.accept(authority.stage({ bundles: [], committees: [], revocations }));
  const right: Claim = { kind: 'renewal', credential: member.credential };
  assert.throwsCode(() => judge(request, right), 'OOTO_AUTHORITY_REVOKED');
});
