/**
 * The two messages of a repair. What flows through here: in round 1 every helper sends the other helpers and the target
 * its parts, each sealed for one helper, with a commitment to each, signed; in round 2 every helper sends the target
 * what it received, and the sum of the parts that were for it, sealed and signed.
 */
import { concat, equal } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  afterHeader,
  encodeReceipts,
  header,
  type PackageReceipt,
  packageStatement,
  readReceipts,
} from './generation-message.ts';
import { LABELS } from './labels.ts';
import { helperElement, type RepairCeremony } from './repair-plan.ts';
import { SCHNORR_SIGNATURE_BYTES, schnorrVerify } from './schnorr.ts';
import { ENCRYPTED_SHARE_BYTES } from './share-encryption.ts';

const ELEMENT_BYTES = 32;

/** Round 1, but for the signature: lists are in the order of the helpers. */
export interface RepairParts {
  readonly commitments: readonly Uint8Array[];
  readonly ephemeralKey: Uint8Array;
  readonly encryptedParts: readonly Uint8Array[];
}

export interface RepairPackage extends RepairParts {
  readonly signature: Uint8Array;
}

/** Round 2. */
export interface RepairSum {
  readonly receipts: readonly PackageReceipt[];
  readonly ephemeralKey: Uint8Array;
  readonly encryptedSum: Uint8Array;
  /** Over {@link sumStatement}. */
  readonly signature: Uint8Array;
}

export function repairPackageDigest(crypto: Crypto, parts: RepairParts): Uint8Array {
  return crypto.sha256(concat(LABELS.repairPackage, encodeParts(parts)));
}

export function encodeRepairPackage(ceremony: RepairCeremony, made: RepairPackage): Uint8Array {
  return concat(header(ceremony, 1), encodeParts(made), made.signature);
}

/** @throws OOTO_THRESHOLD_ENCODING or OOTO_BASE_ errors (peer). */
export function decodeRepairPackage(ceremony: RepairCeremony, bytes: Uint8Array): RepairPackage {
  const reader = afterHeader(ceremony, bytes);
  const made = {
    commitments: ceremony.dealers.map(() => reader.bytes(ELEMENT_BYTES)),
    ephemeralKey: reader.bytes(ELEMENT_BYTES),
    encryptedParts: ceremony.dealers.map(() => reader.bytes(ENCRYPTED_SHARE_BYTES)),
    signature: reader.bytes(SCHNORR_SIGNATURE_BYTES),
  };
  reader.end();
  return made;
}

/**
 * Checks what the helper at `index` shows to all: its signature, and that its parts add up to its share, weighted.
 * @throws OOTO_CRYPTO_KEY, OOTO_CRYPTO_SIGNATURE (peer).
 */
export function verifyRepairPackage(
  crypto: Crypto,
  ceremony: RepairCeremony,
  index: number,
  made: RepairPackage,
): void {
  const { identifier, publicKey } = ceremony.dealers[index];
  const statement = packageStatement(ceremony, identifier, repairPackageDigest(crypto, made));
  schnorrVerify(crypto, publicKey, statement, made.signature);
  const { admitElement } = crypto.edwards25519;
  for (const element of [...made.commitments, made.ephemeralKey]) admitElement(element);
  if (!equal(sumOfElements(crypto, made.commitments), helperElement(crypto, ceremony, identifier)))
    throw new Error('the parts add up to something else than its share');
}

/** What the part of every helper for the one at `index` adds up to, in the exponent. */
export function sumElement(crypto: Crypto, packages: readonly RepairPackage[], index: number): Uint8Array {
  return sumOfElements(
    crypto,
    packages.map(({ commitments }) => commitments[index]),
  );
}

export function sumStatement(ceremony: RepairCeremony, sum: Omit<RepairSum, 'signature'>): Uint8Array {
  return concat(LABELS.repairSum, header(ceremony, 2), encodeSum(sum));
}

export function encodeRepairSum(ceremony: RepairCeremony, sum: RepairSum): Uint8Array {
  return concat(header(ceremony, 2), encodeSum(sum), sum.signature);
}

/** @throws OOTO_THRESHOLD_ENCODING or OOTO_BASE_ errors (peer). */
export function decodeRepairSum(ceremony: RepairCeremony, bytes: Uint8Array): RepairSum {
  const reader = afterHeader(ceremony, bytes);
  const sum = {
    receipts: readReceipts(reader, ceremony),
    ephemeralKey: reader.bytes(ELEMENT_BYTES),
    encryptedSum: reader.bytes(ENCRYPTED_SHARE_BYTES),
    signature: reader.bytes(SCHNORR_SIGNATURE_BYTES),
  };
  reader.end();
  return sum;
}

function encodeParts({ commitments, ephemeralKey, encryptedParts }: RepairParts): Uint8Array {
  return concat(...commitments, ephemeralKey, ...encryptedParts);
}

function encodeSum({ receipts, ephemeralKey, encryptedSum }: Omit<RepairSum, 'signature'>): Uint8Array {
  return concat(encodeReceipts(receipts), ephemeralKey, encryptedSum);
}

function sumOfElements({ edwards25519 }: Crypto, elements: readonly Uint8Array[]): Uint8Array {
  return elements.reduce((sum, element) => edwards25519.add(sum, element));
}
