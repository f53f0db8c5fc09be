/**
 * The binding to a PKCS#11 module (Cryptoki 2.40), loaded by the agent's process alone. What flows through here: the C_
 * functions are called by name, numbers as CK_ULONG of 8 bytes; attributes are laid out in buffers whose addresses come
 * from memcpy, since a template holds pointers. Modules that export nothing but C_GetFunctionList cannot be used, nor
 * can machines on which CK_ULONG has 4 bytes.
 */
import { DataType, load, open } from 'ffi-rs';
import { OotoError } from '../../../base/errors.ts';

const ULONG_BYTES = 8;
const ATTRIBUTE_BYTES = 3 * ULONG_BYTES;
const MODULE = 'pkcs11';
const LIBC = 'libc';
export const NULL = 0n;

export type Argument = number | bigint | Uint8Array;

/** CKA, CKO, CKK, CKM (PKCS#11 base specification, appendix). */
export const CKA = {
  class: 0x0,
  token: 0x1,
  private: 0x2,
  label: 0x3,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  sign: 0x108,
  verify: 0x10a,
  extractable: 0x162,
  neverExtractable: 0x164,
  ecParameters: 0x180,
  ecPoint: 0x181,
} as const;
export const CKO = { publicKey: 2, privateKey: 3 } as const;
export const CKK = { ec: 3 } as const;
export const CKM = { ecKeyPairGen: 0x1040, ecdsa: 0x1041 } as const;

const MEANINGS: Readonly<Record<number, readonly [what: string, message: string, hint: string]>> = {
  5: ['FAILURE', 'the token reports a failure of its own', 'look at the log of the module'],
  48: ['GONE', 'the token reports a failure of the device', 'is it connected?'],
  50: ['GONE', 'the token has been removed', 'connect it again'],
  160: ['PIN', 'the PIN is wrong', 'after some wrong ones the token locks itself'],
  164: ['PIN', 'the PIN is locked', 'the security officer of the token must unlock it'],
  224: ['GONE', 'there is no token in the slot', 'connect it'],
};

/** Loads the module. @throws OOTO_PKCS11_MODULE (environment). */
export function openModule(path: string): void {
  try {
    open({ library: MODULE, path });
    open({ library: LIBC, path: 'libc.so.6' });
    call('C_Initialize', NULL);
  } catch (cause) {
    throw new OotoError('OOTO_PKCS11_MODULE', 'environment', `the PKCS#11 module ${path} cannot be used`, {
      cause,
      hint: 'give the path of the module, such as /usr/lib/softhsm/libsofthsm2.so',
    });
  }
}

/** Calls a function. @throws OOTO_PKCS11_PIN, _GONE, _FAILURE, _COMMAND (environment). */
export function call(name: string, ...given: readonly Argument[]): void {
  const code = load({
    ...{ library: MODULE, funcName: name, retType: DataType.U32 },
    ...{ paramsType: given.map(typeOf), paramsValue: [...given] },
  });
  if (code === 0) return;
  const text = `${name}: 0x${code.toString(16)}`;
  const [what, message, hint] = MEANINGS[code] ?? ['COMMAND', 'the token refuses', ''];
  throw new OotoError(`OOTO_PKCS11_${what}`, 'environment', `${text}: ${message}`, hint ? { hint } : {});
}

function typeOf(argument: Argument): DataType {
  if (typeof argument === 'number') return DataType.U8;
  return typeof argument === 'bigint' ? DataType.BigInt : DataType.U8Array;
}

/** CK_ULONG as it stands in memory. */
export function ulong(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(ULONG_BYTES);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export function readUlong(bytes: Buffer, index = 0): bigint {
  return bytes.readBigUInt64LE(index * ULONG_BYTES);
}

/** A list of CK_ATTRIBUTE, with the buffers that it points to. */
export class Template {
  readonly bytes: Buffer;
  /** Kept, since the template holds but their addresses. */
  readonly values: readonly Buffer[];

  constructor(attributes: readonly (readonly [type: number, value: Uint8Array | number | boolean])[]) {
    this.values = attributes.map(([, value]) => bufferOf(value));
    this.bytes = Buffer.alloc(Math.max(1, attributes.length) * ATTRIBUTE_BYTES);
    attributes.forEach(([type], i) => {
      const value = this.values[i];
      this.bytes.writeBigUInt64LE(BigInt(type), i * ATTRIBUTE_BYTES);
      this.bytes.writeBigUInt64LE(addressOf(value), i * ATTRIBUTE_BYTES + ULONG_BYTES);
      this.bytes.writeBigUInt64LE(BigInt(value.length), i * ATTRIBUTE_BYTES + 2 * ULONG_BYTES);
    });
  }

  get count(): bigint {
    return BigInt(this.values.length);
  }

  /** What C_GetAttributeValue has written for the attribute at `index`; nothing where it has none. */
  value(index: number): Uint8Array | undefined {
    const length = this.bytes.readBigUInt64LE(index * ATTRIBUTE_BYTES + 2 * ULONG_BYTES);
    if (length > BigInt(this.values[index].length)) return undefined;
    return new Uint8Array(this.values[index].subarray(0, Number(length)));
  }
}

function bufferOf(value: Uint8Array | number | boolean): Buffer {
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0]);
  return typeof value === 'number' ? ulong(value) : Buffer.from(value);
}

/** memcpy returns where it has written to: nothing is copied. */
export function addressOf(bytes: Buffer): bigint {
  const address = load({
    ...{ library: LIBC, funcName: 'memcpy', retType: DataType.BigInt },
    ...{ paramsType: [DataType.U8Array, DataType.U8Array, DataType.BigInt], paramsValue: [bytes, bytes, 0n] },
  });
  return BigInt(address as never);
}
