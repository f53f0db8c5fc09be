import { inspect } from 'node:util';
import fc from 'fast-check';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { encode } from '../../../src/envelope/cbor.ts';
import {
  decodeDocument,
  documentMessage,
  encodeDocument,
  requireSuccessor,
  type SignedDocument,
  verifyDocument,
  withSignature,
} from '../../../src/envelope/document.ts';
import { object, uint } from '../../../src/envelope/fields.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { LABELS, type LabelKind, label } from '../../../src/envelope/labels.ts';
import { readStatement, signStatement, verifyStatement } from '../../../src/envelope/statement.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('envelope/document');
const crypto = testCrypto();
const signers = ['a', 'b', 'c'].map((keyid, i) => ({
  keyid,
  key: new Ed25519SigningKey(crypto, new Uint8Array(32).fill(i + 7)),
}));
const keys = signers.map(({ keyid, key }) => ({ keyid, publicKey: key.publicKey }));
const body = object({ limit: uint() });
const policy = { kind: 'policy' as const, keys, threshold: 2, body };
const draft = { kind: 'policy' as const, version: 4, body: { limit: 12 } };

function signed(
  document: { kind: LabelKind; version: number; body: { limit: number } },
  ...names: string[]
): SignedDocument {
  return names.reduce<SignedDocument>(
    (current, name) => {
      const { key } = signers.find(({ keyid }) => keyid === name)!;
      return withSignature(current, { keyid: name, signature: key.sign(documentMessage(document)) });
    },
    { ...document, signatures: [] },
  );
}

test('labels are distinct, and none is the beginning of another', () => {
  assert.is(new Set(LABELS).size, LABELS.length);
  for (const kind of LABELS) {
    assert.bytes(label(kind), utf8(`ooto/1 ${kind}\0`));
    assert.match(kind, /^[a-z]+(-[a-z]+)*$/);
  }
  assert.throwsCode(() => label('nonsense' as LabelKind), 'OOTO_ENVELOPE_LABEL');
});

test('a signed document round-trips and verifies, in whatever order the signatures came', () => {
  const one = encodeDocument(signed(draft, 'a', 'c'));
  assert.bytes(encodeDocument(signed(draft, 'c', 'a')), one);
  const verified = verifyDocument(crypto, decodeDocument(one, { maxBytes: 1000 }), policy);
  assert.equal(verified.body, { limit: 12 });
  assert.equal(verified.keyids, ['a', 'c']);
  assert.is(verified.version, 4);
  assert.bytes(verified.digest, verifyDocument(crypto, signed(draft, 'b', 'c'), policy).digest);
  assert.bytes(
    verified.digest,
    crypto.sha256(concat(label('policy'), encode({ body: { limit: 12 }, version: 4 }))),
  );
});

test('too few, foreign, moved and repeated signatures are refused', () => {
  const refused = (document: SignedDocument, code: string) =>
    assert.throwsCode(() => verifyDocument(crypto, document, policy), code);
  refused(signed(draft, 'a'), 'OOTO_ENVELOPE_THRESHOLD');
  const good = signed(draft, 'a', 'b');
  refused({ ...good, version: 5 }, 'OOTO_ENVELOPE_SIGNATURE');
  refused({ ...good, body: { limit: 13 } }, 'OOTO_ENVELOPE_SIGNATURE');
  refused({ ...good, kind: 'committee' }, 'OOTO_ENVELOPE_KIND');
  refused(
    { ...signed({ ...draft, kind: 'committee' }, 'a', 'b'), kind: 'policy' },
    'OOTO_ENVELOPE_SIGNATURE',
  );
  refused(signed({ ...draft, version: 0 }, 'a', 'b'), 'OOTO_ENVELOPE_VERSION');
  refused({ ...good, signatures: [good.signatures[0], good.signatures[0]] }, 'OOTO_ENVELOPE_DUPLICATE');
  refused(withSignature(good, { keyid: 'z', signature: new Uint8Array(64) }), 'OOTO_ENVELOPE_UNKNOWN_KEY');
  refused(withSignature(good, { keyid: 'c', signature: new Uint8Array(64) }), 'OOTO_ENVELOPE_SIGNATURE');
  const shapeless = { ...draft, body: { limit: 12, more: 1 } };
  refused(signed(shapeless, 'a', 'b'), 'OOTO_ENVELOPE_FIELD');
});

