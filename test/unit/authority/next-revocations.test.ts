import type { ApprovedAction } from '../../../src/authority/action.ts';
import { AuthorityView } from '../../../src/authority/authority-view.ts';
import { isRenewalDue, nextRevocations, revocationOf } from '../../../src/authority/next-revocations.ts';
import { REVOCATIONS_LIFE_MS } from '../../../src/authority/revocation.ts';
import * as assert from '../../support/assert.ts';
import { groupOf, signedRevocations } from '../../support/committee.ts';
import { testCrypto } from '../../support/crypto.ts';
import { foundMesh } from '../../support/founders.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/next-revocations');
const crypto = testCrypto();
const mesh = foundMesh(crypto);
const { created } = mesh.draft;

function approved(kind: string, parameters: object, time = created + 5_000): ApprovedAction {
  const action = { kind, parameters, created: time, number: 1 };
  return { action, digest: new Uint8Array(32), operators: [], encoded: new Uint8Array() } as never;
}

const node = (name: string, time?: number) =>
  approved('revoke-node', { id: `spiffe://mesh/worker/${name}`, reason: 'lost' }, time);

test('entries follow from what was approved, and nothing else revokes', () => {
  assert.equal(revocationOf(node('w')), {
    ...{ kind: 'node', id: 'spiffe://mesh/worker/w', reason: 'lost', time: created + 5_000 },
  });
  const key = new Uint8Array(32).fill(3);
  const byKey = revocationOf(approved('revoke-key', { key, reason: 'stolen' }, 7));
  assert.equal(byKey, { kind: 'key', key, reason: 'stolen', time: 7 });
  for (const kind of ['note', 'refresh', 'rotate', 'rescue'])
    assert.throwsCode(() => revocationOf(approved(kind, {})), 'OOTO_AUTHORITY_REVOCATION');
});

test('the next version is the same whenever and wherever it is made', () => {
  const actions = [node('a', created + 9_000), node('b', created + 1_000)];
  const [first, second] = [1, 2].map(
    (hour) =>
      nextRevocations(crypto, new AuthorityView(crypto, mesh.record), actions, created + hour * 3_600_000)
        .body,
  );
  assert.equal(first, second);
  assert.is(first.time, created + 9_000);
  const old = nextRevocations(crypto, new AuthorityView(crypto, mesh.record), [node('a', 1)], created).body;
  assert.is(old.time, created, 'times of versions do not go back');
});

test('what is revoked already is not revoked again', () => {
  const view = revoked();
  assert.throwsCode(() => nextRevocations(crypto, view, [node('w')], created), 'OOTO_AUTHORITY_REVOCATION');
});

function revoked(): AuthorityView {
  const view = new AuthorityView(crypto, mesh.record);
  const delta = signedRevocations(crypto, view.revocations, [revocationOf(node('w'))], groupOf(mesh));
  view.accept(view.stage({ bundles: [], committees: [], revocations: delta }));
  return view;
}

test('a version without entries comes when it is due, by everybody the same, and no earlier', () => {
  const view = revoked();
  const { body } = view.revocations;
  const empty = new AuthorityView(crypto, mesh.record);
  assert.is(isRenewalDue(empty.revocations.body, created + 10 * REVOCATIONS_LIFE_MS), false);
  const early = body.next - REVOCATIONS_LIFE_MS / 2 - 120_000;
  assert.throwsCode(() => nextRevocations(crypto, view, [], early), 'OOTO_AUTHORITY_REVOCATION');
  const due = body.next - 1;
  assert.ok(isRenewalDue(body, due));
  const next = nextRevocations(crypto, view, [], due).body;
  assert.equal(next, nextRevocations(crypto, view, [], due - 60_000).body);
  assert.equal([next.version, next.count], [2, 1]);
  assert.ok(next.next > body.next && next.time <= due);
});
