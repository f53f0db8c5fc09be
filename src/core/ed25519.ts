/**
 * Ed25519 in the core, under the mesh's one rule (docs/protocol.md). What flows through here: seeds and messages
 * become signatures; signatures are judged one by one, or many at once with random coefficients, and the ones
 * that made a batch fail are found in the core.
 */
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Engine } from './engine.ts';
import { updateSha512 } from './sha512.ts';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Scalar and prefix of an expanded key; the public key follows them. */
const EXPANDED_BYTES = 64;
const HEADER_BYTES = KEY_BYTES + SIGNATURE_BYTES;
/** Most signatures of one batch in the core (assembly/ed25519-batch.ts). */
const BATCH_ITEMS = 64;
/** Random bytes for each signature of a batch. */
export const COEFFICIENT_BYTES = 16;

/** A message with the signature and the key to judge it by; wrong lengths make it a bad one. */
export interface SignedMessage {
  publicKey: Uint8Array;
  message: Uint8Array;
  signature: Uint8Array;
}

/** An expanded key in memory, for many signatures; disposing of it overwrites it. */
export interface CoreSigningKey extends Disposable {
  readonly publicKey: Uint8Array;
  /** @throws OOTO_CRYPTO_RELEASED (caller) after disposal. */
  sign(message: Uint8Array): Uint8Array;
}

export interface CoreEd25519 {
  /** From the 32-byte seed. */
  publicKey(seed: Uint8Array): Uint8Array;
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** Expands a seed once, which makes each signature half as dear. */
  signingKey(seed: Uint8Array): CoreSigningKey;
  /** Whether the rule accepts. */
  accepts(item: SignedMessage): boolean;
  /** Indexes of the items that {@link accepts} refuses; `coefficients` are 16 random bytes for each item. */
  findRefused(items: readonly SignedMessage[], coefficients: Uint8Array): number[];
  /** Whether the key is canonical, on the curve and not of small order. */
  acceptsKey(publicKey: Uint8Array): boolean;
}

export function createCoreEd25519(engine: Engine): CoreEd25519 {
  return {
    publicKey: (seed) =>
      withSecret(engine, requireSeed(seed), () => {
        engine.exports.ed25519PublicKey();
        return engine.output.slice(0, KEY_BYTES);
      }),
    sign: (seed, message) => withSecret(engine, requireSeed(seed), () => sign(engine, message, false)),
    signingKey: (seed) => createSigningKey(engine, requireSeed(seed)),
    accepts: (item) => begin(engine, item) && engine.exports.ed25519VerifyFinish() === 1,
    findRefused(items, coefficients) {
      if (coefficients.length !== items.length * COEFFICIENT_BYTES)
        throw new OotoError(
          'OOTO_CRYPTO_NONCE',
          'caller',
          'a batch needs 16 random bytes for each signature',
        );
      const refused: number[] = [];
      for (let from = 0; from < items.length; from += BATCH_ITEMS)
        refused.push(...refusedOfBatch(engine, items, from, coefficients));
      return refused;
    },
    acceptsKey(publicKey) {
      if (publicKey.length !== KEY_BYTES) return false;
      engine.input.set(publicKey);
      return engine.exports.ed25519AdmitKey() === 1;
    },
  };
}

function createSigningKey(engine: Engine, seed: Uint8Array): CoreSigningKey {
  const { exports, output } = engine;
  const expanded = withSecret(engine, seed, () => {
    exports.ed25519Prepare();
    const copy = output.slice(0, EXPANDED_BYTES + KEY_BYTES);
    output.fill(0, 0, copy.length);
    return copy;
  });
  let released = false;
  return {
    publicKey: expanded.slice(EXPANDED_BYTES),
    sign(message) {
      if (released)
        throw new OotoError('OOTO_CRYPTO_RELEASED', 'caller', 'the signing key was released before');
      return withSecret(engine, expanded, () => sign(engine, message, true));
    },
    [Symbol.dispose]() {
      released = true;
      wipe(expanded);
    },
  };
}

function requireSeed(seed: Uint8Array): Uint8Array {
  if (seed.length !== KEY_BYTES)
    throw new OotoError('OOTO_CRYPTO_KEY', 'caller', `a seed of ${seed.length} bytes, expected ${KEY_BYTES}`);
  return seed;
}

/** Runs `use` with a seed or an expanded key in the input area; whatever happens, nothing of it stays in the core. */
function withSecret(engine: Engine, secret: Uint8Array, use: () => Uint8Array): Uint8Array {
  const { exports, input } = engine;
  try {
    input.set(secret);
    return use();
  } finally {
    input.fill(0, 0, secret.length);
    exports.ed25519Wipe();
  }
}

function sign(engine: Engine, message: Uint8Array, prepared: boolean): Uint8Array {
  const { exports, output } = engine;
  exports.ed25519SignStart(prepared ? 1 : 0);
  updateSha512(engine, message);
  exports.ed25519SignCommit();
  updateSha512(engine, message);
  exports.ed25519SignFinish();
  return output.slice(0, SIGNATURE_BYTES);
}

/** Gives one signed message to the core; false when a length shows that it is a bad one. */
function begin(engine: Engine, { publicKey, message, signature }: SignedMessage): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  engine.input.set(publicKey);
  engine.input.set(signature, KEY_BYTES);
  engine.exports.ed25519VerifyStart();
  updateSha512(engine, message);
  return true;
}

/** Judges the items from `from` on that fit one batch. */
function refusedOfBatch(
  engine: Engine,
  items: readonly SignedMessage[],
  from: number,
  coefficients: Uint8Array,
): number[] {
  const { exports, input, output } = engine;
  const refused: number[] = [];
  const batched: number[] = [];
  exports.ed25519BatchStart();
  for (let i = from; i < Math.min(from + BATCH_ITEMS, items.length); i++) {
    const begun = begin(engine, items[i]);
    input.set(coefficients.subarray(i * COEFFICIENT_BYTES, (i + 1) * COEFFICIENT_BYTES), HEADER_BYTES);
    (begun && exports.ed25519BatchAdd() === 1 ? batched : refused).push(i);
  }
  exports.ed25519BatchFinish();
  for (const [place, i] of batched.entries()) if (output[place] !== 1) refused.push(i);
  input.fill(0, HEADER_BYTES, HEADER_BYTES + COEFFICIENT_BYTES);
  return refused.sort((a, b) => a - b);
}
