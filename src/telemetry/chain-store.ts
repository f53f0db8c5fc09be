/**
 * Where chains lie in a store: one entry per frame, under the node and the frame's number, so that order and
 * gaps show in the keys. What flows through here: frames become changes; entries are read back in pages, and
 * each is held to the number that its key claims. Nothing read here is trusted: it is followed again.
 */
import { utf8 } from '../base/bytes.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Store, StoreChange } from '../ports.ts';
import { damaged } from './errors.ts';
import { decodeFrame, encodeFrame, type Frame, type Statement } from './frame.ts';

export type ReadableStore = Pick<Store, 'get' | 'range'>;

const PAGE = 256;
const DIGITS = 14;
/** Sorts behind every digit. */
const AFTER = '~';

/** The frames of one node. */
export class ChainStore {
  readonly #store: ReadableStore;
  readonly #prefix: string;
  readonly node: string;

  /** `prefix` precedes every key; nodes are told apart by the SHA-256 of their id. */
  constructor(crypto: Crypto, store: ReadableStore, prefix: string, node: string) {
    this.#store = store;
    this.#prefix = folderOf(crypto, prefix, node);
    this.node = node;
  }

  put(frame: Frame): StoreChange {
    return { put: this.#key(frame.body.sequence), value: encodeFrame(frame) };
  }

  delete(sequence: number): StoreChange {
    return { delete: this.#key(sequence) };
  }

  /** The encoded frame; undefined where there is none. */
  encoded(sequence: number): Uint8Array | undefined {
    return this.#store.get(this.#key(sequence));
  }

  /** The statement of a frame with its credential, which may have come with a frame before it. */
  statement(sequence: number): Statement | undefined {
    const encoded = this.encoded(sequence);
    if (!encoded) return undefined;
    const { kind, body, signature, credential } = this.#decode(sequence, encoded);
    const shown = credential ?? this.#credentialBefore(sequence);
    return { kind, body, signature, ...(shown && { credential: shown }) } as Statement;
  }

  /**
   * All frames in order, so many at a time.
   * @throws OOTO_TELEMETRY_STORE (environment) for a gap or bytes that are no frame.
   */
  *pages(): Generator<Frame[]> {
    let next = 0;
    for (let page = this.#page(next); page.length > 0; page = this.#page(next)) {
      yield page.map(({ key, value }, i) => {
        if (key !== this.#key(next + i)) throw damaged(this.node, `frame ${next + i} is missing`);
        return this.#decode(next + i, value);
      });
      next += page.length;
    }
  }

  #page(from: number): { key: string; value: Uint8Array }[] {
    return this.#store.range(this.#key(from), `${this.#prefix}${AFTER}`, { limit: PAGE });
  }

  #credentialBefore(sequence: number): Uint8Array | undefined {
    for (let at = sequence - 1; at >= 0; at--) {
      const encoded = this.encoded(at);
      const credential = encoded && this.#decode(at, encoded).credential;
      if (credential) return credential;
    }
    return undefined;
  }

  #decode(sequence: number, encoded: Uint8Array): Frame {
    try {
      const frame = decodeFrame(encoded, this.node);
      if (frame.body.sequence === sequence) return frame;
    } catch (cause) {
      throw damaged(this.node, `frame ${sequence} is torn or altered`, cause);
    }
    throw damaged(this.node, `frame ${sequence} stands under the number of another`);
  }

  #key(sequence: number): string {
    return `${this.#prefix}${sequence.toString(16).padStart(DIGITS, '0')}`;
  }
}

/**
 * The ids of all nodes that have frames below `prefix`, as their first frames state them.
 * @throws OOTO_TELEMETRY_STORE (environment) for a frame that is torn or stands under another node.
 */
export function storedNodes(crypto: Crypto, store: ReadableStore, prefix: string): string[] {
  const [nodes, frames] = [[] as string[], framesOf(prefix)];
  for (let from = frames; ; ) {
    const [entry] = store.range(from, `${frames}${AFTER}`, { limit: 1 });
    if (!entry) return nodes;
    const folder = entry.key.slice(0, entry.key.lastIndexOf('/') + 1);
    const node = claimedNode(entry.key, entry.value);
    if (folder !== folderOf(crypto, prefix, node)) throw damaged(node, 'a frame stands under another node');
    nodes.push(node);
    from = `${folder}${AFTER}`;
  }
}

function claimedNode(key: string, value: Uint8Array): string {
  try {
    return decodeFrame(value, key).body.node;
  } catch (cause) {
    throw damaged(key, 'the first frame is torn or altered', cause);
  }
}

function folderOf(crypto: Crypto, prefix: string, node: string): string {
  return `${framesOf(prefix)}${hex(crypto.sha256(utf8(node)))}/`;
}

function framesOf(prefix: string): string {
  return `${prefix}frame/`;
}
