/**
 * Nothing secret stays in the core: after each operation that touches a secret, the whole linear memory is
 * searched for it, and compared with that of the same operation on other secrets.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { SCALAR_ONE, SCALAR_ZERO } from '../../../src/core/group25519.ts';
import type { Core } from '../../../src/core/index.ts';
import { createHkdf256 } from '../../../src/crypto/hkdf.ts';
import { createHmac256 } from '../../../src/crypto/hmac.ts';
import { aes256RoundKeys } from '../../support/aes-schedule.ts';
import { bytes, equal, is, not } from '../../support/assert.ts';
import { coreVariants, testCore } from '../../support/core.ts';
import { firstDifference, type Operation, type Scene, secretsLeft } from '../../support/residue.ts';
import { suite } from '../../support/suite.ts';

const test = suite('wiping');
const IV = new Uint8Array(12).fill(1);
const AAD = new Uint8Array(13).fill(2);

/** The key, its round keys, its hash key and its first keystream. */
function deriveAll(key: Uint8Array, { derived }: Scene): void {
  for (const [i, roundKey] of aes256RoundKeys(key).entries()) derived(`round key ${i}`, roundKey);
  const block = (text: Uint8Array) => createCipheriv('aes-256-ecb', key, null).update(text);
  derived('hash key', block(new Uint8Array(16)));
  for (let counter = 1; counter < 9; counter++)
    derived(`keystream block ${counter}`, block(Uint8Array.of(...IV, 0, 0, 0, counter)));
}

function withKey(core: Core, key: Uint8Array, use: (key: ReturnType<Core['keys']['prepare']>) => void): void {
  const prepared = core.keys.prepare(key);
  use(prepared);
  core.keys.release(prepared);
}

const aesSizes = [0, 5, 64, 5000, 1_500_000];
const aes: Operation[] = aesSizes.flatMap((size) => [
  {
    name: `AES-256-GCM seal, ${size} bytes`,
    publicOutput: size + 16,
    run: (core, scene) => {
      const key = scene.secret('key', 32);
      deriveAll(key, scene);
      withKey(core, key, (prepared) =>
        core.aes256gcm.seal(prepared, IV, AAD, scene.secret('plaintext', size)),
      );
    },
  },
  {
    name: `AES-256-GCM open, ${size} bytes`,
    run: (core, scene) => {
      const key = scene.secret('key', 32);
      deriveAll(key, scene);
      withKey(core, key, (prepared) => {
        const sealed = core.aes256gcm.seal(prepared, IV, AAD, scene.secret('plaintext', size));
        core.engine.input.fill(0);
        core.engine.output.fill(0);
        is(core.aes256gcm.open(prepared, IV, AAD, sealed)?.length, size);
        core.engine.input.fill(0);
      });
    },
  },
  {
    name: `AES-256-GCM open with a wrong tag, ${size} bytes`,
    run: (core, scene) => {
      const key = scene.secret('key', 32);
      deriveAll(key, scene);
      withKey(core, key, (prepared) => {
        const sealed = core.aes256gcm.seal(prepared, IV, AAD, scene.secret('plaintext', size));
        core.engine.output.fill(0);
        sealed[sealed.length - 1] ^= 1;
        is(core.aes256gcm.open(prepared, IV, AAD, sealed), undefined);
        core.engine.input.fill(0);
      });
    },
  },
]);

const many: Operation[] = [
  {
    name: 'many messages sealed',
    publicOutput: 40 + 300 + 6000 + 3 * 16,
    run: (core, { secret }) =>
      withKey(core, secret('key', 32), (key) => {
        sealMany(core, key, [secret('text 1', 40), secret('text 2', 300), secret('text 3', 6000)]);
      }),
  },
  ...[false, true].map((altered) => ({
    name: altered ? 'many messages of which the second is altered' : 'many messages opened',
    run: (core: Core, { secret }: Scene) =>
      withKey(core, secret('key', 32), (key) => {
        const texts = [secret('text 1', 40), secret('text 2', 300), secret('text 3', 6000)];
        const messages = sealMany(core, key, texts);
        core.engine.output.fill(0);
        if (altered) messages[1].text[100] ^= 1;
        is(core.aes256gcmMany.open(key, messages, new Uint8Array(6340)) === undefined, altered);
        core.engine.input.fill(0);
      }),
  })),
];

