/**
 * Every function of `Crypto`, on every engine, against an implementation nobody here wrote: the same inputs, good
 * and altered, must give the same bytes or the same refusal.
 */
import { constants, generateKeyPairSync, privateDecrypt, sign } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import fc from 'fast-check';
import { concat, u32be } from '../../../src/base/bytes.ts';
import { isOotoError } from '../../../src/base/errors.ts';
import { hex, unhex } from '../../../src/base/hex.ts';
import {
  type Crypto,
  createCrypto,
  type EngineName,
  type LongItem,
  type SaltedItems,
} from '../../../src/crypto/index.ts';
import { nodeHardware } from '../../../src/platform/node/hardware.ts';
import { nodeRandom } from '../../../src/platform/node/random.ts';
import { equal, is } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { OTHER_SPELLINGS, SMALL_ORDER } from '../../support/ed25519-cases.ts';
import { nobleCrypto } from '../../support/noble-crypto.ts';
import { suite } from '../../support/suite.ts';

/** One call, on one engine where the function lets one choose. */
type Call = (crypto: Crypto, engine: EngineName) => unknown;

const judge = nobleCrypto();
const long = (most: number) => fc.uint8Array({ maxLength: most });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** Mostly short, at times beyond the crossovers. */
const text = fc.oneof(
  { weight: 6, arbitrary: long(300) },
  { weight: 2, arbitrary: fc.uint8Array({ minLength: 300, maxLength: 3000 }) },
);
const texts = fc.array(text, { maxLength: 12 });
const key = exactly(32);
const number = (value: bigint) => unhex(value.toString(16).padStart(64, '0')).reverse();
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
/** Mostly any 32 bytes; at times 0, 1 and what lies around L, its multiples and the limit. */
const scalar = fc.oneof(
  { weight: 4, arbitrary: exactly(32) },
  { weight: 4, arbitrary: fc.bigInt({ min: 0n, max: ORDER - 1n }).map(number) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...[0n, 1n, 2n, ORDER - 1n, ORDER, ORDER + 1n, 8n * ORDER, 2n ** 253n - 1n, 2n ** 256n - 1n].map(
        number,
      ),
    ),
  },
);
/** Mostly elements; at times of small or mixed order, in another spelling, or no point at all. */
const element = key.map((seed) => judge.ed25519.publicKey(seed));
const point = fc.oneof(
  { weight: 6, arbitrary: element },
  {
    weight: 2,
    arbitrary: fc
      .tuple(element, fc.constantFrom(...SMALL_ORDER))
      .map(([P, T]) => judge.edwards25519.add(P, T)),
  },
  { weight: 1, arbitrary: fc.constantFrom(...SMALL_ORDER, ...OTHER_SPELLINGS) },
  { weight: 1, arbitrary: key },
);
/** Where and how to alter something: in half of the cases not at all. */
const alteration = fc.record({
  at: fc.nat(),
  mask: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 255 })),
});

type Alteration = typeof alteration extends fc.Arbitrary<infer T> ? T : never;

function altered(bytes: Uint8Array, { at, mask }: Alteration): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) copy[at % copy.length] ^= mask;
  return copy;
}

const rsaKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const RSA_MODULUS = new Uint8Array(
  Buffer.from(rsaKeys.publicKey.export({ format: 'jwk' }).n ?? '', 'base64url'),
);

function opened(sealed: Uint8Array, label: Uint8Array): Uint8Array {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const key = { key: rsaKeys.privateKey, padding, oaepHash: 'sha256', oaepLabel: Buffer.from(label) };
  return new Uint8Array(privateDecrypt(key, sealed));
}

const p384Keys = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const p384Key = p384Keys.publicKey.export({ format: 'jwk' });
const P384_POINT = concat(
  Uint8Array.of(4),
  ...[p384Key.x, p384Key.y].map((part) => new Uint8Array(Buffer.from(part ?? '', 'base64url'))),
);
/** A signature of a certificate to be made, and how to alter it. */
const certificateSignature = fc.record({
  hash: fc.constantFrom('sha256' as const, 'sha384' as const, 'sha512' as const),
  message: long(100),
  change: alteration,
});

