/** Nodes of another mesh, judged by what this mesh's operators signed: whom, for what, until when, and nobody else. */
import {
  type Federation,
  type FederationBody,
  federationTrust,
  stageFederation,
  storedFederation,
  validateForeignCertificate,
  validateForeignMessage,
  verifyFederation,
} from '../../../src/authority/federation.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import { delegationMessage, encodeDelegation } from '../../../src/channel/delegation.ts';
import { exportMessageProof } from '../../../src/channel/proof-maker.ts';
import type { CborValue } from '../../../src/envelope/cbor.ts';
import { documentMessage, encodeDocument, withSignature } from '../../../src/envelope/document.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { memberVerifier } from '../../../src/mesh/identity.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld, type CertifiedNode } from '../../support/authority.ts';
import { testCrypto } from '../../support/crypto.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { Pair, seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/federation');
const crypto = testCrypto(seededRandom('federation'));
const home = new AuthorityWorld(crypto);
const abroad = new AuthorityWorld(crypto);
const genesis = home.mesh.record;
const trustDomain = hex(abroad.mesh.record.meshId);
const NOW = abroad.clock.now();
const DAY = 86_400_000;
const operator = home.mesh.operator;
let worker: CertifiedNode;
let scheduler: CertifiedNode;

test.before(async () => {
  await home.establish();
  await abroad.establish();
  worker = await abroad.certify('worker', 'w1');
  scheduler = await abroad.certify('scheduler', 's1');
});

type Domain = FederationBody['domains'][number];

const domainOf = (changes: Partial<Domain> = {}): Domain => ({
  trustDomain,
  sequence: 5,
  taken: NOW,
  refreshSeconds: 300,
  roots: [abroad.authority.root.der],
  paths: ['/worker/'],
  uses: ['certificate', 'message'],
  minimumTier: 'software',
  expires: NOW + DAY,
  ...changes,
});

function signed(
  version: number,
  domains: readonly Domain[],
  { mesh = genesis.meshId, key = operator.key } = {},
) {
  const body = { mesh, domains } as unknown as CborValue;
  const draft = { kind: 'federation' as const, version, body };
  const signature = key.sign(documentMessage(draft));
  return encodeDocument(withSignature(draft, { keyid: operator.keyid, signature }));
}

const federationOf = (changes: Partial<Domain> = {}): Federation =>
  verifyFederation(crypto, federationTrust(genesis), signed(1, [domainOf(changes)]));

const judge = (federation: Federation | undefined, node = worker, now = NOW) =>
  validateForeignCertificate(crypto, federation, node.valid.der, { now });

test('a certificate in the scope is of whom it names', () => {
  const valid = judge(federationOf());
  assert.equal([valid.id, valid.trustDomain, valid.path], [worker.id, trustDomain, '/worker/w1']);
  assert.is(judge(federationOf({ paths: ['/worker/w1', '/scheduler/'] })).id, worker.id);
});

test('what no scope names is refused: no federation, another mesh, path, use, tier, an end', async () => {
  const refused = (federation: Federation | undefined, node = worker, now = NOW) =>
    assert.throwsCode(() => judge(federation, node, now), 'OOTO_AUTHORITY_FOREIGN');
  refused(undefined);
  refused(verifyFederation(crypto, federationTrust(genesis), signed(1, [])));
  refused(federationOf(), scheduler);
  refused(federationOf({ paths: ['/worker/w'] }));
  refused(federationOf({ paths: ['/work'] }));
  refused(federationOf({ uses: ['message'] }));
  refused(federationOf({ expires: NOW }));
  refused(federationOf(), await home.certify('worker', 'w1'));
  assert.throwsCode(() => judge(federationOf({ minimumTier: 'measured' })), 'OOTO_CERT_TIER');
  assert.throwsCode(() => judge(federationOf(), worker, worker.valid.notAfter + 1), 'OOTO_CERT_EXPIRED');
  const at = { now: NOW, at: NOW + 1 };
  assert.throwsCode(
    () => validateForeignCertificate(crypto, federationOf(), worker.valid.der, at),
    'OOTO_CERT_INPUT',
  );
});

