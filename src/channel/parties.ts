/**
 * The two parties of a session and the keys they sign with now. What flows through here: each side may replace
 * its credential while the session lives; the sender signs with the new message key from its renewal record on,
 * and the peer names the new key as receiver from its acknowledgement on, so at every record both sides know
 * which keys are meant.
 */
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { SigningKey } from '../envelope/keys.ts';
import type { Role } from '../noise/handshake-state.ts';
import type { OwnCredential, Peer, ShownCredential } from './credential.ts';
import { partyHash } from './delegation.ts';
import type { Moment } from './limits.ts';
import { ownDelegation } from './own-content.ts';
import { badFrame } from './wire.ts';

/** The {@link partyHash} of a record's sender and receiver. */
export interface PartyHashes {
  readonly senderHash: Uint8Array;
  readonly receiverHash: Uint8Array;
}

export class Parties {
  readonly crypto: Crypto;
  readonly initiatorId: string;
  readonly responderId: string;
  #own: OwnCredential;
  #peer: Peer;
  #shownByPeer: ShownCredential;
  /** By which the peer still names this side, while a renewal is not acknowledged. */
  #ownAtPeer: OwnCredential;
  #ownHash: Uint8Array;
  #ownHashAtPeer: Uint8Array;
  #peerHash: Uint8Array;
  #lapsesAt: number;
  #renewing = false;
  #waiting: OwnCredential | undefined;

  constructor(crypto: Crypto, role: Role, own: OwnCredential, peer: Peer, now: Moment) {
    this.crypto = crypto;
    this.#own = own;
    this.#ownAtPeer = own;
    this.#peer = peer;
    this.#shownByPeer = shownBy(peer);
    this.#ownHash = hashOf(crypto, own);
    this.#ownHashAtPeer = this.#ownHash;
    this.#peerHash = partyHash(crypto, peer.identity.id, peer.delegation);
    this.#lapsesAt = lapseOf(peer, now);
    const ids = [own.id, peer.identity.id];
    [this.initiatorId, this.responderId] = role === 'initiator' ? ids : ids.reverse();
  }

  get own(): OwnCredential {
    return this.#own;
  }

  get peer(): Peer {
    return this.#peer;
  }

  get messageKey(): SigningKey {
    return this.#own.messageKey;
  }

  get peerMessageKey(): Uint8Array {
    return this.#peer.delegation.messageKey;
  }

  /** As they stand in the next record that this side sends. */
  get sending(): PartyHashes {
    return { senderHash: this.#ownHash, receiverHash: this.#peerHash };
  }

  /** As they must stand in the next record that the peer sent. */
  get receiving(): PartyHashes {
    return { senderHash: this.#peerHash, receiverHash: this.#ownHashAtPeer };
  }

  /** Whose keys the peer's next record names. */
  get shown(): { sender: ShownCredential; receiver: ShownCredential } {
    return { sender: this.#shownByPeer, receiver: this.#ownAtPeer };
  }

  /**
   * Whether this side now sends a renewal with `own`. While one is under way the newest waits for the
   * acknowledgement.
   */
  renewOwn(own: OwnCredential): boolean {
    if (this.#renewing) {
      this.#waiting = own;
      return false;
    }
    this.#renewing = true;
    this.#own = own;
    this.#ownHash = hashOf(this.crypto, own);
    return true;
  }

  /**
   * The peer acknowledged; returns a credential that waited.
   * @throws OOTO_CHANNEL_FRAME (peer) when there was nothing to acknowledge.
   */
  acknowledged(): OwnCredential | undefined {
    if (!this.#renewing) throw badFrame('an acknowledgement of nothing');
    this.#renewing = false;
    this.#ownAtPeer = this.#own;
    this.#ownHashAtPeer = this.#ownHash;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  /** The peer has proven its new credential. */
  renewPeer(peer: Peer, now: Moment): void {
    this.#peer = peer;
    this.#shownByPeer = shownBy(peer);
    this.#peerHash = partyHash(this.crypto, peer.identity.id, peer.delegation);
    this.#lapsesAt = lapseOf(peer, now);
  }

  /** Monotonic milliseconds at which the peer's delegation ends, however the wall clock jumps. */
  get lapsesAt(): number {
    return this.#lapsesAt;
  }

  /** @throws OOTO_CHANNEL_LAPSED (peer) once either clock says that the peer's delegation has ended. */
  requireValidPeer(now: Moment): void {
    if (now.monotonic >= this.#lapsesAt || now.wall >= this.#peer.delegation.notAfter)
      throw new OotoError('OOTO_CHANNEL_LAPSED', 'peer', "the peer's delegation has lapsed", {
        hint: 'a running peer shows a new one every few minutes; check its clock and its identity key',
      });
  }
}

function hashOf(crypto: Crypto, own: OwnCredential): Uint8Array {
  const { subject } = ownDelegation(own);
  return partyHash(crypto, own.id, { subject, messageKey: own.messageKey.publicKey });
}

function shownBy({ presented: { kind, id, credential }, encodedDelegation }: Peer): ShownCredential {
  return { kind, id, credential, delegation: encodedDelegation };
}

function lapseOf(peer: Peer, now: Moment): number {
  return now.monotonic + peer.delegation.notAfter - now.wall;
}
