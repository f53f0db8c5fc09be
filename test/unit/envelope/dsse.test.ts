import { generateKeyPairSync, sign as nodeSign, verify as nodeVerify } from 'node:crypto';
import fc from 'fast-check';
import { utf8, utf8Decode } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import { base64, unbase64 } from '../../../src/base/hex.ts';
import {
  type Envelope,
  formatEnvelope,
  pae,
  parseEnvelope,
  signEnvelope,
  verifyEnvelope,
} from '../../../src/envelope/dsse.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('envelope/dsse');
const crypto = testCrypto();
const TYPE = 'http://example.com/HelloWorld';
const payload = utf8('hello world');

const signers = ['alice', 'bob', 'carol'].map((keyid, i) => ({
  keyid,
  key: new Ed25519SigningKey(crypto, new Uint8Array(32).fill(i + 1)),
}));
const keys = signers.map(({ keyid, key }) => ({ keyid, publicKey: key.publicKey }));
const policy = { keys, threshold: 2, payloadTypes: [TYPE] };
const envelope = signEnvelope(TYPE, payload, signers.slice(0, 2));
const with_ = (change: Partial<Envelope>): Envelope => ({ ...structuredClone(envelope), ...change });

test('the pre-authentication encoding is the one of the DSSE v1 protocol', () => {
  assert.is(utf8Decode(pae(TYPE, payload)), 'DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  assert.is(utf8Decode(pae('\u00fc', new Uint8Array())), 'DSSEv1 2 \u00fc 0 ');
});

test('what is signed, formatted and parsed verifies', () => {
  const parsed = parseEnvelope(formatEnvelope(envelope), { maxBytes: 4096 });
  const { payload: verified, keyids, payloadType } = verifyEnvelope(crypto, parsed, policy);
  assert.bytes(verified, payload);
  assert.equal(keyids, ['alice', 'bob']);
  assert.is(payloadType, TYPE);
});

test('node:crypto verifies our signatures and we verify its own', () => {
  const pair = generateKeyPairSync('ed25519');
  const publicKey = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32));
  const sig = base64(new Uint8Array(nodeSign(null, pae(TYPE, payload), pair.privateKey)));
  const foreign = { payload: base64(payload), payloadType: TYPE, signatures: [{ keyid: 'node', sig }] };
  verifyEnvelope(crypto, foreign, {
    keys: [{ keyid: 'node', publicKey }],
    threshold: 1,
    payloadTypes: [TYPE],
  });
  const prefix = Buffer.from('302a300506032b6570032100', 'hex');
  const spki = Buffer.concat([prefix, signers[0].key.publicKey]);
  const sigBytes = unbase64(envelope.signatures[0].sig);
  assert.ok(
    nodeVerify(null, pae(TYPE, payload), { key: spki, format: 'der', type: 'spki' }, Buffer.from(sigBytes)),
  );
});

test('types outside the allow-list are refused, even when rightly signed', () => {
  const other = signEnvelope('text/plain', payload, signers);
  assert.throwsCode(() => verifyEnvelope(crypto, other, policy), 'OOTO_ENVELOPE_PAYLOAD_TYPE');
});

test('a signature over another type or payload does not carry over', () => {
  const types = [TYPE, 'http://example.com/Hello'];
  const retyped = with_({ payloadType: types[1] });
  const refused = (changed: Envelope) =>
    assert.throwsCode(
      () => verifyEnvelope(crypto, changed, { ...policy, payloadTypes: types }),
      'OOTO_ENVELOPE_SIGNATURE',
    );
  refused(retyped);
  refused(with_({ payload: base64(utf8('hello worle')) }));
});

test('every listed signature must verify, also beyond the threshold', () => {
  const all = signEnvelope(TYPE, payload, signers);
  assert.is(verifyEnvelope(crypto, all, policy).keyids.length, 3);
  for (const at of [0, 1, 2]) {
    const changed = structuredClone(all);
    const sig = unbase64(changed.signatures[at].sig);
    sig[40] ^= 1;
    changed.signatures[at].sig = base64(sig);
    assert.throwsCode(() => verifyEnvelope(crypto, changed, policy), 'OOTO_ENVELOPE_SIGNATURE');
  }
});

test('signatures by strangers are refused, not ignored', () => {
  const stranger = { keyid: 'mallory', key: Ed25519SigningKey.generate(crypto) };
  const extra = signEnvelope(TYPE, payload, [...signers, stranger]);
  assert.throwsCode(() => verifyEnvelope(crypto, extra, policy), 'OOTO_ENVELOPE_UNKNOWN_KEY');
  const posing = signEnvelope(TYPE, payload, [signers[0], { ...stranger, keyid: 'bob' }]);
  assert.throwsCode(() => verifyEnvelope(crypto, posing, policy), 'OOTO_ENVELOPE_SIGNATURE');
});