test('the encoding is strict: order, unknown members, lengths', () => {
  const good = signed(draft, 'a', 'b');
  const refused = (value: Parameters<typeof encode>[0], code: string) =>
    assert.throwsCode(() => decodeDocument(encode(value), { maxBytes: 1000 }), code);
  const reversed = [...good.signatures].reverse() as unknown as { keyid: string; signature: Uint8Array }[];
  const plain = { kind: 'policy', version: 4, body: null };
  refused({ ...plain, signatures: reversed }, 'OOTO_ENVELOPE_ORDER');
  refused({ ...plain, signatures: [reversed[0], reversed[0]] }, 'OOTO_ENVELOPE_ORDER');
  refused({ ...plain, signatures: [] }, 'OOTO_ENVELOPE_FIELD');
  refused({ ...plain, signatures: reversed, more: 1 }, 'OOTO_ENVELOPE_FIELD');
  refused({ ...plain, signatures: [{ keyid: 'a', signature: new Uint8Array(63) }] }, 'OOTO_ENVELOPE_FIELD');
  assert.throwsCode(() => decodeDocument(encodeDocument(good), { maxBytes: 50 }), 'OOTO_ENVELOPE_SIZE');
});

test('versions go one step at a time', () => {
  fc.assert(
    fc.property(fc.nat(100), fc.nat(100), (current, next) => {
      const step = () => requireSuccessor({ version: current }, { version: next });
      if (next === current + 1) step();
      else assert.throwsCode(step, 'OOTO_ENVELOPE_VERSION');
    }),
  );
});

test('a statement is true under its key and kind alone', () => {
  const { key } = signers[0];
  const bytes = signStatement('membership', { limit: 3 }, key);
  const by = (publicKey: Uint8Array) => ({ algorithm: 'ed25519' as const, bytes: publicKey });
  const statement = readStatement('membership', bytes, { body, maxBytes: 500 });
  assert.equal(verifyStatement(crypto, statement, by(key.publicKey)), { limit: 3 });
  const signature = 'OOTO_ENVELOPE_SIGNATURE';
  assert.throwsCode(() => verifyStatement(crypto, statement, by(keys[1].publicKey)), signature);
  const other = readStatement('assignment', bytes, { body, maxBytes: 500 });
  assert.throwsCode(() => verifyStatement(crypto, other, by(key.publicKey)), signature);
  assert.throwsCode(() => readStatement('membership', bytes, { body, maxBytes: 50 }), 'OOTO_ENVELOPE_SIZE');
});

test('a signing key shows no secret and does not outlive its disposal', () => {
  const seed = new Uint8Array(32).fill(0xab);
  const key = new Ed25519SigningKey(crypto, seed);
  const signature = key.sign(utf8('m'));
  crypto.ed25519.verify(key.publicKey, utf8('m'), signature);
  for (const shown of [inspect(key, { depth: 9, showHidden: true }), JSON.stringify(key)])
    assert.ok(!/abab|171/.test(shown), shown);
  for (const length of [0, 31, 33, 64])
    assert.throwsCode(() => new Ed25519SigningKey(crypto, new Uint8Array(length)), 'OOTO_ENVELOPE_KEY');
  key[Symbol.dispose]();
  assert.bytes(seed, new Uint8Array(32));
  assert.throwsCode(() => key.sign(utf8('m')), 'OOTO_ENVELOPE_KEY');
});
