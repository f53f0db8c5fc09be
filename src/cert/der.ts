/**
 * A strict DER reader (X.690 sections 8, 10 and 11) for what the certificate profile needs and no more. What
 * flows through here: a cursor over one constructed value hands out its elements in order; every value has one
 * spelling, lengths are definite and minimal, and whoever opens a value must come to its end.
 */
import { utf8Decode } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

const MAX_OID_BYTES = 32;
const GENERALIZED_TIME = /^\d{14}Z$/;

export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Opens `bytes` as one value of this tag, hands its contents to `read`, and sees that nothing is left over. */
  static whole<T>(bytes: Uint8Array, tag: number, read: (contents: DerReader) => T): T {
    const reader = new DerReader(bytes);
    const value = reader.within(tag, read);
    reader.end();
    return value;
  }

  /** Whether another element follows, optionally one of this tag. */
  has(tag?: number): boolean {
    return this.#at < this.#bytes.length && (tag === undefined || this.#bytes[this.#at] === tag);
  }

  /** Opens the next element, which has this tag; `read` must consume all of it. */
  within<T>(tag: number, read: (contents: DerReader) => T): T {
    const contents = new DerReader(this.contents(tag));
    const value = read(contents);
    contents.end();
    return value;
  }

  /** The contents of the next element, which has this tag. */
  contents(tag: number): Uint8Array {
    if (!this.has(tag)) throw malformed(`no element of tag 0x${tag.toString(16)} where one must be`);
    const { start, end } = this.#header();
    this.#at = end;
    return this.#bytes.subarray(start, end);
  }

  /** The next element with its tag and length, which has this tag. */
  element(tag: number): Uint8Array {
    const from = this.#at;
    this.contents(tag);
    return this.#bytes.subarray(from, this.#at);
  }

  /** An INTEGER that is positive: its contents, minimal as they must be. */
  positiveInteger(): Uint8Array {
    const contents = this.contents(TAG.integer);
    if (contents.length > 1 && contents[0] === 0 && contents[1] < 0x80)
      throw malformed('an integer is not minimal');
    // An empty one is all zeros, too.
    if (contents[0] >= 0x80 || contents.every((byte) => byte === 0))
      throw malformed('an integer is not positive');
    return contents;
  }

  boolean(): boolean {
    const contents = this.contents(TAG.boolean);
    if (contents.length !== 1 || (contents[0] !== 0 && contents[0] !== 0xff))
      throw malformed('a boolean is neither 00 nor FF');
    return contents[0] === 0xff;
  }

  /** The bytes of a BIT STRING of whole bytes. */
  bitString(): Uint8Array {
    const contents = this.contents(TAG.bitString);
    if (contents.length === 0 || contents[0] !== 0) throw malformed('a bit string is not of whole bytes');
    return contents.subarray(1);
  }

  /** Dotted decimal. */
  objectIdentifier(): string {
    return decodeObjectIdentifier(this.contents(TAG.objectIdentifier));
  }

  utf8String(): string {
    try {
      return utf8Decode(this.contents(TAG.utf8String));
    } catch (cause) {
      throw malformed('a text is not well-formed UTF-8', cause);
    }
  }

  /** Milliseconds since 1970; UTCTime to the end of 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5). */
  time(): number {
    const tag = this.has(TAG.utcTime) ? TAG.utcTime : TAG.generalizedTime;
    const digits = String.fromCharCode(...this.contents(tag).subarray(0, 16));
    const full = tag === TAG.utcTime ? centuryOf(digits) : digits;
    if (!GENERALIZED_TIME.test(full)) throw malformed('a time is not written [YY]YYMMDDHHMMSSZ');
    const time = Date.UTC(+full.slice(0, 4), +full.slice(4, 6) - 1, +full.slice(6, 8), ...clockOf(full));
    if (generalizedTime(time) !== full) throw malformed('a time is not in the calendar');
    if (tag === TAG.generalizedTime && +full.slice(0, 4) < 2050)
      throw malformed('a time before 2050 is not written as UTCTime');
    return time;
  }

  /** Sees that everything has been read. */
  end(): void {
    if (this.has()) throw malformed('bytes follow where a value should end');
  }

  #header(): { start: number; end: number } {
    const bytes = this.#bytes;
    let start = this.#at + 2;
    let length = bytes[this.#at + 1] ?? 0xff;
    if (length >= 0x80) {
      const count = length - 0x80;
      if (count < 1 || count > 2 || start + count > bytes.length)
        throw malformed('a length is indefinite, too large or cut short');
      length = count === 1 ? bytes[start] : (bytes[start] << 8) | bytes[start + 1];
      if (length < (count === 1 ? 0x80 : 0x100)) throw malformed('a length is not minimal');
      start += count;
    }
    if (start + length > bytes.length) throw malformed('a value is cut short');
    return { start, end: start + length };
  }
}

/** The UTCTime digits with the century that RFC 5280 gives them. */
function centuryOf(digits: string): string {
  return `${+digits.slice(0, 2) < 50 ? '20' : '19'}${digits}`;
}

function clockOf(full: string): [number, number, number] {
  return [+full.slice(8, 10), +full.slice(10, 12), +full.slice(12, 14)];
}

/** `YYYYMMDDHHMMSSZ` of a moment between the years 0 and 9999. */
function generalizedTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
}

function decodeObjectIdentifier(contents: Uint8Array): string {
  if (contents.length === 0 || contents.length > MAX_OID_BYTES || contents[contents.length - 1] >= 0x80)
    throw malformed('an object identifier is empty, too long or cut short');
  const arcs: bigint[] = [];
  let arc = 0n;
  contents.forEach((byte, i) => {
    if (byte === 0x80 && (i === 0 || contents[i - 1] < 0x80))
      throw malformed('an object identifier is not minimal');
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) return;
    arcs.push(arc);
    arc = 0n;
  });
  const first = arcs[0] < 80n ? arcs[0] / 40n : 2n;
  return [first, arcs[0] - first * 40n, ...arcs.slice(1)].join('.');
}

export function malformed(what: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_CERT_DER', 'peer', `not strict DER: ${what}`, { cause });
}
