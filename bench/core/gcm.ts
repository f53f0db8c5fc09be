/** AES-256-GCM: one message a call, and 64 framed records a call; sealed, and opened. */
import type { Random } from '../../src/ports.ts';
import type { Engine, GcmKey, PlainRecord, RecordKey } from '../engine.ts';
import { nobleGcm } from '../rivals/noble-gcm.ts';
import { recordsWith } from '../rivals/records.ts';
import type { Assign } from './contest.ts';
import { AAD_BYTES, cut, forged, IV_BYTES, messages, Nonce, TAG_BYTES, Turns } from './inputs.ts';

export const RECORDS_A_CALL = 64;
const FRAME_OVERHEAD_BYTES = 17 + TAG_BYTES;
/** Sealed messages that are opened in turn; fewer where they are long. */
const POOL = 64;
const POOL_BYTES = 1 << 20;

export function sealing(random: Random, size: number): Assign {
  const [raw, aad, plaintext] = [random.bytes(32), random.bytes(AAD_BYTES), random.bytes(size)];
  return async (engine: Engine) => {
    const key = await engine.gcm?.(raw);
    if (key === undefined) return undefined;
    const nonce = new Nonce();
    const sealed = new Uint8Array(size + TAG_BYTES);
    return {
      operations: 1,
      call: () => key.seal(nonce.next(), aad, plaintext, sealed),
      rewind: () => nonce.rewind(),
      outcome: () => sealed,
      ...(engine.reference && { expected: sealedBy(engine.reference(raw), aad, plaintext) }),
    };
  };
}

function sealedBy(key: Pick<GcmKey, 'seal'>, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  key.seal(new Nonce().next(), aad, plaintext, sealed);
  return sealed;
}

/** Messages sealed by noble (or the engine's reference) are opened in turn. */
export function opening(random: Random, size: number): Assign {
  const [raw, aad] = [random.bytes(32), random.bytes(AAD_BYTES)];
  const plaintexts = messages(random, poolOf(size), size);
  const sealAll = (key: Pick<GcmKey, 'seal'>) =>
    plaintexts.map((plaintext) => {
      const [iv, sealed] = [random.bytes(IV_BYTES), new Uint8Array(size + TAG_BYTES)];
      key.seal(iv, aad, plaintext, sealed);
      return { iv, sealed };
    });
  const pool = sealAll(nobleGcm(raw));
  return async (engine: Engine) => {
    const key = await engine.gcm?.(raw);
    if (key === undefined) return undefined;
    const turns = new Turns(engine.reference ? sealAll(engine.reference(raw)) : pool);
    const plaintext = new Uint8Array(size);
    const [{ iv, sealed }] = turns.all;
    return {
      operations: 1,
      call() {
        const message = turns.next();
        return key.open(message.iv, aad, message.sealed, plaintext);
      },
      rewind: () => turns.rewind(),
      outcome: () => plaintext,
      refusesForgery: () => refuses(() => key.open(iv, aad, forged(sealed, size), new Uint8Array(size))),
    };
  };
}

export function sealingMany(random: Random, size: number): Assign {
  const raw = random.bytes(32);
  const pool = recordPool(random, size);
  return async (engine: Engine) => {
    const key = await engine.records?.(raw);
    if (key === undefined) return undefined;
    const turns = new Turns(pool);
    const frames = new Uint8Array(RECORDS_A_CALL * (size + FRAME_OVERHEAD_BYTES));
    return {
      operations: RECORDS_A_CALL,
      call: () => key.seal(turns.next(), frames),
      rewind: () => turns.rewind(),
      outcome: () => frames,
    };
  };
}

export function openingMany(random: Random, size: number): Assign {
  const raw = random.bytes(32);
  const pool = recordPool(random, size).map((records) => framesBy(recordsWith(nobleGcm(raw)), records));
  return async (engine: Engine) => {
    const key = await engine.records?.(raw);
    if (key === undefined) return undefined;
    const turns = new Turns(pool);
    const plaintexts = new Uint8Array(RECORDS_A_CALL * size);
    const withForgery = pool[0].map((frame, i) => (i === 7 ? forged(frame, frame.length - 1) : frame));
    return {
      operations: RECORDS_A_CALL,
      call: () => key.open(turns.next(), plaintexts),
      rewind: () => turns.rewind(),
      outcome: () => plaintexts,
      refusesForgery: () => refuses(() => key.open(withForgery, plaintexts.slice())),
    };
  };
}

/** Lists of records, with counters that rise over all of them. */
function recordPool(random: Random, size: number): PlainRecord[][] {
  let counter = 0n;
  const record = () => ({ type: 1, epoch: 7, counter: counter++, plaintext: random.bytes(size) });
  return Array.from({ length: 16 }, () => Array.from({ length: RECORDS_A_CALL }, record));
}

function framesBy(key: RecordKey, records: readonly PlainRecord[]): Uint8Array[] {
  const lengths = records.map(({ plaintext }) => plaintext.length + FRAME_OVERHEAD_BYTES);
  const frames = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  key.seal(records, frames);
  return cut(frames, lengths);
}

function poolOf(size: number): number {
  return Math.max(2, Math.min(POOL, Math.floor(POOL_BYTES / size)));
}

async function refuses(open: () => void | Promise<void>): Promise<boolean> {
  try {
    await open();
    return false;
  } catch {
    return true;
  }
}
