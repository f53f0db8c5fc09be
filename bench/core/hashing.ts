/** SHA-256 of one message and of many, the hash chain record by record and batched, and Merkle roots. */
import type { Random } from '../../src/ports.ts';
import type { Engine } from '../engine.ts';
import type { Assign } from './contest.ts';
import { DIGEST_BYTES, messages, Turns } from './inputs.ts';

/** Messages of one call of `sha256-many`, and records of one call of a chain. */
export const MESSAGES_A_CALL = 64;
/** Bytes of a leaf of `merkle-root`. */
export const LEAF_BYTES = 256;

export function hashing(random: Random, size: number): Assign {
  const pool = messages(random, 4, size);
  return ({ sha256 }: Engine) => {
    if (sha256 === undefined) return undefined;
    const turns = new Turns(pool);
    const digest = new Uint8Array(DIGEST_BYTES);
    return {
      operations: 1,
      call: () => sha256(turns.next(), digest),
      rewind: () => turns.rewind(),
      outcome: () => digest,
    };
  };
}

export function hashingMany(random: Random, size: number): Assign {
  const pool = messages(random, MESSAGES_A_CALL, size);
  return ({ sha256Many }: Engine) => {
    if (sha256Many === undefined) return undefined;
    const digests = new Uint8Array(MESSAGES_A_CALL * DIGEST_BYTES);
    return {
      operations: MESSAGES_A_CALL,
      call: () => sha256Many(pool, digests),
      rewind: () => {},
      outcome: () => digests,
    };
  };
}

/** Every call goes on from the last head of the call before. */
export function chaining(random: Random, size: number): Assign {
  const [start, records] = [random.bytes(DIGEST_BYTES), messages(random, MESSAGES_A_CALL, size)];
  return ({ chain }: Engine) => {
    if (chain === undefined) return undefined;
    const heads = new Uint8Array(MESSAGES_A_CALL * DIGEST_BYTES);
    const [head, last] = [start.slice(), heads.subarray(-DIGEST_BYTES)];
    return {
      operations: MESSAGES_A_CALL,
      call() {
        const done = chain(head, records, heads);
        head.set(last);
        return done;
      },
      rewind: () => head.set(start),
      outcome: () => heads,
    };
  };
}

export function chainingBatched(random: Random, size: number): Assign {
  const [start, records] = [random.bytes(DIGEST_BYTES), messages(random, MESSAGES_A_CALL, size)];
  return ({ chainBatched }: Engine) => {
    if (chainBatched === undefined) return undefined;
    const [head, next] = [start.slice(), new Uint8Array(DIGEST_BYTES)];
    return {
      operations: MESSAGES_A_CALL,
      call() {
        const done = chainBatched(head, records, next);
        head.set(next);
        return done;
      },
      rewind: () => head.set(start),
      outcome: () => next,
    };
  };
}

/** `size` counts the leaves; an operation is a leaf. */
export function growing(random: Random, size: number): Assign {
  const leaves = messages(random, size, LEAF_BYTES);
  return ({ merkleRoot }: Engine) => {
    if (merkleRoot === undefined) return undefined;
    const root = new Uint8Array(DIGEST_BYTES);
    return {
      operations: size,
      call: () => merkleRoot(leaves, root),
      rewind: () => {},
      outcome: () => root,
    };
  };
}
