/**
 * Batches that are signed or were verified. What flows through here: sending, items get salts, leaves, a root
 * and a signature; receiving, the waiting batches are taken apart, their signatures are checked together, and
 * every message comes out with the batch that vouches for it.
 */
import { concat } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto, Ed25519Item } from '../crypto/crypto.ts';
import type { SigningKey } from '../envelope/keys.ts';
import { type BatchPlace, batchMessage, decodeBatch, encodeBatch, type Item, leafHashes } from './batch.ts';
import type { ShownCredential } from './credential.ts';
import type { Direction } from './epoch.ts';
import type { FragmentOrder } from './fragments.ts';

/** What is kept of a batch as long as a message of it is held: enough to prove the message to others. */
export interface SignedBatch {
  readonly place: BatchPlace;
  readonly counter: number;
  readonly sender: ShownCredential;
  readonly receiver: ShownCredential;
  readonly signature: Uint8Array;
  readonly leaves: readonly Uint8Array[];
  readonly salts: Uint8Array;
}

/** An item and where it stands. */
export interface SignedItem {
  readonly item: Item;
  readonly batch: SignedBatch;
  readonly index: number;
}

/** The plain text of the next batch record of `direction`. */
export function signBatch(
  crypto: Crypto,
  key: SigningKey,
  place: BatchPlace,
  direction: Direction,
  counter: number,
  items: readonly Item[],
): Uint8Array {
  const salts = direction.salts(counter, items.length);
  const root = crypto.merkle.rootOfHashes(leafHashes(crypto, items, salts));
  return encodeBatch(items, key.sign(batchMessage(place, counter, items.length, root)));
}

/** The plain text of one received batch record. */
export interface ReceivedBatch {
  readonly counter: number;
  readonly plaintext: Uint8Array;
}

export interface VerifiedBatches {
  /** The items of all batches before the first bad one, in order. */
  readonly items: readonly SignedItem[];
  /** Why the first bad one is bad. */
  readonly failure?: unknown;
}

export interface BatchReceiver {
  readonly crypto: Crypto;
  readonly place: BatchPlace;
  readonly senderKey: Uint8Array;
  readonly sender: ShownCredential;
  readonly receiver: ShownCredential;
  readonly direction: Direction;
  readonly order: FragmentOrder;
}

/** Takes batches apart and checks their signatures as one. Nothing of a bad batch or of one after it comes out. */
export function verifyBatches(receiver: BatchReceiver, received: readonly ReceivedBatch[]): VerifiedBatches {
  const checks: Ed25519Item[] = [];
  const items: SignedItem[][] = [];
  let failure: unknown;
  for (const batch of received) {
    try {
      const read = readBatch(receiver, batch);
      checks.push(read.check);
      items.push(read.items);
    } catch (error) {
      failure = error;
      break;
    }
  }
  const firstBad = firstBadSignature(receiver.crypto, checks);
  if (firstBad === undefined) return { items: items.flat(), failure };
  return { items: items.slice(0, firstBad).flat(), failure: badSignature(received[firstBad].counter) };
}

function readBatch(
  { crypto, place, senderKey, sender, receiver, direction, order }: BatchReceiver,
  { counter, plaintext }: ReceivedBatch,
): { check: Ed25519Item; items: SignedItem[] } {
  const { signature, items: read } = decodeBatch(plaintext);
  const items = read.map((item) => order.place(item));
  const salts = direction.salts(counter, items.length);
  const leaves = leafHashes(crypto, items, salts);
  const message = batchMessage(place, counter, items.length, crypto.merkle.rootOfHashes(leaves));
  const batch = { place, counter, sender, receiver, signature, leaves, salts };
  return {
    check: { publicKey: senderKey, message, signature },
    items: items.map((item, index) => ({ item, batch, index })),
  };
}

function firstBadSignature(crypto: Crypto, checks: readonly Ed25519Item[]): number | undefined {
  if (checks.length === 0) return undefined;
  if (checks.length > 1) return crypto.ed25519.verifyBatch(checks).sort((a, b) => a - b)[0];
  try {
    crypto.ed25519.verify(checks[0].publicKey, checks[0].message, checks[0].signature);
    return undefined;
  } catch {
    return 0;
  }
}

function badSignature(counter: number): OotoError {
  return new OotoError(
    'OOTO_CHANNEL_SIGNATURE',
    'peer',
    `the signature of record ${counter} is not the peer's`,
  );
}

/** Collects the parts of messages whose signatures were checked. */
export class MessageAssembler {
  #parts: SignedItem[] = [];

  /** The message that this item ends, with all its items; undefined while parts are missing. */
  add(signed: SignedItem): { message: Uint8Array; items: readonly SignedItem[] } | undefined {
    const { fragment, bytes } = signed.item;
    if (!fragment) return { message: bytes, items: [signed] };
    this.#parts.push(signed);
    if (!fragment.last) return undefined;
    const items = this.#parts;
    this.#parts = [];
    return { message: concat(...items.map(({ item }) => item.bytes)), items };
  }
}