test('a certificate of a key that is not in the bundle is refused, also where the trust domain is claimed', () => {
  const other = home.authority.root.der;
  assert.throwsCode(
    () => verifyFederation(crypto, federationTrust(genesis), signed(1, [domainOf({ roots: [other] })])),
    'OOTO_CERT_TRUST_DOMAIN',
  );
  const bent = worker.valid.der.slice();
  bent[bent.length - 1] ^= 1;
  assert.throwsCode(
    () => validateForeignCertificate(crypto, federationOf(), bent, { now: NOW }),
    'OOTO_CERT_SIGNATURE',
  );
});

test('members of a foreign authority are never in a scope, and neither is the mesh itself', async () => {
  for (const paths of [['/authority/'], ['/authority/a1'], ['/']])
    assert.throwsCode(() => federationOf({ paths }), 'OOTO_AUTHORITY_FEDERATION');
  const member = await abroad.certify('authority', abroad.names[0], abroad.founder(abroad.names[0]));
  const federation = federationOf();
  const wide = { ...federation, domains: [{ ...federation.domains[0], paths: ['/'] }] };
  assert.throwsCode(() => judge(wide, member), 'OOTO_AUTHORITY_FOREIGN');
  const own = domainOf({ trustDomain: hex(genesis.meshId), roots: [home.authority.root.der] });
  assert.throwsCode(
    () => verifyFederation(crypto, federationTrust(genesis), signed(1, [own])),
    'OOTO_AUTHORITY_FEDERATION',
  );
});

test('only the operators of this mesh say whom to believe', () => {
  const stranger = Ed25519SigningKey.generate(crypto);
  const verify = (encoded: Uint8Array) => verifyFederation(crypto, federationTrust(genesis), encoded);
  assert.throwsCode(() => verify(signed(1, [domainOf()], { key: stranger })), 'OOTO_ENVELOPE_SIGNATURE');
  const mesh = abroad.mesh.record.meshId;
  assert.throwsCode(() => verify(signed(1, [domainOf()], { mesh })), 'OOTO_AUTHORITY_FEDERATION');
  assert.throwsCode(() => verify(signed(1, [domainOf(), domainOf()])), 'OOTO_AUTHORITY_FEDERATION');
});

test('neither a federation nor a bundle goes back, not even of a domain that was taken away in between', async () => {
  const store = new MemoryStore();
  const take = async (encoded: Uint8Array) => {
    const { changes } = stageFederation(crypto, genesis, store, encoded);
    await store.commit(changes);
    return storedFederation(crypto, genesis, store)!;
  };
  assert.is(storedFederation(crypto, genesis, store), undefined);
  assert.is((await take(signed(2, [domainOf()]))).version, 2);
  await take(signed(2, [domainOf()]));
  const refused = (encoded: Uint8Array, code: string) =>
    assert.throwsCode(() => stageFederation(crypto, genesis, store, encoded), code);
  refused(signed(1, [domainOf()]), 'OOTO_AUTHORITY_FEDERATION_VERSION');
  refused(signed(2, []), 'OOTO_AUTHORITY_FEDERATION_VERSION');
  refused(signed(3, [domainOf({ sequence: 4 })]), 'OOTO_AUTHORITY_FEDERATION_SEQUENCE');
  const twice = [abroad.authority.root.der, abroad.authority.root.der];
  refused(signed(3, [domainOf({ roots: twice })]), 'OOTO_AUTHORITY_FEDERATION_SEQUENCE');
  assert.equal((await take(signed(3, []))).domains, []);
  refused(signed(4, [domainOf({ sequence: 4 })]), 'OOTO_AUTHORITY_FEDERATION_SEQUENCE');
  assert.is((await take(signed(4, [domainOf({ sequence: 6 })]))).domains[0].sequence, 6);
});