function sealMany(
  core: Core,
  key: Parameters<Parameters<typeof withKey>[2]>[0],
  texts: Uint8Array[],
): { iv: Uint8Array; aad: Uint8Array; text: Uint8Array }[] {
  const into = new Uint8Array(texts.reduce((sum, { length }) => sum + length + 16, 0));
  core.aes256gcmMany.seal(
    key,
    texts.map((text) => ({ iv: IV, aad: AAD, text })),
    into,
  );
  let end = 0;
  return texts.map(({ length }) => {
    end += length + 16;
    return { iv: IV, aad: AAD, text: into.subarray(end - length - 16, end) };
  });
}

/** Records of a channel: two short ones and one that goes alone. */
function sealRecords(
  core: Core,
  key: Parameters<Parameters<typeof withKey>[2]>[0],
  texts: Uint8Array[],
): Uint8Array[] {
  const records = texts.map((plaintext, i) => ({ type: 1, epoch: 2, counter: BigInt(i), plaintext }));
  const frames = new Uint8Array(texts.reduce((sum, { length }) => sum + length + 33, 0));
  core.record.seal(key, records, frames, 0);
  let end = 0;
  return texts.map(({ length }) => {
    end += length + 33;
    return frames.subarray(end - length - 33, end);
  });
}

const records: Operation[] = [
  {
    name: 'records sealed',
    publicOutput: 40 + 300 + 6000 + 3 * 33,
    run: (core, { secret }) =>
      withKey(core, secret('key', 32), (key) => {
        sealRecords(core, key, [secret('text 1', 40), secret('text 2', 300), secret('text 3', 6000)]);
      }),
  },
  ...[false, true].map((altered) => ({
    name: altered ? 'records of which the last is altered' : 'records opened',
    run: (core: Core, { secret }: Scene) =>
      withKey(core, secret('key', 32), (key) => {
        const texts = [secret('text 1', 40), secret('text 2', 300), secret('text 3', 6000)];
        const frames = sealRecords(core, key, texts);
        core.engine.output.fill(0);
        if (altered) frames[2][100] ^= 1;
        is(core.record.open(key, frames) === undefined, altered);
        core.engine.input.fill(0);
      }),
  })),
];

const hashes: Operation[] = [
  {
    name: 'SHA-256',
    run: (core, { secret, derived }) => derived('digest', core.sha256.hash(secret('message', 100))),
  },
  {
    name: 'SHA-256 in parts',
    run: (core, { secret, derived }) =>
      derived('digest', core.sha256.hash(secret('key', 64), secret('message', 2_000_000))),
  },
  {
    name: 'SHA-256 of many',
    run: (core, { secret, derived }) => {
      const messages = [1, 60, 64, 200, 5, 900].map((size, i) => secret(`message ${i}`, size));
      core.sha256.many(messages).forEach((digest, i) => void derived(`digest ${i}`, digest));
    },
  },
  {
    name: 'Merkle root',
    run: (core, { secret, derived }) => {
      const leaves = [1, 60, 300, 64, 5, 900, 7].map((size, i) => secret(`leaf ${i}`, size));
      const hashes = core.sha256.many(leaves, 0);
      hashes.forEach((hash, i) => void derived(`leaf hash ${i}`, hash));
      derived('node', core.merkle.nodeHash(hashes[0], hashes[1]));
      derived('root', core.merkle.root(leaves));
      derived('root of hashes', core.merkle.rootOfHashes(hashes));
    },
  },
  {
    name: 'hash chain',
    run: (core, { secret, derived }) => {
      const head = secret('head', 32);
      const records = [1, 60, 300, 64, 5].map((size, i) => secret(`record ${i}`, size));
      core.chain.append(head, records).forEach((next, i) => void derived(`head ${i}`, next));
      derived('head of the batch', core.chain.appendBatch(head, records));
      const hashes = core.sha256.many(records, 0);
      core.chain.appendHashes(head, hashes);
      core.chain.appendBatchHashes(head, hashes);
    },
  },
  {
    name: 'SHA-512',
    run: (core, { secret, derived }) => derived('digest', core.sha512.hash(secret('message', 300))),
  },
  {
    name: 'HMAC-SHA-256',
    run: (core, { secret, derived }) => {
      const mac = createHmac256({ core })(secret('key', 100), secret('message', 200));
      derived('mac', mac);
    },
  },
  {
    name: 'HKDF-SHA-256',
    run: (core, { secret, derived }) => {
      const { hkdf256 } = createHkdf256(createHmac256({ core }));
      derived('output', hkdf256(secret('ikm', 32), secret('salt', 32), secret('info', 40), 96));
    },
  },
  {
    name: 'hash chain',
    run: (core, { secret, derived }) => {
      const records = [20, 256, 256, 256, 256, 70].map((size, i) => secret(`record ${i}`, size));
      for (const head of core.chain.append(secret('head', 32), records)) derived('next head', head);
      derived('batch head', core.chain.appendBatch(secret('batch', 32), records));
    },
  },
  {
    name: 'Merkle tree',
    run: (core, { secret, derived }) => {
      const leaves = Array.from({ length: 11 }, (_, i) => secret(`leaf ${i}`, 30 * i + 8));
      derived('root', core.merkle.root(leaves));
      derived('node', core.merkle.nodeHash(secret('left', 32), secret('right', 32)));
    },
  },
];

