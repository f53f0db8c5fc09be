/**
 * What one's own side shows, made once for all channels that show it. What flows through here: an own credential in,
 * out come the content of every payload that presents it, with its hash, and its delegation taken apart. Nothing here
 * is proof of anything to this side: what a peer presents is read anew each time, in credential.ts.
 */
import type { Crypto } from '../crypto/crypto.ts';
import { encode } from '../envelope/cbor.ts';
import { type Delegation, readDelegation } from './delegation.ts';

/** The part of an own credential that everyone may see. */
interface Shown {
  readonly kind: string;
  readonly id: string;
  readonly credential: Uint8Array;
  /** Encoded. */
  readonly delegation: Uint8Array;
}

export interface OwnContent {
  /** Encoded kind, id, credential and delegation. */
  readonly content: Uint8Array;
  /** SHA-256 of it. */
  readonly hash: Uint8Array;
}

const contents = new WeakMap<Shown, OwnContent>();
const delegations = new WeakMap<Shown, Delegation>();

export function ownContent(crypto: Crypto, own: Shown): OwnContent {
  return remembered(contents, own, ({ kind, id, credential, delegation }) => {
    const content = encode({ kind, id, credential, delegation });
    return { content, hash: crypto.sha256(content) };
  });
}

/** @throws OOTO_ENVELOPE_* (peer) for a delegation that this side could show to nobody. */
export function ownDelegation(own: Shown): Delegation {
  return remembered(delegations, own, ({ delegation }) => readDelegation(delegation).unverified);
}

function remembered<T>(known: WeakMap<Shown, T>, own: Shown, make: (own: Shown) => T): T {
  const found = known.get(own) ?? make(own);
  known.set(own, found);
  return found;
}
