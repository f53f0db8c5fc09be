/**
 * Ed25519: signing, verifying one, and verifying batches with one wrong signature in each 64, which must be named.
 * Keys are prepared before the clock runs, as those of peers are in a mesh.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import type { Random } from '../../src/ports.ts';
import type { Engine } from '../engine.ts';
import type { Assign } from './contest.ts';
import { forged, messages, Turns } from './inputs.ts';

/** As long as what a record's signature covers, and then some. */
export const MESSAGE_BYTES = 64;
const SIGNATURE_BYTES = 64;
const ONE_WRONG_IN = 64;
/** Which one of the 64. */
const WRONG_PLACE = 41;

export function signing(random: Random): Assign {
  const [seed, pool] = [random.bytes(32), messages(random, 16, MESSAGE_BYTES)];
  return async (engine: Engine) => {
    const sign = await engine.ed25519Sign?.(seed);
    if (sign === undefined) return undefined;
    const turns = new Turns(pool);
    const signature = new Uint8Array(SIGNATURE_BYTES);
    return {
      operations: 1,
      call: () => sign(turns.next(), signature),
      rewind: () => turns.rewind(),
      outcome: () => signature,
    };
  };
}

export function verifying(random: Random): Assign {
  const seed = random.bytes(32);
  const pool = messages(random, 16, MESSAGE_BYTES).map((message) => ({
    message,
    signature: ed25519.sign(message, seed),
  }));
  return async (engine: Engine) => {
    const verify = await engine.ed25519Verify?.(ed25519.getPublicKey(seed));
    if (verify === undefined) return undefined;
    const turns = new Turns(pool);
    const verdict = new Uint8Array(1);
    const note = (good: boolean) => {
      verdict[0] = good ? 1 : 0;
    };
    const [{ message, signature }] = pool;
    return {
      operations: 1,
      call() {
        const signed = turns.next();
        const good = verify(signed.message, signed.signature);
        return good instanceof Promise ? good.then(note) : note(good);
      },
      rewind: () => turns.rewind(),
      outcome: () => verdict,
      refusesForgery: async () =>
        !(await verify(message, forged(signature, 0))) && !(await verify(forged(message, 0), signature)),
    };
  };
}

/** `size` signatures of as many signers, or of one. */
export function verifyingBatch(random: Random, size: number, oneSigner: boolean): Assign {
  const seeds = messages(random, oneSigner ? 1 : size, 32);
  const keys = seeds.map((seed) => ed25519.getPublicKey(seed));
  const texts = messages(random, size, MESSAGE_BYTES);
  const publicKeys = texts.map((_, i) => keys[i % keys.length]);
  const expected = Uint8Array.from(texts, (_, i) => (i % ONE_WRONG_IN === WRONG_PLACE ? 0 : 1));
  const signatures = texts.map((text, i) => {
    const signature = ed25519.sign(text, seeds[i % seeds.length]);
    return expected[i] === 1 ? signature : forged(signature, 32);
  });
  return async (engine: Engine) => {
    const verify = await engine.ed25519VerifyBatch?.(publicKeys);
    if (verify === undefined) return undefined;
    const verdicts = new Uint8Array(size);
    return {
      operations: size,
      call: () => verify(texts, signatures, verdicts),
      rewind: () => void verdicts.fill(2),
      outcome: () => verdicts,
      expected,
    };
  };
}
