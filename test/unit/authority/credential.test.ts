import {
  encodeCredential,
  type LogProof,
  logOrigin,
  readCredential,
  readMemberProof,
  requireLogged,
  validateCredential,
} from '../../../src/authority/credential.ts';
import { encodeLeaf } from '../../../src/authority/leaf.ts';
import type { CborValue } from '../../../src/envelope/cbor.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { formatCheckpoint, formatNote, parseNote } from '../../../src/log/index.ts';
import { signNote } from '../../../src/log/note.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld, type CertifiedNode } from '../../support/authority.ts';
import { testCrypto } from '../../support/crypto.ts';
import { seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/credential', { timeout: 60_000 });
const crypto = testCrypto(seededRandom('credential'));
const world = new AuthorityWorld(crypto);
const genesis = world.mesh.record;
let node: CertifiedNode;
let other: CertifiedNode;

test.before(async () => {
  await world.establish();
  node = await world.certify('worker', 'w1');
  other = await world.certify('worker', 'w2');
});

function judge(proofs: LogProof[], expectedId = node.id) {
  const { certificate } = readCredential(node.credential);
  return validateCredential(crypto, world.trust!, encodeCredential({ certificate, proofs, head: null }), {
    time: world.clock.now(),
    expectedId,
  });
}

const proofs = () => readCredential(node.credential).proofs;
const refused = (wrong: LogProof[], code: string) => assert.throwsCode(() => judge(wrong), code);

test('a credential with the proofs of t logs stands for its node', () => {
  assert.is(judge(proofs()).id, node.id);
  const two = judge(proofs().slice(1));
  assert.is(`${two.role}/${two.name}/${two.tier}`, 'worker/w1/software');
});

test('proofs from fewer than t logs, or from one log twice, are refused', () => {
  const [first, second] = proofs();
  refused([first], 'OOTO_AUTHORITY_PROOFS');
  refused([first, first], 'OOTO_AUTHORITY_PROOFS');
  refused([first, second, second], 'OOTO_AUTHORITY_PROOFS');
});

test('a proof about another certificate is refused, also beside enough good ones', () => {
  const [first, second, third] = proofs();
  const foreign = readCredential(other.credential).proofs;
  refused([first, foreign[1]], 'OOTO_AUTHORITY_PROOFS');
  refused([first, second, foreign[2]], 'OOTO_AUTHORITY_PROOFS');
  refused([first, { ...second, leaf: foreign[1].leaf }, third], 'OOTO_AUTHORITY_PROOFS');
  const definition = encodeLeaf({ kind: 'definition', digest: new Uint8Array(32), originator: 'o' });
  refused([first, { ...second, leaf: definition }], 'OOTO_AUTHORITY_PROOFS');
});

test('a proof that names another log, or nobody, is refused', () => {
  const [first, second] = proofs();
  refused([first, { ...second, log: 'a3' }], 'OOTO_LOG_ORIGIN');
  refused([first, { ...second, log: 'a9' }], 'OOTO_AUTHORITY_LOG');
});

test('a checkpoint signed by a foreign key, with another line beside, or altered is refused', () => {
  const [first, second] = proofs();
  const text = parseNote(second.checkpoint).text;
  const origin = logOrigin(genesis.meshId, 'a2');
  const stranger = signNote(crypto, text, origin, Ed25519SigningKey.generate(crypto));
  const good = parseNote(second.checkpoint).signatures[0];
  refused(
    [first, { ...second, checkpoint: formatNote({ text, signatures: [stranger] }) }],
    'OOTO_LOG_SIGNATURE',
  );
  refused(
    [first, { ...second, checkpoint: formatNote({ text, signatures: [good, stranger] }) }],
    'OOTO_AUTHORITY_PROOFS',
  );
  const forged = formatCheckpoint({ origin, size: 2, root: crypto.merkle.leafHash(second.leaf) });
  refused(
    [first, { ...second, checkpoint: formatNote({ text: forged, signatures: [good] }) }],
    'OOTO_LOG_SIGNATURE',
  );
  const witness = world.mesh.founders[1].witness;
  const byWitness = signNote(crypto, text, origin, witness);
  refused(
    [first, { ...second, checkpoint: formatNote({ text, signatures: [byWitness] }) }],
    'OOTO_LOG_SIGNATURE',
  );
});

test('another place, a longer, shorter or altered path is refused', () => {
  const foreign = readCredential(other.credential).proofs;
  const [first, second] = foreign;
  const judgeOther = (wrong: LogProof[]) => {
    const { certificate } = readCredential(other.credential);
    return validateCredential(
      crypto,
      world.trust!,
      encodeCredential({ certificate, proofs: wrong, head: null }),
      {
        time: world.clock.now(),
      },
    );
  };
  assert.is(judgeOther(foreign).id, other.id);
  const [hash] = second.path;
  for (const change of [
    { index: second.index + 1 },
    { index: 0 },
    { path: [...second.path, hash] },
    { path: second.path.slice(1) },
    { path: [crypto.sha256(hash), ...second.path.slice(1)] },
  ])
    assert.throws(
      () => judgeOther([first, { ...second, ...change }]),
      /log|proof|leaf|tree|entry|path|index/i,
    );
});

test('every changed byte of a credential is refused', () => {
  const { credential } = node;
  const time = world.clock.now();
  for (let at = 0; at < credential.length; at++) {
    const changed = credential.slice();
    changed[at] ^= 1;
    let passed = false;
    try {
      validateCredential(crypto, world.trust!, changed, { time });
      passed = true;
    } catch (error) {
      assert.match((error as { code?: string }).code ?? String(error), /^OOTO_/);
    }
    assert.not(passed, `byte ${at}`);
  }
});

test('another name than the expected, another time, another mesh: refused', async () => {
  assert.throwsCode(() => judge(proofs(), other.id), 'OOTO_CERT_ID');
  const at = (time: number) => () => validateCredential(crypto, world.trust!, node.credential, { time });
  assert.throwsCode(at(node.valid.notAfter + 1), 'OOTO_CERT_EXPIRED');
  assert.throwsCode(at(node.valid.notBefore - 1), 'OOTO_CERT_NOT_YET_VALID');
  const elsewhere = new AuthorityWorld(crypto);
  const trust = await elsewhere.establish();
  assert.throws(() => validateCredential(crypto, trust, node.credential, { time: world.clock.now() }), /./);
});

test('a member answers with its own proof about this certificate', () => {
  const [first, second] = proofs();
  const read = (member: string, answer: unknown, certificate = node.valid) =>
    readMemberProof(crypto, world.authority, { member, answer: answer as CborValue, certificate });
  assert.is(read('a1', { ...first }).index, first.index);
  assert.throwsCode(() => read('a2', { ...first }), 'OOTO_AUTHORITY_PROOFS');
  assert.throwsCode(() => read('a2', { ...second }, other.valid), 'OOTO_AUTHORITY_PROOFS');
  assert.throwsCode(() => read('a2', null), 'OOTO_ENVELOPE_FIELD');
});

test('members that wrote the same entry must each show it in their log', () => {
  const [first, second] = proofs();
  assert.bytes(first.leaf, second.leaf);
  assert.is(requireLogged(crypto, world.authority, [first, second], () => true)[0].kind, 'certificate');
  refused([first, { ...second, index: second.index + 1 }], 'OOTO_LOG_INCLUSION');
  refused([first, { ...second, path: [...second.path, crypto.sha256(second.leaf)] }], 'OOTO_LOG_INCLUSION');
});

test('what is logged is judged by the caller, proof by proof', () => {
  let asked = 0;
  requireLogged(crypto, world.authority, proofs(), () => ++asked > 0);
  assert.is(asked, 3);
  assert.throwsCode(
    () => requireLogged(crypto, world.authority, proofs(), () => ++asked !== 6),
    'OOTO_AUTHORITY_PROOFS',
  );
});
