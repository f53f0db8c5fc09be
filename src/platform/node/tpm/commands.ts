/**
 * The commands of one connection to a TPM. What flows through here: a TCTI and an ESYS context are made; a command goes
 * in by name with its arguments, and its results come out as wire bytes or as a handle; the few commands that others are
 * made of (a derived key, a session, a policy, what the TPM holds) stand here once.
 */
import { isOotoError, OotoError } from '../../../base/errors.ts';
import { ByteReader } from '../../../base/reader.ts';
import { NO_ALGORITHM, NO_BYTES, NO_PASSWORD, NO_REGISTERS, selectionOf, sized } from './templates.ts';
import { requireSuccess, restarted } from './tpm-error.ts';
import { type Address, type Argument, invoke, NULL, Out, structure, wireOf } from './tss.ts';

/** ESYS_TR. */
export const NONE = 0xfff;
export const PASSWORD = 0x0ff;
export const HIERARCHY = { owner: 0x101, endorsement: 0x10b } as const;
export const NO_SESSIONS = [NONE, NONE, NONE] as const;

/** TPM_SE, TPM_CAP. */
export const SESSION = { hmac: 0, policy: 1, trial: 3 } as const;
const CAPABILITY = { handles: 1, properties: 6 } as const;
const SHA256 = 0xb;

/** A key as it was derived in the TPM. */
export interface DerivedKey {
  handle: number;
  /** TPMT_PUBLIC. */
  publicArea: Uint8Array;
}

export interface SessionKind {
  type: (typeof SESSION)[keyof typeof SESSION];
  /** The key that salts it, if any. */
  salt?: number;
  /** TPMT_SYM_DEF, where parameters are encrypted. */
  symmetric?: Uint8Array;
  /** TPMA_SESSION. */
  attributes?: number;
}

export class Commands implements Disposable {
  readonly #tcti = new Out();
  readonly #context = new Out();

  /** @throws OOTO_TPM_UNREACHABLE (environment). */
  constructor(tcti: string) {
    const code = invoke('Tss2_TctiLdr_Initialize', tcti, this.#tcti.room);
    if (code !== 0) throw unreachable(tcti, code);
    const made = invoke('Esys_Initialize', this.#context.room, this.#tcti.address, NULL);
    if (made === 0) return;
    invoke('Tss2_TctiLdr_Finalize', this.#tcti.room);
    throw unreachable(tcti, made);
  }

  /** ESYS_CONTEXT*. */
  get context(): Address {
    return this.#context.address;
  }

  /** @throws what {@link requireSuccess} throws. */
  call(command: string, ...given: readonly Argument[]): void {
    requireSuccess(command, invoke(command, this.context, ...given));
  }

  /** Wire bytes of a command's only result. */
  result(type: string, command: string, ...given: readonly Argument[]): Uint8Array {
    const result = new Out();
    this.call(command, ...given, result.room);
    return wireOf(type, result.address);
  }

  /** What is flushed was loaded by this connection: a TPM that has it no more has restarted. */
  flush(handle: number): void {
    try {
      this.call('Esys_FlushContext', handle);
    } catch (error) {
      throw isOotoError(error, 'OOTO_TPM_NOT_FOUND') ? restarted('Esys_FlushContext') : error;
    }
  }

  createPrimary(hierarchy: number, template: Uint8Array): DerivedKey {
    const [handle, made] = [new Out(), new Out()];
    const what = [
      structure('TPM2B_SENSITIVE_CREATE', NO_PASSWORD),
      structure('TPM2B_PUBLIC', sized(template)),
      structure('TPM2B_DATA', NO_BYTES),
      structure('TPML_PCR_SELECTION', NO_REGISTERS),
    ];
    const results = [handle.room, made.room, NULL, NULL, NULL];
    this.call('Esys_CreatePrimary', hierarchy, PASSWORD, NONE, NONE, ...what, ...results);
    return { handle: handle.handle, publicArea: wireOf('TPM2B_PUBLIC', made.address).subarray(2) };
  }

  withSession<T>(
    { type, salt = NONE, symmetric = NO_ALGORITHM, attributes }: SessionKind,
    use: (session: number) => T,
  ): T {
    const session = new Out();
    const cipher = structure('TPMT_SYM_DEF', symmetric);
    const start = [salt, NONE, ...NO_SESSIONS, NULL, type, cipher, SHA256, session.room] as const;
    this.call('Esys_StartAuthSession', ...start);
    try {
      if (attributes !== undefined) this.call('Esys_TRSess_SetAttributes', session.handle, attributes, 0xff);
      return use(session.handle);
    } finally {
      this.flush(session.handle);
    }
  }

  /** The digest of a policy over what the registers hold now. */
  policyOf(registers: readonly number[]): Uint8Array {
    return this.withSession({ type: SESSION.trial }, (session) => {
      this.policyPcr(session, registers);
      return this.result('TPM2B_DIGEST', 'Esys_PolicyGetDigest', session, ...NO_SESSIONS).subarray(2);
    });
  }

  /** TPM2_PolicyPCR. */
  policyPcr(session: number, registers: readonly number[]): void {
    const digest = structure('TPM2B_DIGEST', NO_BYTES);
    const selection = structure('TPML_PCR_SELECTION', selectionOf(registers));
    this.call('Esys_PolicyPCR', session, ...NO_SESSIONS, digest, selection);
  }

  /** TPM2_PolicySecret of the endorsement hierarchy. */
  policySecret(session: number): void {
    const none = structure('TPM2B_DIGEST', NO_BYTES);
    const sessions = [PASSWORD, NONE, NONE] as const;
    const rest = [none, none, none, 0, NULL, NULL] as const;
    this.call('Esys_PolicySecret', HIERARCHY.endorsement, session, ...sessions, ...rest);
  }

  /** The last field of a TPMS_CAPABILITY_DATA that holds one tagged property. */
  property(property: number): Uint8Array {
    return this.#capability(CAPABILITY.properties, property, 1).subarray(-4);
  }

  /** Handles of the same type as `first`, from it on. */
  handles(first: number): number[] {
    const wire = this.#capability(CAPABILITY.handles, first, 254);
    const reader = new ByteReader(wire.subarray(4));
    return Array.from({ length: reader.u32() }, () => reader.u32());
  }

  /** TPMS_CAPABILITY_DATA. */
  #capability(capability: number, property: number, count: number): Uint8Array {
    const [more, data] = [new Out(), new Out()];
    this.call('Esys_GetCapability', ...NO_SESSIONS, capability, property, count, more.room, data.room);
    return wireOf('TPMS_CAPABILITY_DATA', data.address);
  }

  [Symbol.dispose](): void {
    invoke('Esys_Finalize', this.#context.room);
    invoke('Tss2_TctiLdr_Finalize', this.#tcti.room);
  }
}

function unreachable(tcti: string, code: number): OotoError {
  const message = `no TPM answers at ${tcti} (0x${code.toString(16)})`;
  return new OotoError('OOTO_TPM_UNREACHABLE', 'environment', message, {
    hint: 'ooto doctor says what is missing',
  });
}
