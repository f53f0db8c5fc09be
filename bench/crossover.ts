/**
 * Measures the crossovers of src/crypto/crossover.ts: for each family and size the core and the platform's
 * hardware in turns, warm; prints both and the smallest size from which the hardware stays ahead. The fastest of
 * many short rounds counts: on a shared machine it is the one that nobody disturbed.
 *   npm run bench -- crossover
 */
import { concat } from '../src/base/bytes.ts';
import { instantiateCore } from '../src/core/index.ts';
import type { CROSSOVERS } from '../src/crypto/crossover.ts';
import { createCrypto, type EngineName } from '../src/crypto/index.ts';
import { readCore } from '../src/platform/node/core-file.ts';
import { nodeHardware } from '../src/platform/node/hardware.ts';
import { nodeRandom } from '../src/platform/node/random.ts';

type Name = keyof typeof CROSSOVERS;
type Subject = (engine: EngineName, size: number) => () => unknown;

const WARM_MS = 20;
const ROUNDS = 101;
const ROUND_MS = 0.5;
const SIZES = [
  16, 32, 64, 96, 128, 192, 256, 320, 384, 448, 512, 640, 768, 1024, 1536, 2048, 4096, 8192, 16384,
];
const LONG_SIZES = [64, 1024, 8192, 16384, 32768, 65536, 131072, 262144];

const core = instantiateCore(readCore());
const hardware = nodeHardware();
const random = nodeRandom();
const crypto = createCrypto({ core, hardware, random });
const [key, iv, aad] = [random.bytes(32), random.bytes(12), random.bytes(13)];
const publicKey = crypto.ed25519.publicKey(key);
const prepared = core.keys.prepare(key);

const subjects: Record<Name, { sizes: number[]; subject: Subject }> = {
  aes256gcmPrepared: {
    sizes: SIZES,
    subject: (engine, size) => {
      const [text, sealed] = [random.bytes(size), new Uint8Array(size + 16)];
      const gcmKey = crypto.aes256gcm.key(key, engine);
      return () => gcmKey.seal(iv, aad, text, sealed);
    },
  },
  aes256gcmSingle: {
    sizes: SIZES,
    subject: (engine, size) => {
      const text = random.bytes(size);
      return () => crypto.aes256gcm.seal(key, iv, aad, text, engine);
    },
  },
  sha256: {
    sizes: SIZES,
    subject: (engine, size) => {
      const message = random.bytes(size);
      return () => crypto.sha256(message, engine);
    },
  },
  sha256Many: {
    sizes: SIZES,
    subject: (engine, size) => {
      const messages = Array.from({ length: 32 }, () => random.bytes(size));
      return engine === 'wasm'
        ? () => core.sha256.many(messages)
        : () => messages.map((message) => hardware.sha256(message));
    },
  },
  sha256Leaf: {
    sizes: SIZES,
    subject: (engine, size) => {
      const [leaves, prefix] = [Array.from({ length: 32 }, () => random.bytes(size)), Uint8Array.of(0)];
      return engine === 'wasm'
        ? () => core.sha256.many(leaves, 0)
        : () => leaves.map((leaf) => hardware.sha256(concat(prefix, leaf)));
    },
  },
  saltedLeaf: {
    sizes: SIZES.filter((size) => size <= 1024),
    subject: (engine, size) => {
      const count = 32;
      const items = random.bytes(count * (4 + size));
      for (let i = 0; i < count; i++) new DataView(items.buffer).setUint32(i * (4 + size), size);
      const [salts, row] = [random.bytes(16 * count), new Uint8Array(32 * count)];
      const leaf = random.bytes(17 + size);
      return engine === 'wasm'
        ? () => core.saltedLeaves.hash(items, count, salts, size, row, 0)
        : () => {
            for (let i = 0; i < count; i++) hardware.sha256Into(leaf.subarray(), row, 32 * i);
          };
    },
  },
  keystream: {
    sizes: SIZES,
    subject: (engine, size) => {
      const zeros = new Uint8Array(size);
      const counterBlock = new Uint8Array(16);
      return engine === 'wasm'
        ? () => core.aes256gcm.seal(prepared, iv, new Uint8Array(), zeros)
        : () => hardware.aes256ctr(key, counterBlock, zeros);
    },
  },
  sha512: {
    sizes: SIZES,
    subject: (engine, size) => {
      const message = random.bytes(size);
      return engine === 'wasm' ? () => core.sha512.hash(message) : () => hardware.sha512(message);
    },
  },
  ed25519Sign: {
    sizes: LONG_SIZES,
    subject: (engine, size) => {
      const message = random.bytes(size);
      return engine === 'wasm'
        ? () => core.ed25519.sign(key, message)
        : () => hardware.ed25519Sign(key, message);
    },
  },
  ed25519Verify: {
    sizes: LONG_SIZES,
    subject: (engine, size) => {
      const message = random.bytes(size);
      const signature = crypto.ed25519.sign(key, message);
      return () => crypto.ed25519.verify(publicKey, message, signature, engine);
    },
  },
};

for (const [name, { sizes, subject }] of Object.entries(subjects)) {
  const rows = sizes.map((size) => ({ size, ...compare(subject('wasm', size), subject('hardware', size)) }));
  const ahead = rows.findLastIndex(({ wasm, platform }) => wasm < platform) + 1;
  console.log(`${name}: hardware from ${rows[ahead]?.size ?? 'never'}`);
  for (const { size, wasm, platform } of rows)
    console.log(
      `${String(size).padStart(9)}  core ${micros(wasm)}  hardware ${micros(platform)}  ${(platform / wasm).toFixed(2)}`,
    );
}

/** Milliseconds of one call each, the fastest of rounds in turns. */
function compare(wasm: () => unknown, platform: () => unknown): { wasm: number; platform: number } {
  const fastest = { wasm: repeat(wasm, WARM_MS), platform: repeat(platform, WARM_MS) };
  for (let round = 0; round < ROUNDS; round++) {
    fastest.wasm = Math.min(fastest.wasm, repeat(wasm, ROUND_MS));
    fastest.platform = Math.min(fastest.platform, repeat(platform, ROUND_MS));
  }
  return fastest;
}

/** Milliseconds of one call, repeated for as long as this. */
function repeat(call: () => unknown, ms: number): number {
  const start = performance.now();
  let calls = 0;
  let elapsed = 0;
  do {
    call();
    calls++;
    elapsed = performance.now() - start;
  } while (elapsed < ms);
  return elapsed / calls;
}

function micros(ms: number): string {
  return `${(ms * 1000).toFixed(2).padStart(9)} µs`;
}
