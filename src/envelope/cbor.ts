/**
 * Deterministic CBOR (RFC 8949 section 4.2.1). What flows through here: plain values become the one encoding
 * they have; bytes from outside are held to limits of size, depth and count while they are read, then encoded
 * again and compared, so that no second spelling of a value is ever accepted. No floats, no tags, no
 * `undefined`; map keys are text.
 */
import { decode as cborgDecode, encode as cborgEncode, type Token, Tokenizer, Type } from 'cborg';
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';

export type CborValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly CborValue[]
  | { readonly [key: string]: CborValue };

export interface DecodeLimits {
  /** Input longer than this is refused unread. */
  maxBytes: number;
  /** Values at most, keys and containers counted too. */
  maxItems?: number;
}

const MAX_DEPTH = 16;
const MAX_ITEMS = 65_536;
const MAX_UINT64 = 0xffff_ffff_ffff_ffffn;
const SURROGATE = /\p{Cs}/u;
const STRICT = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: true,
  rejectDuplicateMapKeys: true,
};

/**
 * The deterministic encoding of `value`.
 * @throws OOTO_ENVELOPE_CBOR (caller) for a value that has none: floats, integers beyond 64 bits, `undefined`,
 * text with a lone surrogate or a leading byte order mark, class instances, more than 16 levels.
 */
export function encode(value: CborValue): Uint8Array {
  requireEncodable(value, 0);
  return cborgEncode(value);
}

/**
 * The value of `bytes`, which must be exactly what {@link encode} writes for it.
 * @throws OOTO_ENVELOPE_SIZE (peer) beyond `maxBytes`; OOTO_ENVELOPE_CBOR (peer) for anything else that does not fit.
 */
export function decode(bytes: Uint8Array, limits: DecodeLimits): CborValue {
  if (bytes.length > limits.maxBytes)
    throw new OotoError(
      'OOTO_ENVELOPE_SIZE',
      'peer',
      `${bytes.length} bytes of CBOR where ${limits.maxBytes} are allowed`,
    );
  try {
    const tokenizer = new LimitedTokenizer(bytes, limits.maxItems ?? MAX_ITEMS);
    const value: CborValue = cborgDecode(bytes, { ...STRICT, tokenizer });
    if (equal(encode(value), bytes)) return value;
  } catch (cause) {
    throw new OotoError('OOTO_ENVELOPE_CBOR', 'peer', 'not deterministic CBOR', { cause });
  }
  throw new OotoError('OOTO_ENVELOPE_CBOR', 'peer', 'CBOR in another spelling than the deterministic one');
}

/** Counts values and levels as they are read, before anything is built of them. */
class LimitedTokenizer extends Tokenizer {
  readonly #maxItems: number;
  /** For each open array or map, the values still to come. */
  readonly #open: number[] = [];
  #items = 0;

  constructor(bytes: Uint8Array, maxItems: number) {
    // A plain view, so that a Buffer given does not beget Buffers.
    super(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), STRICT);
    this.#maxItems = maxItems;
  }

  override next(): Token {
    const token = super.next();
    if (++this.#items > this.#maxItems) throw new RangeError(`more than ${this.#maxItems} values`);
    this.#track(token);
    return token;
  }

  #track(token: Token): void {
    const open = this.#open;
    if (open.length > 0) open[open.length - 1]--;
    if (Type.equals(token.type, Type.array)) open.push(token.value);
    else if (Type.equals(token.type, Type.map)) open.push(2 * token.value);
    if (open.length > MAX_DEPTH) throw new RangeError(`more than ${MAX_DEPTH} levels`);
    while (open.at(-1) === 0) open.pop();
  }
}

function requireEncodable(value: unknown, depth: number): void {
  if (value === null || typeof value === 'boolean' || value instanceof Uint8Array) return;
  if (typeof value === 'string') requireText(value);
  else if (typeof value === 'number') insist(Number.isSafeInteger(value), 'a number that is no safe integer');
  else if (typeof value === 'bigint')
    insist(value <= MAX_UINT64 && value >= -MAX_UINT64 - 1n, 'an integer beyond 64 bits');
  else requireContainer(value, depth);
}

function requireContainer(value: unknown, depth: number): void {
  insist(depth < MAX_DEPTH, `a value of more than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) for (const item of value) requireEncodable(item, depth + 1);
  else requireMap(value, depth);
}

function requireMap(value: unknown, depth: number): void {
  const prototype = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined;
  insist(prototype === Object.prototype || prototype === null, `a ${typeof value} that is no plain object`);
  for (const [key, item] of Object.entries(value as object)) {
    insist(key !== '__proto__', 'the key __proto__');
    requireText(key);
    requireEncodable(item, depth + 1);
  }
}

/** The decoder drops a leading byte order mark, so a text that begins with one has no encoding here. */
function requireText(text: string): void {
  insist(!SURROGATE.test(text) && text.charCodeAt(0) !== 0xfeff, 'text that is not well-formed');
}

function insist(condition: boolean, what: string): void {
  if (!condition) throw new OotoError('OOTO_ENVELOPE_CBOR', 'caller', `${what} has no encoding`);
}
