import * as fc from 'fast-check';
import { type AuthorityDocuments, AuthorityView } from '../../../src/authority/authority-view.ts';
import type { Revocation } from '../../../src/authority/revocation.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { groupKey } from '../../../src/threshold/index.ts';
import * as assert from '../../support/assert.ts';
import {
  bundleBody,
  committeeBody,
  type Group,
  groupKeyOf,
  groupOf,
  newGroup,
  rescueBundle,
  signAs,
  signedBundle,
  signedCommittee,
  signedRevocations,
} from '../../support/committee.ts';
import { testCrypto } from '../../support/crypto.ts';
import { foundMesh } from '../../support/founders.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/authority-view');
const crypto = testCrypto();
const mesh = foundMesh(crypto);
const { founders } = mesh;
const first = groupOf(mesh);
const second = newGroup(crypto, founders, { epoch: 1, threshold: 2 });
const third = newGroup(crypto, founders, { epoch: 2, threshold: 2 });

function fresh(): AuthorityView {
  return new AuthorityView(crypto, mesh.record);
}

function only(documents: Partial<AuthorityDocuments>): AuthorityDocuments {
  return { bundles: [], committees: [], revocations: null, ...documents };
}

function take(view: AuthorityView, documents: Partial<AuthorityDocuments>): AuthorityView {
  view.accept(view.stage(only(documents)));
  return view;
}

/** Rotation to `after`: bundle and committee together. */
async function rotation(view: AuthorityView, before: Group, after: Group): Promise<AuthorityDocuments> {
  const bundle = signedBundle(crypto, await bundleBody(crypto, view.bundle, after), { before, after });
  const record = signedCommittee(crypto, committeeBody(view.committee, after), after);
  return only({ bundles: [bundle], committees: [record] });
}

function node(name: string, time = 1_800_000_000_000): Revocation {
  return { kind: 'node', id: `spiffe://mesh/worker/${name}`, reason: 'lost', time };
}

test('the genesis record alone gives key, members, threshold and nothing revoked', () => {
  const view = fresh();
  assert.bytes(view.groupKey, mesh.record.groupKey);
  assert.equal(
    view.members.map(({ name }) => name),
    ['a1', 'a2', 'a3'],
  );
  assert.is(view.threshold, 2);
  assert.is(view.hasRoot, false);
  assert.throwsCode(() => view.root, 'OOTO_AUTHORITY_ROOT');
  const { bundle, committee, revocations } = view.versions;
  assert.equal([bundle.version, committee.version, revocations.version], [0, 0, 0]);
  assert.bytes(bundle.digest, fresh().versions.bundle.digest);
  assert.not.equal(bundle.digest, new AuthorityView(crypto, foundMesh(crypto).record).bundle.digest);
});

test('a rotation is followed, kept, and found again; both digests are of what is signed', async () => {
  const view = fresh();
  const staged = view.stage(await rotation(view, first, second));
  assert.bytes(view.groupKey, mesh.record.groupKey, 'nothing counts before it is accepted');
  const store = new MemoryStore();
  await store.commit(staged.changes);
  view.accept(staged);
  assert.bytes(view.groupKey, groupKeyOf(second));
  assert.bytes(groupKey(view.publicPackage), groupKeyOf(second));
  const again = AuthorityView.open(crypto, mesh.record, store);
  assert.equal(again.versions, view.versions);
  assert.bytes(again.root.publicKey, groupKeyOf(second));
  take(view, await rotation(view, second, third));
  assert.equal([view.bundle.version, view.committee.epoch], [2, 2]);
  const caughtUp = take(fresh(), fresh().known && view.documentsAfter(fresh().known));
  assert.equal(caughtUp.versions, view.versions);
});

test('the key before counts for certificates until its end, and for nothing else', async () => {
  const view = fresh();
  take(view, await rotation(view, first, second));
  const { until } = view.bundle.retiring[0];
  assert.throwsCode(() => view.issuersAt(until), 'OOTO_AUTHORITY_ROOT');
  assert.is(view.issuersAt(until + 1).length, 1);
  const body = committeeBody(view.committee, { ...first, keys: third.keys });
  const underOld = signedCommittee(crypto, body, first);
  assert.throws(() => view.stage(only({ committees: [underOld] })), /./);
});

