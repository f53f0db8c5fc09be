/**
 * A TPM that is none: keys in software that call themselves bound to a TPM, and statements that they sign like one
 * (TPM 2.0, part 2). Everything about it is in order but one thing: it does not have the endorsement key that it names.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { encodeSelection, type PcrValues, pcrDigest, pcrPolicy } from '../../attest/tpm/pcr.ts';
import { ATTRIBUTE, endorsementQualifiedName, nameOf, readPublicArea } from '../../attest/tpm/public-area.ts';
import { sized } from '../../attest/tpm/wire.ts';
import { certificationData, type TpmProof } from '../../attest/tpm-proof.ts';
import { concat, u16be, u32be, u64be } from '../../base/bytes.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { Signer } from '../../ports.ts';

const { fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, adminWithPolicy, restricted, decrypt } =
  ATTRIBUTE;
const BOUND = fixedTPM | fixedParent | sensitiveDataOrigin;
const MAGIC = 0xff544347;
const [CERTIFY, QUOTE] = [0x8017, 0x8018];
const NONE = new Uint8Array(0);
const REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7];
/** Symmetric algorithm, scheme, curve and key derivation of a signing key on P-256, as TPM_ALG_IDs. */
const SIGNING = [0x10, 0x18, 0xb, 3, 0x10];
/** Of an endorsement key, template L-2. */
const STORAGE = [6, 128, 0x43, 0x10, 3, 0x10];

interface ForgedKey {
  /** TPMT_PUBLIC. */
  area: Uint8Array;
  privateKey: KeyObject;
}

/** The public area of an endorsement key whose private half nobody has. */
export function lostEndorsementKey(): Uint8Array {
  return forgeKey(BOUND | adminWithPolicy | restricted | decrypt, NONE, STORAGE).area;
}

export class ForgedTpm {
  readonly attestationKey: Uint8Array;
  /** Of the identity key. */
  readonly signer: Signer;
  readonly #crypto: Crypto;
  readonly #attestation: ForgedKey;
  readonly #identity: ForgedKey;
  readonly #values: PcrValues = new Map(REGISTERS.map((register) => [register, new Uint8Array(32)]));

  constructor(crypto: Crypto, identityRegisters: readonly number[]) {
    this.#crypto = crypto;
    const bound = new Map([...this.#values].filter(([register]) => identityRegisters.includes(register)));
    this.#attestation = forgeKey(BOUND | userWithAuth | restricted | ATTRIBUTE.sign, NONE, SIGNING);
    this.#identity = forgeKey(BOUND | ATTRIBUTE.sign, pcrPolicy(crypto, bound), SIGNING);
    this.attestationKey = this.#attestation.area;
    const { privateKey, area } = this.#identity;
    this.signer = {
      algorithm: 'p256',
      publicKey: readPublicArea(area).key,
      sign: async (message) => signed(message, privateKey),
    };
  }

  /** Quote and certification, as a TPM would give them. */
  proof(qualifying: Uint8Array): TpmProof {
    const crypto = this.#crypto;
    const identity = readPublicArea(this.#identity.area);
    const names = concat(sized(nameOf(crypto, identity)), sized(endorsementQualifiedName(crypto, identity)));
    const quoted = concat(encodeSelection(REGISTERS), sized(pcrDigest(crypto, this.#values)));
    return {
      attestationKey: this.attestationKey,
      identityKey: this.#identity.area,
      certification: this.#statement(CERTIFY, certificationData(crypto), names),
      quote: this.#statement(QUOTE, qualifying, quoted),
      values: [...this.#values].map(([register, value]) => ({ register, value })),
      log: null,
    };
  }

  /** TPMS_ATTEST and TPMT_SIGNATURE. */
  #statement(type: number, qualifying: Uint8Array, attested: Uint8Array) {
    const signer = endorsementQualifiedName(this.#crypto, readPublicArea(this.#attestation.area));
    const clock = concat(u64be(1_000n), u32be(1), u32be(1), Uint8Array.of(1));
    const head = concat(u32be(MAGIC), u16be(type), sized(signer), sized(qualifying));
    const attest = concat(head, clock, u64be(1n), attested);
    const signature = signed(attest, this.#attestation.privateKey);
    const halves = [sized(signature.slice(0, 32)), sized(signature.slice(32))];
    return { attest, signature: concat(u16be(0x18), u16be(0xb), ...halves) };
  }
}

function forgeKey(attributes: number, policy: Uint8Array, parameters: readonly number[]): ForgedKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
  const point = [x, y].map((coordinate) => sized(new Uint8Array(Buffer.from(coordinate, 'base64url'))));
  const head = concat(u16be(0x23), u16be(0xb), u32be(attributes), sized(policy));
  return { area: concat(head, ...parameters.map(u16be), ...point), privateKey };
}

function signed(message: Uint8Array, key: KeyObject): Uint8Array {
  return new Uint8Array(sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' }));
}
