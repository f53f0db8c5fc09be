/** Who comes back after a rescue with a certificate that has ended, and who does not. */
import type { Claim } from '../../../src/authority/member.ts';
import type { EnrolmentRequest } from '../../../src/authority/request.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld, type CertifiedNode, LIFE_MS } from '../../support/authority.ts';
import {
  bundleBody,
  committeeBody,
  groupOf,
  newGroup,
  rescueBundle,
  signedBundle,
  signedCommittee,
  signedRevocations,
} from '../../support/committee.ts';
import { testCrypto } from '../../support/crypto.ts';
import { seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/returning', { timeout: 60_000 });
const crypto = testCrypto(seededRandom('returning'));
const DAY_MS = 24 * 3_600_000;
const OVERLAP_MS = 7 * DAY_MS;

interface Rescued {
  world: AuthorityWorld;
  /** Had a certificate when the mesh went to sleep. */
  node: CertifiedNode;
  /** Had one long before. */
  former: CertifiedNode;
  asks(who: CertifiedNode, claim?: Claim, request?: EnrolmentRequest): Promise<void>;
}

/** A mesh that slept for a day, and has another key since, let in by operators, or handed on by the old one. */
async function rescued({ isRescue = true } = {}): Promise<Rescued> {
  const world = new AuthorityWorld(crypto);
  await world.establish();
  const { authority, mesh, clock } = world;
  const former = await world.certify('worker', 'former');
  clock.jump(3 * LIFE_MS);
  const node = await world.certify('worker', 'w1');
  const since = clock.now();
  clock.jump(DAY_MS);
  const after = newGroup(crypto, mesh.founders, { epoch: 1, threshold: 2 });
  const created = clock.now();
  const retiring = [{ groupKey: mesh.record.groupKey, until: created + OVERLAP_MS }];
  const body = await bundleBody(crypto, authority.bundle, after, {
    created,
    retiring: isRescue ? [{ ...retiring[0], since }] : retiring,
  });
  const bundle = isRescue
    ? rescueBundle(crypto, body, after, [mesh.operator])
    : signedBundle(crypto, body, { before: groupOf(mesh), after });
  const record = signedCommittee(crypto, committeeBody(authority.committee, after), after);
  authority.accept(authority.stage({ bundles: [bundle], committees: [record], revocations: null }));
  const asks = async (
    who: CertifiedNode,
    claim: Claim = { kind: 'return', credential: who.credential },
    request?: EnrolmentRequest,
  ) => {
    const asked = request ?? (await world.request(who, who.id));
    const context = { now: clock.now(), bound: () => undefined };
    assert.equal(world.members.get('a1')!.requireRight(asked, claim, context), []);
  };
  return { world, node, former, asks };
}

test('after a rescue a node comes back with the key of a certificate that has ended', async () => {
  const { node, asks } = await rescued();
  await asks(node);
  await assert.rejectsCode(asks(node, { kind: 'renewal', credential: node.credential }), 'OOTO_CERT_EXPIRED');
});

test('whose certificate had ended before the time that operators signed stays out', async () => {
  const { former, asks } = await rescued();
  await assert.rejectsCode(asks(former), 'OOTO_AUTHORITY_RETURN');
});

test('without a rescue nobody comes back, though the key retires', async () => {
  const { node, asks } = await rescued({ isRescue: false });
  await assert.rejectsCode(asks(node), 'OOTO_AUTHORITY_RETURN');
});

test('nobody comes back later than operators signed', async () => {
  const { world, node, asks } = await rescued();
  world.clock.jump(OVERLAP_MS + 1);
  await assert.rejectsCode(asks(node), 'OOTO_AUTHORITY_RETURN');
});

test('a revoked node does not come back, by its name or by its key', async () => {
  for (const kind of ['node', 'key'] as const) {
    const { world, node, asks } = await rescued();
    const { authority, mesh } = world;
    const about = { reason: 'stolen', time: 1 };
    const entry =
      kind === 'node'
        ? { kind, id: node.id, ...about }
        : { kind, key: crypto.sha256(node.identity.publicKey), ...about };
    // It was revoked before the mesh went to sleep.
    const revocations = signedRevocations(crypto, authority.revocations, [entry], groupOf(mesh));
    authority.accept(authority.stage({ bundles: [], committees: [], revocations }));
    await assert.rejectsCode(asks(node), 'OOTO_AUTHORITY_REVOKED');
  }
});

test('nobody comes back as somebody else, with another key, or of another tier', async () => {
  const { world, node, asks } = await rescued();
  const claim: Claim = { kind: 'return', credential: node.credential };
  const renamed = await world.request(node, world.id('worker', 'w2'));
  await assert.rejectsCode(asks(node, claim, renamed), 'OOTO_CERT_ID');
  const thief = await world.request(world.candidate(), node.id);
  await assert.rejectsCode(asks(node, claim, thief), 'OOTO_AUTHORITY_RENEWAL');
  const better = await world.request(node, node.id, { tier: 'hardware' });
  await assert.rejectsCode(asks(node, claim, better), 'OOTO_AUTHORITY_RENEWAL');
});

test('the right to come back outlasts the next rotation, and nothing adds to it', async () => {
  const { world, node, asks } = await rescued();
  const { authority, mesh } = world;
  const before = newGroup(crypto, mesh.founders, { epoch: 1, threshold: 2 });
  const after = newGroup(crypto, mesh.founders, { epoch: 2, threshold: 2 });
  const [first] = authority.bundle.retiring;
  const body = await bundleBody(crypto, authority.bundle, after);
  for (const since of [undefined, 0]) {
    const { groupKey, until } = first;
    const wider = { groupKey, until, ...(since === undefined ? {} : { since }) };
    const changed = signedBundle(crypto, { ...body, retiring: [...body.retiring, wider] }, { before, after });
    const documents = { bundles: [changed], committees: [], revocations: null };
    assert.throwsCode(() => authority.stage(documents), 'OOTO_AUTHORITY_BUNDLE');
  }
  await asks(node);
});
