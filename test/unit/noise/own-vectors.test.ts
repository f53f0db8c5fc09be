/**
 * The project's own vectors for its two protocols, from fixed keys: the engine and a second derivation that
 * shares no code with it come to the same bytes, and to the values written down here.
 */
import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import { HandshakeState, type Role } from '../../../src/noise/handshake-state.ts';
import { bytes, is } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import {
  type ReferenceKeys,
  type ReferenceRun,
  referenceNNhfsPsk0,
  referenceXXhfs,
} from '../../support/reference-noise.ts';
import { suite } from '../../support/suite.ts';

const test = suite('own noise vectors');
const crypto = testCrypto();
const XX = 'Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256';
const NN = 'Noise_NNhfs+psk0_25519+MLKEM768_AESGCM_SHA256';

function fixedKeys(first: number): ReferenceKeys {
  const filled = (offset: number, length = 32) => new Uint8Array(length).fill(first + offset);
  return {
    initiatorStatic: filled(1),
    responderStatic: filled(2),
    initiatorEphemeral: filled(3),
    responderEphemeral: filled(4),
    kemSeed: filled(5, 64),
    coins: filled(6),
    psk: filled(7),
  };
}

function engine(
  name: string,
  keys: ReferenceKeys,
  prologue: Uint8Array,
  payloads: Uint8Array[],
): ReferenceRun {
  const side = (role: Role) =>
    new HandshakeState(crypto, {
      protocolName: name,
      role,
      prologue,
      ...(name === XX
        ? { staticKey: role === 'initiator' ? keys.initiatorStatic : keys.responderStatic }
        : { psks: [keys.psk] }),
      dangerouslyFixedEphemerals: {
        e: role === 'initiator' ? keys.initiatorEphemeral : keys.responderEphemeral,
        e1: crypto.mlkem768.keygen(keys.kemSeed),
        coins: keys.coins,
      },
    });
  const [initiator, responder] = [side('initiator'), side('responder')];
  const transcripts: Uint8Array[] = [];
  const messages = initiator.pattern.messages.map((_, i) => {
    const [writer, reader] = i % 2 === 0 ? [initiator, responder] : [responder, initiator];
    const message = writer.writeMessage(payloads[i]);
    const read = reader.readMessage(message);
    bytes(read.payload, payloads[i]);
    transcripts.push(read.transcript);
    return message;
  });
  const [ours, theirs] = [initiator.split(), responder.split()];
  bytes(ours.send.copyKey(), theirs.receive.copyKey());
  bytes(ours.receive.copyKey(), theirs.send.copyKey());
  bytes(ours.exporterSecret, theirs.exporterSecret);
  return {
    messages,
    transcripts,
    handshakeHash: ours.handshakeHash,
    outputs: [ours.send.copyKey(), ours.receive.copyKey(), ours.exporterSecret],
  };
}

function same(actual: ReferenceRun, expected: ReferenceRun): void {
  actual.messages.forEach((message, i) => void bytes(message, expected.messages[i], `message ${i + 1}`));
  actual.transcripts.forEach((h, i) => void bytes(h, expected.transcripts[i], `transcript ${i + 1}`));
  bytes(actual.handshakeHash, expected.handshakeHash, 'h');
  actual.outputs.forEach((output, i) => void bytes(output, expected.outputs[i], `output ${i + 1}`));
}

const PAYLOADS = [utf8('one'), utf8('two'), utf8('three')];

test('XXhfs: engine, second derivation and the values written down agree', () => {
  const keys = fixedKeys(0x10);
  const run = engine(XX, keys, utf8('prologue'), PAYLOADS);
  same(run, referenceXXhfs(keys, utf8('prologue'), PAYLOADS));
  is(hex(run.handshakeHash), '0a5d0aff32c277e0d72234d1046502d117497a5f2b9b9ef86c036ec5dfb16f51');
  is(hex(run.outputs[0]), 'de0b7c0b96edfb9378ee6a86cc4002834b38af000aaa71e3c366dc4c9fc6df65');
  is(hex(run.outputs[1]), '559f8ad1737711f18a4f6a29a3199f7da4f74fdbec2cda58bb5aca4cfd69acb0');
  is(hex(run.outputs[2]), '297515dc5577b226b77f5622a30afa33867a828bf37994d9b2f7d7b58c448c68');
});

test('NNhfs+psk0: engine, second derivation and the values written down agree', () => {
  const keys = fixedKeys(0x20);
  const run = engine(NN, keys, utf8('prologue'), PAYLOADS);
  same(run, referenceNNhfsPsk0(keys, utf8('prologue'), PAYLOADS));
  is(hex(run.handshakeHash), '1413e5dd91c82e5e425ed98e6d7b082653da78ff1fde94799c79997ea19741aa');
  is(hex(run.outputs[0]), '87116caaf3b35faa572014e5f1e5bb088a42634334707cf6a11975cb1f505952');
  is(hex(run.outputs[1]), '0065846c816fe2eac6954a1831849351b3ac0ef6fcc2fc8f65e08ecc9fc46f85');
  is(hex(run.outputs[2]), 'c31f69d4bdda7ad2630d1b8b7305b859fc50f3ef3ecdf163a9e3a2230cf19e8a');
});

test('property: engine and second derivation agree on any keys, prologue and payloads', () => {
  const secret = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const keys = fc.record({
    initiatorStatic: secret(32),
    responderStatic: secret(32),
    initiatorEphemeral: secret(32),
    responderEphemeral: secret(32),
    kemSeed: secret(64),
    coins: secret(32),
    psk: secret(32),
  });
  const text = fc.uint8Array({ maxLength: 100 });
  fc.assert(
    fc.property(keys, text, fc.tuple(text, text, text), (some, prologue, payloads) => {
      same(engine(XX, some, prologue, payloads), referenceXXhfs(some, prologue, payloads));
      same(engine(NN, some, prologue, payloads), referenceNNhfsPsk0(some, prologue, payloads));
    }),
    { numRuns: 10 },
  );
});
