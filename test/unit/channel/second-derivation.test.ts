/**
 * A whole channel derived a second time: from the random draws and the payloads of two seeded sides, node:crypto
 * and noble alone come to the same handshake messages, session id, records, signatures, salts and exported
 * values, and to the same next epoch. All layouts stand here as literals.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  verify,
} from 'node:crypto';
import { readU32be, utf8 } from '../../../src/base/bytes.ts';
import type { Crypto } from '../../../src/crypto/crypto.ts';
import { bytes, equal, is, ok } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { framesOf, MESH_ID, Pair, type Party, type Side, seededRandom } from '../../support/network.ts';
import {
  type ReferenceKeys,
  type ReferenceRun,
  referenceNNhfsPsk0,
  referenceXXhfs,
} from '../../support/reference-noise.ts';
import { suite } from '../../support/suite.ts';

const test = suite('second derivation of a channel');

const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const sha256 = (...parts: Uint8Array[]) =>
  new Uint8Array(
    createHash('sha256')
      .update(join(...parts))
      .digest(),
  );
const be = (value: number, size: number) => {
  const out = Buffer.alloc(size);
  out.writeUIntBE(value, Math.max(0, size - 6), Math.min(6, size));
  return new Uint8Array(out);
};
const NONE = new Uint8Array();

/** HKDF-Expand to one block. */
const expand = (secret: Uint8Array, ...info: Uint8Array[]) =>
  new Uint8Array(
    createHmac('sha256', secret)
      .update(join(...info, Uint8Array.of(1)))
      .digest(),
  );

function openRecord(key: Uint8Array, counter: number, frame: Uint8Array): Uint8Array {
  const decipher = createDecipheriv('aes-256-gcm', key, join(be(0, 4), be(counter, 8)));
  decipher.setAAD(frame.subarray(4, 17)).setAuthTag(frame.subarray(-16));
  return join(decipher.update(frame.subarray(17, -16)), decipher.final());
}

function verifies(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const spki = join(Buffer.from('302a300506032b6570032100', 'hex'), publicKey);
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
}

const partyHash = ({ own, subject, delegation }: Party) =>
  sha256(be(own.id.length, 4), utf8(own.id), subject, delegation.messageKey);

/** What one side drew and what it gave to the cipher of the handshake. */
interface Notes {
  drawn: Uint8Array[];
  sealed: Uint8Array[];
}

function noting(seed: string): { crypto: Crypto; notes: Notes } {
  const notes: Notes = { drawn: [], sealed: [] };
  const random = seededRandom(seed);
  const bytesOf = (length: number) => {
    const drawn = random.bytes(length);
    notes.drawn.push(drawn.slice());
    return drawn;
  };
  const crypto = testCrypto({ bytes: bytesOf });
  const seal: Crypto['aes256gcm']['seal'] = (key, iv, aad, plaintext, engine) => {
    notes.sealed.push(plaintext.slice());
    return crypto.aes256gcm.seal(key, iv, aad, plaintext, engine);
  };
  return { crypto: { ...crypto, aes256gcm: { ...crypto.aes256gcm, seal } }, notes };
}

/** The nth draw of this length. */
const drawnOf = ({ drawn }: Notes, length: number, nth = 0) =>
  drawn.filter((one) => one.length === length)[nth];

interface Recorded {
  pair: Pair;
  initiator: Notes;
  responder: Notes;
  flights: { from: Side; bytes: Uint8Array }[];
  keys: ReferenceKeys;
}

function record(): Recorded {
  const [initiator, responder] = [noting('left'), noting('right')];
  const pair = new Pair({ initiator: { crypto: initiator.crypto }, responder: { crypto: responder.crypto } });
  const flights: Recorded['flights'] = [];
  pair.tamper = (flight, from) => {
    flights.push({ from, bytes: flight.slice() });
    return [flight];
  };
  pair.start();
  pair.run();
  const keys: ReferenceKeys = {
    initiatorStatic: pair.alice.own.noiseStatic,
    responderStatic: pair.bob.own.noiseStatic,
    initiatorEphemeral: drawnOf(initiator.notes, 32),
    responderEphemeral: drawnOf(responder.notes, 32),
    kemSeed: drawnOf(initiator.notes, 64),
    coins: drawnOf(responder.notes, 32, 1),
    psk: NONE,
  };
  return { pair, initiator: initiator.notes, responder: responder.notes, flights, keys };
}