test('a bundle by the wrong k−1, by its own key alone, or by one that is not its own is refused', async () => {
  const view = fresh();
  const body = await bundleBody(crypto, view.bundle, second);
  const refused = (bundle: Uint8Array, code: string) =>
    assert.throwsCode(() => view.stage(only({ bundles: [bundle] })), code);
  refused(signedBundle(crypto, body, { before: third, after: second }), 'OOTO_CRYPTO_SIGNATURE');
  refused(signedBundle(crypto, body, { before: second, after: second }), 'OOTO_CRYPTO_SIGNATURE');
  refused(signedBundle(crypto, body, { before: first, after: third }), 'OOTO_CRYPTO_SIGNATURE');
  refused(
    signedBundle(crypto, { ...body, groupKey: groupKeyOf(third) }, { before: first, after: third }),
    'OOTO_AUTHORITY_BUNDLE',
  );
});

test('a version that is skipped, another mesh, a fork and a key that comes back are refused', async () => {
  const view = fresh();
  const body = await bundleBody(crypto, view.bundle, second);
  const signed = (changes: object) =>
    only({ bundles: [signedBundle(crypto, { ...body, ...changes }, { before: first, after: second })] });
  assert.throwsCode(() => view.stage(signed({ version: 2 })), 'OOTO_ENVELOPE_VERSION');
  assert.throwsCode(() => view.stage(signed({ version: 0 })), 'OOTO_ENVELOPE_VERSION');
  assert.throwsCode(() => view.stage(signed({ mesh: new Uint8Array(32) })), 'OOTO_AUTHORITY_BUNDLE');
  assert.throwsCode(() => view.stage(signed({ previous: new Uint8Array(32) })), 'OOTO_AUTHORITY_BUNDLE');
  assert.throwsCode(() => view.stage(signed({ created: 1 })), 'OOTO_AUTHORITY_BUNDLE');
  take(view, signed({}));
  assert.is(view.stage(signed({})).changes.length, 0, 'the same, signed again, changes nothing');
  assert.throwsCode(() => view.stage(signed({ retiring: [] })), 'OOTO_AUTHORITY_DOCUMENTS_FORK');
  const back = await bundleBody(crypto, view.bundle, first);
  const returned = signedBundle(crypto, { ...back, retiring: [] }, { before: second, after: first });
  assert.throwsCode(() => view.stage(only({ bundles: [returned] })), 'OOTO_AUTHORITY_BUNDLE');
});

test('a retiring key is one that was in force, once, for no longer than it may', async () => {
  const view = fresh();
  const body = await bundleBody(crypto, view.bundle, second);
  const [retiring] = body.retiring;
  for (const wrong of [
    [{ ...retiring, until: body.created + 31 * 24 * 3_600_000 }],
    [{ ...retiring, groupKey: groupKeyOf(third) }],
    [retiring, retiring],
  ]) {
    const bundle = signedBundle(crypto, { ...body, retiring: wrong }, { before: first, after: second });
    assert.throwsCode(() => view.stage(only({ bundles: [bundle] })), 'OOTO_AUTHORITY_BUNDLE');
  }
  take(view, { bundles: [signedBundle(crypto, body, { before: first, after: second })] });
  const next = await bundleBody(crypto, view.bundle, third);
  const longer = { ...next, retiring: [{ ...retiring, until: retiring.until + 1 }] };
  assert.throwsCode(
    () => view.stage(only({ bundles: [signedBundle(crypto, longer, { before: second, after: third })] })),
    'OOTO_AUTHORITY_BUNDLE',
  );
});

test('a rescue needs the quorum of operators and the new key', async () => {
  const view = fresh();
  const body = await bundleBody(crypto, view.bundle, second);
  const stranger = { keyid: 'operator', key: Ed25519SigningKey.generate(crypto) };
  const bundles = (operators: Parameters<typeof rescueBundle>[3], own = second) =>
    only({ bundles: [rescueBundle(crypto, body, own, operators)] });
  assert.throwsCode(() => view.stage(bundles([])), 'OOTO_ENVELOPE_FIELD');
  assert.throwsCode(() => view.stage(bundles([stranger])), 'OOTO_ENVELOPE_SIGNATURE');
  assert.throwsCode(() => view.stage(bundles([mesh.operator, mesh.operator])), 'OOTO_ENVELOPE_DUPLICATE');
  assert.throwsCode(() => view.stage(bundles([mesh.operator], third)), 'OOTO_CRYPTO_SIGNATURE');
  assert.bytes(take(view, bundles([mesh.operator])).groupKey, groupKeyOf(second));
});

