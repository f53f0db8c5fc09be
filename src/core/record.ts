/**
 * Records of a channel in the core (`assembly/record.ts` has the formats). What flows through here: as many
 * records as fit the areas go in and out with one call. For an engine outside, the core frames: it gives the
 * header and iv of one record, or reads them.
 */
import { IV_BYTES, TAG_BYTES } from './aes256gcm.ts';
import type { Engine } from './engine.ts';
import type { KeySlots, PreparedKey } from './key-slots.ts';

const DESCRIPTOR_BYTES = 24;
/** Length prefix and header: what stands before the ciphertext. */
export const FRAME_HEADER_BYTES = 17;
/** What a frame is longer than its plaintext. */
export const FRAME_OVERHEAD_BYTES = FRAME_HEADER_BYTES + TAG_BYTES;

export interface CoreRecordFrame {
  type: number;
  epoch: number;
  counter: bigint;
  plaintext: Uint8Array;
}

/** What the core makes of a record that another engine seals. */
export interface FramedHeader {
  /** `u32be length ‖ type ‖ u32be epoch ‖ u64be counter`. */
  header: Uint8Array;
  iv: Uint8Array;
}

/** What the core reads from a frame that another engine opens. */
export interface UnframedHeader {
  type: number;
  epoch: number;
  counter: bigint;
  iv: Uint8Array;
}

export interface CoreRecord {
  /** How many records of these sizes, from `first` to before `end`, one call takes. */
  fitting(plaintextBytes: readonly number[], first: number, end: number): number;
  /** Seals `records`, which fit, to `frames` from `at` on; returns the bytes written. */
  seal(key: PreparedKey, records: readonly CoreRecordFrame[], frames: Uint8Array, at: number): number;
  /** Opens `frames`, which fit; undefined when any is not authentic. */
  open(key: PreparedKey, frames: readonly Uint8Array[]): CoreRecordFrame[] | undefined;
  frame(record: CoreRecordFrame): FramedHeader;
  /** Undefined when `frame` is not exactly one frame. */
  unframe(frame: Uint8Array): UnframedHeader | undefined;
}

export function createCoreRecord(engine: Engine, slots: KeySlots): CoreRecord {
  const { exports, input, output } = engine;
  const inputView = new DataView(input.buffer, input.byteOffset, input.length);
  const outputView = new DataView(output.buffer, output.byteOffset, output.length);

  const seal: CoreRecord['seal'] = (key, records, frames, at) => {
    const slot = slots.slotOf(key);
    let end = records.length * DESCRIPTOR_BYTES;
    for (let i = 0; i < records.length; i++) {
      writeDescriptor(inputView, i * DESCRIPTOR_BYTES, records[i]);
      input.set(records[i].plaintext, end);
      end += records[i].plaintext.length;
    }
    const written = exports.recordSeal(slot, records.length);
    frames.set(output.subarray(0, written), at);
    return written;
  };

  const open: CoreRecord['open'] = (key, frames) => {
    const slot = slots.slotOf(key);
    let end = 0;
    for (const frame of frames) {
      input.set(frame, end);
      end += frame.length;
    }
    if (exports.recordOpen(slot, frames.length, end) >= 0) return undefined;
    const textBytes = end - frames.length * FRAME_OVERHEAD_BYTES;
    const records = takeRecords(frames, textBytes);
    exports.wipeOutput(end);
    return records;
  };

  /** The plaintexts share one buffer: one for each would take longer to make than to fill. */
  const takeRecords = (frames: readonly Uint8Array[], textBytes: number): CoreRecordFrame[] | undefined => {
    const records: CoreRecordFrame[] = [];
    const first = frames.length * DESCRIPTOR_BYTES;
    const plaintexts = output.slice(first, first + textBytes);
    let from = 0;
    for (let i = 0; i < frames.length; i++) {
      const length = outputView.getUint32(i * DESCRIPTOR_BYTES, true);
      // The core reads one string of frames; each array must have been exactly one of them.
      if (length + FRAME_OVERHEAD_BYTES !== frames[i].length) {
        plaintexts.fill(0);
        return undefined;
      }
      records.push(readRecord(outputView, i * DESCRIPTOR_BYTES, plaintexts.subarray(from, from + length)));
      from += length;
    }
    return records;
  };

  const frame: CoreRecord['frame'] = (record) => {
    writeDescriptor(inputView, 0, record);
    exports.recordFrame();
    return {
      header: output.slice(0, FRAME_HEADER_BYTES),
      iv: output.slice(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + IV_BYTES),
    };
  };

  const unframe: CoreRecord['unframe'] = (bytes) => {
    if (bytes.length < FRAME_OVERHEAD_BYTES) return undefined;
    input.set(bytes.subarray(0, FRAME_HEADER_BYTES));
    if (!exports.recordUnframe(bytes.length)) return undefined;
    const iv = output.slice(DESCRIPTOR_BYTES, DESCRIPTOR_BYTES + IV_BYTES);
    const { type, epoch, counter } = readRecord(outputView, 0, bytes);
    return { type, epoch, counter, iv };
  };

  return {
    fitting: (sizes, first, end) => fitting(input.length, sizes, first, end),
    seal,
    open,
    frame,
    unframe,
  };
}

/** Frames are longer than descriptors and plaintexts, so they alone decide. */
function fitting(areaBytes: number, plaintextBytes: readonly number[], first: number, end: number): number {
  let bytes = 0;
  for (let i = first; i < end; i++) {
    bytes += FRAME_OVERHEAD_BYTES + plaintextBytes[i];
    if (bytes > areaBytes) return i - first;
  }
  return end - first;
}

function writeDescriptor(view: DataView, at: number, record: CoreRecordFrame): void {
  view.setUint32(at, record.plaintext.length, true);
  view.setUint32(at + 4, record.type, true);
  view.setUint32(at + 8, record.epoch, true);
  view.setUint32(at + 12, 0, true);
  view.setBigUint64(at + 16, record.counter, true);
}

function readRecord(view: DataView, at: number, plaintext: Uint8Array): CoreRecordFrame {
  return {
    type: view.getUint32(at + 4, true),
    epoch: view.getUint32(at + 8, true),
    counter: view.getBigUint64(at + 16, true),
    plaintext,
  };
}
