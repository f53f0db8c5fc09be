/**
 * One connection to a TPM, over ESYS. What flows through here: a TCTI and a context are made and emptied of what an
 * earlier process left; each method is one task of one or a few commands, with keys and sessions flushed behind it
 * whatever happens. All calls block; whoever must not block runs this in the agent.
 */
import { concat, equal, readU32be } from '../../../base/bytes.ts';
import { isOotoError, OotoError } from '../../../base/errors.ts';
import { hex } from '../../../base/hex.ts';
import { ByteReader } from '../../../base/reader.ts';
import type { SealedSecret } from '../../../ports.ts';
import { type Commands, seal, unseal } from './sealing.ts';
import {
  attestationTemplate,
  digestValues,
  endorsementTemplate,
  identityTemplate,
  NO_ALGORITHM,
  NO_BYTES,
  NO_PASSWORD,
  NO_REGISTERS,
  NO_TICKET,
  selectionOf,
  sized,
} from './templates.ts';
import { requireSuccess, restarted } from './tpm-error.ts';
import { type Address, type Argument, invoke, NULL, Out, structure, wireOf } from './tss.ts';

/** ESYS_TR. */
const NONE = 0xfff;
const PASSWORD = 0x0ff;
const HIERARCHY = { owner: 0x101, endorsement: 0x10b } as const;
const NO_SESSIONS = [NONE, NONE, NONE] as const;

/** TPM_SE, TPM_CAP, TPM_PT, TPM_HT. */
const SESSION = { policy: 1, trial: 3 } as const;
const CAPABILITY = { handles: 1, properties: 6 } as const;
const PROPERTY = { manufacturer: 0x105, firmware1: 0x10b, firmware2: 0x10c } as const;
const TRANSIENT = 0x8000_0000;
const LOADED_SESSIONS = 0x0200_0000;
const SHA256 = 0xb;

