import { encodeCredential, readCredential } from '../../../src/authority/credential.ts';
import { encodeHead, HeadView, headMessage } from '../../../src/authority/head.ts';
import { OotoError } from '../../../src/base/errors.ts';
import { type CborValue, decode, encode } from '../../../src/envelope/cbor.ts';
import { type MemberDetails, memberVerifier } from '../../../src/mesh/identity.ts';
import { createRecord, Membership, verifyRecord } from '../../../src/mesh/membership.ts';
import { OwnCredentials } from '../../../src/mesh/own-credential.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld, type CertifiedNode } from '../../support/authority.ts';
import { testCrypto } from '../../support/crypto.ts';
import { seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/membership', { timeout: 60_000 });
const crypto = testCrypto(seededRandom('membership'));
const world = new AuthorityWorld(crypto);
const { meshId } = world.mesh.record;
let head: HeadView;
let nodes: OwnCredentials[];

async function standing(node: CertifiedNode): Promise<OwnCredentials> {
  const { clock } = world;
  const { id, credential, valid, signer } = node;
  const presentation = { kind: 'member' as const, id, meshId, subject: valid.tbsSha256, credential };
  return OwnCredentials.create({ crypto, clock, signer }, { ...presentation, notAfter: valid.notAfter });
}

test.before(async () => {
  await world.establish();
  head = new HeadView(crypto, world.mesh.record, await world.issuing().issueHead(world.headBody()));
  nodes = [
    await standing(await world.certify('worker', 'w1')),
    await standing(await world.certify('worker', 'w2')),
  ];
});

const verify = (encoded: Uint8Array, now = world.clock.now()) =>
  verifyRecord(
    crypto,
    memberVerifier(crypto, world.trust!, head, () => {}),
    meshId,
    encoded,
    now,
  );
const record = (own = nodes[0], now = world.clock.now()) => createRecord(own, ['127.0.0.1:1'], now);
type Parts = Record<'statement' | 'delegation' | 'credential', Uint8Array>;
const partsOf = (encoded: Uint8Array) => decode(encoded, { maxBytes: 100_000 }) as unknown as Parts;

test('a node’s own record is believed', () => {
  const read = verify(record());
  assert.is(`${read.role}/${read.name} ${read.addresses}`, 'worker/w1 127.0.0.1:1');
});

test('a record put together of two nodes’ parts is refused', () => {
  const [one, two] = [partsOf(record(nodes[0])), partsOf(record(nodes[1]))];
  for (const mixed of [
    { ...one, statement: two.statement },
    { ...one, delegation: two.delegation },
    { ...one, credential: two.credential },
    { ...two, statement: one.statement },
  ])
    assert.throws(() => verify(encode(mixed as unknown as CborValue)), /./);
});

test('no changed byte of a record is believed', () => {
  const encoded = record();
  for (let at = 0; at < encoded.length; at += 5) {
    const changed = encoded.slice();
    changed[at] ^= 1;
    let refusal: unknown;
    try {
      verify(changed);
    } catch (error) {
      refusal = error;
    }
    assert.instance(refusal, OotoError, `byte ${at}`);
  }
});

test('a record ends with the delegation it carries, and is not believed without a fresh head', () => {
  const encoded = record();
  assert.throwsCode(() => verify(encoded, world.clock.now() + 600_001), 'OOTO_CHANNEL_DELEGATION');
  assert.throwsCode(() => verify(encoded, world.clock.now() + 16 * 60_000), 'OOTO_AUTHORITY_HEAD_STALE');
});

test('of two records of a node the newer stays, in whichever order they come', () => {
  const [older, newer] = [verify(record(nodes[0], 1_000)), verify(record(nodes[0], 2_000))];
  for (const order of [
    [older, newer, older, newer],
    [newer, older],
  ]) {
    const membership = new Membership();
    for (const one of order) membership.keep(one);
    assert.is(membership.get(older.id)?.sequence, 2_000);
    assert.is(membership.all.length, 1);
  }
  const membership = new Membership();
  assert.ok(membership.keep(older));
  assert.not(membership.keep(older));
  assert.equal(membership.withRole('worker'), [older]);
  assert.equal(membership.withRole('scheduler'), []);
});

test('the verifier of members: who has no certificate, role, or head is no member', async () => {
  const verifier = (view: HeadView) =>
    memberVerifier(crypto, world.trust!, view, (shown) => view.accept(shown));
  const now = { wall: world.clock.now(), monotonic: 0 };
  const { id, credential } = nodes[0].presentation;
  const presented = { kind: 'member' as const, id, credential, meshId, role: 'initiator' as const };
  assert.is(verifier(head)(presented, now).id, id);
  const none = () => new HeadView(crypto, world.mesh.record, undefined);
  assert.throwsCode(() => verifier(none())(presented, now), 'OOTO_AUTHORITY_HEAD_STALE');
  assert.throwsCode(
    () => verifier(head)(presented, { ...now, wall: now.wall + 16 * 60_000 }),
    'OOTO_AUTHORITY_HEAD_STALE',
  );
  assert.throwsCode(() => verifier(head)({ ...presented, id: `${id}x` }, now), 'OOTO_CERT_ID');
  const stranger = await world.certify('janitor', 'j1');
  const janitor = { ...presented, id: stranger.id, credential: stranger.credential };
  assert.throwsCode(() => verifier(head)(janitor, now), 'OOTO_MESH_ROLE');
});

test('certificate and proofs are judged each time, and of them a session keeps role and tier', () => {
  const verifier = memberVerifier(crypto, world.trust!, head, () => {});
  const { id, credential } = nodes[0].presentation;
  const { certificate, proofs, head: shown } = readCredential(credential);
  const now = { wall: world.clock.now(), monotonic: 0 };
  const judge = (encoded: Uint8Array) =>
    verifier({ kind: 'member', id, credential: encoded, meshId, role: 'initiator' }, now);
  const [first, second, ...rest] = proofs;
  const path = [...second.path, crypto.sha256(second.leaf)];
  const unproven = encodeCredential({
    certificate,
    proofs: [first, { ...second, path }, ...rest],
    head: shown,
  });
  const signature = certificate.with(certificate.length - 1, certificate[certificate.length - 1] ^ 1);
  const unsigned = encodeCredential({ certificate: signature, proofs, head: shown });
  for (let i = 0; i < 2; i++) {
    const { details, identityKey } = judge(credential);
    assert.equal(details, { role: 'worker', tier: 'software', issuerKey: world.authority.groupKey });
    assert.is(identityKey.bytes.buffer.byteLength, 32);
    assert.throwsCode(() => judge(unproven), 'OOTO_LOG_INCLUSION');
    assert.throwsCode(() => judge(unsigned), 'OOTO_CERT_SIGNATURE');
  }
});

test('without a young head nobody begins a session, but who has one renews what it shows while its certificate lasts', () => {
  const verifier = memberVerifier(crypto, world.trust!, head, () => {});
  const { id, credential } = nodes[0].presentation;
  const presented = { kind: 'member' as const, id, credential, meshId, role: 'initiator' as const };
  const after = (minutes: number) => ({ wall: world.clock.now() + minutes * 60_000, monotonic: 0 });
  for (const minutes of [16, 59]) {
    assert.throwsCode(() => verifier(presented, after(minutes)), 'OOTO_AUTHORITY_HEAD_STALE');
    assert.is(verifier({ ...presented, isRenewal: true }, after(minutes)).id, id);
  }
  assert.throwsCode(() => verifier({ ...presented, isRenewal: true }, after(61)), 'OOTO_CERT_EXPIRED');
});

test('the verifier of members takes an enrolling node by its own signed request, for this mesh and name', async () => {
  const verifier = memberVerifier(crypto, world.trust!, head, () => {});
  const now = { wall: world.clock.now(), monotonic: 0 };
  const id = world.id('worker', 'new');
  const request = await world.request(world.candidate(), id);
  const presented = {
    kind: 'enrol' as const,
    id,
    credential: request.encoded,
    meshId,
    role: 'initiator' as const,
  };
  const identity = verifier(presented, now);
  assert.is(identity.kind, 'enrol');
  assert.bytes(identity.subject, request.digest);
  assert.is(identity.notAfter, now.wall + 120_000);
  assert.throwsCode(() => verifier({ ...presented, id: `${id}2` }, now), 'OOTO_MESH_ENROLMENT');
  const foreign = await world.request(world.candidate(), id, { mesh: new Uint8Array(32) });
  assert.throwsCode(
    () => verifier({ ...presented, credential: foreign.encoded }, now),
    'OOTO_AUTHORITY_REQUEST',
  );
  const changed = request.encoded.slice();
  changed[changed.length - 1] ^= 1;
  assert.throwsCode(() => verifier({ ...presented, credential: changed }, now), 'OOTO_ENVELOPE_SIGNATURE');
  assert.throws(() => verifier({ ...presented, kind: 'member' }, now), /./);
});

test('a head that a member shows is taken when it is newer, and refused when it contradicts', async () => {
  const { id, credential } = nodes[0].presentation;
  const { certificate, proofs } = readCredential(credential);
  const now = { wall: world.clock.now(), monotonic: 0 };
  const shown: number[] = [];
  const verifier = memberVerifier(crypto, world.trust!, head, ({ number }) => shown.push(number));
  const present = (encoded: Uint8Array) =>
    verifier(
      {
        ...{ kind: 'member' as const, id, meshId, role: 'initiator' as const },
        credential: encodeCredential({ certificate, proofs, head: encoded }),
      },
      now,
    );
  const newer = await world.issuing().issueHead(world.headBody({ number: 2 }));
  assert.is(present(newer).id, id);
  assert.equal(shown, [2]);
  const forged = world.headBody({ number: 3 });
  const stranger = world.candidate().identity;
  assert.throwsCode(
    () => present(encodeHead(forged, stranger.sign(headMessage(forged)))),
    'OOTO_ENVELOPE_SIGNATURE',
  );
});

test('under an old head a session begins only where policy names a degraded mode, and is marked', () => {
  const { id, credential } = nodes[0].presentation;
  const at = world.clock.now() + world.policy.headMaximumAgeMs + 60_000;
  const judge = (degraded?: NonNullable<typeof world.policy.degraded>) => {
    const policy = { ...world.policy, ...(degraded ? { degraded } : {}) };
    const { genesis, authority, root } = world.trust!;
    const verifier = memberVerifier(crypto, { genesis, authority, root, policy }, head, () => {});
    const presented = { kind: 'member', id, credential, meshId, role: 'initiator' } as const;
    return verifier(presented, { wall: at, monotonic: 0 }).details as MemberDetails;
  };
  const operations = ['node.ping'];
  assert.throwsCode(() => judge(), 'OOTO_AUTHORITY_HEAD_STALE');
  assert.throwsCode(
    () => judge({ headMaximumAgeMs: world.policy.headMaximumAgeMs, operations }),
    'OOTO_AUTHORITY_HEAD_STALE',
  );
  assert.is(judge({ headMaximumAgeMs: 2 * world.policy.headMaximumAgeMs, operations }).isDegraded, true);
});
