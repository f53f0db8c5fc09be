import { createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import { concat, utf8, utf8Decode } from '../../../src/base/bytes.ts';
import { isOotoError } from '../../../src/base/errors.ts';
import { hex } from '../../../src/base/hex.ts';
import { formatEnvelope, pae, parseEnvelope, signEnvelope } from '../../../src/envelope/dsse.ts';
import {
  chunkLength,
  DEFINITION_BYTES_MOST,
  PAYLOAD_TYPE,
  signDefinition,
  verifyDefinition,
} from '../../../src/workload/definition.ts';
import { bytes, equal, is, ok, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { CHUNKS, crypto, definition, envelope, keys, MODULE, NOW, refuse, trust } from './fixture.ts';

const test = suite('workload definition');
const read = (signed: Uint8Array) => verifyDefinition(crypto, signed, trust().originatorKey);

/** Signs any statement text as an originator would. */
function signText(json: string, originator = 'alice', type = PAYLOAD_TYPE): Uint8Array {
  return formatEnvelope(signEnvelope(type, utf8(json), [{ keyid: originator, key: keys.originator }]));
}
const payloadText = () => atob(parseEnvelope(envelope(), { maxBytes: 1e6 }).payload);
const edited = (edit: (statement: ReturnType<typeof JSON.parse>) => void) => {
  const statement = JSON.parse(payloadText());
  edit(statement);
  return signText(JSON.stringify(statement));
};

test('what was signed is read', () => {
  const signed = envelope();
  const { digest, envelope: kept, ...rest } = read(signed);
  equal(rest, definition());
  bytes(digest, crypto.sha256(signed));
  bytes(kept, signed);
  equal(
    [0, 1, 2].map((i) => chunkLength(rest, i)),
    [10, 10, 5],
  );
});

test('it is an in-toto Statement v1 in a DSSE envelope that others can verify', () => {
  const { payload, payloadType, signatures } = JSON.parse(utf8Decode(envelope()));
  is(payloadType, 'application/vnd.in-toto+json');
  const statement = JSON.parse(Buffer.from(payload, 'base64').toString());
  is(statement._type, 'https://in-toto.io/Statement/v1');
  equal(statement.subject[0], { name: 'module', digest: { sha256: hex(crypto.sha256(MODULE)) } });
  equal(statement.subject[3], { name: 'chunk/2', digest: { sha256: hex(crypto.sha256(CHUNKS[2])) } });
  is(statement.predicate.expires, '2026-01-02T04:04:05.000Z');
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), keys.originator.publicKey]);
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const message = pae(payloadType, new Uint8Array(Buffer.from(payload, 'base64')));
  ok(verify(null, message, key, Buffer.from(signatures[0].sig, 'base64')));
});

test('any definition comes back as it was', () => {
  const names = fc.stringMatching(/^[a-z0-9](?:[a-z0-9.-]{0,10}[a-z0-9])?$/);
  fc.assert(
    fc.property(
      fc.record({
        name: names,
        sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        expires: fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }),
        arguments: fc.array(
          fc.string({ unit: 'grapheme' }).filter((a) => !a.includes('\0') && !/\p{Cs}/u.test(a)),
          { maxLength: 5 },
        ),
        size: fc.nat(50),
        chunkBytes: fc.integer({ min: 1, max: 20 }),
      }),
      ({ size, chunkBytes, ...given }) => {
        const count = Math.ceil(size / chunkBytes);
        const chunks = Array.from({ length: count }, (_, i) => crypto.sha256(Uint8Array.of(i)));
        const wanted = definition({ ...given, input: { bytes: size, chunkBytes }, chunks });
        const { digest: _, envelope: __, ...found } = read(signDefinition(wanted, keys.originator));
        equal(found, wanted);
      },
    ),
    { numRuns: 60 },
  );
});

test('the largest definition fits its limit', () => {
  const chunks = Array.from({ length: 4096 }, () => crypto.sha256(MODULE));
  const long = Array.from({ length: 32 }, () => 'x'.repeat(4096));
  const signed = envelope({ chunks, input: { bytes: 4096, chunkBytes: 1 }, arguments: long });
  ok(signed.length <= DEFINITION_BYTES_MOST, `${signed.length}`);
  is(read(signed).chunks.length, 4096);
});

test('attack: wrong signer', () => {
  throwsCode(() => read(envelope({}, keys.other)), 'OOTO_ENVELOPE_SIGNATURE');
  throwsCode(() => read(envelope({ originator: 'mallory' })), 'OOTO_TEST_ORIGINATOR');
  const revoked = () => {
    throw refuse('OOTO_TEST_REVOKED');
  };
  throwsCode(() => verifyDefinition(crypto, envelope(), revoked), 'OOTO_TEST_REVOKED');
});