const curves: Operation[] = [
  {
    name: 'Ed25519 public key',
    run: (core, { secret, published }) => published(core.ed25519.publicKey(secret('seed', 32))),
  },
  {
    name: 'Ed25519 sign',
    run: (core, { secret, derived, published }) => {
      const seed = secret('seed', 32);
      const expanded = core.sha512.hash(seed);
      derived('expanded seed', expanded);
      expanded[0] &= 248;
      expanded[31] = (expanded[31] & 63) | 64;
      derived('secret scalar', expanded.subarray(0, 32));
      published(core.ed25519.publicKey(seed));
      published(core.ed25519.sign(seed, secret('message', 300)));
    },
  },
  {
    name: 'Ed25519 signing key',
    run: (core, { secret, published }) => {
      const key = core.ed25519.signingKey(secret('seed', 32));
      const signature = key.sign(secret('message', 300));
      published(key.publicKey);
      published(signature);
      key[Symbol.dispose]();
    },
  },
  {
    name: 'Ed25519 verify, single and batch, of secret messages',
    allPublicBut: 'messages',
    run: (core, { secret }) => {
      const seed = new Uint8Array(32).fill(5);
      const items = [100, 300, 2000].map((size, i) => {
        const message = secret(`message ${i}`, size);
        return {
          message,
          publicKey: core.ed25519.publicKey(seed),
          signature: core.ed25519.sign(seed, message),
        };
      });
      for (const item of items) is(core.ed25519.accepts(item), true);
      equal(core.ed25519.findRefused(items, new Uint8Array(16 * items.length).fill(1)), []);
    },
  },
  {
    name: 'scalars of edwards25519',
    run: ({ group25519 }, { secret, derived }) => {
      const [a, b, c] = ['a', 'b', 'c'].map((label) => secret(label, 32));
      derived('sum', group25519.scalarMultiplyAdd(a, b, c));
      derived('inverse', group25519.scalarInvert(a));
      derived('reduced', group25519.scalarReduce(secret('digest', 64)));
    },
  },
  {
    name: 'multiples on edwards25519',
    run: ({ group25519 }, { secret, derived }) => {
      const scalar = secret('scalar', 32);
      derived('normalised', group25519.scalarMultiplyAdd(scalar, SCALAR_ONE, SCALAR_ZERO));
      const product = group25519.multiply(scalar, group25519.multiplyBase(SCALAR_ONE))!;
      bytes(product, group25519.multiplyBase(scalar));
      derived('product', product);
    },
  },
  {
    name: 'X25519 public key',
    run: (core, { secret, published }) => published(core.x25519.publicKey(secret('scalar', 32))),
  },
  {
    name: 'X25519',
    run: (core, { secret, derived }) => {
      const point = core.x25519.publicKey(new Uint8Array(32).fill(9));
      derived('shared secret', core.x25519.multiply(secret('scalar', 32), point)!);
    },
  },
];

