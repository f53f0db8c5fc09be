/**
 * The binding to the TPM2 Software Stack (libtss2), and the only file that touches foreign memory. What flows
 * through here: functions are called by name with numbers, strings, buffers and addresses; every TPM structure
 * crosses as wire bytes, which libtss2-mu turns into C structures and back, so that no layout is known here. A wrong
 * call can corrupt memory: this is loaded by the agent's process alone, never by a node's.
 */
import { DataType, load, open } from 'ffi-rs';

/** An address in this process; 0n is NULL. */
export type Address = bigint;
/** What a C function takes: u8, u16, u32 or ESYS_TR as number, pointers as buffer or address, char* as string. */
export type Argument = number | string | Uint8Array | Address;

export const NULL: Address = 0n;
/** More than any structure of TSS2 that is given to a command. */
const STRUCTURE_BYTES = 8192;
const ADDRESS_BYTES = 8;

/** Sonames: development packages are not needed. */
const LIBRARIES = {
  Esys: 'libtss2-esys.so.0',
  Tss2_MU: 'libtss2-mu.so.0',
  Tss2_TctiLdr: 'libtss2-tctildr.so.0',
} as const;

/** Loads the libraries. @throws Error of the dynamic loader, which names what is missing. */
export function openLibraries(): void {
  for (const path of Object.values(LIBRARIES)) open({ library: path, path });
}

/** Calls a function that returns a TSS2_RC. */
export function invoke(name: string, ...given: readonly Argument[]): number {
  return load(callOf(name, given, DataType.U32));
}

/** Frees what a function of ESYS has allocated. */
export function free(address: Address): void {
  if (address !== NULL) load(callOf('Esys_Free', [address], DataType.Void));
}

/** The call as ffi-rs takes it. */
export function callOf<T extends DataType>(name: string, given: readonly Argument[], retType: T) {
  const library = LIBRARIES[libraryOf(name)];
  return { library, funcName: name, retType, paramsType: given.map(typeOf), paramsValue: [...given] };
}

function libraryOf(name: string): keyof typeof LIBRARIES {
  if (name.startsWith('Esys_')) return 'Esys';
  return name.startsWith('Tss2_MU_') ? 'Tss2_MU' : 'Tss2_TctiLdr';
}

function typeOf(argument: Argument): DataType {
  if (typeof argument === 'number') return DataType.U32;
  if (typeof argument === 'bigint') return DataType.BigInt;
  return typeof argument === 'string' ? DataType.String : DataType.U8Array;
}

/** Room for a result: T** or ESYS_TR*. */
export class Out {
  readonly room = Buffer.alloc(ADDRESS_BYTES);

  get address(): Address {
    return this.room.readBigUInt64LE();
  }

  get handle(): number {
    return this.room.readUInt32LE();
  }
}

/** The C structure of `wire`, whose type is named as in the standard. @throws Error when the bytes are no such structure. */
export function structure(type: string, wire: Uint8Array): Uint8Array {
  const into = Buffer.alloc(STRUCTURE_BYTES);
  const bytes = Buffer.from(wire);
  const code = invoke(`Tss2_MU_${type}_Unmarshal`, bytes, BigInt(bytes.length), NULL, into);
  if (code !== 0) throw new Error(`${type} cannot be read: 0x${code.toString(16)}`);
  return into;
}

/** The wire bytes of the structure at `address`, which is freed. @throws Error when it cannot be written. */
export function wireOf(type: string, address: Address): Uint8Array {
  try {
    const into = Buffer.alloc(STRUCTURE_BYTES);
    const end = Buffer.alloc(ADDRESS_BYTES);
    const code = invoke(`Tss2_MU_${type}_Marshal`, address, into, BigInt(into.length), end);
    if (code !== 0) throw new Error(`${type} cannot be written: 0x${code.toString(16)}`);
    return Uint8Array.prototype.slice.call(into, 0, Number(end.readBigUInt64LE()));
  } finally {
    free(address);
  }
}
