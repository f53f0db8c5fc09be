/**
 * The S-box of AES (FIPS 197 section 5.1.1) as lookups of nibbles in registers, all sixteen bytes of a block at
 * once: M. Hamburg, "Accelerating AES with Vector Permute Instructions" (CHES 2009), whose tables these are. What
 * flows through here: a byte, written in a basis of GF(2⁸) over GF(2⁴), is two nibbles i and k; it is inverted in
 * GF(2⁴) by five lookups, and four more give the substituted byte and its double, in the same basis. 0x80 stands
 * for 1/0; it is no place of a table, and what is looked up there is zero.
 */
import { highNibbles, lookup, lowNibbles } from './nibbles';

/** Bytes of one table. */
const ROW: usize = 16;

/** The tables, in the order of the functions below; two for each of the maps. */
const TABLES: usize = memory.data<u64>([
  0x0e05060f0d080180, 0x040703090a0b0c02,
  0x01040a060f0b0780, 0x030d0e0c02050809,
  0xb19be18fcb503e00, 0xa5df7a6e142af544,
  0x3618d415fae22300, 0x3bf7ccc10d2ed9ef,
  0xe27a93c60b712400, 0x5eb7e955bc982fcd,
  0x69eb88400ae12900, 0xc2a163c8ab82234a,
  0xd0d26d176fbdc700, 0x15aabf7ac502a878,
  0xcfe474a55fbb6a00, 0x8e1e90d1412b35fa,
  0xc2b2e8985a2a7000, 0xcabae09052227808,
  0x4c01307d317c4d00, 0xcd80b1fcb0fdcc81,
], 16);

/** 1/n. */
// @ts-ignore: decorator
@inline export function inverseTable(): v128 {
  return v128.load(TABLES);
}

/** a/n, a the constant of the basis. */
// @ts-ignore: decorator
@inline export function quotientTable(): v128 {
  return v128.load(TABLES, ROW);
}

/** The substituted byte but for its constant, from the first result of the inversion. */
// @ts-ignore: decorator
@inline export function singleTable0(): v128 {
  return v128.load(TABLES, 2 * ROW);
}

/** The same from the second result; the two parts are added. */
// @ts-ignore: decorator
@inline export function singleTable1(): v128 {
  return v128.load(TABLES, 3 * ROW);
}

/** Twice the substituted byte. */
// @ts-ignore: decorator
@inline export function doubleTable0(): v128 {
  return v128.load(TABLES, 4 * ROW);
}

// @ts-ignore: decorator
@inline export function doubleTable1(): v128 {
  return v128.load(TABLES, 5 * ROW);
}

/** From the basis of FIPS 197 to that of the tables. */
// @ts-ignore: decorator
@inline export function toBasis(block: v128): v128 {
  const low = lookup(v128.load(TABLES, 8 * ROW), lowNibbles(block));
  return v128.xor(low, lookup(v128.load(TABLES, 9 * ROW), highNibbles(block)));
}

/** SubBytes without the constant 0x63, and back to the basis of FIPS 197. */
// @ts-ignore: decorator
@inline export function substituteLast(block: v128, inverse: v128, quotient: v128): v128 {
  const i = highNibbles(block), k = lowNibbles(block);
  const j = v128.xor(i, k);
  const ak = lookup(quotient, k);
  const iak = v128.xor(lookup(inverse, i), ak);
  const jak = v128.xor(lookup(inverse, j), ak);
  const io = v128.xor(lookup(inverse, iak), j);
  const jo = v128.xor(lookup(inverse, jak), i);
  return v128.xor(lookup(v128.load(TABLES, 6 * ROW), io), lookup(v128.load(TABLES, 7 * ROW), jo));
}
