import fc from 'fast-check';
import {
  type ActionOf,
  approveAction,
  type Change,
  MAX_ACTION_LIFE_MS,
  proposeAction,
  readProposal,
  requireTimely,
  verifyAction,
} from '../../../src/authority/action.ts';
import { describeAction } from '../../../src/authority/action-words.ts';
import { encodeDraft, type GenesisDraft, readDraft } from '../../../src/authority/genesis.ts';
import { encodeLeaf, readLeaf } from '../../../src/authority/leaf.ts';
import { ACTION_KINDS, mayApprove, OPERATOR_ROLES } from '../../../src/authority/operator-role.ts';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import { decode, encode } from '../../../src/envelope/cbor.ts';
import { decodeDocument, encodeDocument } from '../../../src/envelope/document.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { foundMesh } from '../../support/founders.ts';
import { suite } from '../../support/suite.ts';

const test = suite('authority/action', { timeout: 60_000 });
const crypto = testCrypto();
const operators = ['ann', 'ben', 'cem'].map((keyid, i) => ({
  keyid,
  key: new Ed25519SigningKey(crypto, new Uint8Array(32).fill(i + 40)),
}));
const [ann, ben, cem] = operators;
const founded = foundMesh(crypto);
const draft: GenesisDraft = {
  ...founded.draft,
  operators: operators.map(({ keyid, key }) => ({ keyid, publicKey: key.publicKey })),
  operatorQuorum: 2,
};
const genesis = { draft, meshId: founded.record.meshId };
const now = 1_700_000_100_000;
const frame = { mesh: genesis.meshId, number: 7, created: now, expires: now + 60_000 };
const worker = `spiffe://${hex(genesis.meshId)}/worker/w1`;
const revoke: Change = { kind: 'revoke-node', parameters: { id: worker, reason: 'stolen' } };
const members = founded.draft.founders;

const CHANGES: readonly Change[] = [
  { kind: 'note', parameters: { text: 'the keys of ann were replaced' } },
  revoke,
  { kind: 'revoke-key', parameters: { key: new Uint8Array(32).fill(3), reason: 'leaked' } },
  { kind: 'refresh', parameters: { epoch: 0 } },
  { kind: 'reshare', parameters: { epoch: 0, threshold: 2, members } },
  { kind: 'repair', parameters: { epoch: 0, member: 'a2' } },
  { kind: 'rotate', parameters: { version: 0, overlapMs: 3_600_000 } },
  {
    kind: 'rescue',
    parameters: { version: 0, threshold: 1, members: ['a2'], since: now - 1, overlapMs: 3_600_000 },
  },
];

function approved(
  change: Change,
  by: readonly (typeof ann)[],
  { of = draft, ...changes }: Partial<typeof frame> & { of?: GenesisDraft } = {},
): Uint8Array {
  const proposed = proposeAction(change, { ...frame, ...changes });
  return by.reduce((encoded, { key }) => approveAction(readProposal(crypto, encoded), of, key), proposed);
}

function verify(encoded: Uint8Array, at = now, of = draft) {
  const approvedAction = verifyAction(crypto, { ...genesis, draft: of }, encoded);
  requireTimely(approvedAction.action, at);
  return approvedAction;
}

test('every kind is approved by two of three, and read as what it was', () => {
  assert.equal(
    CHANGES.map(({ kind }) => kind),
    ACTION_KINDS,
  );
  for (const change of CHANGES) {
    const encoded = approved(change, [cem, ann]);
    const { action, operators: signed, digest } = verify(encoded);
    assert.equal({ kind: action.kind, parameters: action.parameters }, change);
    assert.is(action.number, 7);
    assert.equal(signed, ['ann', 'cem']);
    assert.bytes(digest, readProposal(crypto, proposeAction(change, frame)).digest);
    assert.bytes(digest, verify(approved(change, [ben, cem])).digest, 'the same whoever signed');
  }
});

test('too few approvals, or one operator twice, make no quorum', () => {
  assert.throwsCode(() => verify(proposeAction(revoke, frame)), 'OOTO_ENVELOPE_FIELD');
  assert.throwsCode(() => verify(approved(revoke, [ann])), 'OOTO_ENVELOPE_THRESHOLD');
  assert.throwsCode(() => verify(approved(revoke, [ann, ann])), 'OOTO_ENVELOPE_THRESHOLD');
  const document = decodeDocument(approved(revoke, [ann]), { maxBytes: 4096 });
  const [{ signature }] = document.signatures;
  const twice = (keyid: string) =>
    encodeDocument({
      ...document,
      signatures: [
        { keyid: 'ann', signature },
        { keyid, signature },
      ],
    });
  assert.throwsCode(() => verify(twice('ann')), 'OOTO_ENVELOPE_ORDER');
  assert.throwsCode(() => verify(twice('ben')), 'OOTO_ENVELOPE_SIGNATURE');
  assert.throwsCode(() => verify(twice('zoe')), 'OOTO_ENVELOPE_UNKNOWN_KEY');
});