test('attack: a signature beside the one', () => {
  const parsed = parseEnvelope(envelope(), { maxBytes: 1e6 });
  const payload = utf8(atob(parsed.payload));
  const both = signEnvelope(PAYLOAD_TYPE, payload, [
    { keyid: 'alice', key: keys.originator },
    { keyid: 'bob', key: keys.other },
  ]);
  throwsCode(() => read(formatEnvelope(both)), 'OOTO_WORKLOAD_SIGNATURES');
  const twice = { ...parsed, signatures: [parsed.signatures[0], parsed.signatures[0]] };
  throwsCode(() => read(formatEnvelope(twice)), 'OOTO_WORKLOAD_SIGNATURES');
});

test('attack: a trusted originator signs under the name of another', () => {
  const everyone = () => keys.originator.publicKey;
  const signed = signText(payloadText(), 'bob');
  throwsCode(() => verifyDefinition(crypto, signed, everyone), 'OOTO_WORKLOAD_ORIGINATOR');
});

test('attack: another type of payload, statement or predicate', () => {
  throwsCode(() => read(signText(payloadText(), 'alice', 'application/json')), 'OOTO_ENVELOPE_PAYLOAD_TYPE');
  const wrong = [
    (s: ReturnType<typeof JSON.parse>) => (s._type = 'https://in-toto.io/Statement/v0.1'),
    (s: ReturnType<typeof JSON.parse>) => (s.predicateType = 'https://slsa.dev/provenance/v1'),
    (s: ReturnType<typeof JSON.parse>) => (s.predicate.extra = 1),
    (s: ReturnType<typeof JSON.parse>) => delete s.predicate.limits,
    (s: ReturnType<typeof JSON.parse>) => (s.predicate.sequence = 1.5),
    (s: ReturnType<typeof JSON.parse>) => (s.predicate.expires = '2026-01-02'),
    (s: ReturnType<typeof JSON.parse>) => (s.predicate.arguments = ['a\0b']),
    (s: ReturnType<typeof JSON.parse>) => (s.subject[1].digest = { sha512: 'aa' }),
    (s: ReturnType<typeof JSON.parse>) => (s.predicate.requires.tier = 'best'),
    (s: ReturnType<typeof JSON.parse>) => (s.predicate.input.chunkBytes = 5 << 20),
  ];
  for (const edit of wrong) throwsCode(() => read(edited(edit)), 'OOTO_ENVELOPE_FIELD');
});

test('attack: subjects that are not the input', () => {
  for (const edit of [
    (s: ReturnType<typeof JSON.parse>) => s.subject.pop(),
    (s: ReturnType<typeof JSON.parse>) => s.subject.push(s.subject[1]),
    (s: ReturnType<typeof JSON.parse>) => (s.subject[1].name = 'chunk/5'),
    (s: ReturnType<typeof JSON.parse>) => s.subject.reverse(),
    (s: ReturnType<typeof JSON.parse>) => (s.predicate.input.bytes = 1000),
    (s: ReturnType<typeof JSON.parse>) => (s.predicate.input.chunkBytes = 0),
    (s: ReturnType<typeof JSON.parse>) => (s.predicate.sequence = 0),
    (s: ReturnType<typeof JSON.parse>) => (s.predicate.expires = '2026-02-31T00:00:00.000Z'),
  ])
    throwsCode(() => read(edited(edit)), 'OOTO_WORKLOAD_DEFINITION');
});

test('attack: a second spelling', () => {
  const json = payloadText();
  for (const other of [
    ` ${json}`,
    json.replace('"name":"text', '"name": "text'),
    json.replace('alice', '\\u0061lice'),
    'x',
    '',
  ])
    throwsCode(() => read(signText(other)), 'OOTO_WORKLOAD_DEFINITION');
});

test('a signer is told of what no reader would take', () => {
  throwsCode(() => envelope({ expires: Number.NaN }), 'OOTO_WORKLOAD_DEFINITION');
  throwsCode(() => envelope({ chunks: [] }), 'OOTO_WORKLOAD_DEFINITION');
  throwsCode(() => envelope({ name: 'No Such Name' }), 'OOTO_ENVELOPE_FIELD');
});

test('any changed byte is refused', () => {
  const good = envelope();
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bad = good.slice();
      bad[at] ^= flip;
      try {
        read(bad);
      } catch (error) {
        return isOotoError(error);
      }
      return false;
    }),
    { numRuns: 300 },
  );
  throwsCode(() => read(concat(good, utf8('\n'))), 'OOTO_ENVELOPE_DSSE');
  throwsCode(() => read(new Uint8Array(DEFINITION_BYTES_MOST + 1)), 'OOTO_ENVELOPE_SIZE');
  is(read(good).expires > NOW, true);
});
