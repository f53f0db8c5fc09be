import { encodeDraft, readDraft, verifyGenesisRecord } from '../../../src/authority/genesis.ts';
import { hex } from '../../../src/base/hex.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { foundMesh } from '../../support/founders.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/genesis', { timeout: 60_000 });
const crypto = testCrypto();
const mesh = foundMesh(crypto);

test('the record verifies from its bytes, and its digest is the mesh id', () => {
  const read = verifyGenesisRecord(crypto, mesh.record.encoded, mesh.record.meshId);
  assert.bytes(read.meshId, crypto.sha256(mesh.record.encoded));
  assert.is(read.draft.founders.length, 3);
  assert.bytes(read.groupKey, mesh.keys[2].publicPackage.commitment[0]);
});

test('the record of another mesh is refused', () => {
  assert.throwsCode(
    () => verifyGenesisRecord(crypto, mesh.record.encoded, crypto.sha256(new Uint8Array(1))),
    'OOTO_AUTHORITY_MESH_ID',
  );
});

test('no changed byte of a record passes, even under its own new id', () => {
  const { encoded } = mesh.record;
  for (let at = 0; at < encoded.length; at += 7) {
    const changed = encoded.slice();
    changed[at] ^= 1;
    let id: string | undefined;
    try {
      id = hex(verifyGenesisRecord(crypto, changed).meshId);
    } catch {
      continue;
    }
    // Free text of the draft is covered by the operators' signatures, so nothing may get here.
    throw new Error(`byte ${at} changed unnoticed: ${id}`);
  }
});

test('drafts without majority, with shared keys or shared names are refused', () => {
  const { draft } = mesh;
  const [first, second, third] = draft.founders;
  for (const wrong of [
    { ...draft, threshold: 1 },
    { ...draft, threshold: 4 },
    { ...draft, operatorQuorum: 2 },
    { ...draft, founders: [first, { ...second, logKey: first.logKey }, third] },
    { ...draft, founders: [first, { ...second, identityKey: second.witnessKey }, third] },
    { ...draft, founders: [first, { ...second, name: first.name }, third] },
  ])
    assert.throwsCode(() => encodeDraft(wrong), 'OOTO_AUTHORITY_GENESIS');
  assert.equal(readDraft(mesh.draftBytes), draft);
});