function handshakeOf({ initiator, responder, keys }: Recorded): ReferenceRun {
  const preamble = join(be(1, 2), MESH_ID, new Uint8Array(32));
  const [, , secondPayload] = responder.sealed;
  const [, thirdPayload] = initiator.sealed;
  return referenceXXhfs(keys, preamble, [NONE, secondPayload, thirdPayload]);
}

const exported = (run: ReferenceRun, kind: string, context = NONE) =>
  expand(run.outputs[2], utf8(`ooto/1 ${kind}\0`), run.handshakeHash, context);

test('handshake messages, session id and confirmation', () => {
  const recorded = record();
  const { pair, flights } = recorded;
  const run = handshakeOf(recorded);
  const [hello, reply, finish, confirmation] = flights.map((flight) => flight.bytes);
  bytes(hello.subarray(5 + 66), run.messages[0]);
  bytes(reply.subarray(5), run.messages[1]);
  bytes(finish.subarray(5), run.messages[2]);
  equal([hello[4], reply[4], finish[4], confirmation[4]], [1, 2, 3, 0x11]);
  bytes(pair.initiator.sessionId!, run.handshakeHash);
  const signature = openRecord(run.outputs[1], 0, confirmation);
  const signed = join(utf8('ooto/1 confirmation\0'), Uint8Array.of(2), run.handshakeHash);
  ok(verifies(pair.bob.delegation.messageKey, signed, signature));
  bytes(pair.initiator.export('attestation-exporter'), exported(run, 'attestation-exporter'));
});

test('a batch: record, salts, leaves, root and signature', () => {
  const recorded = record();
  const { pair } = recorded;
  const run = handshakeOf(recorded);
  const messages = [utf8('one'), utf8('two'), utf8('three')];
  for (const message of messages) pair.initiator.send(message);
  const [frame] = framesOf(pair.initiator.flush(pair.now));
  const plaintext = openRecord(run.outputs[0], 0, frame);
  bytes(frame.subarray(4, 17), join(Uint8Array.of(0x10), be(0, 4), be(0, 8)));
  bytes(
    plaintext.subarray(64),
    join(be(3, 4), ...messages.flatMap((message) => [be(message.length, 4), message])),
  );
  const saltKey = exported(run, 'batch-salts', Uint8Array.of(1));
  const stream = createCipheriv('aes-256-ctr', saltKey, join(new Uint8Array(12), be(2, 4)));
  const salts = new Uint8Array(stream.update(new Uint8Array(48)));
  const leaf = (i: number) => sha256(Uint8Array.of(0), salts.subarray(16 * i, 16 * i + 16), messages[i]);
  const root = sha256(Uint8Array.of(5), leaf(0), leaf(1), leaf(2));
  const signed = join(
    utf8('ooto/1 batch\0'),
    MESH_ID,
    run.handshakeHash,
    run.handshakeHash,
    be(0, 4),
    Uint8Array.of(1),
    be(0, 8),
    be(0, 8),
    ...[pair.alice, pair.bob].map(partyHash),
    be(3, 4),
    root,
  );
  ok(verifies(pair.alice.delegation.messageKey, signed, plaintext.subarray(0, 64)));
});

test('the number of a batch and the end, which is signed with the number of all', () => {
  const recorded = record();
  const { pair } = recorded;
  const run = handshakeOf(recorded);
  pair.initiator.send(utf8('one'));
  pair.run();
  pair.initiator.send(utf8('two'));
  pair.initiator.close(pair.now);
  const [batch, close] = framesOf(pair.initiator.flush(pair.now));
  const plaintext = openRecord(run.outputs[0], 1, batch);
  const saltKey = exported(run, 'batch-salts', Uint8Array.of(1));
  const stream = createCipheriv('aes-256-ctr', saltKey, join(be(0, 4), be(1, 8), be(2, 4)));
  const salt = new Uint8Array(stream.update(new Uint8Array(16)));
  const signed = join(
    utf8('ooto/1 batch\0'),
    MESH_ID,
    run.handshakeHash,
    run.handshakeHash,
    be(0, 4),
    Uint8Array.of(1),
    be(1, 8),
    be(1, 8),
    ...[pair.alice, pair.bob].map(partyHash),
    be(1, 4),
    sha256(Uint8Array.of(0), salt, utf8('two')),
  );
  ok(verifies(pair.alice.delegation.messageKey, signed, plaintext.subarray(0, 64)));
  const end = openRecord(run.outputs[0], 2, close);
  is(close[4], 0x17);
  bytes(end.subarray(0, 8), be(2, 8));
  const ended = join(utf8('ooto/1 close\0'), Uint8Array.of(1), run.handshakeHash, be(2, 8));
  ok(verifies(pair.alice.delegation.messageKey, ended, end.subarray(8)));
});

