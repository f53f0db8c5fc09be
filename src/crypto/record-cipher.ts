/**
 * Frames and seals the records of one direction and epoch of a channel. What flows through here: records in
 * order; runs of short ones go to the core with one call, which frames and seals them; a long one is framed by
 * the core and sealed by the platform's hardware into its place. Opening is the reverse, and all or nothing.
 * A counter is an iv: the same one is never sealed twice, and this is checked here too.
 */
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Core } from '../core/index.ts';
import type { PreparedKey } from '../core/key-slots.ts';
import { FRAME_HEADER_BYTES, FRAME_OVERHEAD_BYTES } from '../core/record.ts';
import type { Hardware } from '../ports.ts';
import { notAuthentic } from './aes256gcm-message.ts';
import { CROSSOVERS, usesHardware } from './crossover.ts';
import type { EngineName, RecordCipher, RecordFrame } from './crypto.ts';

const MOST_COUNTER = 0xffffffffffffffffn;
const NO_ROOM = new Uint8Array();

export interface RecordCipherOptions {
  core: Core;
  hardware: Hardware;
  engine?: EngineName;
}

/** Takes a copy of `key`, which is wiped on disposal. */
export function createRecordCipher(options: RecordCipherOptions, key: Uint8Array): RecordCipher {
  const prepared = options.core.keys.prepare(key);
  let lastCounter = -1n;
  return {
    seal(records, into) {
      for (const record of records) lastCounter = requireFrame(record, lastCounter);
      return sealRecords(options, prepared, records, into);
    },
    open: (frames) => openFrames(options, prepared, frames),
    [Symbol.dispose]: () => options.core.keys.release(prepared),
  };
}

function sealRecords(
  { core, hardware, engine }: RecordCipherOptions,
  key: PreparedKey,
  records: readonly RecordFrame[],
  into: Uint8Array = NO_ROOM,
): Uint8Array {
  const sizes = records.map(({ plaintext }) => plaintext.length);
  const bytes = sizes.reduce((sum, size) => sum + FRAME_OVERHEAD_BYTES + size, 0);
  const frames = into.length >= bytes ? into.subarray(0, bytes) : new Uint8Array(bytes);
  const available = hardware.aes256gcmSeal !== undefined;
  let at = 0;
  for (let i = 0; i < records.length; ) {
    const run = runOfShort(core, sizes, i, available, engine);
    if (run > 0) at += core.record.seal(key, records.slice(i, i + run), frames, at);
    else at += sealAlone(core, available ? hardware : {}, key, records[i], frames.subarray(at));
    i += Math.max(1, run);
  }
  return frames;
}

/** One record whose header alone goes through the core's framing. */
function sealAlone(
  core: Core,
  { aes256gcmSeal, aes256gcmSealInto }: Hardware,
  key: PreparedKey,
  record: RecordFrame,
  to: Uint8Array,
): number {
  const { header, iv } = core.record.frame(record);
  const aad = header.subarray(4);
  if (aes256gcmSealInto) {
    to.set(header);
    aes256gcmSealInto(core.keys.bytesOf(key), iv, aad, record.plaintext, to, FRAME_HEADER_BYTES);
    return FRAME_OVERHEAD_BYTES + record.plaintext.length;
  }
  const sealed = aes256gcmSeal
    ? aes256gcmSeal(core.keys.bytesOf(key), iv, aad, record.plaintext)
    : core.aes256gcm.seal(key, iv, aad, record.plaintext);
  to.set(header);
  to.set(sealed, FRAME_HEADER_BYTES);
  return FRAME_HEADER_BYTES + sealed.length;
}

function openFrames(
  { core, hardware, engine }: RecordCipherOptions,
  key: PreparedKey,
  frames: readonly Uint8Array[],
): RecordFrame[] {
  const sizes = frames.map((frame) => Math.max(0, frame.length - FRAME_OVERHEAD_BYTES));
  const available = hardware.aes256gcmOpen !== undefined;
  const opened: RecordFrame[] = [];
  for (let i = 0; i < frames.length; ) {
    const run = runOfShort(core, sizes, i, available, engine);
    const records =
      run > 0
        ? core.record.open(key, frames.slice(i, i + run))
        : openAlone(core, available ? hardware : {}, key, frames[i]);
    if (records === undefined) {
      for (const { plaintext } of opened) wipe(plaintext);
      throw notAuthentic('a record');
    }
    opened.push(...records);
    i += Math.max(1, run);
  }
  return opened;
}

function openAlone(
  core: Core,
  { aes256gcmOpen }: Hardware,
  key: PreparedKey,
  frame: Uint8Array,
): RecordFrame[] | undefined {
  const read = core.record.unframe(frame);
  if (read === undefined) return undefined;
  const { iv, ...header } = read;
  const aad = frame.subarray(4, FRAME_HEADER_BYTES);
  const sealed = frame.subarray(FRAME_HEADER_BYTES);
  const plaintext = aes256gcmOpen
    ? aes256gcmOpen(core.keys.bytesOf(key), iv, aad, sealed)
    : core.aes256gcm.open(key, iv, aad, sealed);
  return plaintext && [{ ...header, plaintext }];
}

/** How many records from `first` on the core takes with one call; 0 when the first is better done alone. */
function runOfShort(
  core: Core,
  sizes: readonly number[],
  first: number,
  available: boolean,
  engine: EngineName | undefined,
): number {
  let end = first;
  while (end < sizes.length && !usesHardware(available, engine, sizes[end], CROSSOVERS.aes256gcmPrepared))
    end++;
  return core.record.fitting(sizes, first, end);
}

/** @throws OOTO_CRYPTO_RECORD or OOTO_CRYPTO_NONCE (caller). Returns the record's counter. */
function requireFrame({ type, epoch, counter, plaintext }: RecordFrame, lastCounter: bigint): bigint {
  const whole = (value: number, most: number) => Number.isInteger(value) && value >= 0 && value <= most;
  if (!whole(type, 0xff) || !whole(epoch, 0xffffffff) || counter > MOST_COUNTER)
    throw new OotoError(
      'OOTO_CRYPTO_RECORD',
      'caller',
      `type ${type}, epoch ${epoch} or counter ${counter} is too large`,
    );
  if (!whole(plaintext.length, 0xffffffff - FRAME_OVERHEAD_BYTES))
    throw new OotoError('OOTO_CRYPTO_RECORD', 'caller', `a record of ${plaintext.length} bytes is too long`);
  if (counter <= lastCounter)
    throw new OotoError('OOTO_CRYPTO_NONCE', 'caller', `counter ${counter} does not follow ${lastCounter}`, {
      hint: 'One cipher seals each counter once, in rising order.',
    });
  return counter;
}