/** What a member of the foreign mesh shows on a channel. */
function ownOf(node: CertifiedNode) {
  const [messageKey, noiseStatic] = [Ed25519SigningKey.generate(crypto), crypto.random.bytes(32)];
  const delegation = {
    ...{ meshId: abroad.mesh.record.meshId, subject: node.valid.tbsSha256, messageKey: messageKey.publicKey },
    ...{ noiseStatic: crypto.x25519.publicKey(noiseStatic), notBefore: NOW - 1000, notAfter: NOW + 600_000 },
  };
  const { credential, id, identity } = node;
  const signature = identity.sign(delegationMessage(delegation));
  return {
    ...{ kind: 'member' as const, id, credential, noiseStatic, messageKey },
    delegation: encodeDelegation(delegation, signature),
  };
}

function proofOf(from: CertifiedNode, to: CertifiedNode): Uint8Array {
  const head = { stage: () => ({}) as never, requireFresh: () => undefined as never };
  const verifier = memberVerifier(crypto, abroad.trust!, head, () => {});
  const [own, other] = [ownOf(from), ownOf(to)];
  const pair = new Pair({
    both: { meshId: abroad.mesh.record.meshId, verifier },
    initiator: { own, expectedId: other.id },
    responder: { own: other },
  });
  pair.now = { wall: NOW, monotonic: 0 };
  pair.start();
  pair.run();
  pair.initiator.send(utf8('the result'));
  pair.run();
  const [items] = pair.events.responder.flatMap((event) => (event.type === 'message' ? [event.items] : []));
  return exportMessageProof(crypto, items);
}

test('a message between foreign nodes is proven where its sender is in the scope, and no byte of the proof is another', () => {
  const proof = proofOf(worker, scheduler);
  const expected = { trustDomain, now: NOW, at: NOW };
  const judged = validateForeignMessage(crypto, federationOf(), proof, expected);
  assert.bytes(judged.message, utf8('the result'));
  assert.equal([judged.sender.id, judged.receiver.id], [worker.id, scheduler.id]);
  for (let at = 0; at < proof.length; at += 7) {
    // Beside the certificate a credential holds proofs for those who know the foreign logs.
    const bent = proof.with(at, proof[at] ^ 1);
    try {
      const { message, sender, receiver } = validateForeignMessage(crypto, federationOf(), bent, expected);
      assert.bytes(message, judged.message);
      assert.equal([sender.id, receiver.id], [worker.id, scheduler.id]);
    } catch (error) {
      assert.ok((error as { code?: string }).code?.startsWith('OOTO_'), `byte ${at}: ${error}`);
    }
  }
});

test('a message of somebody out of the scope, of another mesh, for another use or at another time proves nothing', () => {
  const proof = proofOf(worker, scheduler);
  const judgeMessage =
    (federation: Federation | undefined, from = proof, changes = {}) =>
    () =>
      validateForeignMessage(crypto, federation, from, { trustDomain, now: NOW, at: NOW, ...changes });
  assert.throwsCode(judgeMessage(federationOf(), proofOf(scheduler, worker)), 'OOTO_AUTHORITY_FOREIGN');
  assert.throwsCode(judgeMessage(undefined), 'OOTO_AUTHORITY_FOREIGN');
  assert.throwsCode(judgeMessage(federationOf({ uses: ['certificate'] })), 'OOTO_AUTHORITY_FOREIGN');
  assert.throwsCode(judgeMessage(federationOf(), proof, { now: NOW + DAY }), 'OOTO_AUTHORITY_FOREIGN');
  const elsewhere = { trustDomain: hex(genesis.meshId) };
  assert.throwsCode(judgeMessage(federationOf(), proof, elsewhere), 'OOTO_AUTHORITY_FOREIGN');
  const later = { now: NOW + 700_000, at: NOW + 700_000 };
  assert.throwsCode(judgeMessage(federationOf(), proof, later), 'OOTO_CHANNEL_DELEGATION');
});