test('payloads: the transcript signature covers role, h and content', () => {
  const recorded = record();
  const secondPayload = recorded.responder.sealed[2];
  const thirdPayload = recorded.initiator.sealed[1];
  const { transcripts } = handshakeOf(recorded);
  const { alice, bob } = recorded.pair;
  for (const [role, payload, h, party] of [
    [2, secondPayload, transcripts[1], bob],
    [1, thirdPayload, transcripts[2], alice],
  ] as const) {
    // {"content": bytes, "signature": 64 bytes}; the length of the content takes two bytes.
    const contentAt = payload.indexOf(0x59) + 3;
    const length = (payload[contentAt - 2] << 8) | payload[contentAt - 1];
    const content = payload.subarray(contentAt, contentAt + length);
    const signed = join(utf8('ooto/1 transcript\0'), Uint8Array.of(role), h, sha256(content));
    ok(verifies(party.delegation.messageKey, signed, payload.subarray(-64)));
  }
});

test('the next epoch: psk, prologue, messages, signatures and keys', () => {
  const recorded = record();
  const { pair, flights } = recorded;
  const first = handshakeOf(recorded);
  flights.length = 0;
  recorded.initiator.drawn.length = 0;
  recorded.responder.drawn.length = 0;
  recorded.responder.sealed.length = 0;
  pair.initiator.renewEpoch();
  pair.run();
  const ids = [pair.alice.own.id, pair.bob.own.id].map(utf8);
  const prologue = join(first.handshakeHash, be(1, 4), ...ids.flatMap((id) => [be(id.length, 4), id]));
  const keys: ReferenceKeys = {
    ...recorded.keys,
    initiatorEphemeral: drawnOf(recorded.initiator, 32),
    responderEphemeral: drawnOf(recorded.responder, 32),
    kemSeed: drawnOf(recorded.initiator, 64),
    coins: drawnOf(recorded.responder, 32, 1),
    psk: exported(first, 'epoch-psk'),
  };
  const [, signature] = recorded.responder.sealed;
  is(signature.length, 64);
  const run = referenceNNhfsPsk0(keys, prologue, [NONE, signature]);
  const [offer, answer, confirmation, switched] = flights.map((flight) => flight.bytes);
  bytes(openRecord(first.outputs[0], 0, offer), run.messages[0]);
  bytes(openRecord(first.outputs[1], 1, answer), run.messages[1]);
  const answered = join(utf8('ooto/1 epoch-transcript\0'), Uint8Array.of(2), run.transcripts[1], be(1, 4));
  ok(verifies(pair.bob.delegation.messageKey, answered, signature));
  const confirmed = openRecord(run.outputs[0], 0, confirmation);
  const switchedBack = openRecord(run.outputs[1], 0, switched);
  for (const [role, content, records, party] of [
    [1, confirmed, 1, pair.alice],
    [2, switchedBack, 2, pair.bob],
  ] as const) {
    bytes(content.subarray(0, 16), join(be(records, 8), be(0, 8)));
    const place = [Uint8Array.of(role), run.handshakeHash, be(1, 4), be(records, 8), be(0, 8)];
    const signed = join(utf8('ooto/1 epoch-confirmation\0'), ...place);
    ok(verifies(party.delegation.messageKey, signed, content.subarray(16)));
  }
  is(readU32be(switched, 5), 1);
  bytes(pair.responder.export('attestation-exporter'), exported(run, 'attestation-exporter'));
});
