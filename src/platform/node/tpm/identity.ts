/**
 * The identity of a node in its TPM. What flows through here: on first use the TPM makes an attestation key and an
 * identity key that only certain registers open, and certifies the one by the other; what is needed to make them again
 * is kept in a file, and nothing of it is secret; every later start takes them from there. Messages come in, signatures
 * go out; the key never does.
 */
import { isOotoError, OotoError } from '../../../base/errors.ts';
import { ByteReader } from '../../../base/reader.ts';
import type { Signer, Tpm, TpmKey, TpmStatement } from '../../../ports.ts';
import { type Codec, type Message, misfit, takeBytes } from '../agent-messages.ts';
import { createFileOnce, readSecretFile } from '../files.ts';
import { keyMessage, takeKey } from './messages.ts';

const MOST_BYTES = 32 * 1024;
const MOST_STRUCTURE_BYTES = 4096;
const MOST_CERTIFICATE_BYTES = 4096;
const MOST_AUTHORITIES = 6;
/** Type, name algorithm, attributes. */
const FIXED_BYTES = 2 + 2 + 4;
/** Symmetric algorithm, scheme and its hash, curve, key derivation. */
const PARAMETER_BYTES = 5 * 2;
const COORDINATE_BYTES = 32;
const UNCOMPRESSED = 4;
const DER_SEQUENCE = 0x30;
const DER_LONG = 0x82;

export interface TpmIdentityOptions {
  tpm: Tpm;
  codec: Codec;
  /** Where the keys' templates are kept. */
  file: string;
  sha256(message: Uint8Array): Uint8Array;
  /** Of the endorsement key; without it that which has a certificate. */
  endorsement?: 'p256' | 'rsa2048' | undefined;
  /** Those that bind the identity key. */
  registers: readonly number[];
  /** What the certification is over, 32 bytes. */
  certificationData: Uint8Array;
}

/** What is in the TPM, as far as the public may know it. */
export interface TpmIdentity {
  readonly signer: Signer;
  /** TPMT_PUBLIC. */
  readonly endorsementKey: Uint8Array;
  /** Of the endorsement key: DER, without what pads it in the TPM. */
  readonly certificate: Uint8Array | undefined;
  /** Of its vendor's authorities, DER. */
  readonly chain: readonly Uint8Array[];
  readonly attestationKey: TpmKey;
  readonly identityKey: TpmKey;
  readonly certification: TpmStatement;
}

interface Kept {
  endorsementKey: Uint8Array;
  certificate: Uint8Array | undefined;
  chain: readonly Uint8Array[];
  attestationKey: TpmKey;
  identityKey: TpmKey;
  certification: TpmStatement;
}

/**
 * The identity in `file`, made if there is none.
 * @throws OOTO_TPM_IDENTITY (environment) when the file holds anything else; what the TPM's port and `files.ts` throw.
 */
export async function openTpmIdentity(options: TpmIdentityOptions): Promise<TpmIdentity> {
  const kept = (await read(options)) ?? (await make(options)) ?? ((await read(options)) as Kept);
  const { tpm, sha256 } = options;
  const signer: Signer = {
    algorithm: 'p256',
    publicKey: pointOf(kept.identityKey),
    async sign(message, { signal } = {}) {
      signal?.throwIfAborted();
      return tpm.sign(kept.identityKey, sha256(message));
    },
  };
  return { signer, ...kept };
}

/** Two processes may get here at once: one file wins, and nothing is returned to the other. */
async function make(options: TpmIdentityOptions): Promise<Kept | undefined> {
  const { tpm, codec, file, registers, certificationData } = options;
  const endorsement = await tpm.endorsement(options.endorsement);
  const { publicArea: endorsementKey, certificate: padded } = endorsement;
  const [certificate] = padded ? certificatesIn(padded) : [];
  const chain = endorsement.chain ? certificatesIn(endorsement.chain).slice(0, MOST_AUTHORITIES) : [];
  const attestationKey = await tpm.createAttestationKey();
  const identityKey = await tpm.createIdentityKey(registers);
  const certification = await tpm.certify(identityKey, attestationKey, certificationData);
  const made = { endorsementKey, certificate, chain, attestationKey, identityKey, certification };
  return (await createFileOnce(file, codec.encode(plain(made)))) ? made : undefined;
}

function plain(kept: Kept): Message {
  const { endorsementKey, certificate, chain, attestationKey, identityKey, certification } = kept;
  return {
    endorsementKey,
    ...(certificate ? { certificate } : {}),
    ...(chain.length > 0 ? { chain: [...chain] } : {}),
    attestationKey: keyMessage(attestationKey),
    identityKey: keyMessage(identityKey),
    certification: { ...certification },
  };
}

async function read({ codec, file }: TpmIdentityOptions): Promise<Kept | undefined> {
  try {
    const content = await readSecretFile(file, MOST_BYTES);
    return keptIn(codec.decode(content, { maxBytes: MOST_BYTES }) as Message);
  } catch (cause) {
    if (isOotoError(cause, 'OOTO_FILES_MISSING')) return undefined;
    if (isOotoError(cause) && cause.code.startsWith('OOTO_FILES_')) throw cause;
    throw new OotoError('OOTO_TPM_IDENTITY', 'environment', `${file} holds no keys of a TPM`, {
      cause,
      hint: 'restore the file from a backup; without it the node needs a new invite',
    });
  }
}

function keptIn(message: Message): Kept {
  const statement = message.certification as Message;
  return {
    endorsementKey: takeBytes(message, 'endorsementKey', MOST_STRUCTURE_BYTES),
    certificate:
      'certificate' in message ? takeBytes(message, 'certificate', MOST_CERTIFICATE_BYTES) : undefined,
    chain: takeChain(message),
    attestationKey: takeKey(message, 'attestationKey'),
    identityKey: takeKey(message, 'identityKey'),
    certification: {
      attest: takeBytes(statement, 'attest', MOST_STRUCTURE_BYTES),
      signature: takeBytes(statement, 'signature', MOST_STRUCTURE_BYTES),
    },
  };
}

/** The uncompressed point of a key made from `identityTemplate`; a TPM may leave out leading zeros. */
function pointOf({ publicArea }: TpmKey): Uint8Array {
  const reader = new ByteReader(publicArea);
  const sized = () => reader.bytes(reader.u16());
  reader.bytes(FIXED_BYTES);
  sized();
  reader.bytes(PARAMETER_BYTES);
  const point = new Uint8Array(1 + 2 * COORDINATE_BYTES);
  point[0] = UNCOMPRESSED;
  for (const end of [1 + COORDINATE_BYTES, point.length]) {
    const coordinate = sized();
    point.set(coordinate, end - coordinate.length);
  }
  reader.end();
  return point;
}

function takeChain({ chain = [] }: Message): Uint8Array[] {
  if (!Array.isArray(chain)) throw misfit('chain is no list');
  return chain.map((certificate) => takeBytes({ certificate }, 'certificate', MOST_CERTIFICATE_BYTES));
}

/** Certificates as the TPM keeps them, one behind the other, without the padding. Whether they are any is judged elsewhere. */
function certificatesIn(bytes: Uint8Array): Uint8Array[] {
  const certificates: Uint8Array[] = [];
  for (let at = 0; bytes[at] === DER_SEQUENCE && bytes[at + 1] === DER_LONG; ) {
    const end = at + 4 + ((bytes[at + 2] << 8) | bytes[at + 3]);
    if (end > bytes.length || end - at > MOST_CERTIFICATE_BYTES) break;
    certificates.push(bytes.slice(at, end));
    at = end;
  }
  return certificates;
}
