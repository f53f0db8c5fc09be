/**
 * What a node and the agents that load foreign code for it say to each other. What flows through here: one map after the
 * other in deterministic CBOR, each behind its length; the codec is given by whoever wires the two, since it lives above
 * this room. Members are taken out one by one, each with its type and limit.
 */
import { concat, readU32be, u32be } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';

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
const MAX_TEXT = 4096;

/** A message ready for the pipe. */
export function frame(codec: Codec, message: Message): Uint8Array {
  const bytes = codec.encode(message);
  return concat(u32be(bytes.length), bytes);
}

/** The message at the front of `bytes`, if all of it is there. @throws OOTO_AGENT_MESSAGE (local). */
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

/** Bytes of a message, from what stands before it. @throws OOTO_AGENT_MESSAGE (local). */
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

export function misfit(what: string): OotoError {
  return new OotoError('OOTO_AGENT_MESSAGE', 'local', `between a node and its agent: ${what}`);
}
