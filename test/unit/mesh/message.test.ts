import fc from 'fast-check';
import { OotoError } from '../../../src/base/errors.ts';
import type { CborValue } from '../../../src/envelope/cbor.ts';
import { decodeMessage, encodeMessage, type Message, refusalOf } from '../../../src/mesh/message.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/message');

const id = fc.nat();
const body = fc.oneof(fc.constant(null), fc.integer(), fc.uint8Array({ maxLength: 50 }), fc.boolean());
const message = fc
  .oneof(
    fc.record({ kind: fc.constant('request' as const), id, operation: fc.constant('node.ping'), body }),
    fc.record({ kind: fc.constant('response' as const), id, body }),
    fc.record({
      kind: fc.constant('refusal' as const),
      id,
      code: fc.constant('OOTO_MESH_BUSY'),
      message: fc.string({ maxLength: 100 }),
    }),
    fc.record({
      kind: fc.constant('attestation' as const),
      body: fc.uint8Array({ minLength: 1, maxLength: 99 }),
    }),
  )
  .map((given) => ({ ...given })) as fc.Arbitrary<Message>;

test('every message reads back as it was', () => {
  fc.assert(
    fc.property(message, (given) => {
      assert.equal(decodeMessage(encodeMessage(given)), given);
    }),
  );
});

test('no cut, grown or foreign message is read', () => {
  fc.assert(
    fc.property(message, fc.nat(), (given, at) => {
      const encoded = encodeMessage(given);
      assert.throws(() => decodeMessage(encoded.subarray(0, at % encoded.length)), undefined as never);
      assert.throws(() => decodeMessage(Uint8Array.of(...encoded, 0)), undefined as never);
    }),
  );
  assert.throwsCode(() => decodeMessage(Uint8Array.of(4, 0xa0)), 'OOTO_MESH_MESSAGE');
  assert.throwsCode(() => decodeMessage(new Uint8Array()), 'OOTO_MESH_MESSAGE');
  const wrong = (value: CborValue) =>
    encodeMessage({ kind: 'refusal', id: 1, ...(value as object) } as Message);
  for (const refusal of [
    { code: 'EVIL', message: '' },
    { code: 'OOTO_x', message: '' },
    { code: 'OOTO_A', message: 'x'.repeat(1025) },
    { code: 'OOTO_A', message: '', more: 1 },
  ])
    assert.throwsCode(() => decodeMessage(wrong(refusal)), 'OOTO_ENVELOPE_FIELD');
});

test('whatever the error says, its refusal can be sent and read', () => {
  const anyText = fc.string({ unit: 'binary', maxLength: 400 });
  const codeUnits = fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 400 })
    .map((units) => String.fromCharCode(...units));
  fc.assert(
    fc.property(fc.oneof(anyText, codeUnits), (text) => {
      const refusal = refusalOf(1, new OotoError('OOTO_MESH_BUSY', 'peer', text));
      const read = decodeMessage(encodeMessage(refusal));
      assert.is(read.kind, 'refusal');
    }),
    { numRuns: 500 },
  );
  for (const error of [new TypeError('inner'), undefined, 'text'])
    assert.equal(refusalOf(1, error), {
      kind: 'refusal',
      id: 1,
      code: 'OOTO_MESH_INTERNAL',
      message: 'the node could not answer',
    });
});

test('a refusal says what the peer did, not what this machine has and where', () => {
  const disk = new OotoError('OOTO_STORE_WRITE', 'environment', 'cannot write to /srv/mesh: ENOSPC', {
    cause: new Error('ENOSPC'),
  });
  const inner = new OotoError('OOTO_STORE_CLOSED', 'caller', '/srv/mesh has been closed');
  for (const error of [disk, inner])
    assert.equal(refusalOf(1, error), {
      kind: 'refusal',
      id: 1,
      code: error.code,
      message: 'the node could not answer',
    });
  for (const fault of ['peer', 'environment'] as const) {
    const told = refusalOf(1, new OotoError('OOTO_AUTHORITY_UNAVAILABLE', fault, 'missing: a1, a2'));
    assert.is(told.kind === 'refusal' && told.message, 'missing: a1, a2');
  }
});
