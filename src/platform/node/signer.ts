/**
 * The software identity: an Ed25519 key in a file of mode 0600. What flows through here: on first use 32 random
 * bytes are written once, whole and flushed; every later start reads them; messages come in, signatures go out.
 * The file is PKCS #8 in PEM (RFC 8410), so that other tools can read it.
 */
import { basename } from 'node:path';
import { concat, equal } from '../../base/bytes.ts';
import { wipe } from '../../base/disposal.ts';
import { OotoError } from '../../base/errors.ts';
import { unhex } from '../../base/hex.ts';
import { type PemBlock, pemDecode, pemEncode } from '../../base/pem.ts';
import type { Random, Signer } from '../../ports.ts';
import { createFileOnce, readSecretFile, writeFileAtomically } from './files.ts';

const SEED_BYTES = 32;
const LABEL = 'PRIVATE KEY';
const SEALED_LABEL = 'OOTO SEALED KEY';
/** RFC 8410 section 7: OneAsymmetricKey version 0, id-Ed25519, a 32-byte CurvePrivateKey follows. */
const PKCS8_HEAD = unhex('302e020100300506032b657004220420');
const FILE_BYTES_MOST = 1024;

export interface SoftwareSignerOptions {
  file: string;
  random: Random;
  /** The project's Ed25519. */
  ed25519: {
    publicKey(seed: Uint8Array): Uint8Array;
    sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  };
  /** Without it a file that is encrypted stays closed. */
  protection?: KeyProtection | undefined;
}

/** Encrypts what key files hold, each under its own name. */
export interface KeyProtection extends Disposable {
  seal(content: Uint8Array, name: string): Uint8Array;
  /** @throws OOTO_CRYPTO_AUTHENTICATION (peer) for another file's content, or changed bytes. */
  open(sealed: Uint8Array, name: string): Uint8Array;
}

/** A key in memory that signs at once: for log and witness keys. */
export interface SoftwareKey extends Disposable {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/**
 * The key in `file`, which is made if there is none. Disposing it wipes the seed.
 * @throws OOTO_SIGNER_FILE (environment) when the file holds anything else, and what `files.ts` throws.
 */
export async function softwareKey(options: SoftwareSignerOptions): Promise<SoftwareKey> {
  const { ed25519 } = options;
  const seed = await softwareSeed(options);
  return {
    publicKey: ed25519.publicKey(seed),
    sign: (message) => ed25519.sign(seed, message),
    [Symbol.dispose]: () => wipe(seed),
  };
}

/**
 * The 32 secret bytes in `file`, in the same form: for a key that is none of Ed25519. The caller wipes them.
 * @throws as {@link softwareKey}.
 */
export async function softwareSeed({
  file,
  random,
  protection,
}: Omit<SoftwareSignerOptions, 'ed25519'>): Promise<Uint8Array> {
  return (await existingSeed(file, protection)) ?? (await newSeed(file, random, protection));
}

/** The same key behind the `Signer` port, for identity keys. @throws as {@link softwareKey}. */
export async function softwareSigner(options: SoftwareSignerOptions) {
  const key = await softwareKey(options);
  return {
    algorithm: 'ed25519',
    publicKey: key.publicKey,
    async sign(message, { signal } = {}) {
      signal?.throwIfAborted();
      return key.sign(message);
    },
    [Symbol.dispose]: () => key[Symbol.dispose](),
  } satisfies Signer & Disposable;
}

/** Encrypts the key in `file`, if there is one that is not yet. */
export async function protectKeyFile(file: string, protection: KeyProtection): Promise<void> {
  const seed = await plainSeed(file);
  if (!seed) return;
  const content = encodeSeed(seed, file, protection);
  await writeFileAtomically(file, content);
  wipe(seed, content);
}

/** Undefined where there is no file, or one that is encrypted. */
async function plainSeed(file: string): Promise<Uint8Array | undefined> {
  try {
    return await existingSeed(file);
  } catch (error) {
    if (error instanceof OotoError && error.code === 'OOTO_SIGNER_SEALED') return undefined;
    throw error;
  }
}

async function existingSeed(file: string, protection?: KeyProtection): Promise<Uint8Array | undefined> {
  try {
    const content = await readSecretFile(file, FILE_BYTES_MOST);
    try {
      return decodeSeed(content, file, protection);
    } finally {
      wipe(content);
    }
  } catch (error) {
    if (error instanceof OotoError && error.code === 'OOTO_FILES_MISSING') return undefined;
    throw error;
  }
}

/** Two processes may get here at once: one file wins, and both read it. */
async function newSeed(file: string, random: Random, protection?: KeyProtection): Promise<Uint8Array> {
  const seed = random.bytes(SEED_BYTES);
  const content = encodeSeed(seed, file, protection);
  await createFileOnce(file, content);
  wipe(seed, content);
  return (await existingSeed(file, protection)) as Uint8Array;
}

function encodeSeed(seed: Uint8Array, file: string, protection?: KeyProtection): Uint8Array {
  const der = concat(PKCS8_HEAD, seed);
  const block = protection
    ? { label: SEALED_LABEL, bytes: protection.seal(der, basename(file)) }
    : { label: LABEL, bytes: der };
  const content = new TextEncoder().encode(pemEncode([block]));
  wipe(der);
  return content;
}

/** The block as it was before it was encrypted. */
function opened(block: PemBlock | undefined, file: string, protection?: KeyProtection): PemBlock | undefined {
  if (block?.label !== SEALED_LABEL) return block;
  if (!protection)
    throw new OotoError(
      'OOTO_SIGNER_SEALED',
      'environment',
      `${file} is encrypted, and nothing here opens it`,
    );
  return { label: LABEL, bytes: protection.open(block.bytes, basename(file)) };
}

function decodeSeed(content: Uint8Array, file: string, protection?: KeyProtection): Uint8Array {
  const block = opened(onlyBlock(content), file, protection);
  const head = block?.bytes.subarray(0, PKCS8_HEAD.length);
  if (
    block?.label !== LABEL ||
    block.bytes.length !== PKCS8_HEAD.length + SEED_BYTES ||
    !equal(head as Uint8Array, PKCS8_HEAD)
  )
    throw new OotoError(
      'OOTO_SIGNER_FILE',
      'environment',
      `${file} holds no Ed25519 key as this project writes it`,
      {
        hint: 'restore the file from a backup; a new key means a new node',
      },
    );
  const seed = block.bytes.slice(PKCS8_HEAD.length);
  wipe(block.bytes);
  return seed;
}

function onlyBlock(content: Uint8Array): PemBlock | undefined {
  try {
    const blocks = pemDecode(new TextDecoder().decode(content));
    return blocks.length === 1 ? blocks[0] : undefined;
  } catch {
    return undefined;
  }
}
