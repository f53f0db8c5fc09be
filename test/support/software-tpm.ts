/** A TPM that says whatever a test wants, and signs it: an attestation key in software, crafted statements. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { encodeSelection, type PcrValues, pcrDigest } from '../../src/attest/tpm/pcr.ts';
import {
  ATTRIBUTE,
  endorsementQualifiedName,
  type PublicArea,
  readPublicArea,
} from '../../src/attest/tpm/public-area.ts';
import { sized } from '../../src/attest/tpm/wire.ts';
import { concat, u16be, u32be, u64be } from '../../src/base/bytes.ts';
import { testCrypto } from './crypto.ts';

const crypto = testCrypto();
const A = ATTRIBUTE;
export const ATTESTATION =
  A.fixedTPM | A.fixedParent | A.sensitiveDataOrigin | A.userWithAuth | A.restricted | A.sign;
export const IDENTITY = A.fixedTPM | A.fixedParent | A.sensitiveDataOrigin | A.sign;
export const ENDORSEMENT =
  A.fixedTPM | A.fixedParent | A.sensitiveDataOrigin | A.adminWithPolicy | A.restricted | A.decrypt;
const NONE = new Uint8Array(0);

export interface SoftwareKey {
  publicArea: PublicArea;
  privateKey: KeyObject;
}

function point(publicKey: KeyObject): [Uint8Array, Uint8Array] {
  const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
  return [new Uint8Array(Buffer.from(x, 'base64url')), new Uint8Array(Buffer.from(y, 'base64url'))];
}

/** TPMT_PUBLIC of a P-256 key: symmetric, scheme and hash are TPM_ALG_IDs and what follows them. */
export function eccArea(
  [x, y]: readonly Uint8Array[],
  {
    attributes = ATTESTATION,
    policy = NONE,
    nameAlgorithm = 0xb,
    parameters = [0x10, 0x18, 0xb, 3, 0x10],
  }: {
    attributes?: number;
    policy?: Uint8Array;
    nameAlgorithm?: number;
    parameters?: readonly number[];
  } = {},
): Uint8Array {
  const head = concat(u16be(0x23), u16be(nameAlgorithm), u32be(attributes), sized(policy));
  return concat(head, ...parameters.map(u16be), sized(x), sized(y));
}

export function softwareKey(options: Parameters<typeof eccArea>[1] = {}): SoftwareKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { publicArea: readPublicArea(eccArea(point(publicKey), options)), privateKey };
}

/** An endorsement key as template L-2 has it. */
export function softwareEndorsementKey(): SoftwareKey {
  return softwareKey({ attributes: ENDORSEMENT, parameters: [6, 128, 0x43, 0x10, 3, 0x10] });
}

export interface StatementFields {
  magic: number;
  type: number;
  signer: Uint8Array;
  qualifyingData: Uint8Array;
  clock: bigint;
  resetCount: number;
  restartCount: number;
  safe: number;
  firmware: bigint;
  attested: Uint8Array;
}

export function encodeStatement(fields: StatementFields): Uint8Array {
  return concat(
    ...[u32be(fields.magic), u16be(fields.type), sized(fields.signer), sized(fields.qualifyingData)],
    ...[
      u64be(fields.clock),
      u32be(fields.resetCount),
      u32be(fields.restartCount),
      Uint8Array.of(fields.safe),
    ],
    ...[u64be(fields.firmware), fields.attested],
  );
}

export function signStatement({ privateKey }: SoftwareKey, attest: Uint8Array) {
  const fixed = new Uint8Array(sign('sha256', attest, { key: privateKey, dsaEncoding: 'ieee-p1363' }));
  const [r, s] = [fixed.slice(0, 32), fixed.slice(32)];
  return { attest, signature: concat(u16be(0x18), u16be(0xb), sized(r), sized(s)) };
}

/** A statement in order, but for what `changes` says. */
export function statementBy(
  key: SoftwareKey,
  type: number,
  attested: Uint8Array,
  changes: Partial<StatementFields>,
) {
  const fields: StatementFields = {
    magic: 0xff544347,
    type,
    signer: endorsementQualifiedName(crypto, key.publicArea),
    qualifyingData: new Uint8Array(32).fill(7),
    clock: 1000n,
    resetCount: 5,
    restartCount: 2,
    safe: 1,
    firmware: 0x2020n,
    attested,
    ...changes,
  };
  return signStatement(key, encodeStatement(fields));
}

export function quoted(values: PcrValues): Uint8Array {
  return concat(encodeSelection([...values.keys()]), sized(pcrDigest(crypto, values)));
}