/** Keys of a secret seed, of which the parts that stay secret are named. */
function kemKeys(core: Core, { secret, derived, published }: Scene): { ek: Uint8Array; dk: Uint8Array } {
  const seed = secret('seed', 64);
  const { ek, dk } = core.mlkem768.keygen(seed);
  const sigma = createHash('sha3-512').update(seed.subarray(0, 32)).update(Uint8Array.of(3)).digest();
  derived('noise seed', sigma.subarray(32));
  derived('decryption key', dk.subarray(0, 1152));
  published(ek);
  published(dk.subarray(2336, 2368));
  return { ek, dk };
}

const kems: Operation[] = [
  { name: 'ML-KEM-768 key generation', run: kemKeys },
  {
    name: 'ML-KEM-768 encapsulation',
    run: (core, scene) => {
      const { ek } = kemKeys(core, scene);
      const m = scene.secret('coins', 32);
      const { c, k } = core.mlkem768.encaps(ek, m)!;
      scene.derived('shared secret', k);
      const both = createHash('sha3-512')
        .update(m)
        .update(createHash('sha3-256').update(ek).digest())
        .digest();
      scene.derived('noise seed of the ciphertext', both.subarray(32));
      scene.published(c);
    },
  },
  ...[false, true].map((altered) => ({
    name: altered ? 'ML-KEM-768 decapsulation that rejects' : 'ML-KEM-768 decapsulation',
    run: (core: Core, scene: Scene) => {
      const { ek, dk } = kemKeys(core, scene);
      const { c, k } = core.mlkem768.encaps(ek, scene.secret('coins', 32))!;
      scene.derived('shared secret', k);
      if (altered) c[1000] ^= 1;
      scene.derived('secret that comes out', core.mlkem768.decaps(dk, c)!);
    },
  })),
  {
    name: 'ML-KEM-768 keys that are refused',
    run: (core, scene) => {
      const { ek, dk } = kemKeys(core, scene);
      is(core.mlkem768.encaps(ek.slice().fill(0xff, 0, 3), scene.secret('coins', 32)), undefined);
      is(core.mlkem768.decaps(dk.with(2336, dk[2336] ^ 1), new Uint8Array(1088)), undefined);
    },
  },
];

for (const { name, start } of coreVariants())
  for (const operation of [...aes, ...many, ...records, ...hashes, ...curves, ...kems]) {
    test(`${name}: ${operation.name} leaves no secret`, () => {
      equal(secretsLeft(start(), operation), []);
    });

    if (operation.allPublicBut) continue;
    test(`${name}: ${operation.name} leaves the same memory whatever the secrets`, () => {
      is(firstDifference([start(), start()], operation), undefined);
    });
  }

test('the search finds a secret that stays', () => {
  const careless: Operation = {
    name: 'a secret copied into memory',
    run: (core, { secret }) => core.engine.memory.set(secret('key', 32).subarray(11, 19), 3_000_001),
  };
  equal(secretsLeft(testCore(), careless), ['key']);
});

test('the search finds the plaintext of a message that was not wiped', () => {
  const careless: Operation = {
    name: 'input left as it was',
    run: (core, { secret }) => core.engine.input.set(secret('plaintext', 4000), 100),
  };
  equal(secretsLeft(testCore(), careless), ['plaintext']);
});

test('the comparison finds a key that was not released, though its bytes are spread', () => {
  const careless: Operation = {
    name: 'a prepared key',
    run: (core, scene) => {
      const key = scene.secret('key', 32);
      deriveAll(key, scene);
      core.keys.slotOf(core.keys.prepare(key));
    },
  };
  equal(secretsLeft(testCore(), careless), []);
  not.type(firstDifference([testCore(), testCore()], careless), 'undefined');
});
