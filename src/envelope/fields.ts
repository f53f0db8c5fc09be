/**
 * Readers for decoded values. What flows through here: a value from outside and the shape a message must have;
 * out comes the typed message, or one error that names the member at fault. Every room reads its messages so:
 * no member may be missing, unknown, of another type or beyond its limit.
 */
import { utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { CborValue } from './cbor.ts';

/** Checks one value; `path` names it in errors. */
export type Reader<T> = (value: unknown, path: string) => T;
/** The mark of a member that may be absent. */
export type OptionalReader<T> = Reader<T> & { readonly optional: true };
export type Shape = Readonly<Record<string, Reader<unknown>>>;

type OptionalNames<S> = { [K in keyof S]: S[K] extends { optional: true } ? K : never }[keyof S];
type Flat<T> = { [K in keyof T]: T[K] };
/** The message that a shape describes. */
export type Fields<S extends Shape> = Flat<
  { [K in Exclude<keyof S, OptionalNames<S>>]: ReturnType<S[K]> } & {
    [K in OptionalNames<S>]?: ReturnType<S[K]>;
  }
>;

/**
 * Reads a message: exactly the members of `shape`, no more and no fewer.
 * @throws OOTO_ENVELOPE_FIELD (peer) that names the member.
 */
export function fields<const S extends Shape>(value: unknown, shape: S, path = 'message'): Fields<S> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw misfit(path, 'a map');
  for (const name of Object.keys(value)) if (!Object.hasOwn(shape, name)) throw unknown(path, name);
  const message: Record<string, unknown> = {};
  for (const [name, reader] of Object.entries(shape)) {
    if (Object.hasOwn(value, name))
      message[name] = reader((value as Record<string, unknown>)[name], `${path}.${name}`);
    else if (!('optional' in reader)) throw misfit(`${path}.${name}`, 'present');
  }
  return message as Fields<S>;
}

/** A member that is itself a message. */
export function object<const S extends Shape>(shape: S): Reader<Fields<S>> {
  return (value, path) => fields(value, shape, path);
}

/** A member that may be absent, and is never `null` instead. */
export function optional<T>(reader: Reader<T>): OptionalReader<T> {
  return Object.assign((value: unknown, path: string) => reader(value, path), { optional: true as const });
}

/** A member that may be `null`. */
export function nullable<T>(reader: Reader<T>): Reader<T | null> {
  return (value, path) => (value === null ? null : reader(value, path));
}

/** A tagged union: `tag` names the shape that the other members have. */
export function variant<const Tag extends string, const V extends Readonly<Record<string, Shape>>>(
  tag: Tag,
  variants: V,
): Reader<{ [K in keyof V & string]: Flat<{ [T in Tag]: K } & Fields<V[K]>> }[keyof V & string]> {
  const names = Object.keys(variants);
  return (value, path) => {
    const given = (value as Record<string, unknown> | null)?.[tag];
    const name = oneOf(...names)(given, `${path}.${tag}`);
    return fields(value, { ...variants[name], [tag]: literal(name) }, path) as never;
  };
}

/** A byte string of exactly `length` bytes. */
export function bytes(length: number): Reader<Uint8Array> {
  return bytesBetween(length, length);
}

/** A byte string of at least `least` and at most `most` bytes. */
export function bytesBetween(least: number, most: number): Reader<Uint8Array> {
  return (value, path) => {
    if (value instanceof Uint8Array && value.length >= least && value.length <= most) return value;
    throw misfit(path, least === most ? `${least} bytes` : `${least} to ${most} bytes`);
  };
}

/** An integer from 0 to `most`. */
export function uint(most = Number.MAX_SAFE_INTEGER): Reader<number> {
  return (value, path) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
    throw misfit(path, `an integer from 0 to ${most}`);
  };
}

/** An integer from 0 to 2^64−1, always as bigint. */
export const uint64: Reader<bigint> = (value, path) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === 'bigint' && value >= 0n && value <= 0xffff_ffff_ffff_ffffn) return value;
  throw misfit(path, 'an integer of 64 bits');
};

export const boolean: Reader<boolean> = (value, path) => {
  if (typeof value === 'boolean') return value;
  throw misfit(path, 'true or false');
};

/** Text of at most `maxBytes` bytes of UTF-8 that fits `pattern`, which must be anchored and linear. */
export function text(maxBytes: number, pattern?: RegExp): Reader<string> {
  return (value, path) => {
    const short = typeof value === 'string' && value.length <= maxBytes && utf8(value).length <= maxBytes;
    if (short && (!pattern || pattern.test(value))) return value;
    throw misfit(path, `text of at most ${maxBytes} bytes${pattern ? ` like ${pattern}` : ''}`);
  };
}

/** Exactly this value. */
export function literal<const T extends string | number | boolean | null>(expected: T): Reader<T> {
  return (value, path) => {
    if (value === expected) return expected;
    throw misfit(path, JSON.stringify(expected));
  };
}

/** One of these texts. */
export function oneOf<const T extends string>(...choices: readonly T[]): Reader<T> {
  return (value, path) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw misfit(path, `one of ${choices.join(', ')}`);
    return found;
  };
}

/** An array of `min` to `max` values. */
export function list<T>(item: Reader<T>, { max, min = 0 }: { max: number; min?: number }): Reader<T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length < min || value.length > max)
      throw misfit(path, `a list of ${min} to ${max} values`);
    return value.map((entry, i) => item(entry, `${path}[${i}]`));
  };
}

/** A map of at most `max` members whose names are data, not vocabulary. */
export function mapOf<T>(item: Reader<T>, { max }: { max: number }): Reader<Map<string, T>> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
      throw misfit(path, 'a map');
    const entries = Object.entries(value);
    if (entries.length > max) throw misfit(path, `a map of at most ${max} members`);
    return new Map(entries.map(([name, entry]) => [name, item(entry, `${path}[${JSON.stringify(name)}]`)]));
  };
}

/** Any value; for what another reader judges later. */
export const anything: Reader<CborValue> = (value) => value as CborValue;

function misfit(path: string, expected: string): OotoError {
  return new OotoError('OOTO_ENVELOPE_FIELD', 'peer', `${path} is not ${expected}`);
}

function unknown(path: string, name: string): OotoError {
  return new OotoError(
    'OOTO_ENVELOPE_FIELD',
    'peer',
    `${path} has an unknown member ${JSON.stringify(name.slice(0, 64))}`,
  );
}
