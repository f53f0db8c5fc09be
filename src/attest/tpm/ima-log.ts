/**
 * The kernel's list of files that were run or read (IMA, register 10), binary or as text, with the templates `ima-ng`
 * and `ima-sig`. What flows through here: a list from outside becomes entries; each is extended into a register that
 * begins with zeros, until it holds what a quote has proven; entries up to there are proven, whatever follows is not
 * handed out. The SHA-1 that the kernel writes into each line is believed for nothing.
 */
import { concat, equal, utf8, utf8Decode } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { hex, unhex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { LogReader } from './log-reader.ts';

export const MAX_IMA_LOG_BYTES = 8 * 1024 * 1024;
export const IMA_REGISTER = 10;
const MAX_ENTRIES = 65_536;
const MAX_FIELD_BYTES = 4096;
const SHA1_BYTES = 20;
const SHA256_BYTES = 32;
const TEMPLATES: Readonly<Record<string, number>> = { 'ima-ng': 2, 'ima-sig': 3 };
const DIGESTS: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };
const LINE = /^10 ([0-9a-f]{40}) (ima-ng|ima-sig) ([a-z0-9]{1,16}):([0-9a-f]{2,128}) ([^\n]{1,4095}?)$/;
const SIGNATURE = / ([0-9a-f]{2,2048})$/;

export interface ImaEntry {
  /** As the kernel writes it: `_` stands for a space. */
  readonly path: string;
  /** Such as `sha256`. */
  readonly algorithm: string;
  readonly digest: Uint8Array;
}

/** A file, or a violation: one was written while it was measured. Nothing proves which, so its line is not handed out. */
export type ImaMeasurement = ImaEntry | 'violation';

interface Line {
  readonly entry: ImaMeasurement;
  /** What the register is extended with. */
  readonly measurement: Uint8Array;
}

/**
 * Reads a list, and replays it until register 10 holds `proven`. All zeros prove nothing: nothing was measured, so
 * anything may have run.
 * @throws OOTO_ATTEST_IMA_FORM (peer) for what is no such list; OOTO_ATTEST_IMA_VALUE (peer) where no part of it gives
 * this value, and where the register was never extended.
 */
export function verifyImaLog(crypto: Crypto, log: Uint8Array, proven: Uint8Array): ImaMeasurement[] {
  const lines = readImaLog(crypto, log);
  if (equal(proven, new Uint8Array(SHA256_BYTES)))
    throw unproven('register 10 was never extended: the kernel measures no files');
  const count = replayedCount(crypto, lines, proven);
  return lines.slice(0, count).map(({ entry }) => entry);
}

/** How many entries give this value. */
function replayedCount(crypto: Crypto, lines: readonly Line[], proven: Uint8Array): number {
  let value: Uint8Array = new Uint8Array(SHA256_BYTES);
  for (const [i, { measurement }] of lines.entries()) {
    value = crypto.sha256(concat(value, measurement));
    if (equal(value, proven)) return i + 1;
  }
  throw unproven('the list of files does not give the value of register 10');
}

function unproven(message: string): OotoError {
  return new OotoError('OOTO_ATTEST_IMA_VALUE', 'peer', message);
}

/** What is none of `known` (digests in hexadecimal), violations included. */
export function unknownFiles(
  measured: readonly ImaMeasurement[],
  known: ReadonlySet<string>,
): ImaMeasurement[] {
  return measured.filter((entry) => entry === 'violation' || !known.has(hex(entry.digest)));
}

function readImaLog(crypto: Crypto, log: Uint8Array): Line[] {
  if (log.length > MAX_IMA_LOG_BYTES) throw malformed(`it has ${log.length} bytes`);
  // A list in binary begins with the register as a number, one as text with its digits.
  return log[0] === IMA_REGISTER ? readBinary(crypto, log) : readText(crypto, log);
}

function readText(crypto: Crypto, log: Uint8Array): Line[] {
  const lines = textOf(log).split('\n');
  if (lines.pop() !== '') throw malformed('its last line does not end');
  if (lines.length > MAX_ENTRIES) throw malformed('it has too many entries');
  return lines.map((line) => readLine(crypto, line));
}

function readLine(crypto: Crypto, line: string): Line {
  const [, sha1, template, algorithm, digest, rest] = LINE.exec(line) ?? [];
  if (rest === undefined) throw malformed('a line of another form');
  const signature = template === 'ima-sig' ? (SIGNATURE.exec(rest)?.[1] ?? '') : '';
  // An unsigned entry of ima-sig ends with a space.
  const path = template === 'ima-sig' ? rest.slice(0, rest.length - signature.length - 1) : rest;
  if (signature.length % 2 !== 0 || digest.length % 2 !== 0) throw malformed('half a byte');
  const parts = [concat(utf8(`${algorithm}:\0`), unhex(digest)), utf8(`${path}\0`)];
  if (template === 'ima-sig') parts.push(unhex(signature));
  return entryOf(crypto, unhex(sha1), concat(...parts.map(counted)));
}

function readBinary(crypto: Crypto, log: Uint8Array): Line[] {
  const reader = new LogReader(log, malformed);
  const lines: Line[] = [];
  while (!reader.ended) {
    if (lines.length === MAX_ENTRIES) throw malformed('it has too many entries');
    if (reader.u32() !== IMA_REGISTER) throw malformed('an entry of another register');
    const sha1 = reader.bytes(SHA1_BYTES);
    const template = textOf(reader.sized(MAX_FIELD_BYTES));
    const data = reader.sized(3 * MAX_FIELD_BYTES);
    if (fieldsOf(data).length !== TEMPLATES[template]) throw malformed(`an entry of template ${template}`);
    lines.push(entryOf(crypto, sha1, data));
  }
  return lines;
}

/** An entry from its template data: what the kernel hashes. */
function entryOf(crypto: Crypto, sha1: Uint8Array, data: Uint8Array): Line {
  const [digestField, pathField] = fieldsOf(data);
  const end = digestField.indexOf(0);
  const algorithm = textOf(digestField.subarray(0, end)).slice(0, -1);
  const digest = digestField.slice(end + 1);
  if (digestField[end - 1] !== 0x3a || digest.length !== DIGESTS[algorithm])
    throw malformed('a digest of an unknown kind');
  if (pathField.length < 2 || pathField.indexOf(0) !== pathField.length - 1)
    throw malformed('a path that does not end');
  const path = textOf(pathField.subarray(0, -1));
  // A violation: the kernel writes zeros and extends ones.
  if (sha1.every((byte) => byte === 0))
    return { entry: 'violation', measurement: new Uint8Array(SHA256_BYTES).fill(0xff) };
  return { entry: { path, algorithm, digest }, measurement: crypto.sha256(data) };
}

/** The fields of an entry's template, each behind its length. */
function fieldsOf(data: Uint8Array): Uint8Array[] {
  const reader = new LogReader(data, malformed);
  const fields: Uint8Array[] = [];
  while (!reader.ended && fields.length <= 3) fields.push(reader.sized(MAX_FIELD_BYTES));
  return fields;
}

function counted(field: Uint8Array): Uint8Array {
  const { length } = field;
  return concat(Uint8Array.of(length, length >> 8, length >> 16, length >>> 24), field);
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8Decode(bytes);
  } catch (cause) {
    throw malformed('text that is not UTF-8', cause);
  }
}

function malformed(what: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_ATTEST_IMA_FORM', 'peer', `not a list of measured files: ${what}`, { cause });
}