test('a committee record needs every new member, the group, and parts that fit', async () => {
  const view = fresh();
  const { bundles } = await rotation(view, first, second);
  take(view, { bundles });
  const same = second;
  const body = committeeBody(view.committee, same);
  const refused = (record: Uint8Array, code: string) =>
    assert.throwsCode(() => view.stage(only({ committees: [record] })), code);
  refused(signedCommittee(crypto, body, same, founders.slice(1)), 'OOTO_AUTHORITY_COMMITTEE');
  refused(
    signedCommittee(crypto, body, same, [founders[1], ...founders.slice(1)]),
    'OOTO_AUTHORITY_COMMITTEE',
  );
  refused(signedCommittee(crypto, body, third), 'OOTO_CRYPTO_SIGNATURE');
  const signed = (changes: object) => signedCommittee(crypto, { ...body, ...changes }, same);
  refused(signed({ epoch: 2 }), 'OOTO_ENVELOPE_VERSION');
  refused(signed({ mesh: new Uint8Array(32) }), 'OOTO_AUTHORITY_COMMITTEE');
  refused(signed({ previous: new Uint8Array(32) }), 'OOTO_AUTHORITY_COMMITTEE');
  refused(signed({ threshold: 3 }), 'OOTO_AUTHORITY_COMMITTEE');
  refused(signed({ created: 1 }), 'OOTO_AUTHORITY_COMMITTEE');
  const [a, ...others] = body.members;
  refused(signed({ members: [{ ...a, logKey: a.witnessKey }, ...others] }), 'OOTO_AUTHORITY_COMMITTEE');
  refused(
    signed({ members: [{ ...a, logKey: crypto.ed25519.publicKey(new Uint8Array(32)) }, ...others] }),
    'OOTO_AUTHORITY_COMMITTEE',
  );
  take(view, { committees: [signed({})] });
  assert.is(view.committee.epoch, 1);
  refused(signed({ action: new Uint8Array(32) }), 'OOTO_AUTHORITY_DOCUMENTS_FORK');
});

test('a committee under a key of no bundle is refused', () => {
  const record = signedCommittee(crypto, committeeBody(fresh().committee, second), second);
  assert.throwsCode(() => fresh().stage(only({ committees: [record] })), 'OOTO_AUTHORITY_COMMITTEE');
});

test('revocations only grow: whoever has an entry refuses every later version without it', async () => {
  const view = fresh();
  const one = signedRevocations(crypto, view.revocations, [node('w1')], first);
  const other = signedRevocations(crypto, view.revocations, [node('w2')], first);
  const branch = take(fresh(), { revocations: other });
  const later = signedRevocations(crypto, branch.revocations, [node('w3')], first);
  take(view, { revocations: one });
  assert.throwsCode(() => view.stage(only({ revocations: other })), 'OOTO_AUTHORITY_DOCUMENTS_FORK');
  for (const from of [0, 1])
    assert.throwsCode(
      () => view.stage(only({ revocations: branchDelta(take(branch, { revocations: later }), from) })),
      'OOTO_AUTHORITY_REVOCATION',
    );
  assert.ok(
    view.isRevoked({
      id: node('w1').kind === 'node' ? 'spiffe://mesh/worker/w1' : '',
      key: new Uint8Array(32),
    }),
  );
});

function branchDelta(view: AuthorityView, from: number) {
  return view.revocations.deltaFrom(from)!;
}

test('a version that does not follow, is not signed by the group, or is of another mesh is refused', () => {
  const view = fresh();
  const empty = view.revocations;
  const entry = node('w1');
  const refused = (delta: ReturnType<typeof signedRevocations>, code: string) =>
    assert.throwsCode(() => view.stage(only({ revocations: delta })), code);
  const good = signedRevocations(crypto, empty, [entry], first);
  refused(signedRevocations(crypto, empty, [entry], second), 'OOTO_ENVELOPE_SIGNATURE');
  refused({ ...good, entries: [] }, 'OOTO_AUTHORITY_REVOCATION');
  refused({ ...good, entries: [node('w2')] }, 'OOTO_AUTHORITY_REVOCATION');
  refused({ ...good, entries: [entry, node('w2')] }, 'OOTO_AUTHORITY_REVOCATION');
  refused({ ...good, from: 1, entries: [] }, 'OOTO_AUTHORITY_REVOCATION');
  assert.throwsCode(() => empty.next(crypto, [entry, entry], 1), 'OOTO_AUTHORITY_REVOCATION');
  take(view, { revocations: good });
  const again = signedRevocations(crypto, view.revocations, [node('w2')], first);
  take(view, { revocations: again });
  refused(good, 'OOTO_AUTHORITY_REVOCATION');
});

