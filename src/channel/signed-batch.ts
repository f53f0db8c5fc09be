/**
 * Batches that are signed or were received. What flows through here: sending, the items that wait get salts, a root
 * and a signature; receiving, a batch is read, and what its signature must cover is computed; once that is checked
 * every message comes out with the batch that vouches for it.
 */
import { OotoError } from '../base/errors.ts';
import type { Crypto, Ed25519Item, SaltedItems } from '../crypto/crypto.ts';
import type { SigningKey } from '../envelope/keys.ts';
import {
  BATCH_HEADER_BYTES,
  type BatchMessages,
  type BatchPlace,
  eachItem,
  type Fragment,
  type Item,
  type ItemOrder,
  readBatch,
  SIGNATURE_BYTES,
} from './batch.ts';
import type { ShownCredential } from './credential.ts';
import type { Direction } from './epoch.ts';
import type { UnsignedBatch } from './record-builder.ts';

/** What is kept of a batch as long as a message of it is held: enough to prove the message to others. */
export interface SignedBatch {
  readonly place: BatchPlace;
  readonly counter: number;
  /** How many batches its sender sent before it in this session. */
  readonly number: number;
  readonly sender: ShownCredential;
  readonly receiver: ShownCredential;
  readonly signature: Uint8Array;
  /** Items, their salts, and which of them are long: what the tree is made of. */
  readonly items: SaltedItems;
  readonly fragments: ReadonlyMap<number, Fragment> | undefined;
}

/** An item and where it stands. */
export interface SignedItem {
  readonly item: Item;
  readonly batch: SignedBatch;
  readonly index: number;
}

/**
 * Signs the next batch record of `direction`: its plain text is then complete.
 * @param number of batches that this side sent before it in this session
 */
export function signBatch(
  crypto: Crypto,
  key: SigningKey,
  messages: BatchMessages,
  direction: Direction,
  number: number,
  { plaintext, count, long }: UnsignedBatch,
): void {
  const { counter } = direction;
  const salts = direction.salts(counter, count);
  const root = crypto.saltedTree.root({ bytes: plaintext, start: BATCH_HEADER_BYTES, count, salts, long });
  plaintext.set(key.sign(messages.of(counter, number, count, root)));
}

export interface BatchReceiver {
  readonly crypto: Crypto;
  readonly messages: BatchMessages;
  readonly senderKey: Uint8Array;
  readonly sender: ShownCredential;
  readonly receiver: ShownCredential;
  readonly direction: Direction;
  readonly order: ItemOrder;
  /** How many batches came before in this session. */
  readonly number: number;
}

/** A batch whose signature is still to be checked. */
export interface UncheckedBatch {
  readonly batch: SignedBatch;
  readonly check: Ed25519Item;
}

/**
 * Takes one received batch record apart.
 * @throws OOTO_CHANNEL_FRAME, OOTO_CHANNEL_SIZE (peer).
 */
export function receiveBatch(
  { crypto, messages, senderKey, sender, receiver, direction, order, number }: BatchReceiver,
  counter: number,
  plaintext: Uint8Array,
): UncheckedBatch {
  const { saltedTree } = crypto;
  const { count, long, fragments } = readBatch(plaintext, order, saltedTree.longFrom);
  const salts = direction.salts(counter, count);
  const items = { bytes: plaintext, start: BATCH_HEADER_BYTES, count, salts, long };
  const message = messages.of(counter, number, count, saltedTree.root(items));
  const signature = plaintext.slice(0, SIGNATURE_BYTES);
  const batch = { place: messages.place, counter, number, sender, receiver, signature, items, fragments };
  return { batch, check: { publicKey: senderKey, message, signature } };
}

/** Calls `take` with each item of a batch, in order. */
export function eachSignedItem(batch: SignedBatch, take: (item: SignedItem) => void): void {
  eachItem(batch.items.bytes, (bytes, index) =>
    take({ item: { bytes, fragment: batch.fragments?.get(index) }, batch, index }),
  );
}

/** Places of the batches that are refused, in order. */
export function refusedBatches(crypto: Crypto, checks: readonly Ed25519Item[]): number[] {
  if (checks.length > 1) return crypto.ed25519.verifyBatch(checks);
  try {
    for (const { publicKey, message, signature } of checks)
      crypto.ed25519.verify(publicKey, message, signature);
    return [];
  } catch {
    return [0];
  }
}

export function badSignature({ counter }: SignedBatch): OotoError {
  return new OotoError(
    'OOTO_CHANNEL_SIGNATURE',
    'peer',
    `the signature of record ${counter} is not the peer's`,
  );
}

/** Collects the parts of messages whose signatures were checked. */
export class MessageAssembler {
  readonly #crypto: Crypto;
  #parts: SignedItem[] = [];

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** The message that this part ends, with all its items; undefined while parts are missing. */
  add(signed: SignedItem): { message: Uint8Array; items: readonly SignedItem[] } | undefined {
    this.#parts.push(signed);
    if (!signed.item.fragment!.last) return undefined;
    const items = this.#parts;
    this.#parts = [];
    return { message: this.#crypto.join(items.map(({ item }) => item.bytes)), items };
  }
}
