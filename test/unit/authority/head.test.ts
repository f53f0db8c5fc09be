import {
  encodeHead,
  HeadView,
  headMessage,
  type MeshHeadBody,
  verifyHead,
} from '../../../src/authority/head.ts';
import { encodeLeaf, type Leaf, readLeaf } from '../../../src/authority/leaf.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/head');
const crypto = testCrypto();
const group = Ed25519SigningKey.generate(crypto);
const meshId = crypto.sha256(new Uint8Array(1));
const mesh = { meshId, groupKey: group.publicKey };
const time = 1_700_000_000_000;
const versioned = { version: 1, digest: meshId };

function head(changes: Partial<MeshHeadBody> = {}, key = group): Uint8Array {
  const body: MeshHeadBody = {
    mesh: meshId,
    number: 1,
    time,
    expires: time + 900_000,
    bundle: versioned,
    policy: versioned,
    committee: versioned,
    revocations: versioned,
    ...changes,
  };
  return encodeHead(body, key.sign(headMessage(body)));
}

test('a newer head is kept, an older one changes nothing', () => {
  const view = new HeadView(crypto, mesh, undefined);
  const first = view.stage(head({ number: 5 }), time);
  assert.is(first.changes.length, 1);
  view.accept(first.head);
  const older = view.stage(head({ number: 4 }), time);
  assert.is(older.changes.length, 0);
  view.accept(older.head);
  assert.is(view.current?.number, 5);
  assert.is(new HeadView(crypto, mesh, first.head.encoded).current?.number, 5);
});

test('a head that was kept counts after the next trust bundle came, until a head names that one', () => {
  const next = Ed25519SigningKey.generate(crypto);
  const kept = head({ number: 5 });
  const keys = new Map([
    [versioned.version, group.publicKey],
    [versioned.version + 1, next.publicKey],
  ]);
  const after = { meshId, groupKey: next.publicKey, groupKeyOf: (version: number) => keys.get(version) };
  const view = new HeadView(crypto, after, kept);
  assert.is(view.current?.number, 5);
  assert.throwsCode(() => view.stage(head({ number: 6 }), time), 'OOTO_ENVELOPE_SIGNATURE');
  const bundle = { ...versioned, version: versioned.version + 1 };
  view.accept(view.stage(head({ number: 6, bundle }, next), time).head);
  assert.is(view.current?.number, 6);
  assert.throwsCode(() => new HeadView(crypto, after, head({ bundle })), 'OOTO_ENVELOPE_SIGNATURE');
});

test('one corrupt member that has two heads of one number signed, a moment apart, parts nobody from the mesh', () => {
  const view = new HeadView(crypto, mesh, head());
  const current = view.current?.encoded;
  for (const changes of [{ time: time + 1, expires: time + 3_600_001 }, { time: time - 60_000 }]) {
    const { head: shown, changes: stored } = view.stage(head(changes), time);
    assert.is(stored.length, 0);
    view.accept(shown);
    assert.is(view.current?.encoded, current);
  }
});

test('forged, foreign and contradicting heads are refused', () => {
  const view = new HeadView(crypto, mesh, head());
  assert.throwsCode(
    () => view.stage(head({}, Ed25519SigningKey.generate(crypto)), time),
    'OOTO_ENVELOPE_SIGNATURE',
  );
  assert.throwsCode(() => view.stage(head({ mesh: new Uint8Array(32) }), time), 'OOTO_AUTHORITY_HEAD');
  for (const part of ['bundle', 'policy', 'committee', 'revocations'] as const) {
    const other = head({ [part]: { version: 7, digest: new Uint8Array(32) } });
    assert.throwsCode(() => view.stage(other, time), 'OOTO_AUTHORITY_HEAD_FORK');
  }
  const told: string[] = [];
  const watching = new HeadView(crypto, mesh, head(), (known, shown) =>
    told.push(`${known.number} ${shown.policy.version}`),
  );
  const contradiction = head({ policy: { version: 7, digest: new Uint8Array(32) } });
  assert.throwsCode(() => watching.stage(contradiction, time), 'OOTO_AUTHORITY_HEAD_FORK');
  assert.equal(told, [`${watching.current?.number} 7`]);
  assert.throwsCode(
    () => view.stage(head({ number: 2, time: time + 121_000 }), time),
    'OOTO_AUTHORITY_CLOCK',
  );
  const encoded = head();
  for (let at = 0; at < encoded.length; at++) {
    const changed = encoded.slice();
    changed[at] ^= 0x20;
    assert.throws(() => verifyHead(crypto, mesh, changed), undefined as never);
  }
});

test('an old head or a clock that went back lets no new session begin', () => {
  const view = new HeadView(crypto, mesh, head());
  assert.is(view.requireFresh(time + 1000, 900_000).number, 1);
  assert.throwsCode(() => view.requireFresh(time + 900_001, 900_000), 'OOTO_AUTHORITY_HEAD_STALE');
  assert.throwsCode(() => view.requireFresh(time - 130_000, 900_000), 'OOTO_AUTHORITY_CLOCK');
  assert.throwsCode(
    () => new HeadView(crypto, mesh, undefined).requireFresh(time, 900_000),
    'OOTO_AUTHORITY_HEAD_STALE',
  );
});

test('leaves round-trip and nothing else is read', () => {
  const digest = crypto.sha256(new Uint8Array(2));
  const leaves: Leaf[] = [
    { kind: 'definition', digest, originator: 'alice' },
    {
      kind: 'certificate',
      tbs: digest,
      issuer: digest,
      id: 'spiffe://x/y',
      key: digest,
      evidence: digest,
      verdict: 'software',
    },
  ];
  for (const leaf of leaves) assert.equal(readLeaf(encodeLeaf(leaf)), leaf);
  assert.throwsCode(() => readLeaf(Uint8Array.of(0xa0)), 'OOTO_ENVELOPE_FIELD');
});