/** NV indexes of endorsement certificates (TCG EK Credential Profile). */
const CERTIFICATES = { p256: 0x1c0_000a, rsa2048: 0x1c0_0002 } as const;
const NV_PIECE = 512;
const MAX_CERTIFICATE_BYTES = 8192;
/** Those of its vendor's authorities, one behind the other (the same profile, section 2.2.1.5.2). */
const [FIRST_OF_CHAIN, LAST_OF_CHAIN] = [0x1c0_0100, 0x1c0_01ff];
const MAX_CHAIN_BYTES = 16 * 1024;
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
  readonly #tcti = new Out();
  readonly #context = new Out();
  /** Handles by public area, the oldest use first. */
  readonly #keys = new Map<string, number>();
  #scheme: Uint8Array | undefined;
  #quoted: { name: string; structure: Uint8Array } | undefined;

  /** @throws OOTO_TPM_UNREACHABLE (environment), and what a TPM answers to its first commands. */
  constructor(tcti: string) {
    const code = invoke('Tss2_TctiLdr_Initialize', tcti, this.#tcti.room);
    if (code !== 0) throw unreachable(tcti, code);
    const made = invoke('Esys_Initialize', this.#context.room, this.#tcti.address, NULL);
    if (made !== 0) {
      invoke('Tss2_TctiLdr_Finalize', this.#tcti.room);
      throw unreachable(tcti, made);
    }
    try {
      this.flushAll();
    } catch (error) {
      this.#finalize();
      throw error;
    }
  }

  /** ESYS_CONTEXT*, for measurements beside this class. */
  get context(): Address {
    return this.#context.address;
  }

  /** Flushes every key and session: of this process, and without a resource manager of those before it. */
  flushAll(): void {
    this.#keys.clear();
    for (const handle of [...this.#handles(TRANSIENT), ...this.#handles(LOADED_SESSIONS)]) {
      const found = new Out();
      this.#call('Esys_TR_FromTPMPublic', handle, ...NO_SESSIONS, found.room);
      this.#flush(found.handle);
    }
  }

  /** Manufacturer as four letters, and firmware version. */
  info(): { manufacturer: string; firmware: string } {
    const letters = this.#property(PROPERTY.manufacturer).filter((byte) => byte > 0x20 && byte < 0x7f);
    const parts = [PROPERTY.firmware1, PROPERTY.firmware2].map((id) => readU32be(this.#property(id)));
    const firmware = parts.flatMap((part) => [part >>> 16, part & 0xffff]).join('.');
    return { manufacturer: String.fromCharCode(...letters), firmware };
  }

  random(length: number): Uint8Array {
    const bytes = this.#result('TPM2B_DIGEST', 'Esys_GetRandom', ...NO_SESSIONS, length).subarray(2);
    if (bytes.length !== length)
      throw new OotoError('OOTO_TPM_COMMAND', 'environment', 'too few random bytes');
    return bytes;
  }

  /** The endorsement key of this algorithm, else the one that has a certificate, else the one on P-256. */
  endorsement(asked?: 'p256' | 'rsa2048'): EndorsementParts {
    const present = new Set(this.#handles(CERTIFICATES.rsa2048));
    const algorithm = asked ?? endorsementAlgorithm(present);
    const key = this.#createPrimary(HIERARCHY.endorsement, endorsementTemplate(algorithm));
    this.#flush(key.handle);
    const { publicArea } = key;
    const index = CERTIFICATES[algorithm];
    if (!present.has(index)) return { publicArea };
    const chain = this.#readChain([...present].filter(isOfChain));
    return { publicArea, certificate: this.#readNv(index), ...(chain.length > 0 ? { chain } : {}) };
  }

  createAttestationKey(unique: Uint8Array): KeyReference {
    const key = this.#createPrimary(HIERARCHY.endorsement, attestationTemplate(unique));
    return this.#keep({ publicArea: key.publicArea, unique, registers: [] }, key.handle);
  }

  /** An identity key that is usable while these registers hold what they hold now. */
  createIdentityKey(unique: Uint8Array, registers: readonly number[]): KeyReference {
    const policy = this.#policyOf(registers);
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
    return this.#withSession(SESSION.policy, (session) => {
      this.#policyPcr(session, key.registers);
      const what = [structure('TPM2B_DIGEST', sized(digest)), structure('TPMT_SIG_SCHEME', NO_ALGORITHM)];
      const ticket = structure('TPMT_TK_HASHCHECK', NO_TICKET);
      return this.#result('TPMT_SIGNATURE', 'Esys_Sign', handle, session, NONE, NONE, ...what, ticket);
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
      return this.#withSession(SESSION.policy, (session) => {
        this.#policySecret(session);
        const sealed = structure('TPM2B_ID_OBJECT', sized(credential));
        const seed = structure('TPM2B_ENCRYPTED_SECRET', sized(encryptedSeed));
        const call = [activated, endorsement, PASSWORD, session, NONE, sealed, seed] as const;
        return this.#result('TPM2B_DIGEST', 'Esys_ActivateCredential', ...call).subarray(2);
      });
    } finally {
      this.#flush(endorsement);
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
    this.#call('Esys_PCR_Extend', register, PASSWORD, NONE, NONE, values);
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
    this.#finalize();
  }

  /** Storage key and sealed object need the slots of the keys that are kept. */
  #forSealing(): Commands {
    for (const handle of this.#keys.values()) this.#flush(handle);
    this.#keys.clear();
    return {
      call: (command, ...given) => this.#call(command, ...given),
      result: (type, command, ...given) => this.#result(type, command, ...given),
      createPrimary: (template) => this.#createPrimary(HIERARCHY.owner, template),
      policyPcr: (session, registers) => this.#policyPcr(session, registers),
      policyOf: (registers) => this.#policyOf(registers),
      flush: (handle) => this.#flush(handle),
    };
  }

  #finalize(): void {
    invoke('Esys_Finalize', this.#context.room);
    invoke('Tss2_TctiLdr_Finalize', this.#tcti.room);
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
    this.#flush(made.handle);
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
      this.#flush(oldest);
    }
    return key;
  }

  #createPrimary(hierarchy: number, template: Uint8Array): { handle: number; publicArea: Uint8Array } {
    const [handle, made] = [new Out(), new Out()];
    const what = [
      structure('TPM2B_SENSITIVE_CREATE', NO_PASSWORD),
      structure('TPM2B_PUBLIC', sized(template)),
      structure('TPM2B_DATA', NO_BYTES),
      structure('TPML_PCR_SELECTION', NO_REGISTERS),
    ];
    const results = [handle.room, made.room, NULL, NULL, NULL];
    this.#call('Esys_CreatePrimary', hierarchy, PASSWORD, NONE, NONE, ...what, ...results);
    this.#requireNewNumber(handle.handle);
    return { handle: handle.handle, publicArea: wireOf('TPM2B_PUBLIC', made.address).subarray(2) };
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
    this.#call('Esys_TR_GetTpmHandle', handle, number.room);
    return number.handle;
  }

  #withSession<T>(type: number, use: (session: number) => T): T {
    const session = new Out();
    const none = structure('TPMT_SYM_DEF', NO_ALGORITHM);
    const start = [NONE, NONE, ...NO_SESSIONS, NULL, type, none, SHA256, session.room] as const;
    this.#call('Esys_StartAuthSession', ...start);
    try {
      return use(session.handle);
    } finally {
      this.#flush(session.handle);
    }
  }

  #policyOf(registers: readonly number[]): Uint8Array {
    return this.#withSession(SESSION.trial, (session) => {
      this.#policyPcr(session, registers);
      return this.#result('TPM2B_DIGEST', 'Esys_PolicyGetDigest', session, ...NO_SESSIONS).subarray(2);
    });
  }

  #policyPcr(session: number, registers: readonly number[]): void {
    const digest = structure('TPM2B_DIGEST', NO_BYTES);
    const selection = structure('TPML_PCR_SELECTION', selectionOf(registers));
    this.#call('Esys_PolicyPCR', session, ...NO_SESSIONS, digest, selection);
  }

  #policySecret(session: number): void {
    const none = structure('TPM2B_DIGEST', NO_BYTES);
    const call = [
      HIERARCHY.endorsement,
      session,
      PASSWORD,
      NONE,
      NONE,
      none,
      none,
      none,
      0,
      NULL,
      NULL,
    ] as const;
    this.#call('Esys_PolicySecret', ...call);
  }

  #readRegisters(registers: readonly number[]): Uint8Array[] {
    const [read, values] = [new Out(), new Out()];
    const selection = structure('TPML_PCR_SELECTION', selectionOf(registers));
    this.#call('Esys_PCR_Read', ...NO_SESSIONS, selection, NULL, read.room, values.room);
    const covered = wireOf('TPML_PCR_SELECTION', read.address);
    const reader = new ByteReader(wireOf('TPML_DIGEST', values.address));
    const digests = Array.from({ length: reader.u32() }, () => reader.bytes(reader.u16()));
    if (!equal(covered, selectionOf(registers)) || digests.length !== registers.length)
      throw new OotoError('OOTO_TPM_BANK', 'environment', 'the TPM has no SHA-256 bank of these registers', {
        hint: 'allocate the SHA-256 bank: tpm2_pcrallocate sha256:all, then restart',
      });
    return digests;
  }

  /** Indexes are numbered in the order of what they hold; one certificate may go on in the next. */
  #readChain(indexes: number[]): Uint8Array {
    let chain: Uint8Array = new Uint8Array(0);
    for (const index of indexes.sort((a, b) => a - b)) {
      chain = concat(chain, this.#readNv(index));
      if (chain.length > MAX_CHAIN_BYTES)
        throw new OotoError('OOTO_TPM_COMMAND', 'environment', 'the vendor’s certificates are too long');
    }
    return chain;
  }

  #readNv(index: number): Uint8Array {
    const handle = new Out();
    this.#call('Esys_TR_FromTPMPublic', index, ...NO_SESSIONS, handle.room);
    const size = this.#nvSize(handle.handle);
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += NV_PIECE) {
      const length = Math.min(NV_PIECE, size - at);
      const call = [handle.handle, handle.handle, PASSWORD, NONE, NONE, length, at] as const;
      bytes.set(this.#result('TPM2B_MAX_NV_BUFFER', 'Esys_NV_Read', ...call).subarray(2), at);
    }
    return bytes;
  }

  /** The last field of TPM2B_NV_PUBLIC. */
  #nvSize(handle: number): number {
    const area = new Out();
    this.#call('Esys_NV_ReadPublic', handle, ...NO_SESSIONS, area.room, NULL);
    const [high, low] = wireOf('TPM2B_NV_PUBLIC', area.address).subarray(-2);
    const size = (high << 8) | low;
    if (size <= MAX_CERTIFICATE_BYTES) return size;
    throw new OotoError('OOTO_TPM_COMMAND', 'environment', `an endorsement certificate of ${size} bytes`);
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
    this.#call(command, ...given, attest.room, signature.room);
    return {
      attest: wireOf('TPM2B_ATTEST', attest.address).subarray(2),
      signature: wireOf('TPMT_SIGNATURE', signature.address),
    };
  }

  /** The last field of a TPMS_CAPABILITY_DATA that holds one tagged property. */
  #property(property: number): Uint8Array {
    return this.#capability(CAPABILITY.properties, property, 1).subarray(-4);
  }

  /** Handles of the same type as `first`, from it on. */
  #handles(first: number): number[] {
    const wire = this.#capability(CAPABILITY.handles, first, 254);
    const reader = new ByteReader(wire.subarray(4));
    return Array.from({ length: reader.u32() }, () => reader.u32());
  }

  /** TPMS_CAPABILITY_DATA. */
  #capability(capability: number, property: number, count: number): Uint8Array {
    const [more, data] = [new Out(), new Out()];
    this.#call('Esys_GetCapability', ...NO_SESSIONS, capability, property, count, more.room, data.room);
    return wireOf('TPMS_CAPABILITY_DATA', data.address);
  }

  #result(type: string, command: string, ...given: readonly Argument[]): Uint8Array {
    const result = new Out();
    this.#call(command, ...given, result.room);
    return wireOf(type, result.address);
  }

  /** What is flushed was loaded by this connection: a TPM that has it no more has restarted. */
  #flush(handle: number): void {
    try {
      this.#call('Esys_FlushContext', handle);
    } catch (error) {
      throw isOotoError(error, 'OOTO_TPM_NOT_FOUND') ? restarted('Esys_FlushContext') : error;
    }
  }

  #call(command: string, ...given: readonly Argument[]): void {
    requireSuccess(command, invoke(command, this.context, ...given));
  }
}

