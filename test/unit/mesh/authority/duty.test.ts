import fc from 'fast-check';
import { leafTbs } from '../../../../src/authority/certification.ts';
import { type LogProof, verifyLogProof, witnessKeysOf } from '../../../../src/authority/credential.ts';
import { headMessage, type MeshHeadBody } from '../../../../src/authority/head.ts';
import { OotoError } from '../../../../src/base/errors.ts';
import { hex } from '../../../../src/base/hex.ts';
import { type CborValue, decode } from '../../../../src/envelope/cbor.ts';
import { Ed25519SigningKey } from '../../../../src/envelope/keys.ts';
import {
  formatCheckpoint,
  formatNote,
  formatWitnessRequest,
  parseNoteSignature,
  verifyCheckpoint,
} from '../../../../src/log/index.ts';
import { signNote } from '../../../../src/log/note.ts';
import { SigningCoordinator } from '../../../../src/threshold/index.ts';
import * as assert from '../../../support/assert.ts';
import { AuthorityWorld } from '../../../support/authority.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { diskFull } from '../../../support/memory-store.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/authority/duty', { timeout: 60_000 });
const crypto = testCrypto(seededRandom('duty'));
let world: AuthorityWorld;

test.beforeEach(async () => {
  world = new AuthorityWorld(crypto);
  await world.establish();
});

const duty = (name = 'a1') => world.duties.get(name)!;

async function certificateProposal() {
  const candidate = world.candidate();
  const id = world.id('worker', 'w');
  const request = await world.request(candidate, id);
  const application = world.application(candidate, request, world.inviteClaim(id, request));
  const tbs = await leafTbs(crypto, world.mesh.record, request, world.clock.now());
  const session = crypto.random.bytes(32);
  const body = { kind: 'certificate', session, application, tbs } as unknown as CborValue;
  return { body, session, tbs };
}

/** What a member answers to the coordinator's first signing message for this session. */
function askToSign(session: Uint8Array, message: Uint8Array, coordinator = 'a2', name = 'a1'): Uint8Array {
  const { publicPackage } = world.mesh.record;
  const machine = new SigningCoordinator({ crypto, publicPackage, session, message });
  const { bytes } = machine.start(world.clock.monotonic()).find(({ to }) => to === name)!;
  return duty(name).sign(coordinator, { message: bytes });
}

const head = (changes: Partial<MeshHeadBody> = {}, session = crypto.random.bytes(32)) =>
  ({ kind: 'head', session, body: world.headBody(changes) }) as unknown as CborValue;

test('an appraised body is logged, proven and then may be signed, for its coordinator alone', async () => {
  const { body, session, tbs } = await certificateProposal();
  const proof = (await duty().appraise('a2', body)) as LogProof;
  verifyLogProof(crypto, world.authority.committee, proof);
  assert.throwsCode(() => askToSign(session, tbs, 'a3'), 'OOTO_THRESHOLD_NOT_APPROVED');
  assert.throwsCode(() => askToSign(session, crypto.random.bytes(40)), 'OOTO_THRESHOLD_MESSAGE');
  assert.ok(askToSign(session, tbs).length > 0);
});

test('nothing is approved before the entry is durable: a failed commit leaves no approval and no entry', async () => {
  const { body, session, tbs } = await certificateProposal();
  const store = world.stores.get('a1')!;
  store.beforeCommit = diskFull;
  await assert.rejectsCode(duty().appraise('a2', body), 'OOTO_STORE_WRITE');
  assert.throwsCode(() => askToSign(session, tbs), 'OOTO_THRESHOLD_NOT_APPROVED');
  assert.is(duty().log.size, 0);
  store.beforeCommit = () => {};
  const again = await certificateProposal();
  await duty().appraise('a2', again.body);
  assert.is(duty().log.size, 1);
});

test('while the commit is under way nothing is signed, and the proof is not out', async () => {
  const { body, session, tbs } = await certificateProposal();
  let release = () => {};
  world.stores.get('a1')!.beforeCommit = () => new Promise<void>((resolve) => (release = resolve));
  const appraised = duty().appraise('a2', body);
  await new Promise((resolve) => setImmediate(resolve));
  assert.throwsCode(() => askToSign(session, tbs), 'OOTO_THRESHOLD_NOT_APPROVED');
  assert.is(duty().log.size, 0);
  release();
  await appraised;
  assert.ok(askToSign(session, tbs).length > 0);
});

test('entry and spent invite are one commit; after a crash the invite stays spent', async () => {
  const { body } = await certificateProposal();
  await duty().appraise('a2', body);
  const store = world.stores.get('a1')!;
  const commit = store.commits[store.commits.length - 1];
  const keys = commit.map((change) => ('put' in change ? change.put : change.delete));
  assert.ok(keys.some((key) => key.startsWith('invite/')) && keys.some((key) => key.startsWith('log/')));
  const reopened = world.restart('a1', store.reopened());
  assert.is(reopened.log.size, 1);
});

