/** Framed records on any GCM that answers at once: the header is written in front, and is the additional data. */
import type { GcmKey, PlainRecord, RecordKey } from '../engine.ts';

const HEADER_BYTES = 17;
const PREFIX_BYTES = 4;
const TAG_BYTES = 16;

export function recordsWith({ seal, open }: GcmKey): RecordKey {
  const iv = new Uint8Array(12);
  const ivView = new DataView(iv.buffer);
  return {
    seal(records, frames) {
      const view = new DataView(frames.buffer, frames.byteOffset, frames.length);
      let at = 0;
      for (const record of records) {
        const end = at + HEADER_BYTES + record.plaintext.length + TAG_BYTES;
        writeHeader(view, at, record);
        ivView.setBigUint64(4, record.counter);
        const aad = frames.subarray(at + PREFIX_BYTES, at + HEADER_BYTES);
        seal(iv, aad, record.plaintext, frames.subarray(at + HEADER_BYTES, end));
        at = end;
      }
    },
    open(frames, plaintexts) {
      let at = 0;
      for (const frame of frames) {
        const end = at + frame.length - HEADER_BYTES - TAG_BYTES;
        iv.set(frame.subarray(9, HEADER_BYTES), 4);
        const aad = frame.subarray(PREFIX_BYTES, HEADER_BYTES);
        open(iv, aad, frame.subarray(HEADER_BYTES), plaintexts.subarray(at, end));
        at = end;
      }
    },
  };
}

function writeHeader(view: DataView, at: number, { type, epoch, counter, plaintext }: PlainRecord): void {
  view.setUint32(at, HEADER_BYTES - PREFIX_BYTES + plaintext.length + TAG_BYTES);
  view.setUint8(at + 4, type);
  view.setUint32(at + 5, epoch);
  view.setBigUint64(at + 9, counter);
}
