/**
 * The project's own vectors for its two protocols, from fixed keys: the engine and a second derivation that
 * shares no code with it come to the same bytes, and to the values in test/vectors/noise.json.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { hex, unhex } from '../../../src/base/hex.ts';
import { noiseSuite } from '../../../src/crypto/noise-suite.ts';
import { CipherState } from '../../../src/noise/cipher-state.ts';
import { HandshakeState, type Role } from '../../../src/noise/handshake-state.ts';
import { parseProtocolName } from '../../../src/noise/protocol-name.ts';
import { bytes, equal, is, ok } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import {
  type ReferenceKeys,
  type ReferenceRun,
  referenceNNhfsPsk0,
  referenceXXhfs,
} from '../../support/reference-noise.ts';
import { suite } from '../../support/suite.ts';
import { type OwnVector, ownVectorFile } from '../../vectors/noise.ts';

const test = suite('own noise vectors');
const crypto = testCrypto();
const XX = 'Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256';
const NN = 'Noise_NNhfs+psk0_25519+MLKEM768_AESGCM_SHA256';

const aesgcm = noiseSuite(crypto, parseProtocolName(XX).suite).cipher;
const UNUSED = new Uint8Array(32);

function keysOf(vector: OwnVector): ReferenceKeys {
  const key = (text: string | undefined) => (text === undefined ? UNUSED : unhex(text));
  return {
    initiatorStatic: key(vector.init_static),
    responderStatic: key(vector.resp_static),
    initiatorEphemeral: key(vector.init_ephemeral),
    responderEphemeral: key(vector.resp_ephemeral),
    kemSeed: key(vector.init_kem_seed),
    coins: key(vector.resp_kem_coins),
    psk: key(vector.init_psks?.[0]),
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

const FILE = readFileSync('test/vectors/noise.json', 'utf8');
const { vectors } = JSON.parse(FILE) as { vectors: OwnVector[] };

test('the file is what the generator writes', () => {
  ok(FILE === ownVectorFile(), 'run node scripts/noise-vectors.mjs, and see what changed');
  is(vectors.length, 8);
});

vectors.forEach((vector, i) => {
  test(`${vector.protocol_name}, vector ${i}: the engine comes to the values written down`, () => {
    const payloads = vector.messages.map(({ payload }) => unhex(payload));
    const ciphertexts = vector.messages.map(({ ciphertext }) => unhex(ciphertext));
    const run = engine(vector.protocol_name, keysOf(vector), unhex(vector.init_prologue), payloads);
    run.messages.forEach((message, n) => void bytes(message, ciphertexts[n], `message ${n + 1}`));
    is(hex(run.handshakeHash), vector.handshake_hash);
    equal(run.outputs.map(hex), [...vector.transport_keys, vector.exporter_secret]);
    const turns = run.messages.length;
    for (const turn of [turns, turns + 1]) {
      const state = new CipherState(aesgcm, run.outputs[turn % 2].slice());
      bytes(state.encryptWithAd(new Uint8Array(), payloads[turn]), ciphertexts[turn], `message ${turn + 1}`);
    }
  });
});

test('every byte of a vector counts', () => {
  for (const vector of vectors) {
    const payloads = vector.messages.map(({ payload }) => unhex(payload));
    const seen = new Set([vector.handshake_hash]);
    const keys = keysOf(vector);
    const used = vector.init_psks ? (['psk'] as const) : (['initiatorStatic', 'responderStatic'] as const);
    for (const name of ['initiatorEphemeral', 'responderEphemeral', 'kemSeed', 'coins', ...used] as const) {
      const changed = { ...keys, [name]: keys[name].with(8, keys[name][8] ^ 1) };
      const run = engine(vector.protocol_name, changed, unhex(vector.init_prologue), payloads);
      seen.add(hex(run.handshakeHash));
    }
    is(seen.size, 5 + used.length);
  }
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
