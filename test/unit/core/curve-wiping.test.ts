/**
 * What signing and key agreement leave in linear memory: nothing that depends on the secret. Memory is compared
 * after the operation with two different secrets and the same public results wiped: every byte that differs is
 * looked for among the things that may differ.
 */
import { createHash } from 'node:crypto';
import { hex } from '../../../src/base/hex.ts';
import type { Core } from '../../../src/core/index.ts';
import { equal, is } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { suite } from '../../support/suite.ts';

const test = suite('core curve wiping');

const [FIRST, SECOND] = [0x35, 0xa7].map((fill) =>
  Uint8Array.from({ length: 32 }, (_, i) => fill ^ (i * 29)),
);
const MESSAGE = new Uint8Array(200).fill(0x42);
const POINT = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0));

/** Everything secret in its plain form: seed, clamped scalar, prefix, nonce. */
function secretsOf(seed: Uint8Array): Uint8Array[] {
  const expanded = createHash('sha512').update(seed).digest();
  const nonce = createHash('sha512').update(expanded.subarray(32)).update(MESSAGE).digest();
  return [seed, expanded.subarray(1, 31), expanded.subarray(32), nonce.subarray(0, 32), nonce.subarray(32)];
}

/** Runs `operate` on both secrets and returns the memory after each, the input and output areas blanked. */
function traces(core: Core, operate: (secret: Uint8Array) => unknown): [Uint8Array, Uint8Array] {
  const run = (secret: Uint8Array) => {
    operate(secret);
    const copy = core.engine.memory.slice();
    copy.fill(0, core.engine.output.byteOffset, core.engine.output.byteOffset + 64);
    return copy;
  };
  run(FIRST); // tables are made at the first use
  return [run(FIRST), run(SECOND)];
}

function differing(a: Uint8Array, b: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) count++;
  return count;
}

for (const { name, core } of testCores()) {
  const { ed25519, x25519 } = core;

  test(`${name}: signing leaves only the signature and the public key`, () => {
    const [first, second] = traces(core, (seed) => ed25519.sign(seed, MESSAGE));
    const publicBytes = 32 + 64;
    is(differing(first, second) <= publicBytes, true, `${differing(first, second)} bytes differ`);
  });

  test(`${name}: a prepared key leaves only what it signed`, () => {
    const [first, second] = traces(core, (seed) => {
      using key = ed25519.signingKey(seed);
      key.sign(MESSAGE);
    });
    is(differing(first, second) <= 32 + 64, true, `${differing(first, second)} bytes differ`);
  });

  test(`${name}: making public keys leaves only public keys`, () => {
    const [first, second] = traces(core, (seed) => ed25519.publicKey(seed));
    is(differing(first, second) <= 32, true);
    equal(differing(...traces(core, (scalar) => x25519.publicKey(scalar))), 0);
  });

  test(`${name}: key agreement leaves nothing, the input area included`, () => {
    equal(differing(...traces(core, (scalar) => x25519.multiply(scalar, POINT))), 0);
    equal(differing(...traces(core, (point) => x25519.multiply(FIRST, point))), 0);
  });

  test(`${name}: no plain secret stands anywhere in memory`, () => {
    ed25519.sign(FIRST, MESSAGE);
    x25519.multiply(FIRST, POINT);
    const memory = Buffer.from(core.engine.memory.buffer);
    for (const secret of secretsOf(FIRST))
      is(memory.includes(Buffer.from(secret.subarray(0, 16))), false, hex(secret));
  });

  test(`${name}: a signature given up half-way leaves nothing`, () => {
    const { exports, input } = core.engine;
    input.set(FIRST);
    exports.ed25519SignStart(0);
    exports.sha512Update(0);
    exports.ed25519SignCommit();
    input.fill(0, 0, 32);
    const before = Buffer.from(core.engine.memory.buffer);
    const expanded = Buffer.from(secretsOf(FIRST)[1].subarray(0, 16));
    is(before.includes(expanded), true, 'the search finds the scalar while it is in use');
    exports.ed25519Wipe();
    is(before.includes(expanded), false);
  });
}
