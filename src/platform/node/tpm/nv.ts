/**
 * What a TPM's maker has written into it. What flows through here: the certificate of an endorsement key and those of its
 * maker's authorities are read from the indexes that the standard names for them, piece by piece, up to a limit.
 */
import { concat } from '../../../base/bytes.ts';
import { OotoError } from '../../../base/errors.ts';
import { type Commands, NO_SESSIONS, NONE, PASSWORD } from './commands.ts';
import { NULL, Out, wireOf } from './tss.ts';

/** NV indexes of endorsement certificates (TCG EK Credential Profile). */
const CERTIFICATES = { p256: 0x1c0_000a, rsa2048: 0x1c0_0002 } as const;
const NV_PIECE = 512;
const MAX_CERTIFICATE_BYTES = 8192;
/** Those of its vendor's authorities, one behind the other (the same profile, section 2.2.1.5.2). */
const [FIRST_OF_CHAIN, LAST_OF_CHAIN] = [0x1c0_0100, 0x1c0_01ff];
const MAX_CHAIN_BYTES = 16 * 1024;

export type EndorsementAlgorithm = keyof typeof CERTIFICATES;

export interface EndorsementCertificates {
  readonly certificate?: Uint8Array;
  readonly chain?: Uint8Array;
}

/** The algorithm asked for, else the one that has a certificate, else P-256. */
export function endorsementAlgorithm(
  present: ReadonlySet<number>,
  asked?: EndorsementAlgorithm,
): EndorsementAlgorithm {
  if (asked) return asked;
  const onlyRsa = present.has(CERTIFICATES.rsa2048) && !present.has(CERTIFICATES.p256);
  return onlyRsa ? 'rsa2048' : 'p256';
}

/** The indexes in use, from that of the first certificate on. */
export function certificateIndexes(commands: Commands): Set<number> {
  return new Set(commands.handles(CERTIFICATES.rsa2048));
}

/** Those of the endorsement key of this algorithm, if it has any. */
export function endorsementCertificates(
  commands: Commands,
  algorithm: EndorsementAlgorithm,
  present: ReadonlySet<number>,
): EndorsementCertificates {
  const index = CERTIFICATES[algorithm];
  if (!present.has(index)) return {};
  const chain = readChain(commands, [...present].filter(isOfChain));
  return { certificate: readNv(commands, index), ...(chain.length > 0 ? { chain } : {}) };
}

/** Indexes are numbered in the order of what they hold; one certificate may go on in the next. */
function readChain(commands: Commands, indexes: number[]): Uint8Array {
  let chain: Uint8Array = new Uint8Array(0);
  for (const index of indexes.sort((a, b) => a - b)) {
    chain = concat(chain, readNv(commands, index));
    if (chain.length > MAX_CHAIN_BYTES)
      throw new OotoError('OOTO_TPM_COMMAND', 'environment', 'the vendor’s certificates are too long');
  }
  return chain;
}

function readNv(commands: Commands, index: number): Uint8Array {
  const handle = new Out();
  commands.call('Esys_TR_FromTPMPublic', index, ...NO_SESSIONS, handle.room);
  const size = nvSize(commands, handle.handle);
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += NV_PIECE) {
    const length = Math.min(NV_PIECE, size - at);
    const call = [handle.handle, handle.handle, PASSWORD, NONE, NONE, length, at] as const;
    bytes.set(commands.result('TPM2B_MAX_NV_BUFFER', 'Esys_NV_Read', ...call).subarray(2), at);
  }
  return bytes;
}

/** The last field of TPM2B_NV_PUBLIC. */
function nvSize(commands: Commands, handle: number): number {
  const area = new Out();
  commands.call('Esys_NV_ReadPublic', handle, ...NO_SESSIONS, area.room, NULL);
  const [high, low] = wireOf('TPM2B_NV_PUBLIC', area.address).subarray(-2);
  const size = (high << 8) | low;
  if (size <= MAX_CERTIFICATE_BYTES) return size;
  throw new OotoError('OOTO_TPM_COMMAND', 'environment', `an endorsement certificate of ${size} bytes`);
}

function isOfChain(index: number): boolean {
  return index >= FIRST_OF_CHAIN && index <= LAST_OF_CHAIN;
}
