/**
 * The AES S-box as a circuit (J. Boyar, R. Peralta, "A depth-16 circuit for the AES S-box", 113 gates). What
 * flows through here: eight vectors, one per bit of a byte, of which every bit is a byte of its own to be
 * substituted. Logic alone, so neither time nor addresses depend on the data. The four negations at the end of
 * the circuit, which add 0x63 to each byte, are left out: users add {@link SBOX_CONSTANT} where it is cheapest.
 */

/** What {@link substitute} leaves to add to each substituted byte. */
export const SBOX_CONSTANT: i8 = 0x63;

/** Substitutes; `x0` is the most significant bit. Writes eight vectors to `at`, the least significant bit first. */
// @ts-ignore: decorator
@inline
export function substitute(
  at: usize,
  x0: v128, x1: v128, x2: v128, x3: v128, x4: v128, x5: v128, x6: v128, x7: v128,
): void {
  const y14 = v128.xor(x3, x5);
  const y13 = v128.xor(x0, x6);
  const y9 = v128.xor(x0, x3);
  const y8 = v128.xor(x0, x5);
  const t0 = v128.xor(x1, x2);
  const y1 = v128.xor(t0, x7);
  const y4 = v128.xor(y1, x3);
  const y12 = v128.xor(y13, y14);
  const y2 = v128.xor(y1, x0);
  const y5 = v128.xor(y1, x6);
  const y3 = v128.xor(y5, y8);
  const t1 = v128.xor(x4, y12);
  const y15 = v128.xor(t1, x5);
  const y20 = v128.xor(t1, x1);
  const y6 = v128.xor(y15, x7);
  const y10 = v128.xor(y15, t0);
  const y11 = v128.xor(y20, y9);
  const y7 = v128.xor(x7, y11);
  const y17 = v128.xor(y10, y11);
  const y19 = v128.xor(y10, y8);
  const y16 = v128.xor(t0, y11);
  const y21 = v128.xor(y13, y16);
  const y18 = v128.xor(x0, y16);

  const t2 = v128.and(y12, y15);
  const t4 = v128.xor(v128.and(y3, y6), t2);
  const t6 = v128.xor(v128.and(y4, x7), t2);
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
  const z2 = v128.and(t33, x7);
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
  v128.store(at, v128.xor(z12, c18), 0);
  v128.store(at, v128.xor(c10, c18), 16);
  v128.store(at, v128.xor(c21, c17), 32);
  v128.store(at, v128.xor(c14, s3), 48);
  v128.store(at, s3, 64);
  v128.store(at, v128.xor(v128.xor(c17, c20), z17), 80);
  v128.store(at, v128.xor(s3, c16), 96);
  v128.store(at, v128.xor(c3, c16), 112);
}
