/**
 * Salted leaves in the core (assembly/salted-leaves.ts). What flows through here: as many items as fit go in with
 * one call, behind their salts; their digests come out as one row. The input area is wiped after each call.
 */
import { OotoError } from '../base/errors.ts';
import { DIGEST_BYTES } from './digest.ts';
import type { Engine } from './engine.ts';

export const SALT_BYTES = 16;
/** Items of one call at most: their salts, bytes and digests fit the areas. */
const COUNT_MOST = 8192;
/** Longest item that the core takes. */
export const SALTED_ITEM_BYTES = 1024;
const ITEM_HEADER_BYTES = 4;

export interface CoreSaltedLeaves {
  /**
   * Writes SHA-256(0x00 ‖ salt ‖ bytes) of each of `count` items `u32be header ‖ bytes` to `row` from `at` on, 32 bytes
   * each. In the places of items of more than `most` bytes, and of those whose header has its highest bit set,
   * stands nothing of use.
   * @throws OOTO_CORE_SALTED (caller) for fewer salts, bytes or places than `count` items have; OOTO_CORE_ASSERTION
   * (local) for items that are not whole, or too long for the areas.
   */
  hash(items: Uint8Array, count: number, salts: Uint8Array, most: number, row: Uint8Array, at: number): void;
}

export function createCoreSaltedLeaves({ exports, input, output }: Engine): CoreSaltedLeaves {
  return {
    hash(items, count, salts, most, row, at) {
      if (salts.length !== count * SALT_BYTES || row.length < at + count * DIGEST_BYTES) throw badItems();
      for (let from = 0, first = 0; first < count; ) {
        const some = Math.min(COUNT_MOST, count - first);
        const saltBytes = some * SALT_BYTES;
        const taken = Math.min(items.length - from, input.length - saltBytes);
        if (taken < some * ITEM_HEADER_BYTES) throw badItems();
        input.set(salts.subarray(first * SALT_BYTES, (first + some) * SALT_BYTES));
        input.set(items.subarray(from, from + taken), saltBytes);
        try {
          from += exports.saltedLeaves(some, taken, most);
        } finally {
          exports.wipeInput(saltBytes + taken);
        }
        row.set(output.subarray(0, some * DIGEST_BYTES), at + first * DIGEST_BYTES);
        first += some;
      }
    },
  };
}

function badItems(): OotoError {
  return new OotoError('OOTO_CORE_SALTED', 'caller', 'salts, items and row do not belong together');
}