test('nodes and keys are revoked by name and by digest, from a time on', () => {
  const view = fresh();
  const key = crypto.random.bytes(32);
  const byKey: Revocation = { kind: 'key', key: crypto.sha256(key), reason: 'stolen', time: 50 };
  take(view, { revocations: signedRevocations(crypto, view.revocations, [node('w1', 40), byKey], first) });
  const other = new Uint8Array(32);
  const w1 = { id: 'spiffe://mesh/worker/w1', key: other };
  const w2 = { id: 'spiffe://mesh/worker/w2', key };
  assert.throwsCode(() => view.requireNotRevoked(w1), 'OOTO_AUTHORITY_REVOKED');
  assert.throwsCode(() => view.requireNotRevoked(w2), 'OOTO_AUTHORITY_REVOKED');
  view.requireNotRevoked({ ...w2, key: other });
  assert.equal([view.isRevoked(w1, 39), view.isRevoked(w1, 40)], [false, true]);
  assert.equal([view.isRevoked(w2, 49), view.isRevoked(w2, 50)], [false, true]);
});

test('a member that is revoked does not count', () => {
  const view = fresh();
  const a2 = {
    kind: 'key',
    key: crypto.sha256(founders[1].identity.publicKey),
    reason: '',
    time: 1,
  } as const;
  take(view, { revocations: signedRevocations(crypto, view.revocations, [a2], first) });
  assert.equal(
    view.activeMembers.map(({ name }) => name),
    ['a1', 'a3'],
  );
});

test('documents that were staged before others were accepted do not take those back', async () => {
  const view = fresh();
  const early = view.stage(only({}));
  take(view, await rotation(view, first, second));
  assert.throwsCode(() => view.accept(early), 'OOTO_AUTHORITY_DOCUMENTS');
  assert.is(view.bundle.version, 1);
});

test('any changed byte of a document is refused, or says the same', async () => {
  const view = fresh();
  const documents = await rotation(view, first, second);
  const revocations = signedRevocations(crypto, view.revocations, [node('w1')], first);
  const { versions } = view.stage({ ...documents, revocations });
  const kinds = ['bundle', 'committee', 'statement'] as const;
  fc.assert(
    fc.property(fc.constantFrom(...kinds), fc.nat(), fc.integer({ min: 1, max: 255 }), (kind, at, flip) => {
      const bent = (encoded: Uint8Array, own: string) => {
        if (own !== kind) return encoded;
        const copy = encoded.slice();
        copy[at % copy.length] ^= flip;
        return copy;
      };
      let staged: ReturnType<AuthorityView['stage']>;
      try {
        staged = view.stage({
          bundles: [bent(documents.bundles[0], 'bundle')],
          committees: [bent(documents.committees[0], 'committee')],
          revocations: { ...revocations, statement: bent(revocations.statement, 'statement') },
        });
      } catch {
        return;
      }
      assert.equal(staged.versions, versions);
    }),
    { numRuns: 300 },
  );
});

test('however the versions of the revocations are sent, the set is the same', () => {
  const views = [fresh()];
  const entries = Array.from({ length: 6 }, (_, i) => node(`w${i}`));
  for (const entry of entries) {
    const view = fresh();
    take(view, { revocations: views.at(-1)!.revocations.deltaFrom(0) ?? null });
    views.push(take(view, { revocations: signedRevocations(crypto, view.revocations, [entry], first) }));
  }
  const newest = views.at(-1)!;
  fc.assert(
    fc.property(fc.subarray([1, 2, 3, 4, 5]), (steps) => {
      const reader = fresh();
      for (const step of steps)
        take(reader, { revocations: views[step].revocations.deltaFrom(reader.revocations.entries.length)! });
      take(reader, { revocations: newest.revocations.deltaFrom(reader.revocations.entries.length)! });
      assert.equal(reader.versions, newest.versions);
      assert.equal(reader.revocations.entries, entries);
    }),
  );
});

test('a signature of the group needs t members', () => {
  assert.throws(() => signAs(crypto, first, new Uint8Array(1), 1), /./);
});
