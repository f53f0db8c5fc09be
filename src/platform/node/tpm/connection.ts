/**
 * One connection to a TPM, over ESYS. What flows through here: what an earlier process left is flushed; each method is one
 * task of one or a few commands, with keys and sessions flushed behind it whatever happens. All calls block; whoever
 * must not block runs this in the agent.
 */
import { equal, readU32be } from '../../../base/bytes.ts';
import { OotoError } from '../../../base/errors.ts';
import { hex } from '../../../base/hex.ts';
import { ByteReader } from '../../../base/reader.ts';
import type { SealedSecret } from '../../../ports.ts';
import { Commands, type DerivedKey, HIERARCHY, NO_SESSIONS, NONE, PASSWORD, SESSION } from './commands.ts';
import {
  certificateIndexes,
  type EndorsementAlgorithm,
  type EndorsementCertificates,
  endorsementAlgorithm,
  endorsementCertificates,
} from './nv.ts';
import { seal, unseal } from './sealing.ts';
import {
  attestationTemplate,
  digestValues,
  endorsementTemplate,
  identityTemplate,
  NO_ALGORITHM,
  NO_TICKET,
  selectionOf,
  sized,
} from './templates.ts';
import { restarted } from './tpm-error.ts';
import { type Address, type Argument, invoke, NULL, Out, structure, wireOf } from './tss.ts';

/** TPM_PT, TPM_HT. */
const PROPERTY = { manufacturer: 0x105, firmware1: 0x10b, firmware2: 0x10c } as const;
const TRANSIENT = 0x8000_0000;
const LOADED_SESSIONS = 0x0200_0000;

/** TPML_DIGEST holds eight. */
const REGISTERS_AT_ONCE = 8;
/** With an endorsement key beside them they fill the three slots that every TPM has. */
const KEPT_KEYS = 2;

export interface KeyReference {
  /** TPMT_PUBLIC. */
  readonly publicArea: Uint8Array;
  readonly unique: Uint8Array;
  /** Of an identity key, the registers of its policy; of an attestation key none. */
  readonly registers: readonly number[];
}

export interface SignedStatement {
  /** TPMS_ATTEST. */
  attest: Uint8Array;
  /** TPMT_SIGNATURE. */
  signature: Uint8Array;
}

export class TpmConnection implements Disposable {
  readonly #tpm: Commands;
  /** Handles by public area, the oldest use first. */
  readonly #keys = new Map<string, number>();
  #scheme: Uint8Array | undefined;
  #quoted: { name: string; structure: Uint8Array } | undefined;

  /** @throws OOTO_TPM_UNREACHABLE (environment), and what a TPM answers to its first commands. */
  constructor(tcti: string) {
    this.#tpm = new Commands(tcti);
    try {
      this.flushAll();
    } catch (error) {
      this.#tpm[Symbol.dispose]();
      throw error;
    }
  }

  /** ESYS_CONTEXT*, for measurements beside this class. */
  get context(): Address {
    return this.#tpm.context;
  }

