import { encodeCredential, readCredential } from '../../../src/authority/credential.ts';
import type { Claim } from '../../../src/authority/member.ts';
import { readRequest } from '../../../src/authority/request.ts';
import type { CborValue } from '../../../src/envelope/cbor.ts';
import {
  type Applicant,
  CREDENTIAL_KEY,
  newRequest,
  obtain,
  storedCredential,
} from '../../../src/mesh/joining.ts';
import { MeshNode } from '../../../src/mesh/node.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld, type Candidate, LIFE_MS, MANIFEST } from '../../support/authority.ts';
import { testCrypto } from '../../support/crypto.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { MemoryNetwork } from '../../support/memory-transport.ts';
import { seededRandom } from '../../support/network.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/joining', { timeout: 60_000 });
const crypto = testCrypto(seededRandom('joining'));
const world = new AuthorityWorld(crypto);

test.before(() => world.establish());

function nodeOf(name: string, { signer }: Candidate, store = new MemoryStore()): MeshNode {
  const node = new MeshNode({
    ...{ crypto, clock: world.clock, logger: new RecordingLogger(), store, signer, name, role: 'worker' },
    transport: new MemoryNetwork().transport(name),
    manifest: MANIFEST,
    versions: new Map(),
    epochMs: 60_000,
  });
  node.trustMesh(world.trust!);
  return node;
}

/** A coordinator that does its work, and may answer something else at the end. */
function applicant(lie: (issued: Record<string, CborValue>) => CborValue = (issued) => issued): Applicant {
  const issuing = world.issuing();
  return {
    challenge: async (body) => {
      const { digest } = readRequest(crypto, (body as { request: Uint8Array }).request);
      return (await issuing.challenge({ digest })) as unknown as CborValue;
    },
    apply: async (body) => {
      const issued = await issuing.issue(body as never);
      return lie({ ...issued, head: null } as unknown as Record<string, CborValue>);
    },
  };
}

async function ask(name: string, lie?: Parameters<typeof applicant>[0], candidate = world.candidate()) {
  const node = nodeOf(name, candidate);
  const request = await newRequest(node, world.trust!, LIFE_MS);
  const claim: Claim = world.inviteClaim(request.id, request);
  return { node, obtained: obtain(node, world.trust!, request, claim, applicant(lie)) };
}

test('what was issued is judged, stored, and found again', async () => {
  const { node, obtained } = await ask('w1');
  const valid = await obtained;
  assert.is(valid.id, world.id('worker', 'w1'));
  assert.ok(node.isMember);
  assert.is(storedCredential(node)?.id, valid.id);
});

test('a coordinator that answers with anything but this node’s certificate is not believed', async () => {
  const other = readCredential((await world.certify('worker', 'w9')).credential);
  const earlier = readCredential((await world.certify('worker', 'w2')).credential);
  const lies: [string, (issued: Record<string, CborValue>) => CborValue, RegExp][] = [
    ['another name', () => ({ ...other, proofs: plain(other.proofs), head: null }), /^OOTO_CERT_ID$/],
    [
      'another key',
      () => ({ ...earlier, proofs: plain(earlier.proofs), head: null }),
      /^OOTO_MESH_ENROLMENT$/,
    ],
    [
      'too few proofs',
      (issued) => ({ ...issued, proofs: (issued.proofs as CborValue[]).slice(2) }),
      /PROOFS$/,
    ],
    ['proofs of another', (issued) => ({ ...issued, proofs: plain(other.proofs) }), /PROOFS$/],
    ['a head that is none', (issued) => ({ ...issued, head: Uint8Array.of(1) }), /^OOTO_ENVELOPE/],
    ['nothing', () => null, /^OOTO_ENVELOPE_FIELD$/],
  ];
  for (const [what, lie, code] of lies) {
    const { node, obtained } = await ask('w2', lie);
    const failure = await obtained.then(
      () => 'believed',
      (error) => error.code,
    );
    assert.match(failure, code, what);
    assert.is(node.options.store.get(CREDENTIAL_KEY), undefined);
    assert.not(node.isMember);
  }
});

test('a renewal asks with the certificate in force and replaces it', async () => {
  const candidate = world.candidate();
  const { node, obtained } = await ask('w3', undefined, candidate);
  const first = await obtained;
  world.clock.advance(1_000_000);
  const request = await newRequest(node, world.trust!, LIFE_MS);
  const claim: Claim = { kind: 'renewal', credential: encodeCredential(first.credential) };
  const second = await obtain(node, world.trust!, request, claim, applicant());
  assert.ok(second.notAfter > first.notAfter);
  assert.bytes(storedCredential(node)!.serial, second.serial);
});

test('a certificate in the store that has ended counts as none', async () => {
  const { node, obtained } = await ask('w4');
  await obtained;
  world.clock.jump(2 * LIFE_MS);
  assert.is(storedCredential(node), undefined);
  world.clock.jump(-2 * LIFE_MS);
});

function plain(proofs: readonly object[]): CborValue {
  return proofs.map((proof) => ({ ...proof })) as CborValue;
}
