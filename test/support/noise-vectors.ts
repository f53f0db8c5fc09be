/**
 * Runs published Noise vectors. What flows through here: one vector in cacophony's JSON form or in the form of
 * the public XXhfs vectors; two handshake states with the vector's ephemerals pass its messages to each other;
 * every ciphertext and the handshake hash come out. Whoever calls compares.
 */
import { equal } from '../../src/base/bytes.ts';
import { hex, unhex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import type { CipherState } from '../../src/noise/cipher-state.ts';
import { type HandshakeOptions, HandshakeState } from '../../src/noise/handshake-state.ts';

/** Bytes are lower-case hexadecimal. */
export interface CacophonyVector {
  protocol_name: string;
  init_prologue: string;
  init_static?: string;
  init_ephemeral?: string;
  init_remote_static?: string;
  init_psks?: string[];
  resp_prologue: string;
  resp_static?: string;
  resp_ephemeral?: string;
  resp_remote_static?: string;
  resp_psks?: string[];
  handshake_hash?: string;
  messages: { payload: string; ciphertext?: string }[];
}

/** One vector of a file whose `protocol` may stand at its top instead. */
export interface HybridVector {
  protocol?: string;
  static_i_private: string;
  static_r_private: string;
  ephemeral_dh_i_private: string;
  ephemeral_dh_r_private: string;
  ephemeral_kem_i_public: string;
  ephemeral_kem_i_secret: string;
  encap_seed_hex: string;
  prologue: string;
}

export interface NoiseRun {
  messages: string[];
  handshakeHash: string;
  /** The two transport keys, the initiator's sending one first. */
  keys: [string, string];
}

const HYBRID_PROTOCOL = 'Noise_XXhfs_25519+MLKEM768_ChaChaPoly_SHA256';

export function runNoiseVector(crypto: Crypto, vector: CacophonyVector | HybridVector): NoiseRun {
  return 'protocol_name' in vector ? runCacophony(crypto, vector) : runHybrid(crypto, vector);
}

function runCacophony(crypto: Crypto, vector: CacophonyVector): NoiseRun {
  const initiator = new HandshakeState(crypto, {
    protocolName: vector.protocol_name,
    role: 'initiator',
    prologue: unhex(vector.init_prologue),
    staticKey: optional(vector.init_static),
    remoteStatic: optional(vector.init_remote_static),
    psks: vector.init_psks?.map(unhex) ?? [],
    dangerouslyFixedEphemerals: { e: optional(vector.init_ephemeral) },
  });
  const responder = new HandshakeState(crypto, {
    protocolName: vector.protocol_name,
    role: 'responder',
    prologue: unhex(vector.resp_prologue),
    staticKey: optional(vector.resp_static),
    remoteStatic: optional(vector.resp_remote_static),
    psks: vector.resp_psks?.map(unhex) ?? [],
    dangerouslyFixedEphemerals: { e: optional(vector.resp_ephemeral) },
  });
  return converse(
    initiator,
    responder,
    vector.messages.map(({ payload }) => unhex(payload)),
  );
}

function runHybrid(crypto: Crypto, vector: HybridVector): NoiseRun {
  const common = {
    protocolName: vector.protocol ?? HYBRID_PROTOCOL,
    prologue: unhex(vector.prologue),
  } satisfies Partial<HandshakeOptions>;
  const initiator = new HandshakeState(crypto, {
    ...common,
    role: 'initiator',
    staticKey: unhex(vector.static_i_private),
    dangerouslyFixedEphemerals: {
      e: unhex(vector.ephemeral_dh_i_private),
      e1: { ek: unhex(vector.ephemeral_kem_i_public), dk: unhex(vector.ephemeral_kem_i_secret) },
    },
  });
  const responder = new HandshakeState(crypto, {
    ...common,
    role: 'responder',
    staticKey: unhex(vector.static_r_private),
    dangerouslyFixedEphemerals: {
      e: unhex(vector.ephemeral_dh_r_private),
      coins: unhex(vector.encap_seed_hex),
    },
  });
  return converse(
    initiator,
    responder,
    initiator.pattern.messages.map(() => new Uint8Array()),
  );
}

/** Handshake messages and transport messages alternate; in a one-way pattern all are the initiator's. */
function converse(
  initiator: HandshakeState,
  responder: HandshakeState,
  payloads: readonly Uint8Array[],
): NoiseRun {
  const { messages: rows, oneWay } = initiator.pattern;
  const messages = rows.map((_, i) => {
    const [writer, reader] = i % 2 === 0 ? [initiator, responder] : [responder, initiator];
    const message = writer.writeMessage(payloads[i]);
    requireSame(reader.readMessage(message).payload, payloads[i]);
    return message;
  });
  const [ours, theirs] = [initiator.split(), responder.split()];
  requireSame(ours.handshakeHash, theirs.handshakeHash);
  requireSame(ours.exporterSecret, theirs.exporterSecret);
  for (let i = rows.length; i < payloads.length; i++) {
    const fromInitiator = oneWay || i % 2 === 0;
    const [send, receive] = fromInitiator ? [ours.send, theirs.receive] : [theirs.send, ours.receive];
    messages.push(transport(send, receive, payloads[i]));
  }
  return {
    messages: messages.map(hex),
    handshakeHash: hex(ours.handshakeHash),
    keys: [hex(ours.send.copyKey()), hex(ours.receive.copyKey())],
  };
}

function transport(send: CipherState, receive: CipherState, payload: Uint8Array): Uint8Array {
  const none = new Uint8Array();
  const message = send.encryptWithAd(none, payload);
  requireSame(receive.decryptWithAd(none, message), payload);
  return message;
}

function optional(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : unhex(text);
}

function requireSame(a: Uint8Array, b: Uint8Array): void {
  if (!equal(a, b)) throw new Error(`the two sides differ: ${hex(a)} and ${hex(b)}`);
}
