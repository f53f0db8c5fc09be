/** Ed25519 of `Crypto`: every engine comes to the same verdict, and a platform's accept is never the last word alone. */
import { randomBytes } from 'node:crypto';
import { ed25519 as noble } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { CROSSOVERS } from '../../../src/crypto/crossover.ts';
import type { Ed25519, Ed25519Item, EngineName } from '../../../src/crypto/crypto.ts';
import { createEd25519 } from '../../../src/crypto/ed25519.ts';
import { nodeHardware } from '../../../src/platform/node/hardware.ts';
import type { Hardware } from '../../../src/ports.ts';
import { bytes, equal, is, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { OTHER_SPELLINGS, ruleCases, SMALL_ORDER, smallOrderPairs } from '../../support/ed25519-cases.ts';
import { suite } from '../../support/suite.ts';

const test = suite('crypto ed25519', { timeout: 60_000 });
const ENGINES: EngineName[] = ['wasm', 'hardware', 'auto'];
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const CREDULOUS: Hardware = { ed25519Verify: () => true };
const SUSPICIOUS: Hardware = { ed25519Verify: () => false };

function accepts(ed25519: Ed25519, item: Ed25519Item, engine: EngineName): boolean {
  try {
    ed25519.verify(item.publicKey, item.message, item.signature, engine);
    return true;
  } catch (error) {
    is((error as { code: string }).code, 'OOTO_CRYPTO_SIGNATURE');
    return false;
  }
}

/** A signature whose message is long enough that `auto` asks the hardware. */
function longItem(ed25519: Ed25519): Ed25519Item {
  const message = new Uint8Array(CROSSOVERS.ed25519Verify).fill(3);
  const seed = new Uint8Array(32).fill(4);
  return { publicKey: ed25519.publicKey(seed), message, signature: ed25519.sign(seed, message) };
}

for (const { name, core } of testCores()) {
  const real = createEd25519({ core, hardware: nodeHardware(), random });
  const bare = createEd25519({ core, hardware: {}, random });

  test(`${name}: one verdict of all engines on what verifiers differ about`, () => {
    const cases = ruleCases();
    for (const ed25519 of [real, bare, createEd25519({ core, hardware: SUSPICIOUS, random })])
      for (const engine of ENGINES)
        for (const item of cases)
          is(accepts(ed25519, item, engine), item.accepted, `${item.name}, ${engine}`);
    equal(
      real.verifyBatch(cases),
      cases.flatMap((item, i) => (item.accepted ? [] : [i])),
    );
    for (const engine of ENGINES)
      for (const item of smallOrderPairs()) is(accepts(real, item, engine), false);
  });

  test(`${name}: a platform that accepts everything passes none of the checks on bytes`, () => {
    const credulous = createEd25519({ core, hardware: CREDULOUS, random });
    for (const item of ruleCases().filter(({ accepted }) => !accepted))
      is(accepts(credulous, item, 'hardware'), false, item.name);
    for (const item of smallOrderPairs()) is(accepts(credulous, item, 'hardware'), false);
    const item = ruleCases().at(-1)!;
    for (const signature of [item.signature.subarray(1), new Uint8Array(0), new Uint8Array(65)])
      is(accepts(credulous, { ...item, signature }, 'hardware'), false);
  });

  test(`${name}: auto asks the platform from the crossover on, and is right either way`, () => {
    const asked: number[] = [];
    const watched = createEd25519({
      core,
      random,
      hardware: {
        ed25519Verify(publicKey, message, signature) {
          asked.push(message.length);
          return nodeHardware().ed25519Verify(publicKey, message, signature);
        },
      },
    });
    const long = longItem(bare);
    const short = { ...long, message: long.message.subarray(1) };
    is(accepts(watched, long, 'auto'), true);
    is(accepts(watched, short, 'auto'), false);
    equal(asked, [long.message.length]);
    equal(watched.verifyBatch([long, short, long]), [1]);
    equal(asked.length, 3);
  });

  test(`${name}: signs the same bytes on every engine`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array(), (seed, message) => {
        bytes(real.sign(seed, message), noble.sign(message, seed));
        bytes(real.publicKey(seed), noble.getPublicKey(seed));
      }),
      { numRuns: 30 },
    );
    const message = new Uint8Array(CROSSOVERS.ed25519Sign).fill(5);
    const seed = new Uint8Array(32).fill(6);
    bytes(real.sign(seed, message), bare.sign(seed, message));
    throwsCode(() => real.sign(seed.subarray(1), message), 'OOTO_CRYPTO_KEY');
    throwsCode(() => real.publicKey(new Uint8Array(33)), 'OOTO_CRYPTO_KEY');
  });

  test(`${name}: batches draw 16 bytes for each signature and name the culprits in order`, () => {
    const drawn: number[] = [];
    const counted = createEd25519({
      core,
      hardware: {},
      random: {
        bytes(length) {
          drawn.push(length);
          return random.bytes(length);
        },
      },
    });
    const good = ruleCases().filter(({ accepted }) => accepted);
    const bad = good.map((item) => ({ ...item, message: new Uint8Array(1) }));
    equal(counted.verifyBatch([]), []);
    const few = [good[0], bad[0], good[1], bad[2], good[2]];
    equal(counted.verifyBatch(few), [1, 3]);
    equal(drawn, [], 'few are judged one by one');
    equal(counted.verifyBatch([...few, good[3], bad[1]]), [1, 3, 6]);
    equal(drawn, [7 * 16]);
  });

  test(`${name}: admits keys of prime and mixed order, and no others`, () => {
    for (const { publicKey } of ruleCases().filter(({ accepted }) => accepted)) real.admitKey(publicKey);
    for (const key of [...SMALL_ORDER, ...OTHER_SPELLINGS, new Uint8Array(31), new Uint8Array(33)])
      is(throwsCode(() => real.admitKey(key), 'OOTO_CRYPTO_KEY').fault, 'peer');
  });
}