export interface SealedCredential {
  readonly algorithm: 'p256' | 'rsa2048';
  readonly credential: Uint8Array;
  readonly encryptedSeed: Uint8Array;
}

export interface EndorsementParts {
  readonly publicArea: Uint8Array;
  readonly certificate?: Uint8Array;
  readonly chain?: Uint8Array;
}

function isOfChain(index: number): boolean {
  return index >= FIRST_OF_CHAIN && index <= LAST_OF_CHAIN;
}

/** P-256 unless only RSA has a certificate. */
function endorsementAlgorithm(present: ReadonlySet<number>): 'p256' | 'rsa2048' {
  const onlyRsa = present.has(CERTIFICATES.rsa2048) && !present.has(CERTIFICATES.p256);
  return onlyRsa ? 'rsa2048' : 'p256';
}

/** Hierarchy and template; the policy of an identity key stands in its public area, after algorithms and attributes. */
function derivationOf({ publicArea, unique, registers }: KeyReference): [number, Uint8Array] {
  if (registers.length === 0) return [HIERARCHY.endorsement, attestationTemplate(unique)];
  const reader = new ByteReader(publicArea.subarray(8));
  return [HIERARCHY.owner, identityTemplate(unique, reader.bytes(reader.u16()))];
}

function unreachable(tcti: string, code: number): OotoError {
  const message = `no TPM answers at ${tcti} (0x${code.toString(16)})`;
  return new OotoError('OOTO_TPM_UNREACHABLE', 'environment', message, {
    hint: 'ooto doctor says what is missing',
  });
}