test('an approval is for one action: other parameters, number, kind, times or mesh have none', () => {
  const document = decodeDocument(approved(revoke, [ann, ben]), { maxBytes: 4096 });
  const body = document.body as Record<string, never>;
  const refused = (changed: object, version = 7) =>
    assert.throwsCode(
      () => verify(encodeDocument({ ...document, version, body: { ...body, ...changed } })),
      'OOTO_ENVELOPE_SIGNATURE',
    );
  refused({}, 8);
  refused({ parameters: { id: worker.replace('w1', 'w2'), reason: 'stolen' } });
  refused({ parameters: { id: worker, reason: 'Stolen' } });
  refused({ expires: now + 60_001 });
  refused({ created: now - 1 });
  refused({ kind: 'note', parameters: { text: 'stolen' } });
  const refresh = decodeDocument(approved({ kind: 'refresh', parameters: { epoch: 1 } }, [ann, ben]), {
    maxBytes: 4096,
  });
  const renamed = {
    ...refresh,
    body: {
      ...(refresh.body as object),
      ...{ kind: 'rotate', parameters: { version: 1, overlapMs: 1 } },
    },
  };
  assert.throwsCode(() => verify(encodeDocument(renamed)), 'OOTO_ENVELOPE_SIGNATURE');
});

test('a rescue names each member once, more than half of them sign, and nothing comes back from the future', () => {
  const rescue = { version: 0, threshold: 2, members: ['a1', 'a2', 'a3'], since: now, overlapMs: 1 };
  verify(approved({ kind: 'rescue', parameters: rescue }, [ann, ben]));
  for (const wrong of [
    { threshold: 1 },
    { threshold: 4 },
    { members: ['a1', 'a2', 'a2'] },
    { members: ['a1', 'a2', 'a3', 'a4'] },
    { since: now + 1 },
  ])
    assert.throwsCode(
      () => proposeAction({ kind: 'rescue', parameters: { ...rescue, ...wrong } }, frame),
      'OOTO_AUTHORITY_ACTION',
    );
});

test('an action of another mesh is refused, though the same operators run it', () => {
  const other = { ...frame, mesh: new Uint8Array(32).fill(9) };
  const note: Change = { kind: 'note', parameters: { text: 'hello' } };
  assert.throwsCode(() => verify(approved(note, [ann, ben], other)), 'OOTO_AUTHORITY_ACTION');
  assert.throwsCode(() => proposeAction(revoke, other), 'OOTO_AUTHORITY_ACTION');
});

test('an action ends, begins, and lives no longer than seven days', () => {
  const encoded = approved(revoke, [ann, ben]);
  verify(encoded, now + 60_000);
  assert.throwsCode(() => verify(encoded, now + 60_001), 'OOTO_AUTHORITY_ACTION_EXPIRED');
  verify(encoded, now - 120_000);
  assert.throwsCode(() => verify(encoded, now - 120_001), 'OOTO_AUTHORITY_ACTION_CLOCK');
  verifyAction(crypto, genesis, encoded);
  for (const expires of [now, now - 1, now + MAX_ACTION_LIFE_MS + 1])
    assert.throwsCode(() => proposeAction(revoke, { ...frame, expires }), 'OOTO_AUTHORITY_ACTION');
  assert.throwsCode(() => proposeAction(revoke, { ...frame, number: 0 }), 'OOTO_AUTHORITY_ACTION');
});

test('a role says what an operator may approve, and who has none may approve all', () => {
  const roles: GenesisDraft = {
    ...draft,
    operators: [
      { ...draft.operators[0], role: 'guardian' },
      { ...draft.operators[1], role: 'custodian' },
      draft.operators[2],
    ],
    operatorQuorum: 1,
  };
  assert.equal(readDraft(encodeDraft(roles)), roles);
  const refresh: Change = { kind: 'refresh', parameters: { epoch: 0 } };
  verify(approved(refresh, [ben], { of: roles }), now, roles);
  verify(approved(revoke, [ann], { of: roles }), now, roles);
  verify(approved(refresh, [cem], { of: roles }), now, roles);
  assert.throwsCode(() => approved(refresh, [ann], { of: roles }), 'OOTO_AUTHORITY_ACTION_OPERATOR');
  const overreached = assert.throwsCode(
    () => verify(approved(refresh, [ann, ben]), now, roles),
    'OOTO_AUTHORITY_ACTION_OPERATOR',
  );
  assert.equal(overreached.culprits, ['ann']);
  for (const kind of ACTION_KINDS) {
    assert.ok(mayApprove({}, kind));
    assert.ok(
      OPERATOR_ROLES.some((role) => mayApprove({ role }, kind)),
      kind,
    );
  }
  assert.throwsCode(() => encodeDraft({ ...roles, operatorQuorum: 3 }), 'OOTO_AUTHORITY_GENESIS');
  assert.throwsCode(
    () => approveAction(readProposal(crypto, proposeAction(revoke, frame)), draft, founded.operator.key),
    'OOTO_AUTHORITY_ACTION_OPERATOR',
  );
});

