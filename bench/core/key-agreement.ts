/** X25519 and ML-KEM-768. A point or an encapsulation key arrives as bytes and is new each time, as in a handshake. */
import { x25519 } from '@noble/curves/ed25519.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { concat } from '../../src/base/bytes.ts';
import type { Random } from '../../src/ports.ts';
import type { Engine } from '../engine.ts';
import type { Assign } from './contest.ts';
import { messages, Turns } from './inputs.ts';

const [EK_BYTES, DK_BYTES, CIPHERTEXT_BYTES, SECRET_BYTES, SEED_BYTES, COINS_BYTES] = [
  1184, 2400, 1088, 32, 64, 32,
];
const PEERS = 16;

export function agreeing(random: Random): Assign {
  const scalar = random.bytes(32);
  const points = messages(random, PEERS, 32).map((peer) => x25519.getPublicKey(peer));
  return async (engine: Engine) => {
    const agree = await engine.x25519?.(scalar);
    if (agree === undefined) return undefined;
    const turns = new Turns(points);
    const secret = new Uint8Array(SECRET_BYTES);
    return {
      operations: 1,
      call: () => agree(turns.next(), secret),
      rewind: () => turns.rewind(),
      outcome: () => secret,
    };
  };
}

export function generatingKeys(random: Random): Assign {
  const seeds = messages(random, PEERS, SEED_BYTES);
  return ({ mlkem768 }: Engine) => {
    if (mlkem768 === undefined) return undefined;
    const turns = new Turns(seeds);
    const [ek, dk] = [new Uint8Array(EK_BYTES), new Uint8Array(DK_BYTES)];
    return {
      operations: 1,
      call: () => mlkem768.keygen(turns.next(), ek, dk),
      rewind: () => turns.rewind(),
      outcome: () => concat(ek, dk),
    };
  };
}

export function encapsulating(random: Random): Assign {
  const peers = messages(random, PEERS, SEED_BYTES).map((seed) => ({
    ek: ml_kem768.keygen(seed).publicKey,
    coins: random.bytes(COINS_BYTES),
  }));
  return ({ mlkem768 }: Engine) => {
    if (mlkem768 === undefined) return undefined;
    const turns = new Turns(peers);
    const [ciphertext, secret] = [new Uint8Array(CIPHERTEXT_BYTES), new Uint8Array(SECRET_BYTES)];
    return {
      operations: 1,
      call() {
        const { ek, coins } = turns.next();
        return mlkem768.encaps(ek, coins, ciphertext, secret);
      },
      rewind: () => turns.rewind(),
      outcome: () => concat(ciphertext, secret),
    };
  };
}

export function decapsulating(random: Random): Assign {
  const { publicKey, secretKey } = ml_kem768.keygen(random.bytes(SEED_BYTES));
  const ciphertexts = messages(random, PEERS, COINS_BYTES).map(
    (coins) => ml_kem768.encapsulate(publicKey, coins).cipherText,
  );
  return ({ mlkem768 }: Engine) => {
    if (mlkem768 === undefined) return undefined;
    const turns = new Turns(ciphertexts);
    const secret = new Uint8Array(SECRET_BYTES);
    return {
      operations: 1,
      call: () => mlkem768.decaps(secretKey, turns.next(), secret),
      rewind: () => turns.rewind(),
      outcome: () => secret,
    };
  };
}
