/**
 * `noise.run`: one published vector, both sides of it. What flows through here: the keys of the vector make an
 * initiator and a responder; each message is written by one and read by the other, first through the handshake,
 * then through the transport keys; the ciphertexts come back in order. Cacophony's field names are used, and
 * those of the public XXhfs vectors, which fix the KEM's key pair and the coins of its encapsulation.
 */
import { equal } from '../../src/base/bytes.ts';
import { OotoError } from '../../src/base/errors.ts';
import { hex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { HandshakeState, type Role, type SplitResult } from '../../src/noise/handshake-state.ts';
import { byteList, bytes, type Fields, has, type Operations, objects, text, vector } from './request.ts';

const XXHFS = 'Noise_XXhfs_25519+MLKEM768_ChaChaPoly_SHA256';

/** For each role, the field names of cacophony, then of the XXhfs vectors. */
const NAMES: Readonly<Record<Role, { prefix: string; letter: string }>> = {
  initiator: { prefix: 'init', letter: 'i' },
  responder: { prefix: 'resp', letter: 'r' },
};

export function noiseOperations(crypto: Crypto): Operations {
  return { 'noise.run': (request) => run(crypto, vector(request)) };
}

function run(crypto: Crypto, fields: Fields): Fields {
  const pair = {
    initiator: handshake(crypto, fields, 'initiator'),
    responder: handshake(crypto, fields, 'responder'),
  };
  const { pattern } = pair.initiator;
  const payloads = has(fields, 'messages')
    ? objects(fields, 'messages').map((message) => bytes(message, 'payload'))
    : pattern.messages.map(() => new Uint8Array());
  const turns = pattern.messages.length;
  const messages = payloads.slice(0, turns).map((payload, i) => shakeHands(pair, i, payload));
  const split = { initiator: pair.initiator.split(), responder: pair.responder.split() };
  requireSame(split.initiator.handshakeHash, split.responder.handshakeHash);
  for (const [i, payload] of payloads.slice(turns).entries())
    messages.push(transport(split, pattern.oneWay ? 0 : turns + i, payload));
  const handshakeHash = hex(split.initiator.handshakeHash);
  for (const side of Object.values(split)) side[Symbol.dispose]();
  return { messages: messages.map(hex), handshakeHash };
}

function handshake(crypto: Crypto, fields: Fields, role: Role): HandshakeState {
  const { prefix, letter } = NAMES[role];
  const optional = (...names: string[]) => {
    const name = names.find((candidate) => has(fields, candidate));
    return name === undefined ? undefined : bytes(fields, name);
  };
  return new HandshakeState(crypto, {
    protocolName: protocolName(fields),
    role,
    prologue: optional(`${prefix}_prologue`, 'prologue') ?? new Uint8Array(),
    staticKey: optional(`${prefix}_static`, `static_${letter}_private`),
    remoteStatic: optional(`${prefix}_remote_static`),
    psks: has(fields, `${prefix}_psks`) ? byteList(fields, `${prefix}_psks`) : [],
    dangerouslyFixedEphemerals: {
      e: optional(`${prefix}_ephemeral`, `ephemeral_dh_${letter}_private`),
      e1: kemPair(fields, letter),
      coins: optional('encap_seed_hex'),
    },
  });
}

function protocolName(fields: Fields): string {
  for (const name of ['protocol_name', 'protocol']) if (has(fields, name)) return text(fields, name);
  return has(fields, 'ephemeral_kem_i_public') ? XXHFS : text(fields, 'protocol_name');
}

function kemPair(fields: Fields, letter: string) {
  if (!has(fields, `ephemeral_kem_${letter}_public`)) return undefined;
  return {
    ek: bytes(fields, `ephemeral_kem_${letter}_public`),
    dk: bytes(fields, `ephemeral_kem_${letter}_secret`),
  };
}

function shakeHands(pair: Record<Role, HandshakeState>, turn: number, payload: Uint8Array): Uint8Array {
  const [sender, receiver] = sides(turn);
  const message = pair[sender].writeMessage(payload);
  requireSame(pair[receiver].readMessage(message).payload, payload);
  return message;
}

function transport(split: Record<Role, SplitResult>, turn: number, payload: Uint8Array): Uint8Array {
  const [sender, receiver] = sides(turn);
  const nothing = new Uint8Array();
  const ciphertext = split[sender].send.encryptWithAd(nothing, payload);
  requireSame(split[receiver].receive.decryptWithAd(nothing, ciphertext), payload);
  return ciphertext;
}

function sides(turn: number): [Role, Role] {
  return turn % 2 === 0 ? ['initiator', 'responder'] : ['responder', 'initiator'];
}

function requireSame(one: Uint8Array, other: Uint8Array): void {
  if (!equal(one, other))
    throw new OotoError('OOTO_ORACLE_SIDES_DIFFER', 'local', 'the two sides of the vector do not agree');
}