test('what operators read cannot be written to look like something else', () => {
  for (const text of ['two\nlines', 'turn\u202eed', 'escape\u001b[2K', '', 'line\u2028', 'a\u200bb'])
    assert.throwsCode(
      () => proposeAction({ kind: 'note', parameters: { text } }, frame),
      'OOTO_ENVELOPE_FIELD',
    );
  const hidden = [{ ...members[0], addresses: ['host\u202e:1'] }, ...members.slice(1)];
  assert.throwsCode(
    () => proposeAction({ kind: 'reshare', parameters: { epoch: 0, threshold: 2, members: hidden } }, frame),
    'OOTO_ENVELOPE_FIELD',
  );
  assert.throwsCode(
    () => proposeAction({ kind: 'reshare', parameters: { epoch: 0, threshold: 1, members } }, frame),
    'OOTO_AUTHORITY_ACTION',
  );
  for (const change of CHANGES) {
    const { action } = readProposal(crypto, proposeAction(change, frame));
    const words = describeAction(action).join('\n');
    assert.match(words, hex(genesis.meshId));
    assert.match(words, change.kind);
  }
});

test('approvals of another kind of document are no approvals', () => {
  const document = decodeDocument(approved(revoke, [ann, ben]), { maxBytes: 4096 });
  assert.throwsCode(() => verify(encodeDocument({ ...document, kind: 'policy' })), 'OOTO_ENVELOPE_KIND');
  const signed = operators.slice(0, 2).map(({ keyid, key }) => ({
    keyid,
    signature: key.sign(concat(utf8('ooto/1 policy\0'), encode({ body: document.body, version: 7 }))),
  }));
  assert.throwsCode(
    () => verify(encodeDocument({ ...document, signatures: signed })),
    'OOTO_ENVELOPE_SIGNATURE',
  );
});

test('no byte of an approved action can be changed', () => {
  const encoded = approved(revoke, [ann, ben]);
  fc.assert(
    fc.property(fc.nat(encoded.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const altered = encoded.slice();
      altered[at] ^= change;
      assert.throws(() => verify(altered));
    }),
    { numRuns: 300 },
  );
});

test('what is proposed is what is read, for any sentence, number and time', () => {
  const sentence = fc
    .string({ minLength: 1, maxLength: 200, unit: 'grapheme' })
    .filter((text) => /^[^\p{C}\p{Zl}\p{Zp}]+$/u.test(text));
  fc.assert(
    fc.property(
      sentence,
      fc.integer({ min: 1, max: 2 ** 40 }),
      fc.nat(2 ** 31),
      fc.integer({ min: 1, max: MAX_ACTION_LIFE_MS }),
      (text, number, created, life) => {
        const note: Change = { kind: 'note', parameters: { text } };
        const encoded = proposeAction(note, { ...frame, number, created, expires: created + life });
        const { action, document } = readProposal(crypto, encoded);
        assert.equal((action as ActionOf<'note'>).parameters.text, text);
        assert.equal([action.number, action.created, action.expires], [number, created, created + life]);
        assert.bytes(encodeDocument(document), encoded);
      },
    ),
    { numRuns: 100 },
  );
});

test('nothing but an action is read as one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      assert.throws(() => readProposal(crypto, noise));
    }),
  );
  const unknown = decode(approved(revoke, [ann]), { maxBytes: 4096 }) as Record<string, never>;
  assert.throwsCode(() => readProposal(crypto, encode({ ...unknown, more: 1 })), 'OOTO_ENVELOPE_FIELD');
});

test('an action is an entry of a log', () => {
  const leaf = {
    kind: 'action' as const,
    number: 7,
    action: 'revoke-node' as const,
    digest: new Uint8Array(32).fill(1),
    approvals: new Uint8Array(32).fill(2),
    operators: ['ann', 'ben'],
  };
  assert.equal(readLeaf(encodeLeaf(leaf)), leaf);
});
