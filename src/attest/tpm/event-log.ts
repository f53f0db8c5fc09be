/**
 * The firmware's event log (TCG PC Client Platform Firmware Profile, section 10). What flows through here: a log
 * from outside, crypto-agile or legacy, becomes a list of measurements; they are replayed into the registers of the
 * SHA-256 bank; what a quote proves of the registers is then proven of the digests, and of data that hashes to its
 * digest. Types of events are under no digest: no decision hangs on one, and none is handed out.
 */
import { concat, equal, utf8 } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { LogReader } from './log-reader.ts';
import { type PcrValues, REGISTERS } from './pcr.ts';
import { ALG } from './wire.ts';

export const MAX_EVENT_LOG_BYTES = 1024 * 1024;
const MAX_EVENTS = 8192;
const MAX_ALGORITHMS = 8;
/** Not extended, whatever it says. */
const EV_NO_ACTION = 3;
const SHA1_BYTES = 20;
const SHA256_BYTES = 32;
const SPEC_ID = utf8('Spec ID Event03\0');
const STARTUP_LOCALITY = utf8('StartupLocality\0');
/** platformClass u32, version and erratum, size of an integer. */
const SPEC_ID_FIXED_BYTES = 4 + 4;
/** Registers that begin as all ones, until a dynamic launch. */
const [FIRST_DYNAMIC, LAST_DYNAMIC] = [17, 22];

/** One measurement of the SHA-256 bank; its bytes are views of the log. */
export interface Measurement {
  readonly register: number;
  /** SHA-256. */
  readonly digest: Uint8Array;
  /** The event's data where `digest` is its hash; otherwise nobody vouches for it. */
  readonly data: Uint8Array | undefined;
}

export interface EventLog {
  readonly measurements: readonly Measurement[];
  /** What the registers hold after these measurements, of those that the log extends. */
  readonly values: PcrValues;
}

interface Event {
  readonly register: number;
  readonly type: number;
  /** By TPM_ALG_ID. */
  readonly digests: ReadonlyMap<number, Uint8Array>;
  readonly data: Uint8Array;
}

/**
 * Reads a log and replays its SHA-256 bank from the start of the machine.
 * @throws OOTO_ATTEST_LOG_FORM (peer) for what is no log; OOTO_ATTEST_LOG_BANK (peer) without digests of SHA-256, as in
 * legacy logs.
 */
export function replayEventLog(crypto: Crypto, log: Uint8Array): EventLog {
  const events = readEvents(log);
  const extended = events.filter(({ type }) => type !== EV_NO_ACTION);
  const measurements = extended.map(({ register, digests, data }) => {
    const digest = digests.get(ALG.sha256);
    if (!digest) throw refuse('BANK', 'the event log has no digests of SHA-256');
    return { register, digest, data: equal(crypto.sha256(data), digest) ? data : undefined };
  });
  return { measurements, values: replay(crypto, measurements, startupLocality(events)) };
}

/**
 * Verifies that the log tells how these registers came to hold these values, which a quote has proven. What it says of
 * other registers, which nobody vouches for, is left out.
 * @throws OOTO_ATTEST_LOG_VALUES (peer) naming the first register that differs, and as {@link replayEventLog}.
 */
export function verifyEventLog(crypto: Crypto, log: Uint8Array, proven: PcrValues): EventLog {
  const replayed = replayEventLog(crypto, log);
  for (const [register, value] of proven) {
    const told = replayed.values.get(register) ?? initialValue(register);
    if (!equal(told, value))
      throw refuse('VALUES', `the event log gives another value for register ${register}`);
  }
  return {
    measurements: replayed.measurements.filter(({ register }) => proven.has(register)),
    values: new Map([...replayed.values].filter(([register]) => proven.has(register))),
  };
}

function replay(
  crypto: Crypto,
  measurements: readonly Measurement[],
  locality: number,
): Map<number, Uint8Array> {
  const values = new Map<number, Uint8Array>();
  for (const { register, digest } of measurements) {
    const value = values.get(register) ?? initialValue(register, locality);
    values.set(register, crypto.sha256(concat(value, digest)));
  }
  return values;
}

