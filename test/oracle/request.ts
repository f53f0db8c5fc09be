/**
 * One request of the oracle, read strictly. What flows through here: a JSON object whose fields are asked for by
 * name and type; bytes are lower-case hexadecimal. Whatever does not fit is refused with OOTO_ORACLE_REQUEST,
 * before any of it reaches the product.
 */
import { OotoError } from '../../src/base/errors.ts';
import { hex, unhex } from '../../src/base/hex.ts';
import type { EngineName } from '../../src/crypto/crypto.ts';

export type Json = null | boolean | number | string | readonly Json[] | Fields;
export interface Fields {
  readonly [name: string]: Json;
}

/** Computes `out` from a request; throws what the product throws. */
export type Operation = (request: Fields) => Fields | Promise<Fields>;
/** The operations of one family, by name. */
export type Operations = Readonly<Record<string, Operation>>;

const ENGINES: readonly EngineName[] = ['wasm', 'hardware', 'auto'];

export function malformed(what: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_ORACLE_REQUEST', 'caller', what, { cause });
}

export function isFields(value: Json | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field that must be there, and its own: nothing is read from a prototype. */
export function field(request: Fields, name: string): Json {
  if (!Object.hasOwn(request, name)) throw malformed(`field ${name} is missing`);
  return request[name];
}

export function has(request: Fields, name: string): boolean {
  return Object.hasOwn(request, name);
}

export function text(request: Fields, name: string): string {
  const value = field(request, name);
  if (typeof value !== 'string') throw malformed(`field ${name} is no text`);
  return value;
}

/** Any JSON number: whether it is a possible length or index is the product's to say. */
export function number(request: Fields, name: string): number {
  const value = field(request, name);
  if (typeof value !== 'number') throw malformed(`field ${name} is no number`);
  return value;
}

export function flag(request: Fields, name: string): boolean {
  const value = field(request, name);
  if (typeof value !== 'boolean') throw malformed(`field ${name} is neither true nor false`);
  return value;
}

export function object(request: Fields, name: string): Fields {
  const value = field(request, name);
  if (!isFields(value)) throw malformed(`field ${name} is no object`);
  return value;
}

export function list(request: Fields, name: string): readonly Json[] {
  const value = field(request, name);
  if (!Array.isArray(value)) throw malformed(`field ${name} is no list`);
  return value;
}

export function objects(request: Fields, name: string): readonly Fields[] {
  return list(request, name).map((item, i) => {
    if (!isFields(item)) throw malformed(`item ${i} of ${name} is no object`);
    return item;
  });
}

export function texts(request: Fields, name: string): readonly string[] {
  return list(request, name).map((item, i) => {
    if (typeof item !== 'string') throw malformed(`item ${i} of ${name} is no text`);
    return item;
  });
}

export function bytes(request: Fields, name: string): Uint8Array {
  return unhexed(text(request, name), `field ${name}`);
}

export function byteList(request: Fields, name: string): readonly Uint8Array[] {
  return texts(request, name).map((item, i) => unhexed(item, `item ${i} of ${name}`));
}

export function engine(request: Fields): EngineName {
  if (!has(request, 'engine')) return 'auto';
  const name = text(request, 'engine') as EngineName;
  if (!ENGINES.includes(name)) throw malformed(`engine ${name} is none of ${ENGINES.join(', ')}`);
  return name;
}

/** A time in ISO 8601, as milliseconds since 1970. */
export function moment(request: Fields, name: string): number {
  const milliseconds = Date.parse(text(request, name));
  if (Number.isNaN(milliseconds)) throw malformed(`field ${name} is no time`);
  return milliseconds;
}

/** A vector stands in a field of its own, or its fields are the request's. */
export function vector(request: Fields): Fields {
  return has(request, 'vector') ? object(request, 'vector') : request;
}

export function hexList(items: readonly Uint8Array[]): readonly string[] {
  return items.map(hex);
}

function unhexed(value: string, what: string): Uint8Array {
  try {
    return unhex(value);
  } catch (cause) {
    throw malformed(`${what} is not lower-case hexadecimal`, cause);
  }
}