const calls: Record<string, fc.Arbitrary<Call>> = {
  'random.bytes': fc.nat({ max: 100 }).map(
    (n): Call =>
      (crypto) =>
        crypto.random.bytes(n).length,
  ),
  'aes256gcm.key': fc
    .tuple(
      key,
      fc.array(fc.record({ iv: exactly(12), aad: long(60), plaintext: text }), {
        minLength: 1,
        maxLength: 9,
      }),
      fc.nat(),
      alteration,
    )
    .map(([k, messages, which, change]): Call => {
      const sealed = messages.map(({ iv, aad, plaintext }, i) => {
        const good = judge.aes256gcm.seal(k, iv, aad, plaintext);
        return { iv, aad, sealed: i === which % messages.length ? altered(good, change) : good };
      });
      return (crypto, engine) => {
        using prepared = crypto.aes256gcm.key(k, engine);
        return [
          messages.map(({ iv, aad, plaintext }) => prepared.seal(iv, aad, plaintext)),
          sealed.map((message) => outcome(() => prepared.open(message.iv, message.aad, message.sealed))),
          prepared.sealMany(messages),
          outcome(() => prepared.openMany(sealed)),
        ];
      };
    }),
  'aes256gcm.seal': fc.tuple(key, exactly(12), long(60), text).map(
    ([k, iv, aad, plaintext]): Call =>
      (crypto, engine) =>
        crypto.aes256gcm.seal(k, iv, aad, plaintext, engine),
  ),
  'aes256gcm.open': fc
    .tuple(key, exactly(12), long(60), text, alteration)
    .map(([k, iv, aad, plaintext, change]): Call => {
      const sealed = altered(judge.aes256gcm.seal(k, iv, aad, plaintext), change);
      return (crypto, engine) => crypto.aes256gcm.open(k, iv, aad, sealed, engine);
    }),
  'aes256gcm.sealMany': fc
    .tuple(key, fc.array(fc.record({ iv: exactly(12), aad: long(60), plaintext: text }), { maxLength: 9 }))
    .map(
      ([k, records]): Call =>
        (crypto) =>
          crypto.aes256gcm.sealMany(k, records),
    ),
  'aes256gcm.openMany': fc
    .tuple(
      key,
      fc.array(fc.record({ iv: exactly(12), aad: long(60), plaintext: text }), { maxLength: 9 }),
      fc.nat(),
      alteration,
    )
    .map(([k, records, which, change]): Call => {
      const sealed = records.map(({ iv, aad, plaintext }, i) => {
        const good = judge.aes256gcm.seal(k, iv, aad, plaintext);
        return { iv, aad, sealed: i === which % records.length ? altered(good, change) : good };
      });
      return (crypto) => crypto.aes256gcm.openMany(k, sealed);
    }),
  recordCipher: fc.tuple(key, texts, fc.nat(), alteration).map(([k, plaintexts, which, change]): Call => {
    const records = plaintexts.map((plaintext, i) => ({
      type: i,
      epoch: i << 20,
      counter: BigInt(i) << 40n,
      plaintext,
    }));
    const frames = records.map((record) => judge.recordCipher(k).seal([record]));
    const damaged = frames.map((frame, i) => {
      const body = altered(frame.subarray(4), change);
      return i === which % frames.length ? Uint8Array.of(...frame.subarray(0, 4), ...body) : frame;
    });
    return (crypto) => {
      using cipher = crypto.recordCipher(k);
      return [cipher.seal(records), outcome(() => cipher.open(frames)), outcome(() => cipher.open(damaged))];
    };
  }),
  keystream: fc.tuple(key, fc.nat(), fc.nat({ max: 3000 })).map(
    ([k, number, length]): Call =>
      (crypto) => {
        using stream = crypto.keystream(k);
        return stream.bytes(number, length);
      },
  ),
  giveBack: text.map(
    (bytes): Call =>
      (crypto) => {
        crypto.giveBack(bytes.slice());
        return bytes;
      },
  ),
  join: texts.map(
    (parts): Call =>
      (crypto) =>
        crypto.join(parts),
  ),
  'saltedTree.longFrom': fc.constant((crypto: Crypto) => crypto.saltedTree.longFrom > 0),
  'saltedTree.leaves': fc.tuple(texts, exactly(16)).map(
    ([messages, salt]): Call =>
      (crypto) =>
        messages.length > 0 && crypto.saltedTree.leaves(saltedItems(crypto, messages, salt)),
  ),
  'saltedTree.root': fc.tuple(texts, exactly(16)).map(
    ([messages, salt]): Call =>
      (crypto) =>
        messages.length > 0 && crypto.saltedTree.root(saltedItems(crypto, messages, salt)),
  ),
  sha256: text.map(
    (message): Call =>
      (crypto, engine) =>
        crypto.sha256(message, engine),
  ),
  sha256Many: texts.map(
    (messages): Call =>
      (crypto) =>
        crypto.sha256Many(messages),
  ),
  sha256ManyInto: texts.map(
    (messages): Call =>
      (crypto) => {
        const digests = new Uint8Array(32 * messages.length);
        crypto.sha256ManyInto(messages, digests);
        return digests;
      },
  ),
  sha512: long(5000).map(
    (message): Call =>
      (crypto) =>
        crypto.sha512(message),
  ),
  hmac256: fc.tuple(long(150), text).map(
    ([k, message]): Call =>
      (crypto) =>
        crypto.hmac256(k, message),
  ),
  hkdf256: fc.tuple(long(100), long(100), long(100), fc.nat({ max: 300 })).map(
    ([ikm, salt, info, length]): Call =>
      (crypto) =>
        crypto.hkdf256(ikm, salt, info, length),
  ),
  hkdf256Expand: fc.tuple(exactly(32), long(100), fc.nat({ max: 300 })).map(
    ([prk, info, length]): Call =>
      (crypto) =>
        crypto.hkdf256Expand(prk, info, length),
  ),
  'ed25519.publicKey': key.map(
    (seed): Call =>
      (crypto) =>
        crypto.ed25519.publicKey(seed),
  ),
  'ed25519.sign': fc.tuple(key, text).map(
    ([seed, message]): Call =>
      (crypto) =>
        crypto.ed25519.sign(seed, message),
  ),
  'ed25519.signingKey': fc.tuple(key, texts).map(
    ([seed, messages]): Call =>
      (crypto) => {
        using signer = crypto.ed25519.signingKey(seed);
        return [signer.publicKey, messages.map((message) => signer.sign(message))];
      },
  ),
  'ed25519.verify': fc
    .tuple(key, text, alteration, fc.nat({ max: 2 }))
    .map(([seed, message, change, part]): Call => {
      const good = [judge.ed25519.publicKey(seed), message, judge.ed25519.sign(seed, message)];
      const [publicKey, given, signature] = good.map((bytes, i) =>
        i === part ? altered(bytes, change) : bytes,
      );
      return (crypto, engine) => crypto.ed25519.verify(publicKey, given, signature, engine);
    }),
  'ed25519.verifyBatch': fc
    .array(fc.tuple(key, text, alteration, fc.nat({ max: 5 })), { maxLength: 9 })
    .map((list): Call => {
      const items = list.map(([seed, message, change, rarely]) => {
        const signature = judge.ed25519.sign(seed, message);
        const given = rarely === 0 ? altered(signature, change) : signature;
        return { publicKey: judge.ed25519.publicKey(seed), message, signature: given };
      });
      return (crypto) => crypto.ed25519.verifyBatch(items);
    }),
  'ed25519.admitKey': fc.tuple(key, fc.boolean()).map(
    ([bytes, real]): Call =>
      (crypto) =>
        crypto.ed25519.admitKey(real ? judge.ed25519.publicKey(bytes) : bytes),
  ),
  ...Object.fromEntries(
    (['scalarAdd', 'scalarSubtract', 'scalarMultiply'] as const).map((operation) => [
      `edwards25519.${operation}`,
      fc.tuple(scalar, scalar).map(
        ([a, b]): Call =>
          (crypto) =>
            crypto.edwards25519[operation](a, b),
      ),
    ]),
  ),
  'edwards25519.scalarMultiplyAdd': fc.tuple(scalar, scalar, scalar).map(
    ([a, b, c]): Call =>
      (crypto) =>
        crypto.edwards25519.scalarMultiplyAdd(a, b, c),
  ),
  'edwards25519.scalarInvert': scalar.map(
    (a): Call =>
      (crypto) =>
        crypto.edwards25519.scalarInvert(a),
  ),
  'edwards25519.scalarReduce': exactly(64).map(
    (wide): Call =>
      (crypto) =>
        crypto.edwards25519.scalarReduce(wide),
  ),
  'edwards25519.multiplyBase': scalar.map(
    (a): Call =>
      (crypto) =>
        crypto.edwards25519.multiplyBase(a),
  ),
  'edwards25519.multiply': fc.tuple(scalar, point).map(
    ([a, P]): Call =>
      (crypto) =>
        crypto.edwards25519.multiply(a, P),
  ),
  'edwards25519.add': fc.tuple(point, point).map(
    ([P, Q]): Call =>
      (crypto) =>
        crypto.edwards25519.add(P, Q),
  ),
  'edwards25519.sumOfPublicMultiples': fc.array(fc.record({ scalar, point }), { maxLength: 5 }).map(
    (terms): Call =>
      (crypto) =>
        crypto.edwards25519.sumOfPublicMultiples(terms),
  ),
  'edwards25519.admitElement': point.map(
    (P): Call =>
      (crypto) =>
        crypto.edwards25519.admitElement(P),
  ),
  'edwards25519.admitScalar': fc.oneof(scalar, exactly(31), exactly(33)).map(
    (a): Call =>
      (crypto) =>
        crypto.edwards25519.admitScalar(a),
  ),
  'x25519.publicKey': key.map(
    (scalar): Call =>
      (crypto) =>
        crypto.x25519.publicKey(scalar),
  ),
  'x25519.sharedSecret': fc
    .tuple(
      key,
      fc.oneof({ weight: 9, arbitrary: key }, { weight: 1, arbitrary: fc.constant(new Uint8Array(32)) }),
    )
    .map(
      ([scalar, point]): Call =>
        (crypto) =>
          crypto.x25519.sharedSecret(scalar, point),
    ),
  'mlkem768.keygen': exactly(64).map(
    (seed): Call =>
      (crypto) =>
        crypto.mlkem768.keygen(seed),
  ),
  'mlkem768.encaps': fc.tuple(exactly(64), key, alteration).map(([seed, m, change]): Call => {
    const ek = altered(judge.mlkem768.keygen(seed).ek, change);
    return (crypto) => crypto.mlkem768.encaps(ek, m);
  }),
  'mlkem768.decaps': fc.tuple(exactly(64), key, alteration).map(([seed, m, change]): Call => {
    const { ek, dk } = judge.mlkem768.keygen(seed);
    const c = altered(judge.mlkem768.encaps(ek, m).c, change);
    return (crypto) => crypto.mlkem768.decaps(dk, c);
  }),
  'p256.verify': fc
    .tuple(key, text, alteration, fc.constantFrom('der' as const, 'p1363' as const))
    .map(([seed, message, change, encoding]): Call => {
      const { secretKey, publicKey } = p256.keygen(Uint8Array.of(...seed, ...seed.subarray(0, 16)));
      const format = encoding === 'der' ? 'der' : 'compact';
      const signature = altered(p256.sign(message, secretKey, { format }), change);
      const point = p256.Point.fromBytes(publicKey).toBytes(false);
      return (crypto) => crypto.p256.verify(point, message, signature, encoding);
    }),
  'p256.admitKey': fc.tuple(key, alteration).map(([seed, change]): Call => {
    const { publicKey } = p256.keygen(Uint8Array.of(...seed, ...seed.subarray(0, 16)));
    const point = altered(p256.Point.fromBytes(publicKey).toBytes(false), change);
    return (crypto) => crypto.p256.admitKey(point);
  }),
  'p256.keygen': exactly(48).map(
    (seed): Call =>
      (crypto) =>
        crypto.p256.keygen(seed),
  ),
  'p256.sharedSecret': fc.tuple(exactly(48), exactly(48), alteration).map(([seed, other, change]): Call => {
    const { secretKey } = judge.p256.keygen(seed);
    const publicKey = altered(judge.p256.keygen(other).publicKey, change);
    return (crypto) => crypto.p256.sharedSecret(secretKey, publicKey);
  }),
  // The judge pads with randomness of its own: what counts is that the holder of the private key reads the message.
  'rsa.verifyPkcs1': certificateSignature.map(({ hash, message, change }): Call => {
    const signature = altered(new Uint8Array(sign(hash, message, rsaKeys.privateKey)), change);
    return (crypto) => crypto.rsa.verifyPkcs1({ modulus: RSA_MODULUS }, message, signature, hash);
  }),
  'rsa.verifyPss': certificateSignature.map(({ hash, message, change }): Call => {
    const padding = {
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    };
    const made = new Uint8Array(sign(hash, message, { key: rsaKeys.privateKey, ...padding }));
    const signature = altered(made, change);
    return (crypto) => crypto.rsa.verifyPss({ modulus: RSA_MODULUS }, message, signature, hash);
  }),
  'p384.verify': certificateSignature.map(({ hash, message, change }): Call => {
    const signature = altered(new Uint8Array(sign(hash, message, p384Keys.privateKey)), change);
    return (crypto) => crypto.p384.verify(P384_POINT, message, signature, hash);
  }),
  'p384.admitKey': alteration.map((change): Call => {
    const point = altered(P384_POINT, change);
    return (crypto) => crypto.p384.admitKey(point);
  }),
  'mldsa44.publicKey': fc.tuple(key).map(
    ([seed]) =>
      (crypto) =>
        crypto.mldsa44.publicKey(seed),
  ),
  // No two signatures are alike: what counts is that the judge takes them.
  'mldsa44.sign': fc.tuple(key, long(200)).map(
    ([seed, message]) =>
      (crypto) =>
        judge.mldsa44.verify(judge.mldsa44.publicKey(seed), message, crypto.mldsa44.sign(seed, message)),
  ),
  'mldsa44.verify': fc.tuple(key, long(200), fc.boolean()).map(([seed, message, bent]) => {
    const signature = judge.mldsa44.sign(seed, message);
    if (bent) signature[100] ^= 1;
    return (crypto) => crypto.mldsa44.verify(crypto.mldsa44.publicKey(seed), message, signature);
  }),
  'xchacha20poly1305.seal': fc.tuple(key, exactly(24), long(200)).map(
    ([secret, nonce, text]): Call =>
      (crypto) =>
        crypto.xchacha20poly1305.seal(secret, nonce, text),
  ),
  'xchacha20poly1305.open': fc
    .tuple(key, exactly(24), long(200), alteration)
    .map(([secret, nonce, text, change]): Call => {
      const sealed = altered(judge.xchacha20poly1305.seal(secret, nonce, text), change);
      return (crypto) => crypto.xchacha20poly1305.open(secret, nonce, sealed);
    }),
  'rsa.encryptOaep256': fc.tuple(long(190), long(40), key).map(
    ([message, label, seed]): Call =>
      (crypto) =>
        opened(crypto.rsa.encryptOaep256({ modulus: RSA_MODULUS }, message, label, seed), label),
  ),
  aes128cfbEncrypt: fc.tuple(exactly(16), exactly(16), long(100)).map(
    ([k, iv, plaintext]): Call =>
      (crypto) =>
        crypto.aes128cfbEncrypt(k, iv, plaintext),
  ),
  'chain.append': fc.tuple(key, texts).map(
    ([head, records]): Call =>
      (crypto) =>
        crypto.chain.append(head, records),
  ),
  'chain.appendInto': fc.tuple(key, texts).map(
    ([head, records]): Call =>
      (crypto) => {
        const heads = new Uint8Array(32 * records.length);
        crypto.chain.appendInto(head, records, heads);
        return heads;
      },
  ),
  'chain.appendBatch': fc.tuple(key, texts).map(
    ([head, records]): Call =>
      (crypto) =>
        crypto.chain.appendBatch(head, records),
  ),
  'chain.appendHashes': fc.tuple(key, fc.array(key, { maxLength: 12 })).map(
    ([head, leafHashes]): Call =>
      (crypto) =>
        crypto.chain.appendHashes(head, leafHashes),
  ),
  'chain.appendBatchHashes': fc.tuple(key, fc.array(key, { maxLength: 12 })).map(
    ([head, leafHashes]): Call =>
      (crypto) =>
        crypto.chain.appendBatchHashes(head, leafHashes),
  ),
  'merkle.leafHash': text.map(
    (leaf): Call =>
      (crypto) =>
        crypto.merkle.leafHash(leaf),
  ),
  'merkle.leafHashes': texts.map(
    (leaves): Call =>
      (crypto) =>
        crypto.merkle.leafHashes(leaves),
  ),
  'merkle.nodeHash': fc.tuple(key, key).map(
    ([left, right]): Call =>
      (crypto) =>
        crypto.merkle.nodeHash(left, right),
  ),
  'merkle.root': texts.map(
    (leaves): Call =>
      (crypto) =>
        crypto.merkle.root(leaves),
  ),
  'merkle.rootOfHashes': fc.array(key, { maxLength: 40 }).map(
    (hashes): Call =>
      (crypto) =>
        crypto.merkle.rootOfHashes(hashes),
  ),
};

