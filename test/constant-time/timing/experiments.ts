/**
 * What is timed: operations of the core with secrets that never change against secrets that are always new, and for
 * the decapsulation also ciphertexts that are right against ones that are not. Two controls show what the harness is
 * worth: the same class twice must look the same, and a core with a planted leak must not.
 */
import { randomBytes } from 'node:crypto';
import { type Core, instantiateCore } from '../../../src/core/index.ts';
import { compileCore } from '../compile.ts';
import { PLANTED_IN_CORE } from '../planted.ts';
import type { Experiment } from './experiment.ts';

const KEY_BYTES = 32;
const TEXT_BYTES = 256;
const IV = new Uint8Array(12);
const AAD = new Uint8Array(13);
const MESSAGE = new Uint8Array(100).fill(7);

const random = (length: number) => new Uint8Array(randomBytes(length));

/** An input that is the same each time, in an array of its own, and one that is new each time. */
function fixedAndRandom(length: number): Experiment['classes'] {
  const fixed = random(length);
  return [() => fixed.slice(), () => random(length)];
}

function sealing({ engine }: Core): Experiment {
  const { input, exports } = engine;
  return {
    name: 'AES-256-GCM: key and plaintext',
    calls: 4,
    classes: fixedAndRandom(KEY_BYTES + TEXT_BYTES),
    run(secrets) {
      input.set(secrets.subarray(0, KEY_BYTES));
      exports.gcmSetKey(0);
      input.set(IV);
      input.set(AAD, IV.length);
      input.set(secrets.subarray(KEY_BYTES), IV.length + AAD.length);
      exports.gcmSeal(0, AAD.length, TEXT_BYTES);
    },
  };
}

function agreeing({ x25519 }: Core, name = 'X25519: scalar'): Experiment {
  const point = x25519.publicKey(random(KEY_BYTES));
  return {
    name,
    calls: 1,
    classes: fixedAndRandom(KEY_BYTES),
    run: (scalar) => void x25519.multiply(scalar, point),
  };
}

function signing({ ed25519 }: Core): Experiment {
  return {
    name: 'Ed25519: seed',
    calls: 1,
    classes: fixedAndRandom(KEY_BYTES),
    run: (seed) => void ed25519.sign(seed, MESSAGE),
  };
}

function decapsulatingKeys({ mlkem768 }: Core): Experiment {
  const fixed = mlkem768.keygen(random(64)).dk;
  const ciphertext = random(1088);
  return {
    name: 'ML-KEM-768: decapsulation key, without its public part',
    calls: 1,
    // The public part decides how many blocks the matrix takes, so both classes have the same.
    classes: [
      () => fixed.slice(),
      () => {
        const dk = fixed.slice();
        dk.set(mlkem768.keygen(random(64)).dk.subarray(0, 1152));
        dk.set(random(32), 2368);
        return dk;
      },
    ],
    run: (dk) => void mlkem768.decaps(dk, ciphertext),
  };
}

function decapsulatingCiphertexts({ mlkem768 }: Core): Experiment {
  const { ek, dk } = mlkem768.keygen(random(64));
  const good = () => mlkem768.encaps(ek, random(32))!.c;
  return {
    name: 'ML-KEM-768: right and altered ciphertexts',
    calls: 1,
    classes: [
      good,
      () => {
        const altered = good();
        altered[1087] ^= 1;
        return altered;
      },
    ],
    run: (ciphertext) => void mlkem768.decaps(dk, ciphertext),
  };
}

/** One experiment for each operation whose secrets must not show. */
export function experimentsOn(core: Core): Experiment[] {
  return [
    sealing(core),
    agreeing(core),
    signing(core),
    decapsulatingKeys(core),
    decapsulatingCiphertexts(core),
  ];
}

/** New secrets in both classes. */
export function nullControl(core: Core): Experiment {
  const experiment = agreeing(core, 'null control: the same class twice');
  const [, always] = experiment.classes;
  return { ...experiment, classes: [always, always] };
}

/** The ladder of X25519 swaps under a branch here; the scalar that never changes has few changes of bits. */
export async function leakyControl(): Promise<Experiment> {
  const file = 'assembly/x25519.ts';
  const core = instantiateCore(await compileCore({ [file]: PLANTED_IN_CORE[file] }));
  const experiment = agreeing(core, 'leaky control: X25519 that swaps under a branch');
  return { ...experiment, classes: [() => new Uint8Array(KEY_BYTES), experiment.classes[1]] };
}
