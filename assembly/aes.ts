/**
 * AES-256 (FIPS 197) in constant time, eight blocks at once. What flows through here: eight blocks are transposed
 * so that vector i holds bit i of all their bytes (E. Käsper, P. Schwabe, "Faster and timing-attack resistant
 * AES-GCM"), go through fourteen rounds of logic and fixed byte permutations, and are transposed back. Neither
 * time nor addresses depend on key or data.
 */
import { nextRow, secondNextRow, shiftRows, turn } from './aes-order';

/** Encrypts `count` blocks in place at `at`; works on whole groups of eight, so room must be there for them. */
export function encryptBlocks(schedule: usize, at: usize, count: i32): void {
  for (; count > 0; count -= 8, at += 128) encryptEight(schedule, at);
}

/** Where `b` under `mask` differs from `a` under `mask << n`: added to both, it exchanges these bits. */
// @ts-ignore: decorator
@inline function difference(a: v128, b: v128, n: i32, mask: v128): v128 {
  return v128.and(v128.xor(i64x2.shr_u(a, n), b), mask);
}

/** Turns eight blocks into the eight vectors of their bits, and back; reorders their bytes for the rounds, and back. */
function transpose(at: usize): void {
  let a = turn(v128.load(at, 0));
  let b = turn(v128.load(at, 16));
  let c = turn(v128.load(at, 32));
  let d = turn(v128.load(at, 48));
  let e = turn(v128.load(at, 64));
  let f = turn(v128.load(at, 80));
  let g = turn(v128.load(at, 96));
  let h = turn(v128.load(at, 112));
  let t: v128;

  let mask = i8x16.splat(0x55);
  t = difference(a, b, 1, mask); b = v128.xor(b, t); a = v128.xor(a, i64x2.shl(t, 1));
  t = difference(c, d, 1, mask); d = v128.xor(d, t); c = v128.xor(c, i64x2.shl(t, 1));
  t = difference(e, f, 1, mask); f = v128.xor(f, t); e = v128.xor(e, i64x2.shl(t, 1));
  t = difference(g, h, 1, mask); h = v128.xor(h, t); g = v128.xor(g, i64x2.shl(t, 1));
  mask = i8x16.splat(0x33);
  t = difference(a, c, 2, mask); c = v128.xor(c, t); a = v128.xor(a, i64x2.shl(t, 2));
  t = difference(b, d, 2, mask); d = v128.xor(d, t); b = v128.xor(b, i64x2.shl(t, 2));
  t = difference(e, g, 2, mask); g = v128.xor(g, t); e = v128.xor(e, i64x2.shl(t, 2));
  t = difference(f, h, 2, mask); h = v128.xor(h, t); f = v128.xor(f, i64x2.shl(t, 2));
  mask = i8x16.splat(0x0f);
  t = difference(a, e, 4, mask); e = v128.xor(e, t); a = v128.xor(a, i64x2.shl(t, 4));
  t = difference(b, f, 4, mask); f = v128.xor(f, t); b = v128.xor(b, i64x2.shl(t, 4));
  t = difference(c, g, 4, mask); g = v128.xor(g, t); c = v128.xor(c, i64x2.shl(t, 4));
  t = difference(d, h, 4, mask); h = v128.xor(h, t); d = v128.xor(d, i64x2.shl(t, 4));

  v128.store(at, a, 0);
  v128.store(at, b, 16);
  v128.store(at, c, 32);
  v128.store(at, d, 48);
  v128.store(at, e, 64);
  v128.store(at, f, 80);
  v128.store(at, g, 96);
  v128.store(at, h, 112);
}

/**
 * SubBytes is a circuit of 113 gates (J. Boyar, R. Peralta, "A depth-16 circuit for the AES S-box") without the
 * four negations at its end; the round keys make up for them. It stands in the loop and not in a function, as its
 * eight results would have to go through memory.
 */