/** Messages as a channel lays them out for this engine. */
function saltedItems(crypto: Crypto, messages: readonly Uint8Array[], salt: Uint8Array): SaltedItems {
  const [start, long]: [number, LongItem[]] = [68, []];
  let at = start;
  messages.forEach(({ length }, index) => {
    if (length >= crypto.saltedTree.longFrom) long.push({ index, at: at + 4, length });
    at += 4 + length;
  });
  const items = messages.flatMap((message) => [u32be(message.length), message]);
  const bytes = concat(new Uint8Array(start), ...items);
  return { bytes, start, count: messages.length, salts: concat(...messages.map(() => salt)), long };
}

/** What a call gave, in a form that can be compared: bytes as text, a refusal as its code. */
function outcome(call: () => unknown): unknown {
  try {
    return readable(call());
  } catch (error) {
    if (isOotoError(error)) return `refused: ${error.code}`;
    throw error;
  }
}

function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value === 'bigint') return `${value}`;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, readable(part)]));
}

/** Names of all functions: `sha256`, `aes256gcm.seal` and so on. */
function functionsOf(crypto: Crypto): string[] {
  return Object.entries(crypto).flatMap(([name, value]) =>
    typeof value === 'function' ? [name] : Object.keys(value).map((inner) => `${name}.${inner}`),
  );
}

