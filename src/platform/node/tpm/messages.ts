/**
 * What node and agent say to each other. What flows through here: one map after the other in deterministic CBOR,
 * each behind its length; the codec is given by whoever wires the two, since it lives above this room. Members are
 * taken out one by one, each with its type and limit.
 */
import { concat, readU32be, u32be } from '../../../base/bytes.ts';
import { OotoError } from '../../../base/errors.ts';
import type { SealedSecret, TpmKey } from '../../../ports.ts';
import { REGISTERS, UNIQUE_BYTES } from './templates.ts';

export type WireValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly WireValue[]
  | { readonly [key: string]: WireValue };
export type Message = { readonly [key: string]: WireValue };

/** Deterministic CBOR. */
export interface Codec {
  encode(value: WireValue): Uint8Array;
  decode(bytes: Uint8Array, limits: { maxBytes: number }): WireValue;
}

export const MAX_MESSAGE_BYTES = 32 * 1024;
export const LENGTH_BYTES = 4;
const MAX_PUBLIC_AREA_BYTES = 1024;
const MAX_TEXT = 4096;

/** A message ready for the pipe. */
export function frame(codec: Codec, message: Message): Uint8Array {
  const bytes = codec.encode(message);
  return concat(u32be(bytes.length), bytes);
}

/** The message at the front of `bytes`, if all of it is there. @throws OOTO_TPM_MESSAGE (local). */
export function unframe(codec: Codec, bytes: Uint8Array): { message: Message; taken: number } | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined;
  const taken = LENGTH_BYTES + lengthOf(bytes);
  if (bytes.length < taken) return undefined;
  const message = codec.decode(bytes.subarray(LENGTH_BYTES, taken), { maxBytes: MAX_MESSAGE_BYTES });
  if (
    typeof message !== 'object' ||
    message === null ||
    Array.isArray(message) ||
    message instanceof Uint8Array
  )
    throw misfit('a message that is no map');
  return { message: message as Message, taken };
}

/** Bytes of a message, from what stands before it. @throws OOTO_TPM_MESSAGE (local). */
export function lengthOf(head: Uint8Array): number {
  const length = readU32be(head);
  if (length > MAX_MESSAGE_BYTES) throw misfit(`a message of ${length} bytes`);
  return length;
}

export function takeBytes(message: Message, name: string, most: number, least = 1): Uint8Array {
  const value = message[name];
  if (value instanceof Uint8Array && value.length >= least && value.length <= most) return value;
  throw misfit(`${name} is not ${least} to ${most} bytes`);
}

export function takeText(message: Message, name: string): string {
  const value = message[name];
  if (typeof value === 'string' && value.length <= MAX_TEXT) return value;
  throw misfit(`${name} is no text`);
}

export function takeInteger(message: Message, name: string, most: number): number {
  const value = message[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
  throw misfit(`${name} is no integer up to ${most}`);
}

/** Registers, ascending; none only where `least` is 0. */
export function takeRegisters(message: Message, name: string, least = 1): number[] {
  const value = message[name];
  const ascend =
    Array.isArray(value) &&
    value.length >= least &&
    value.every((i, at) => Number.isInteger(i) && i >= 0 && i < REGISTERS && (at === 0 || i > value[at - 1]));
  if (ascend) return value;
  throw misfit(`${name} are not registers in ascending order`);
}

export function takeKey(message: Message, name: string): TpmKey {
  const value = message[name];
  if (typeof value !== 'object' || value === null) throw misfit(`${name} is no key`);
  const key = value as Message;
  return {
    publicArea: takeBytes(key, 'publicArea', MAX_PUBLIC_AREA_BYTES, 64),
    unique: takeBytes(key, 'unique', UNIQUE_BYTES, UNIQUE_BYTES),
    registers: takeRegisters(key, 'registers', 0),
  };
}

export function takeSealed(message: Message, name: string): SealedSecret {
  const value = message[name];
  if (typeof value !== 'object' || value === null) throw misfit(`${name} is no sealed secret`);
  const sealed = value as Message;
  return {
    parent: takeBytes(sealed, 'parent', MAX_PUBLIC_AREA_BYTES),
    publicArea: takeBytes(sealed, 'publicArea', MAX_PUBLIC_AREA_BYTES),
    privateArea: takeBytes(sealed, 'privateArea', MAX_PUBLIC_AREA_BYTES),
    registers: takeRegisters(sealed, 'registers'),
  };
}

export function sealedMessage({ parent, publicArea, privateArea, registers }: SealedSecret): Message {
  return { parent, publicArea, privateArea, registers: [...registers] };
}

export function keyMessage({ publicArea, unique, registers }: TpmKey): Message {
  return { publicArea, unique, registers: [...registers] };
}

export function misfit(what: string): OotoError {
  return new OotoError('OOTO_TPM_MESSAGE', 'local', `between node and TPM agent: ${what}`);
}