function encryptEight(schedule: usize, at: usize): void {
  transpose(at);
  let a = v128.xor(v128.load(at, 0), v128.load(schedule, 0));
  let b = v128.xor(v128.load(at, 16), v128.load(schedule, 16));
  let c = v128.xor(v128.load(at, 32), v128.load(schedule, 32));
  let d = v128.xor(v128.load(at, 48), v128.load(schedule, 48));
  let e = v128.xor(v128.load(at, 64), v128.load(schedule, 64));
  let f = v128.xor(v128.load(at, 80), v128.load(schedule, 80));
  let g = v128.xor(v128.load(at, 96), v128.load(schedule, 96));
  let h = v128.xor(v128.load(at, 112), v128.load(schedule, 112));
  const last = schedule + 14 * 128;
  for (let key = schedule + 128; ; key += 128) {
    const y14 = v128.xor(e, c);
    const y13 = v128.xor(h, b);
    const y9 = v128.xor(h, e);
    const y8 = v128.xor(h, c);
    const t0 = v128.xor(g, f);
    const y1 = v128.xor(t0, a);
    const y4 = v128.xor(y1, e);
    const y12 = v128.xor(y13, y14);
    const y2 = v128.xor(y1, h);
    const y5 = v128.xor(y1, b);
    const y3 = v128.xor(y5, y8);
    const t1 = v128.xor(d, y12);
    const y15 = v128.xor(t1, c);
    const y20 = v128.xor(t1, g);
    const y6 = v128.xor(y15, a);
    const y10 = v128.xor(y15, t0);
    const y11 = v128.xor(y20, y9);
    const y7 = v128.xor(a, y11);
    const y17 = v128.xor(y10, y11);
    const y19 = v128.xor(y10, y8);
    const y16 = v128.xor(t0, y11);
    const y21 = v128.xor(y13, y16);
    const y18 = v128.xor(h, y16);

    const t2 = v128.and(y12, y15);
    const t4 = v128.xor(v128.and(y3, y6), t2);
    const t6 = v128.xor(v128.and(y4, a), t2);
    const t7 = v128.and(y13, y16);
    const t9 = v128.xor(v128.and(y5, y1), t7);
    const t11 = v128.xor(v128.and(y2, y7), t7);
    const t12 = v128.and(y9, y11);
    const t14 = v128.xor(v128.and(y14, y17), t12);
    const t16 = v128.xor(v128.and(y8, y10), t12);
    const t21 = v128.xor(v128.xor(t4, t14), y20);
    const t22 = v128.xor(v128.xor(t6, t16), y19);
    const t23 = v128.xor(v128.xor(t9, t14), y21);
    const t24 = v128.xor(v128.xor(t11, t16), y18);

    const t25 = v128.xor(t21, t22);
    const t26 = v128.and(t21, t23);
    const t27 = v128.xor(t24, t26);
    const t29 = v128.xor(v128.and(t25, t27), t22);
    const t30 = v128.xor(t23, t24);
    const t31 = v128.xor(t22, t26);
    const t33 = v128.xor(v128.and(t31, t30), t24);
    const t34 = v128.xor(t23, t33);
    const t35 = v128.xor(t27, t33);
    const t36 = v128.and(t24, t35);
    const t37 = v128.xor(t36, t34);
    const t38 = v128.xor(t27, t36);
    const t40 = v128.xor(t25, v128.and(t29, t38));
    const t41 = v128.xor(t40, t37);
    const t42 = v128.xor(t29, t33);
    const t43 = v128.xor(t29, t40);
    const t44 = v128.xor(t33, t37);
    const t45 = v128.xor(t42, t41);

    const z0 = v128.and(t44, y15);
    const z1 = v128.and(t37, y6);
    const z2 = v128.and(t33, a);
    const z3 = v128.and(t43, y16);
    const z4 = v128.and(t40, y1);
    const z5 = v128.and(t29, y7);
    const z6 = v128.and(t42, y11);
    const z7 = v128.and(t45, y17);
    const z8 = v128.and(t41, y10);
    const z9 = v128.and(t44, y12);
    const z10 = v128.and(t37, y3);
    const z11 = v128.and(t33, y4);
    const z12 = v128.and(t43, y13);
    const z13 = v128.and(t40, y5);
    const z14 = v128.and(t29, y2);
    const z15 = v128.and(t42, y9);
    const z16 = v128.and(t45, y14);
    const z17 = v128.and(t41, y8);

    const c1 = v128.xor(z15, z16);
    const c2 = v128.xor(z10, c1);
    const c3 = v128.xor(z9, c2);
    const c4 = v128.xor(z0, z2);
    const c5 = v128.xor(z1, z0);
    const c6 = v128.xor(z3, z4);
    const c7 = v128.xor(z12, c4);
    const c8 = v128.xor(z7, c6);
    const c9 = v128.xor(z8, c7);
    const c10 = v128.xor(c8, c9);
    const c11 = v128.xor(c6, c5);
    const c12 = v128.xor(z3, z5);
    const c13 = v128.xor(z13, c1);
    const c14 = v128.xor(c4, c12);
    const s3 = v128.xor(c3, c11);
    const c16 = v128.xor(z6, c8);
    const c17 = v128.xor(z14, c10);
    const c18 = v128.xor(c13, c14);
    const c20 = v128.xor(z15, c16);
    const c21 = v128.xor(c2, z11);
    a = shiftRows(v128.xor(z12, c18));
    b = shiftRows(v128.xor(c10, c18));
    c = shiftRows(v128.xor(c21, c17));
    d = shiftRows(v128.xor(c14, s3));
    e = shiftRows(s3);
    f = shiftRows(v128.xor(v128.xor(c17, c20), z17));
    g = shiftRows(v128.xor(s3, c16));
    h = shiftRows(v128.xor(c3, c16));
    if (key == last) break;

    // MixColumns (FIPS 197 section 5.1.3): with s = x + nextRow(x), each byte becomes 2·s + nextRow(x) + secondNextRow(s).
    const na = nextRow(a), nb = nextRow(b), nc = nextRow(c), nd = nextRow(d);
    const ne = nextRow(e), nf = nextRow(f), ng = nextRow(g), nh = nextRow(h);
    const sa = v128.xor(a, na), sb = v128.xor(b, nb), sc = v128.xor(c, nc), sd = v128.xor(d, nd);
    const se = v128.xor(e, ne), sf = v128.xor(f, nf), sg = v128.xor(g, ng), sh = v128.xor(h, nh);
    a = v128.xor(v128.xor(v128.xor(na, secondNextRow(sa)), sh), v128.load(key, 0));
    b = v128.xor(v128.xor(v128.xor(nb, secondNextRow(sb)), v128.xor(sa, sh)), v128.load(key, 16));
    c = v128.xor(v128.xor(v128.xor(nc, secondNextRow(sc)), sb), v128.load(key, 32));
    d = v128.xor(v128.xor(v128.xor(nd, secondNextRow(sd)), v128.xor(sc, sh)), v128.load(key, 48));
    e = v128.xor(v128.xor(v128.xor(ne, secondNextRow(se)), v128.xor(sd, sh)), v128.load(key, 64));
    f = v128.xor(v128.xor(v128.xor(nf, secondNextRow(sf)), se), v128.load(key, 80));
    g = v128.xor(v128.xor(v128.xor(ng, secondNextRow(sg)), sf), v128.load(key, 96));
    h = v128.xor(v128.xor(v128.xor(nh, secondNextRow(sh)), sg), v128.load(key, 112));
  }
  v128.store(at, v128.xor(a, v128.load(last, 0)), 0);
  v128.store(at, v128.xor(b, v128.load(last, 16)), 16);
  v128.store(at, v128.xor(c, v128.load(last, 32)), 32);
  v128.store(at, v128.xor(d, v128.load(last, 48)), 48);
  v128.store(at, v128.xor(e, v128.load(last, 64)), 64);
  v128.store(at, v128.xor(f, v128.load(last, 80)), 80);
  v128.store(at, v128.xor(g, v128.load(last, 96)), 96);
  v128.store(at, v128.xor(h, v128.load(last, 112)), 112);
  transpose(at);
}