const test = suite('crypto cross-check', { timeout: 60_000 });
const random = nodeRandom();
const subjects = testCores().flatMap(({ name, core }) =>
  (['wasm', 'hardware', 'auto'] as const).map((engine) => {
    const hardware = engine === 'wasm' ? {} : nodeHardware();
    return {
      name: `${name}, ${engine}`,
      engine,
      crypto: createCrypto({ core, hardware, random, recordEngine: engine }),
    };
  }),
);

for (const { name, crypto } of subjects)
  test(`${name}: no function is left out`, () => {
    equal(functionsOf(crypto).sort(), Object.keys(calls).sort());
    equal(functionsOf(judge).sort(), Object.keys(calls).sort());
  });

for (const [called, arbitrary] of Object.entries(calls))
  for (const { name, engine, crypto } of subjects)
    test(`${name}: ${called}`, () => {
      const slow = /mlkem|mldsa|p256|p384|rsa|ed25519|x25519/.test(called);
      fc.assert(
        fc.property(arbitrary, (call) => {
          equal(
            outcome(() => call(crypto, engine)),
            outcome(() => call(judge, engine)),
          );
        }),
        { numRuns: slow ? 25 : 100 },
      );
    });

test('an outcome tells bytes, refusals and values apart', () => {
  const one = outcome(() => Uint8Array.of(1));
  is(one, '01');
  is(
    outcome(() =>
      judge.aes256gcm.open(new Uint8Array(32), new Uint8Array(12), new Uint8Array(), new Uint8Array(20)),
    ),
    'refused: OOTO_CRYPTO_AUTHENTICATION',
  );
});
