/** AES-256-GCM: one message a call, and 64 messages a call; sealed, and opened. */
import type { Random } from '../../src/ports.ts';
import type { Engine, GcmKey, PlainMessage } from '../engine.ts';
import { nobleGcm } from '../rivals/noble-gcm.ts';
import type { Assign } from './contest.ts';
import { AAD_BYTES, forged, IV_BYTES, messages, Nonce, placeOf, TAG_BYTES, Turns } from './inputs.ts';

const MESSAGES_A_CALL = 64;
/** Lists of so many messages that are taken in turn. */
const LISTS = 16;
/** Which one of the 64. */
const FORGED_PLACE = 7;
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
  const lists = listsOf(random, size);
  return async (engine: Engine) => {
    const key = await engine.gcm?.(raw);
    if (key === undefined || engine.reference) return undefined;
    const sealMany = key.sealMany ?? sealEach(key);
    const turns = new Turns(lists);
    const sealed = new Uint8Array(MESSAGES_A_CALL * (size + TAG_BYTES));
    return {
      operations: MESSAGES_A_CALL,
      call: () => sealMany(turns.next(), sealed),
      rewind: () => turns.rewind(),
      outcome: () => sealed,
    };
  };
}

export function openingMany(random: Random, size: number): Assign {
  const raw = random.bytes(32);
  const seal = sealEach(nobleGcm(raw));
  const lists = listsOf(random, size).map((messages) => {
    const sealed = new Uint8Array(MESSAGES_A_CALL * (size + TAG_BYTES));
    seal(messages, sealed);
    return messages.map(({ iv, aad }, i) => ({
      iv,
      aad,
      sealed: placeOf(sealed, i, size + TAG_BYTES).slice(),
    }));
  });
  return async (engine: Engine) => {
    const key = await engine.gcm?.(raw);
    if (key === undefined || engine.reference) return undefined;
    const openMany = key.openMany ?? openEach(key);
    const turns = new Turns(lists);
    const plaintexts = new Uint8Array(MESSAGES_A_CALL * size);
    const withForgery = lists[0].map((message, i) =>
      i === FORGED_PLACE ? { ...message, sealed: forged(message.sealed, size) } : message,
    );
    return {
      operations: MESSAGES_A_CALL,
      call: () => openMany(turns.next(), plaintexts),
      rewind: () => turns.rewind(),
      outcome: () => plaintexts,
      refusesForgery: () => refuses(() => openMany(withForgery, plaintexts.slice())),
    };
  };
}

/** Lists of messages to take in turn; every iv is another one. */
function listsOf(random: Random, size: number): PlainMessage[][] {
  const nonce = new Nonce();
  const message = () => ({
    iv: nonce.next().slice(),
    aad: random.bytes(AAD_BYTES),
    plaintext: random.bytes(size),
  });
  return Array.from({ length: LISTS }, () => Array.from({ length: MESSAGES_A_CALL }, message));
}

function sealEach({ seal }: Pick<GcmKey, 'seal'>): NonNullable<GcmKey['sealMany']> {
  return (messages, sealed) => {
    let at = 0;
    for (const { iv, aad, plaintext } of messages) {
      const end = at + plaintext.length + TAG_BYTES;
      seal(iv, aad, plaintext, sealed.subarray(at, end));
      at = end;
    }
  };
}

function openEach({ open }: GcmKey): NonNullable<GcmKey['openMany']> {
  return (messages, plaintexts) => {
    let at = 0;
    for (const { iv, aad, sealed } of messages) {
      const end = at + sealed.length - TAG_BYTES;
      open(iv, aad, sealed, plaintexts.subarray(at, end));
      at = end;
    }
  };
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
