/**
 * WebCrypto, which answers later: once as a program uses it that awaits each result, and once with 32 operations
 * under way, where it works on several cores at once. Keys are CryptoKeys made before the clock runs.
 */
import type { Engine } from '../engine.ts';

const IN_FLIGHT = 32;
const GCM_TAG_BITS = 128;
const DIGEST_BYTES = 32;
const ED25519_PKCS8 = prefix('302e020100300506032b657004220420');
const X25519_PKCS8 = prefix('302e020100300506032b656e04220420');

type Bytes = Uint8Array<ArrayBuffer>;
const { subtle } = globalThis.crypto;

const symmetric: Omit<Engine, 'name'> = {
  async gcm(raw) {
    const key = await subtle.importKey('raw', raw as Bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
    const parameters = (iv: Uint8Array, aad: Uint8Array): AesGcmParams => ({
      name: 'AES-GCM',
      iv: iv as Bytes,
      additionalData: aad as Bytes,
      tagLength: GCM_TAG_BITS,
    });
    return {
      async seal(iv, aad, plaintext, sealed) {
        sealed.set(new Uint8Array(await subtle.encrypt(parameters(iv, aad), key, plaintext as Bytes)));
      },
      async open(iv, aad, sealed, plaintext) {
        plaintext.set(new Uint8Array(await subtle.decrypt(parameters(iv, aad), key, sealed as Bytes)));
      },
    };
  },
  async sha256(message, digest) {
    digest.set(new Uint8Array(await subtle.digest('SHA-256', message as Bytes)));
  },
};

const ed25519: Omit<Engine, 'name'> = {
  async ed25519Sign(seed) {
    const key = await subtle.importKey('pkcs8', behind(ED25519_PKCS8, seed), 'Ed25519', false, ['sign']);
    return async (message, signature) =>
      signature.set(new Uint8Array(await subtle.sign('Ed25519', key, message as Bytes)));
  },
  async ed25519Verify(publicKey) {
    const key = await verificationKey(publicKey);
    return (message, signature) => subtle.verify('Ed25519', key, signature as Bytes, message as Bytes);
  },
};

const x25519: Omit<Engine, 'name'> = {
  async x25519(scalar) {
    const own = await subtle.importKey('pkcs8', behind(X25519_PKCS8, scalar), 'X25519', false, [
      'deriveBits',
    ]);
    return async (point, secret) => {
      const peer = await subtle.importKey('raw', point as Bytes, 'X25519', false, []);
      secret.set(new Uint8Array(await subtle.deriveBits({ name: 'X25519', public: peer }, own, 256)));
    };
  },
};

/** What this platform has of it: the curves are young there. */
const operations: Omit<Engine, 'name'> = {
  ...symmetric,
  ...((await works(() => subtle.generateKey('Ed25519', false, ['sign', 'verify']))) && ed25519),
  ...((await works(() => subtle.generateKey('X25519', false, ['deriveBits']))) && x25519),
};

/** Each result is awaited before the next operation begins. */
export const webCrypto: Engine = { name: 'webcrypto', ...operations, ...manyWith(1) };

/** Always 32 operations under way. */
export const webCryptoInFlight: Engine = {
  name: 'webcrypto-32',
  inFlight: IN_FLIGHT,
  ...operations,
  ...manyWith(IN_FLIGHT),
};

/** Calls of many operations, of which so many are under way at once. */
function manyWith(lanes: number): Omit<Engine, 'name'> {
  return {
    async gcm(raw) {
      const key = await symmetric.gcm!(raw);
      return {
        ...key,
        sealMany: (messages, sealed) =>
          inLanes(lanes, messages.length, async (i) => {
            const { iv, aad, plaintext } = messages[i];
            const length = plaintext.length + GCM_TAG_BITS / 8;
            await key.seal(iv, aad, plaintext, sealed.subarray(i * length, (i + 1) * length));
          }),
        openMany: (messages, plaintexts) =>
          inLanes(lanes, messages.length, async (i) => {
            const { iv, aad, sealed } = messages[i];
            const length = sealed.length - GCM_TAG_BITS / 8;
            await key.open(iv, aad, sealed, plaintexts.subarray(i * length, (i + 1) * length));
          }),
      };
    },
    sha256Many: (messages, digests) =>
      inLanes(lanes, messages.length, (i) => digestInto(messages[i], digests, i)),
    ...(operations.ed25519Verify && {
      async ed25519VerifyBatch(publicKeys) {
        const keys = await verificationKeys(publicKeys);
        return (messages, signatures, verdicts) =>
          inLanes(lanes, keys.length, async (i) => {
            const [signature, message] = [signatures[i] as Bytes, messages[i] as Bytes];
            verdicts[i] = Number(await subtle.verify('Ed25519', keys[i], signature, message));
          });
      },
    }),
  };
}

/** Runs `one` for 0 to `count`, always so many at once. */
async function inLanes(lanes: number, count: number, one: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: Math.min(count, lanes) }, lane));
}

async function works(body: () => Promise<unknown>): Promise<boolean> {
  try {
    await body();
    return true;
  } catch {
    return false;
  }
}

async function digestInto(message: Uint8Array, digests: Uint8Array, i: number): Promise<void> {
  digests.set(new Uint8Array(await subtle.digest('SHA-256', message as Bytes)), i * DIGEST_BYTES);
}

async function verificationKeys(publicKeys: readonly Uint8Array[]): Promise<CryptoKey[]> {
  const distinct = new Map<Uint8Array, CryptoKey>();
  for (const bytes of new Set(publicKeys)) distinct.set(bytes, await verificationKey(bytes));
  return publicKeys.map((bytes) => distinct.get(bytes)!);
}

function verificationKey(publicKey: Uint8Array): Promise<CryptoKey> {
  return subtle.importKey('raw', publicKey as Bytes, 'Ed25519', false, ['verify']);
}

function behind(before: Uint8Array, bytes: Uint8Array): Bytes {
  const joined = new Uint8Array(before.length + bytes.length);
  joined.set(before);
  joined.set(bytes, before.length);
  return joined;
}

function prefix(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}