test('two requests with one invite at the same moment: one is logged', async () => {
  const seed = crypto.random.bytes(32);
  const id = world.id('worker', 'w');
  const bodies = await Promise.all(
    [1, 2].map(async () => {
      const candidate = world.candidate();
      const request = await world.request(candidate, id);
      const application = world.application(candidate, request, world.inviteClaim(id, request, seed));
      const tbs = await leafTbs(crypto, world.mesh.record, request, world.clock.now());
      return {
        kind: 'certificate',
        session: crypto.random.bytes(32),
        application,
        tbs,
      } as unknown as CborValue;
    }),
  );
  const outcomes = await Promise.allSettled(bodies.map((body) => duty().appraise('a2', body)));
  assert.equal(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.is(duty().log.size, 1);
});

test('appraisals at the same time each get their own place in the log', async () => {
  const proposals = await Promise.all(Array.from({ length: 8 }, () => certificateProposal()));
  const proofs = await Promise.all(proposals.map(({ body }) => duty().appraise('a2', body)));
  assert.equal(
    proofs.map((proof) => proof!.index),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  for (const proof of proofs) verifyLogProof(crypto, world.authority.committee, proof!);
});

test('a head is signed once for each number, also after a crash', async () => {
  await duty().appraise('a2', head({ number: 5 }));
  await duty().appraise('a3', head({ number: 5 }));
  const refused = (body: CborValue) => assert.rejectsCode(duty().appraise('a2', body), 'OOTO_AUTHORITY_HEAD');
  await refused(head({ number: 5, time: world.clock.now() - 1, expires: world.clock.now() + 3_599_999 }));
  await refused(head({ number: 4 }));
  assert.is(duty().nextHeadNumber, 6);
  world.restart('a1', world.stores.get('a1')!.reopened());
  await refused(head({ number: 4 }));
  assert.is(duty().nextHeadNumber, 6);
  await duty().appraise('a2', head({ number: 6 }));
});

test('two heads with one number at the same moment: one is approved', async () => {
  const [one, two] = [crypto.random.bytes(32), crypto.random.bytes(32)];
  const time = world.clock.now() - 1;
  const other = { number: 1, time, expires: time + 3_600_000 };
  const outcomes = await Promise.allSettled([
    duty().appraise('a2', head({ number: 1 }, one)),
    duty().appraise('a3', head(other, two)),
  ]);
  assert.equal(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
  assert.throwsCode(
    () => askToSign(two, headMessage(world.headBody(other)), 'a3'),
    'OOTO_THRESHOLD_NOT_APPROVED',
  );
});

test('a head whose number is not durable is not approved', async () => {
  const session = crypto.random.bytes(32);
  world.stores.get('a1')!.beforeCommit = diskFull;
  await assert.rejectsCode(duty().appraise('a2', head({}, session)), 'OOTO_STORE_WRITE');
  assert.throwsCode(() => askToSign(session, headMessage(world.headBody())), 'OOTO_THRESHOLD_NOT_APPROVED');
});

test('heads with foreign parts, another mesh, time, or life are refused', async () => {
  const now = world.clock.now();
  const versioned = { version: 9, digest: new Uint8Array(32) };
  for (const changes of [
    { mesh: new Uint8Array(32) },
    { bundle: versioned },
    { policy: versioned },
    { committee: versioned },
    { revocations: versioned },
    { time: now + 60_001, expires: now + 60_001 + 3_600_000 },
    { time: now - 60_001, expires: now - 60_001 + 3_600_000 },
    { expires: now + 3_600_001 },
    { expires: now },
    { expires: Number.MAX_SAFE_INTEGER },
  ])
    await assert.rejectsCode(duty().appraise('a2', head(changes)), 'OOTO_AUTHORITY_HEAD');
  assert.is(duty().nextHeadNumber, 1);
});

test('no coordinator can use up the numbers of heads', async () => {
  for (const number of [0, 1_002, 2 ** 40, Number.MAX_SAFE_INTEGER])
    await assert.rejectsCode(duty().appraise('a2', head({ number })), 'OOTO_AUTHORITY_HEAD');
  await duty().appraise('a2', head({ number: 1_000 }));
  await duty().appraise('a2', head({ number: 2_000 }));
  world.newestHead = 9_000;
  await assert.rejectsCode(duty().appraise('a2', head({ number: 9_000 })), 'OOTO_AUTHORITY_HEAD');
  await duty().appraise('a2', head({ number: 9_001 }));
});

/** The value of bytes that are CBOR; of others nothing, and then the bytes themselves are the body. */
function decoded(bytes: Uint8Array): CborValue | undefined {
  try {
    return decode(bytes, { maxBytes: 64 });
  } catch (error) {
    assert.instance(error, OotoError);
    return undefined;
  }
}

test('no bytes of a peer are taken for a proposal unless they are one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
      const body = decoded(bytes) ?? bytes;
      const error = await duty()
        .appraise('a2', body)
        .then(() => undefined)
        .catch((reason) => reason);
      assert.match(error.code, /^OOTO_ENVELOPE_/);
    }),
    { numRuns: 100 },
  );
});

