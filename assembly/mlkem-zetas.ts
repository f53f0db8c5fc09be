/**
 * The powers of ζ = 17 that the transforms multiply with (FIPS 203 appendix A). What flows through here: from the
 * published table the companions of all factors are made at first use, and for those layers and products where one
 * vector needs several factors, vectors of factors, each followed by the vector of its companions.
 */
import { companion, Q } from './mlkem-field';

const COUNT: i32 = 128;

/** ζ^BitRev7(i) mod q. */
export const ZETAS: usize = memory.data<i16>([
  1, 1729, 2580, 3289, 2642, 630, 1897, 848, 1062, 1919, 193, 797, 2786, 3260, 569, 1746,
  296, 2447, 1339, 1476, 3046, 56, 2240, 1333, 1426, 2094, 535, 2882, 2393, 2879, 1974, 821,
  289, 331, 3253, 1756, 1197, 2304, 2277, 2055, 650, 1977, 2513, 632, 2865, 33, 1320, 1915,
  2319, 1435, 807, 452, 1438, 2868, 1534, 2402, 2647, 2617, 1481, 648, 2474, 3110, 1227, 910,
  17, 2761, 583, 2649, 1637, 723, 2288, 1100, 1409, 2662, 3281, 233, 756, 2156, 3015, 3050,
  1703, 1651, 2789, 1789, 1847, 952, 1461, 2687, 939, 2308, 2437, 2388, 733, 2337, 268, 641,
  1584, 2298, 2037, 3220, 375, 2549, 2090, 1645, 1063, 319, 2773, 757, 2099, 561, 2466, 2594,
  2804, 1092, 403, 1026, 1143, 2150, 2775, 886, 1722, 1212, 1874, 1029, 2110, 2935, 885, 2154,
], 16);

/** The companions of {@link ZETAS}, in their order. */
export const COMPANIONS: usize = memory.data(256, 16);

/** Bytes of a vector of factors with that of their companions. */
export const FACTORS_BYTES: usize = 32;

/** Factors of the last two layers, for two vectors of coefficients each: distance 4, then distance 2. */
export const FORWARD_4: usize = memory.data(512, 16);
export const FORWARD_2: usize = memory.data(512, 16);
/** The same for the inverse transform, which goes through the powers backwards. */
export const INVERSE_4: usize = memory.data(512, 16);
export const INVERSE_2: usize = memory.data(512, 16);
/** 1, γ, 1, -γ, 1, γ', 1, -γ' for each vector of eight coefficients (section 4.3.1, algorithm 11). */
export const GAMMAS: usize = memory.data(1024, 16);

let ready: bool = false;

/** Makes the tables, once; all is public. */
export function prepareZetas(): void {
  if (ready) return;
  for (let i = 0; i < COUNT; i++) store<i16>(COMPANIONS + 2 * i, companion(zeta(i)));
  for (let j = 0; j < 16; j++) {
    for (let lane = 0; lane < 8; lane++) {
      putFactor(FORWARD_4, j, lane, zeta(32 + 2 * j + (lane >> 2)));
      putFactor(INVERSE_4, j, lane, zeta(63 - 2 * j - (lane >> 2)));
      putFactor(FORWARD_2, j, lane, zeta(64 + 4 * j + (lane >> 1)));
      putFactor(INVERSE_2, j, lane, zeta(127 - 4 * j - (lane >> 1)));
    }
  }
  for (let i = 0; i < COUNT; i++) {
    const gamma = zeta(64 + (i >> 1));
    putFactor(GAMMAS, i >> 2, 2 * (i & 3), 1);
    putFactor(GAMMAS, i >> 2, 2 * (i & 3) + 1, i & 1 ? Q - gamma : gamma);
  }
  ready = true;
}

function zeta(i: i32): i32 {
  return load<i16>(ZETAS + 2 * i);
}

function putFactor(table: usize, vector: i32, lane: i32, factor: i32): void {
  const place = table + <usize>vector * FACTORS_BYTES + 2 * lane;
  store<i16>(place, <i16>factor);
  store<i16>(place, companion(factor), 16);
}
