/**
 * Proofs of single messages, as their receiver makes them. What flows through here: a message that was delivered and the
 * batches that vouch for it; the tree over each batch is made and its signature checked once, however many of its messages
 * are proven; out comes one file (see proof.ts) that shows the message and nothing of its neighbours.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { encode } from '../envelope/cbor.ts';
import { BatchMessages } from './batch.ts';
import { BatchTree, leafHash } from './batch-tree.ts';
import type { ShownCredential } from './credential.ts';
import { readDelegation } from './delegation.ts';
import { MAX_PROOF_BYTES, PROOF_TYPE } from './proof.ts';
import type { SignedBatch, SignedItem } from './signed-batch.ts';

/**
 * The proof of a message that a channel delivered; what many are to be made of is {@link ProofMaker}.
 * @param items the `items` of the message's event
 * @throws as {@link ProofMaker.prove}.
 */
export function exportMessageProof(crypto: Crypto, items: readonly SignedItem[]): Uint8Array {
  return new ProofMaker(crypto).prove(items);
}

/** Makes proofs of one channel's messages. A peer fixes how many share a batch: what is read of all is read once. */
export class ProofMaker {
  readonly #crypto: Crypto;
  /** Of batches whose signatures were checked. */
  readonly #trees = new WeakMap<SignedBatch, BatchTree>();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /**
   * The proof of a message that the channel delivered. It holds when it leaves here: a signature that was not checked yet
   * is checked, and bytes that are not those that came are noticed.
   * @param items the `items` of the message's event
   * @throws OOTO_CHANNEL_PROOF (local) for a message longer than a proof may be, and for what does not vouch for it.
   */
  prove(items: readonly SignedItem[]): Uint8Array {
    const { place, sender, receiver } = items[0].batch;
    const sameKeys = ({ batch }: SignedItem) =>
      batch.place.epoch === place.epoch && batch.sender === sender && batch.receiver === receiver;
    if (!items.every(sameKeys)) throw unproven('the parts of the message came under different keys');
    const { meshId, sessionId, epochHash, epoch, direction } = place;
    const proof = encode({
      type: PROOF_TYPE,
      meshId,
      sessionId,
      epochHash,
      epoch,
      direction,
      sender: partyOf(sender),
      receiver: partyOf(receiver),
      parts: items.map((item) => this.#partOf(item)),
    });
    if (proof.length > MAX_PROOF_BYTES)
      throw unproven('the message is too long for a proof', {
        hint: `a proof has at most ${MAX_PROOF_BYTES} bytes; sign a digest of what is longer`,
      });
    return proof;
  }

  #partOf({ item, batch, index }: SignedItem) {
    const { message = 0, index: part = 0, last = true } = item.fragment ?? {};
    const { count, salts } = batch.items;
    const tree = this.#treeOf(batch);
    const salt = salts.slice(16 * index, 16 * (index + 1));
    if (!equal(leafHash(this.#crypto, item, salt), tree.leaves[index]))
      throw unproven('the bytes of the message are not those that came');
    return {
      counter: batch.counter,
      batch: batch.number,
      leafCount: count,
      leafIndex: index,
      salt,
      path: tree.pathOf(index),
      signature: batch.signature,
      fragment: item.fragment ? { message, index: part, last } : null,
      bytes: item.bytes,
    };
  }

  #treeOf(batch: SignedBatch): BatchTree {
    const known = this.#trees.get(batch);
    if (known) return known;
    const tree = new BatchTree(this.#crypto, rowsOf(this.#crypto.saltedTree.leaves(batch.items)));
    this.#requireSigned(batch, tree.root);
    this.#trees.set(batch, tree);
    return tree;
  }

  #requireSigned({ place, counter, number, items, sender, signature }: SignedBatch, root: Uint8Array): void {
    const { messageKey } = readDelegation(sender.delegation).unverified;
    const message = new BatchMessages(place).of(counter, number, items.count, root);
    try {
      this.#crypto.ed25519.verify(messageKey, message, signature);
    } catch (cause) {
      throw unproven('what came with the message is not signed by its sender, or was changed since', {
        cause,
      });
    }
  }
}

function partyOf({ kind, id, credential, delegation }: ShownCredential) {
  return { kind, id, credential, delegation };
}

function rowsOf(digests: Uint8Array): Uint8Array[] {
  return Array.from({ length: digests.length / 32 }, (_, i) => digests.subarray(32 * i, 32 * (i + 1)));
}

function unproven(what: string, options: { hint?: string; cause?: unknown } = {}): OotoError {
  return new OotoError('OOTO_CHANNEL_PROOF', 'local', what, options);
}