test('a session id serves one approval', async () => {
  const session = crypto.random.bytes(32);
  await duty().appraise('a2', head({ number: 1 }, session));
  await assert.rejectsCode(duty().appraise('a2', head({ number: 2 }, session)), 'OOTO_THRESHOLD_SESSION');
});

test('the checkpoint of a peer is cosigned when it grows, and no other', async () => {
  const key = Ed25519SigningKey.generate(crypto);
  const peer = { prefix: 'originator/o1/', publicKey: key.publicKey };
  const origin = `${hex(world.mesh.record.meshId)}/originator/o1/receipts/x`;
  const note = (size: number, root: Uint8Array, name = origin, signer = key) => {
    const text = formatCheckpoint({ origin: name, size, root });
    return formatNote({ text, signatures: [signNote(crypto, text, name, signer)] });
  };
  const request = (oldSize: number, signed: string) =>
    formatWitnessRequest({ oldSize, proof: [], note: signed });
  const root = crypto.sha256(new Uint8Array(1));
  const line = await duty().witnessing.cosign(request(0, note(3, root)), peer);
  const cosigned = `${note(3, root)}${formatNote({ text: 'x\n', signatures: [parseNoteSignature(line.trimEnd())] }).split('\n\n')[1]}`;
  const { cosignatures } = verifyCheckpoint(crypto, cosigned, {
    origin,
    keys: [{ name: origin, publicKey: key.publicKey }],
    witnesses: witnessKeysOf(world.authority.committee),
    quorum: 1,
  });
  assert.is(cosignatures.length, 1);
  const refuse = async (body: string, whose = peer) => {
    const error = await duty()
      .witnessing.cosign(body, whose)
      .then(() => undefined)
      .catch((reason) => reason);
    assert.is(error?.fault, 'peer');
    return error.code;
  };
  assert.is(await refuse(request(0, note(3, root)), { ...peer, prefix: 'worker/w/' }), 'OOTO_MESH_WITNESS');
  assert.is(
    await refuse(request(0, note(3, root)), { ...peer, prefix: 'originator/o/' }),
    'OOTO_MESH_WITNESS',
  );
  await refuse(request(0, note(3, crypto.sha256(new Uint8Array(2)))));
  await refuse(request(3, note(2, root)));
  await refuse(request(3, note(3, crypto.sha256(new Uint8Array(3)))));
  await refuse(request(0, note(9, root, origin, Ed25519SigningKey.generate(crypto))));
  await refuse('');
});

test('a definition is logged once: asked again, the member proves the entry that is there', async () => {
  const digest = crypto.random.bytes(32);
  const first = await duty().logDefinition(digest, 'o1');
  await duty().logDefinition(crypto.random.bytes(32), 'o1');
  const again = await duty().logDefinition(digest, 'o1');
  assert.is(duty().log.size, 2);
  assert.is(again.index, first.index);
  assert.bytes(again.leaf, first.leaf);
  verifyLogProof(crypto, world.authority.committee, again);
});

test('one node has so many new logs witnessed at once; those that are known go on, others are not touched', async () => {
  const key = Ed25519SigningKey.generate(crypto);
  const mesh = hex(world.mesh.record.meshId);
  const cosign = (node: string, log: string, oldSize: number, size: number) => {
    const origin = `${mesh}/originator/${node}/receipts/${log}`;
    const text = formatCheckpoint({ origin, size, root: crypto.sha256(Uint8Array.of(size)) });
    const note = formatNote({ text, signatures: [signNote(crypto, text, origin, key)] });
    const peer = { prefix: `originator/${node}/`, publicKey: key.publicKey };
    return duty().witnessing.cosign(formatWitnessRequest({ oldSize, proof: [], note }), peer);
  };
  for (let i = 0; i < 64; i++) await cosign('o1', `log-${i}`, 0, 3);
  await assert.rejectsCode(cosign('o1', 'one-more', 0, 3), 'OOTO_MESH_WITNESS_RATE');
  await cosign('o1', 'log-0', 3, 3);
  await cosign('o2', 'first', 0, 3);
  world.clock.advance(1_000);
  await cosign('o1', 'one-more', 0, 3);
});
