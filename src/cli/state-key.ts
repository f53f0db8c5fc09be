/**
 * The state key of a node: what encrypts the keys that its folder holds. What flows through here: the key is drawn once
 * and kept twice, sealed to the TPM and its registers, and encrypted to the operators' recovery key, never only the one;
 * at start the TPM gives it back; after new firmware, or on another board, an operator opens the other copy and it is
 * sealed anew.
 */
import { join } from 'node:path';
import { concat, utf8 } from '../base/bytes.ts';
import { wipe, withSecrets } from '../base/disposal.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { pemDecode, pemEncode } from '../base/pem.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { bytes, bytesBetween, fields, list, object, uint } from '../envelope/fields.ts';
import { label } from '../envelope/labels.ts';
import {
  openForRecovery,
  RECOVERY_KEY_BYTES,
  RECOVERY_SEED_BYTES,
  recoveryKey,
  sealForRecovery,
} from '../envelope/recovery.ts';
import { createNodeCrypto } from '../node.ts';
import {
  createFileOnce,
  makePrivateFolder,
  readFileLimited,
  readSecretFile,
  writeFileAtomically,
} from '../platform/node/files.ts';
import { type KeyProtection, protectKeyFile } from '../platform/node/signer.ts';
import type { SealedSecret, Tpm } from '../ports.ts';
import { openTpm, tpmOf } from './node-tpm.ts';

const FILE = 'state.key';
const SEED_FILE = 'recovery.key';
const PURPOSE = 'state-key';
const KEY_BYTES = 32;
const SALT_BYTES = 32;
const MAX_FILE_BYTES = 16 * 1024;
const MAX_AREA_BYTES = 1024;
const PUBLIC_LABEL = 'OOTO RECOVERY KEY';
/** Files of keys that are encrypted once there is a state key. */
const PROTECTED = ['log.key', 'witness.key', 'witness-tree.key', 'key-generation.key'];
/** The key that encrypts a file encrypts nothing else. */
const IV = new Uint8Array(12);

const area = bytesBetween(1, MAX_AREA_BYTES);
const shape = {
  sealed: object({
    parent: area,
    publicArea: area,
    privateArea: area,
    registers: list(uint(23), { min: 1, max: 24 }),
  }),
  recovery: bytesBetween(1, 4096),
} as const;

/** `ooto recovery key`. */
export async function writeRecoveryKey({ operator, out }: { operator: string; out: string }) {
  const text = await openRecoveryKey(createNodeCrypto(), operator);
  await writeFileAtomically(out, new TextEncoder().encode(text));
  return { schema: 'ooto.recovery-key/1' as const, file: out };
}

/** `ooto recovery seal`. */
export async function sealFolder({
  folder,
  ...options
}: {
  folder: string;
  recovery: string;
  registers: string;
}) {
  const registers = options.registers.split(',').map(Number);
  const crypto = createNodeCrypto();
  await withTpm(crypto, folder, (tpm) => sealState(crypto, folder, { ...options, tpm, registers }));
  return { schema: 'ooto.state-key/1' as const, folder, registers };
}

/** `ooto recovery open`. */
export async function recoverFolder({ folder, operator }: { folder: string; operator: string }) {
  const crypto = createNodeCrypto();
  await withTpm(crypto, folder, (tpm) => recoverState(crypto, folder, { tpm, operator }));
  return { schema: 'ooto.state-key/1' as const, folder };
}

async function withTpm(crypto: Crypto, folder: string, use: (tpm: Tpm) => Promise<void>): Promise<void> {
  const tpm = openTpm(crypto, tpmOf(folder));
  try {
    await use(tpm);
  } finally {
    await tpm.close();
  }
}

/** An operator's recovery key, made if need be; what is returned is public. */
export async function openRecoveryKey(crypto: Crypto, folder: string): Promise<string> {
  const seed = await recoverySeed(crypto, folder);
  return withSecrets([seed], () => pemEncode([{ label: PUBLIC_LABEL, bytes: recoveryKey(crypto, seed) }]));
}

/**
 * Makes the state key of a node's folder, and encrypts the keys that lie there.
 * @throws OOTO_CLI_STATE_KEY (caller) where there is one; what the TPM and files throw.
 */
export async function sealState(
  crypto: Crypto,
  folder: string,
  { tpm, registers, recovery }: { tpm: Tpm; registers: readonly number[]; recovery: string },
): Promise<void> {
  const key = crypto.random.bytes(KEY_BYTES);
  try {
    const sealed = await tpm.seal(key, registers);
    const copy = sealForRecovery(crypto, await readRecoveryKey(recovery), key, PURPOSE);
    if (!(await createFileOnce(join(folder, FILE), encodeStateKey(sealed, copy))))
      throw new OotoError('OOTO_CLI_STATE_KEY', 'caller', `${folder} has a state key already`);
    (await protectKeys(folder, protectionBy(crypto, key)))[Symbol.dispose]();
  } finally {
    wipe(key);
  }
}

/**
 * Encrypts what is not yet: a crash may have come between the state key and the last of the files. The protection is
 * wiped where that fails.
 */
