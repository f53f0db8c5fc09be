/**
 * The project's own vectors for the two protocols of a channel, as in test/vectors/noise.json. What flows through
 * here: keys are SHA-256 of what they are for, and each run comes from the second derivation, which shares no
 * code with the engine. The form is cacophony's, with the KEM's seed and coins, the two transport keys and the
 * exporter secret beside it; after the handshake come two transport messages, each the first of its direction.
 *   node scripts/noise-vectors.mjs writes the file.
 */
import { createHash } from 'node:crypto';
import {
  type ReferenceKeys,
  type ReferenceRun,
  referenceNNhfsPsk0,
  referenceXXhfs,
  transportMessage,
} from '../support/reference-noise.ts';

/** Bytes are lower-case hexadecimal. */
export interface OwnVector {
  protocol_name: string;
  init_prologue: string;
  init_static?: string;
  init_ephemeral: string;
  /** Seed of the initiator's ML-KEM-768 pair: d ‖ z, 64 bytes. */
  init_kem_seed: string;
  init_psks?: string[];
  resp_prologue: string;
  resp_static?: string;
  resp_ephemeral: string;
  /** What the responder encapsulates from: m, 32 bytes. */
  resp_kem_coins: string;
  resp_psks?: string[];
  handshake_hash: string;
  /** The initiator's sending key, then the responder's. */
  transport_keys: string[];
  exporter_secret: string;
  messages: { payload: string; ciphertext: string }[];
}

const XX = 'Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256';
const NN = 'Noise_NNhfs+psk0_25519+MLKEM768_AESGCM_SHA256';

/** Prologue and payloads of handshake and transport, as lengths. */
const CASES = [
  { prologue: 0, payloads: [0, 0, 0, 0, 0] },
  { prologue: 66, payloads: [0, 1, 15, 16, 17] },
  { prologue: 1, payloads: [31, 32, 33, 1000, 64] },
  { prologue: 300, payloads: [100, 600, 600, 0, 1] },
];

/** Text of the file. */
export function ownVectorFile(): string {
  const vectors = [XX, NN].flatMap((name) => CASES.map((_, number) => ownVector(name, number)));
  return `${JSON.stringify({ vectors }, undefined, 1)}\n`;
}

function ownVector(name: string, number: number): OwnVector {
  const bytes = (what: string, length: number) => expanded(`${name} ${number} ${what}`, length);
  const keys: ReferenceKeys = {
    initiatorStatic: bytes('initiator static', 32),
    responderStatic: bytes('responder static', 32),
    initiatorEphemeral: bytes('initiator ephemeral', 32),
    responderEphemeral: bytes('responder ephemeral', 32),
    kemSeed: bytes('kem seed', 64),
    coins: bytes('kem coins', 32),
    psk: bytes('psk', 32),
  };
  const { prologue: prologueBytes, payloads: lengths } = CASES[number];
  const prologue = bytes('prologue', prologueBytes);
  const payloads = lengths.map((length, i) => bytes(`payload ${i}`, length));
  const run = (name === XX ? referenceXXhfs : referenceNNhfsPsk0)(keys, prologue, payloads);
  const ciphertexts = [...run.messages, ...transport(run, payloads)];
  return {
    protocol_name: name,
    init_prologue: hex(prologue),
    ...(name === XX ? { init_static: hex(keys.initiatorStatic) } : { init_psks: [hex(keys.psk)] }),
    init_ephemeral: hex(keys.initiatorEphemeral),
    init_kem_seed: hex(keys.kemSeed),
    resp_prologue: hex(prologue),
    ...(name === XX ? { resp_static: hex(keys.responderStatic) } : { resp_psks: [hex(keys.psk)] }),
    resp_ephemeral: hex(keys.responderEphemeral),
    resp_kem_coins: hex(keys.coins),
    handshake_hash: hex(run.handshakeHash),
    transport_keys: run.outputs.slice(0, 2).map(hex),
    exporter_secret: hex(run.outputs[2]),
    messages: ciphertexts.map((ciphertext, i) => ({
      payload: hex(payloads[i]),
      ciphertext: hex(ciphertext),
    })),
  };
}

/** The first message of each direction; whoever's turn it is by the pattern writes first. */
function transport({ messages, outputs }: ReferenceRun, payloads: Uint8Array[]): Uint8Array[] {
  const turns = messages.length;
  return [turns, turns + 1].map((turn) => transportMessage(outputs[turn % 2], 0, payloads[turn]));
}

/** SHA-256 of the text and a counter, end to end. */
function expanded(text: string, length: number): Uint8Array {
  const parts: Buffer[] = [];
  for (let i = 0; parts.length * 32 < length; i++)
    parts.push(createHash('sha256').update(`${text} ${i}`).digest());
  return new Uint8Array(Buffer.concat(parts).subarray(0, length));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