test('one key counts once, whatever it is called', () => {
  const twice = signEnvelope(TYPE, payload, [signers[0], signers[0]]);
  assert.throwsCode(() => verifyEnvelope(crypto, twice, policy), 'OOTO_ENVELOPE_DUPLICATE');
  const alias = signEnvelope(TYPE, payload, [signers[0], { keyid: 'bob', key: signers[0].key }]);
  assert.throwsCode(() => verifyEnvelope(crypto, alias, policy), 'OOTO_ENVELOPE_SIGNATURE');
  const aliased = [keys[0], { keyid: 'alias', publicKey: keys[0].publicKey }];
  const two = signEnvelope(TYPE, payload, [signers[0], { keyid: 'alias', key: signers[0].key }]);
  assert.throwsCode(() => verifyEnvelope(crypto, two, { ...policy, keys: aliased }), 'OOTO_ENVELOPE_QUORUM');
  const named = [keys[0], { keyid: 'alice', publicKey: keys[1].publicKey }];
  assert.throwsCode(() => verifyEnvelope(crypto, two, { ...policy, keys: named }), 'OOTO_ENVELOPE_QUORUM');
});

test('too few signatures are refused, and thresholds that mean nothing', () => {
  const one = signEnvelope(TYPE, payload, signers.slice(0, 1));
  assert.throwsCode(() => verifyEnvelope(crypto, one, policy), 'OOTO_ENVELOPE_THRESHOLD');
  assert.throwsCode(
    () => verifyEnvelope(crypto, with_({ signatures: [] }), policy),
    'OOTO_ENVELOPE_THRESHOLD',
  );
  for (const threshold of [0, -1, 1.5, Number.NaN, 4])
    assert.throwsCode(
      () => verifyEnvelope(crypto, envelope, { ...policy, threshold }),
      'OOTO_ENVELOPE_QUORUM',
    );
});

test('a list of signatures is bounded', () => {
  const many = with_({ signatures: Array(65).fill(envelope.signatures[0]) });
  assert.throwsCode(() => verifyEnvelope(crypto, many, policy), 'OOTO_ENVELOPE_SIZE');
  const text = formatEnvelope(many);
  assert.throwsCode(() => parseEnvelope(text, { maxBytes: text.length }), 'OOTO_ENVELOPE_FIELD');
});

test('base64 has one spelling', () => {
  const url = envelope.signatures[0].sig.replaceAll('+', '-').replaceAll('/', '_');
  const signatures = (sig: string) => [{ keyid: 'alice', sig }, envelope.signatures[1]];
  for (const changed of [
    with_({ payload: envelope.payload.replace(/=+$/, '') }),
    with_({ payload: `${envelope.payload} ` }),
    with_({ payload: `${envelope.payload.slice(0, 4)}\n${envelope.payload.slice(4)}` }),
    with_({ payload: 'aGVsbG8gd29ybGR=' }),
    with_({ signatures: signatures(envelope.signatures[0].sig.replace(/=+$/, '')) }),
    ...(url === envelope.signatures[0].sig ? [] : [with_({ signatures: signatures(url) })]),
  ])
    assert.throwsCode(() => verifyEnvelope(crypto, changed, policy), 'OOTO_ENVELOPE_DSSE');
});

test('the JSON has one spelling', () => {
  const json = utf8Decode(formatEnvelope(envelope));
  const parse = (text: string) => parseEnvelope(utf8(text), { maxBytes: 4096 });
  const refused = (text: string, code: string) => {
    assert.is.not(text, json);
    assert.throwsCode(() => parse(text), code);
  };
  refused(` ${json}`, 'OOTO_ENVELOPE_DSSE');
  refused(`${json}\n`, 'OOTO_ENVELOPE_DSSE');
  refused(`\ufeff${json}`, 'OOTO_ENVELOPE_DSSE');
  refused(json.replace('{"payload"', '{"payload":"","payload"'), 'OOTO_ENVELOPE_DSSE');
  refused(json.replace('alice', '\\u0061lice'), 'OOTO_ENVELOPE_DSSE');
  refused(json.replace('"keyid":"alice",', ''), 'OOTO_ENVELOPE_FIELD');
  refused(json.replace('{"payload"', '{"extra":1,"payload"'), 'OOTO_ENVELOPE_FIELD');
  refused(json.replace('{"keyid"', '{"extra":1,"keyid"'), 'OOTO_ENVELOPE_FIELD');
  refused(json.replace('{"payload"', '{"__proto__":{},"payload"'), 'OOTO_ENVELOPE_FIELD');
  refused(json.replace(/\[.*\]/, '[]'), 'OOTO_ENVELOPE_FIELD');
  refused(json.slice(0, -1), 'OOTO_ENVELOPE_DSSE');
  refused('['.repeat(4000), 'OOTO_ENVELOPE_DSSE');
  assert.throwsCode(() => parseEnvelope(utf8(json), { maxBytes: 100 }), 'OOTO_ENVELOPE_SIZE');
  assert.throwsCode(() => parseEnvelope(Uint8Array.of(0xff), { maxBytes: 100 }), 'OOTO_ENVELOPE_DSSE');
});

test('no changed byte of an envelope verifies', () => {
  const bytes = formatEnvelope(envelope);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = bytes.slice();
      changed[at] ^= flip;
      try {
        verifyEnvelope(crypto, parseEnvelope(changed, { maxBytes: 4096 }), policy);
      } catch (error) {
        assert.instance(error, OotoError);
        return;
      }
      throw new Error(`byte ${at} changed by ${flip} went unnoticed`);
    }),
    { numRuns: 500 },
  );
});