  /** Flushes every key and session: of this process, and without a resource manager of those before it. */
  flushAll(): void {
    this.#keys.clear();
    for (const handle of [...this.#tpm.handles(TRANSIENT), ...this.#tpm.handles(LOADED_SESSIONS)]) {
      const found = new Out();
      this.#tpm.call('Esys_TR_FromTPMPublic', handle, ...NO_SESSIONS, found.room);
      this.#tpm.flush(found.handle);
    }
  }

  /** Manufacturer as four letters, and firmware version. */
  info(): { manufacturer: string; firmware: string } {
    const letters = this.#tpm.property(PROPERTY.manufacturer).filter((byte) => byte > 0x20 && byte < 0x7f);
    const parts = [PROPERTY.firmware1, PROPERTY.firmware2].map((id) => readU32be(this.#tpm.property(id)));
    const firmware = parts.flatMap((part) => [part >>> 16, part & 0xffff]).join('.');
    return { manufacturer: String.fromCharCode(...letters), firmware };
  }

  random(length: number): Uint8Array {
    const bytes = this.#tpm.result('TPM2B_DIGEST', 'Esys_GetRandom', ...NO_SESSIONS, length).subarray(2);
    if (bytes.length !== length)
      throw new OotoError('OOTO_TPM_COMMAND', 'environment', 'too few random bytes');
    return bytes;
  }

  /** The endorsement key of this algorithm, else the one that has a certificate, else the one on P-256. */
  endorsement(asked?: EndorsementAlgorithm): EndorsementParts {
    const present = certificateIndexes(this.#tpm);
    const algorithm = endorsementAlgorithm(present, asked);
    const key = this.#createPrimary(HIERARCHY.endorsement, endorsementTemplate(algorithm));
    this.#tpm.flush(key.handle);
    const { publicArea } = key;
    return { publicArea, ...endorsementCertificates(this.#tpm, algorithm, present) };
  }

  createAttestationKey(unique: Uint8Array): KeyReference {
    const key = this.#createPrimary(HIERARCHY.endorsement, attestationTemplate(unique));
    return this.#keep({ publicArea: key.publicArea, unique, registers: [] }, key.handle);
  }

  /** An identity key that is usable while these registers hold what they hold now. */
  createIdentityKey(unique: Uint8Array, registers: readonly number[]): KeyReference {
    const policy = this.#tpm.policyOf(registers);
    const key = this.#createPrimary(HIERARCHY.owner, identityTemplate(unique, policy));
    return this.#keep({ publicArea: key.publicArea, unique, registers }, key.handle);
  }

  certify(key: KeyReference, attestationKey: KeyReference, qualifyingData: Uint8Array): SignedStatement {
    const [object, signer] = [this.#load(key), this.#load(attestationKey)];
    const sessions = [PASSWORD, PASSWORD, NONE] as const;
    return this.#statement('Esys_Certify', object, signer, ...sessions, ...this.#qualified(qualifyingData));
  }

  quote(
    attestationKey: KeyReference,
    qualifyingData: Uint8Array,
    registers: readonly number[],
  ): SignedStatement {
    const signer = this.#load(attestationKey);
    const selection = this.#selection(registers);
    const sessions = [PASSWORD, NONE, NONE] as const;
    return this.#statement('Esys_Quote', signer, ...sessions, ...this.#qualified(qualifyingData), selection);
  }

  /** TPMT_SIGNATURE over a SHA-256 digest, once the registers meet the key's policy. */
  sign(key: KeyReference, digest: Uint8Array): Uint8Array {
    const handle = this.#load(key);
    return this.#tpm.withSession({ type: SESSION.policy }, (session) => {
      this.#tpm.policyPcr(session, key.registers);
      const what = [structure('TPM2B_DIGEST', sized(digest)), structure('TPMT_SIG_SCHEME', NO_ALGORITHM)];
      const ticket = structure('TPMT_TK_HASHCHECK', NO_TICKET);
      return this.#tpm.result('TPMT_SIGNATURE', 'Esys_Sign', handle, session, NONE, NONE, ...what, ticket);
    });
  }

  /** The secret of a credential that was made for this TPM's endorsement key of that algorithm. */
  activateCredential(
    attestationKey: KeyReference,
    { algorithm, credential, encryptedSeed }: SealedCredential,
  ): Uint8Array {
    const activated = this.#load(attestationKey);
    const endorsement = this.#createPrimary(HIERARCHY.endorsement, endorsementTemplate(algorithm)).handle;
    try {
      return this.#tpm.withSession({ type: SESSION.policy }, (session) => {
        this.#tpm.policySecret(session);
        const sealed = structure('TPM2B_ID_OBJECT', sized(credential));
        const seed = structure('TPM2B_ENCRYPTED_SECRET', sized(encryptedSeed));
        const call = [activated, endorsement, PASSWORD, session, NONE, sealed, seed] as const;
        return this.#tpm.result('TPM2B_DIGEST', 'Esys_ActivateCredential', ...call).subarray(2);
      });
    } finally {
      this.#tpm.flush(endorsement);
    }
  }

  /** SHA-256 values, in the order of `registers`, which ascend. */
  readRegisters(registers: readonly number[]): Uint8Array[] {
    const values: Uint8Array[] = [];
    for (let i = 0; i < registers.length; i += REGISTERS_AT_ONCE)
      values.push(...this.#readRegisters(registers.slice(i, i + REGISTERS_AT_ONCE)));
    return values;
  }

  extendRegister(register: number, digest: Uint8Array): void {
    const values = structure('TPML_DIGEST_VALUES', digestValues(digest));
    this.#tpm.call('Esys_PCR_Extend', register, PASSWORD, NONE, NONE, values);
  }

  /** At most 128 bytes, to what these registers hold now. */
  seal(secret: Uint8Array, registers: readonly number[]): SealedSecret {
    return seal(this.#forSealing(), secret, registers);
  }

  unseal(sealed: SealedSecret): Uint8Array {
    return unseal(this.#forSealing(), sealed);
  }

  /** The handle under which a key is loaded; made anew from its template where it is not. */
  load(key: KeyReference): number {
    return this.#load(key);
  }

  [Symbol.dispose](): void {
    for (const handle of this.#keys.values()) invoke('Esys_FlushContext', this.context, handle);
    this.#tpm[Symbol.dispose]();
  }

  /** Storage key and sealed object need the slots of the keys that are kept. */
  #forSealing(): Commands {
    for (const handle of this.#keys.values()) this.#tpm.flush(handle);
    this.#keys.clear();
    return this.#tpm;
  }

  #load(key: KeyReference): number {
    const name = hex(key.publicArea);
    const kept = this.#keys.get(name);
    if (kept !== undefined) {
      this.#keys.delete(name);
      this.#keys.set(name, kept);
      return kept;
    }
    const made = this.#createPrimary(...derivationOf(key));
    if (equal(made.publicArea, key.publicArea)) {
      this.#keep(key, made.handle);
      return made.handle;
    }
    this.#tpm.flush(made.handle);
    throw new OotoError(
      'OOTO_TPM_FOREIGN_KEY',
      'environment',
      'the key is of another TPM, or this one was cleared',
      {
        hint: 'enrol this machine again',
      },
    );
  }

  #keep(key: KeyReference, handle: number): KeyReference {
    this.#keys.set(hex(key.publicArea), handle);
    for (const [name, oldest] of this.#keys) {
      if (this.#keys.size <= KEPT_KEYS) break;
      this.#keys.delete(name);
      this.#tpm.flush(oldest);
    }
    return key;
  }

  #createPrimary(hierarchy: number, template: Uint8Array): DerivedKey {
    const made = this.#tpm.createPrimary(hierarchy, template);
    this.#requireNewNumber(made.handle);
    return made;
  }

  /** A TPM gives no number twice: where a kept key has it too, the TPM has restarted and the kept key is gone. */
  #requireNewNumber(made: number): void {
    const number = this.#numberOf(made);
    for (const kept of this.#keys.values())
      if (this.#numberOf(kept) === number) throw restarted('Esys_CreatePrimary');
  }

  /** TPM_HANDLE; asks the library, not the TPM. */
  #numberOf(handle: number): number {
    const number = new Out();
    this.#tpm.call('Esys_TR_GetTpmHandle', handle, number.room);
    return number.handle;
  }

  #readRegisters(registers: readonly number[]): Uint8Array[] {
    const [read, values] = [new Out(), new Out()];
    const selection = structure('TPML_PCR_SELECTION', selectionOf(registers));
    this.#tpm.call('Esys_PCR_Read', ...NO_SESSIONS, selection, NULL, read.room, values.room);
    const covered = wireOf('TPML_PCR_SELECTION', read.address);
    const reader = new ByteReader(wireOf('TPML_DIGEST', values.address));
    const digests = Array.from({ length: reader.u32() }, () => reader.bytes(reader.u16()));
    if (!equal(covered, selectionOf(registers)) || digests.length !== registers.length)
      throw new OotoError('OOTO_TPM_BANK', 'environment', 'the TPM has no SHA-256 bank of these registers', {
        hint: 'allocate the SHA-256 bank: tpm2_pcrallocate sha256:all, then restart',
      });
    return digests;
  }

  /** The same again is not made again: a node quotes the same registers all its life. */
  #selection(registers: readonly number[]): Uint8Array {
    const name = registers.join();
    if (this.#quoted?.name !== name)
      this.#quoted = { name, structure: structure('TPML_PCR_SELECTION', selectionOf(registers)) };
    return this.#quoted.structure;
  }

  #qualified(qualifyingData: Uint8Array): Uint8Array[] {
    this.#scheme ??= structure('TPMT_SIG_SCHEME', NO_ALGORITHM);
    return [structure('TPM2B_DATA', sized(qualifyingData)), this.#scheme];
  }

  #statement(command: string, ...given: readonly Argument[]): SignedStatement {
    const [attest, signature] = [new Out(), new Out()];
    this.#tpm.call(command, ...given, attest.room, signature.room);
    return {
      attest: wireOf('TPM2B_ATTEST', attest.address).subarray(2),
      signature: wireOf('TPMT_SIGNATURE', signature.address),
    };
  }
}

export interface SealedCredential {
  readonly algorithm: EndorsementAlgorithm;
  readonly credential: Uint8Array;
  readonly encryptedSeed: Uint8Array;
}

export interface EndorsementParts extends EndorsementCertificates {
  readonly publicArea: Uint8Array;
}

/** Hierarchy and template; the policy of an identity key stands in its public area, after algorithms and attributes. */
function derivationOf({ publicArea, unique, registers }: KeyReference): [number, Uint8Array] {
  if (registers.length === 0) return [HIERARCHY.endorsement, attestationTemplate(unique)];
  const reader = new ByteReader(publicArea.subarray(8));
  return [HIERARCHY.owner, identityTemplate(unique, reader.bytes(reader.u16()))];
}