export async function protectKeys(folder: string, protection: KeyProtection): Promise<KeyProtection> {
  try {
    for (const name of PROTECTED) await protectKeyFile(join(folder, name), protection);
    return protection;
  } catch (error) {
    protection[Symbol.dispose]();
    throw error;
  }
}

/** What opens the protected keys of this folder; nothing where they are not protected. */
export async function openState(
  crypto: Crypto,
  folder: string,
  tpm: () => Tpm,
): Promise<KeyProtection | undefined> {
  const kept = await readStateKey(folder);
  if (!kept) return undefined;
  const key = await unsealed(folder, kept.sealed, tpm());
  return protectKeys(
    folder,
    withSecrets([key], () => protectionBy(crypto, key)),
  );
}

async function unsealed(folder: string, sealed: SealedSecret, machine: Tpm): Promise<Uint8Array> {
  try {
    return await machine.unseal(sealed);
  } catch (error) {
    if (!isOotoError(error)) throw error;
    const { code, fault, message } = error;
    throw new OotoError(code, fault, `the keys of ${folder} stay closed: ${message}`, {
      cause: error,
      hint: 'firmware or board are not those they were sealed to: ooto recovery open, with the operator’s recovery key',
    });
  } finally {
    await machine.close();
  }
}

/** Opens the operators' copy with the recovery key in `operator`, and seals it to what the registers hold now. */
export async function recoverState(
  crypto: Crypto,
  folder: string,
  { tpm, operator }: { tpm: Tpm; operator: string },
): Promise<void> {
  const kept = await readStateKey(folder);
  if (!kept) throw new OotoError('OOTO_CLI_STATE_KEY', 'caller', `${folder} has no state key`);
  const seed = await readSeed(operator);
  const key = withSecrets([seed], () => openForRecovery(crypto, seed, kept.recovery, PURPOSE));
  try {
    const sealed = await tpm.seal(key, kept.sealed.registers);
    await writeFileAtomically(join(folder, FILE), encodeStateKey(sealed, kept.recovery));
  } finally {
    wipe(key);
  }
}

/** A key of its own for every file: HKDF of the state key, a fresh salt and the file's name. */
function protectionBy(crypto: Crypto, stateKey: Uint8Array): KeyProtection {
  const own = stateKey.slice();
  const keyOf = (salt: Uint8Array, name: string) =>
    crypto.hkdf256(own, salt, concat(label('state-file'), utf8(name)), KEY_BYTES);
  return {
    seal(content, name) {
      const salt = crypto.random.bytes(SALT_BYTES);
      const key = keyOf(salt, name);
      return withSecrets([key], () =>
        concat(salt, crypto.aes256gcm.seal(key, IV, label('state-file'), content)),
      );
    },
    open(sealed, name) {
      const key = keyOf(sealed.slice(0, SALT_BYTES), name);
      return withSecrets([key], () =>
        crypto.aes256gcm.open(key, IV, label('state-file'), sealed.slice(SALT_BYTES)),
      );
    },
    [Symbol.dispose]: () => wipe(own),
  };
}

function encodeStateKey(sealed: SealedSecret, recovery: Uint8Array): Uint8Array {
  const { parent, publicArea, privateArea, registers } = sealed;
  return encode({ sealed: { parent, publicArea, privateArea, registers: [...registers] }, recovery });
}

async function readStateKey(folder: string) {
  try {
    const content = await readSecretFile(join(folder, FILE), MAX_FILE_BYTES);
    return fields(decode(content, { maxBytes: MAX_FILE_BYTES }), shape, FILE);
  } catch (error) {
    if (isOotoError(error, 'OOTO_FILES_MISSING')) return undefined;
    throw error;
  }
}

export async function readRecoveryKey(file: string): Promise<Uint8Array> {
  const blocks = pemDecode(new TextDecoder().decode(await readFileLimited(file, MAX_FILE_BYTES)));
  const [block] = blocks;
  if (blocks.length === 1 && block.label === PUBLIC_LABEL && block.bytes.length === RECOVERY_KEY_BYTES)
    return block.bytes;
  throw new OotoError(
    'OOTO_CLI_USAGE',
    'caller',
    `${file} is no recovery key as ooto recovery key prints it`,
  );
}

async function recoverySeed(crypto: Crypto, folder: string): Promise<Uint8Array> {
  await makePrivateFolder(folder);
  const seed = crypto.random.bytes(RECOVERY_SEED_BYTES);
  const content = encode({ seed });
  await createFileOnce(join(folder, SEED_FILE), content);
  wipe(seed, content);
  return readSeed(folder);
}

export async function readSeed(folder: string): Promise<Uint8Array> {
  const content = await readSecretFile(join(folder, SEED_FILE), MAX_FILE_BYTES);
  const { seed } = fields(
    decode(content, { maxBytes: MAX_FILE_BYTES }),
    { seed: bytes(RECOVERY_SEED_BYTES) },
    SEED_FILE,
  );
  wipe(content);
  return seed.slice();
}