/** All zeros; register 0 ends in the locality that the machine was started from. */
function initialValue(register: number, locality = 0): Uint8Array {
  const ones = register >= FIRST_DYNAMIC && register <= LAST_DYNAMIC;
  const value = new Uint8Array(SHA256_BYTES).fill(ones ? 0xff : 0);
  if (register === 0) value[SHA256_BYTES - 1] = locality;
  return value;
}

/** A claim of the log, which the value of register 0 proves or refutes. */
function startupLocality(events: readonly Event[]): number {
  const { length } = STARTUP_LOCALITY;
  const claim = events.find(
    ({ register, type, data }) =>
      register === 0 &&
      type === EV_NO_ACTION &&
      data.length === length + 1 &&
      equal(data.subarray(0, length), STARTUP_LOCALITY),
  );
  return claim ? claim.data[length] : 0;
}

function readEvents(log: Uint8Array): Event[] {
  if (log.length > MAX_EVENT_LOG_BYTES) throw malformed(`it has ${log.length} bytes`);
  const reader = new LogReader(log, malformed);
  const first = readLegacyEvent(reader);
  const sizes = digestSizes(first);
  const events: Event[] = [first];
  while (!reader.ended) {
    if (events.length >= MAX_EVENTS) throw malformed('it has too many events');
    events.push(sizes ? readAgileEvent(reader, sizes) : readLegacyEvent(reader));
  }
  return events;
}

/** What is not extended names whatever register it likes, often 0xffffffff. */
function readHead(reader: LogReader): { register: number; type: number } {
  const [register, type] = [reader.u32(), reader.u32()];
  if (register >= REGISTERS && type !== EV_NO_ACTION) throw malformed(`it extends a register ${register}`);
  return { register, type };
}

/** TCG_PCClientPCREvent. */
function readLegacyEvent(reader: LogReader): Event {
  const { register, type } = readHead(reader);
  const digests = new Map([[ALG.sha1 as number, reader.bytes(SHA1_BYTES)]]);
  return { register, type, digests, data: reader.bytes(reader.u32()) };
}

/** TCG_PCR_EVENT2: one digest of every algorithm that the log has announced, each once. */
function readAgileEvent(reader: LogReader, sizes: ReadonlyMap<number, number>): Event {
  const { register, type } = readHead(reader);
  const digests = new Map<number, Uint8Array>();
  if (reader.u32() !== sizes.size) throw malformed('an event lacks the digest of an algorithm');
  for (let i = 0; i < sizes.size; i++) {
    const algorithm = reader.u16();
    const size = sizes.get(algorithm);
    if (size === undefined || digests.has(algorithm))
      throw malformed('an event has a digest twice or too many');
    digests.set(algorithm, reader.bytes(size));
  }
  return { register, type, digests, data: reader.bytes(reader.u32()) };
}

/** Bytes of the digests that a crypto-agile log announces in its first event; undefined for a legacy log. */
function digestSizes({ type, data }: Event): ReadonlyMap<number, number> | undefined {
  if (type !== EV_NO_ACTION || !equal(data.subarray(0, SPEC_ID.length), SPEC_ID)) return undefined;
  const reader = new LogReader(data.subarray(SPEC_ID.length), malformed);
  reader.bytes(SPEC_ID_FIXED_BYTES);
  const count = reader.u32();
  if (count < 1 || count > MAX_ALGORITHMS) throw malformed(`it announces ${count} algorithms`);
  const sizes = new Map<number, number>();
  for (let i = 0; i < count; i++) sizes.set(reader.u16(), reader.u16());
  reader.bytes(reader.bytes(1)[0]);
  const { sha256 } = ALG;
  if (!reader.ended || sizes.size !== count || (sizes.get(sha256) ?? SHA256_BYTES) !== SHA256_BYTES)
    throw malformed('it announces algorithms that cannot be');
  return sizes;
}

function malformed(what: string): OotoError {
  return refuse('FORM', `not an event log: ${what}`);
}

function refuse(what: string, message: string): OotoError {
  return new OotoError(`OOTO_ATTEST_LOG_${what}`, 'peer', message);
}
