/**
 * Where a member keeps its share, and shares that may become it. What flows through here: a share that a ceremony gave
 * is stored beside the one in force before its member certifies it; once a head names a committee record of its public
 * package, and that record is in the member's log, it takes the other's place, in one transaction with the record, and
 * everything older is deleted. Nothing that was certified is deleted before: whatever crash comes, each member has the
 * share of whatever record there is.
 */
import type { AuthorityView } from '../../../authority/authority-view.ts';
import { wipe } from '../../../base/disposal.ts';
import { hex } from '../../../base/hex.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { decode, encode } from '../../../envelope/cbor.ts';
import { bytesBetween, fields, uint } from '../../../envelope/fields.ts';
import type { Store, StoreChange } from '../../../ports.ts';
import {
  decodePublicPackage,
  decodeSecretShare,
  encodePublicPackage,
  type PublicPackage,
  type SecretShare,
} from '../../../threshold/index.ts';
import { SHARE_KEY } from '../founding.ts';

const PENDING = 'ceremony/pending/';
const AFTER_PENDING = 'ceremony/pending0';
const MOST_BYTES = 128 * 1024;

const pendingShape = {
  epoch: uint(0xffffffff),
  publicPackage: bytesBetween(1, 64 * 1024),
  share: bytesBetween(1, 4 * 1024),
} as const;

export class ShareStore {
  readonly #crypto: Crypto;
  readonly #store: Store;

  constructor(crypto: Crypto, store: Store) {
    this.#crypto = crypto;
    this.#store = store;
  }

  /** The share of this package, in force; undefined when it is lost or of another epoch. */
  inForce(publicPackage: PublicPackage): SecretShare | undefined {
    const stored = this.#store.get(SHARE_KEY);
    return stored && this.#fitting(publicPackage, stored);
  }

  /** Durable once it resolves. */
  async keepPending(
    session: Uint8Array,
    publicPackage: PublicPackage,
    secretShare: SecretShare,
  ): Promise<void> {
    const share = secretShare.encode();
    const { epoch } = publicPackage.committee;
    const value = encode({ epoch, publicPackage: encodePublicPackage(publicPackage), share });
    await this.#store.commit([{ put: `${PENDING}${hex(session)}`, value }]);
    wipe(share, value);
  }

  /** In force, durably, once it resolves; it is of the committee in force. */
  async keepRepaired(secretShare: SecretShare): Promise<void> {
    const value = secretShare.encode();
    await this.#store.commit([{ put: SHARE_KEY, value }]);
    wipe(value);
  }

  /** The package that this member holds a pending share of since that session. */
  pendingPackage(session: Uint8Array): PublicPackage | undefined {
    const stored = this.#store.get(`${PENDING}${hex(session)}`);
    return stored && decodePublicPackage(this.#crypto, readPending(stored).publicPackage);
  }

  /** A pending share of this package. */
  pending(publicPackage: PublicPackage): SecretShare | undefined {
    for (const { value } of this.#store.range(PENDING, AFTER_PENDING)) {
      const share = this.#fitting(publicPackage, readPending(value).share);
      if (share) return share;
    }
    return undefined;
  }

  /** The share of this package, in its place or beside the one before. */
  held(publicPackage: PublicPackage): SecretShare | undefined {
    return this.inForce(publicPackage) ?? this.pending(publicPackage);
  }

  /** What is to be committed with the record of this package: its share takes the place of the one before. */
  succession(publicPackage: PublicPackage): StoreChange[] {
    const share = this.pending(publicPackage);
    const { epoch } = publicPackage.committee;
    const over = this.#store
      .range(PENDING, AFTER_PENDING)
      .filter(({ value }) => readPending(value).epoch <= epoch)
      .map(({ key }): StoreChange => ({ delete: key }));
    if (!share) return [{ delete: SHARE_KEY }, ...over];
    const value = share.encode();
    share[Symbol.dispose]();
    return [{ put: SHARE_KEY, value }, ...over];
  }

  /** Has the share of the committee in force take the place of the one before, which is erased. */
  async settle({ publicPackage }: AuthorityView): Promise<void> {
    const share = this.inForce(publicPackage);
    if (share) share[Symbol.dispose]();
    else if (this.#hasStale()) await this.#store.commit(this.succession(publicPackage));
  }

  /** That of {@link held}. */
  encodedFor(publicPackage: PublicPackage): Uint8Array | undefined {
    const share = this.held(publicPackage);
    if (!share) return undefined;
    const encoded = share.encode();
    share[Symbol.dispose]();
    return encoded;
  }

  #hasStale(): boolean {
    return this.#store.range(PENDING, AFTER_PENDING, { limit: 1 }).length > 0;
  }

  #fitting(publicPackage: PublicPackage, encoded: Uint8Array): SecretShare | undefined {
    try {
      return decodeSecretShare(this.#crypto, publicPackage, encoded);
    } catch {
      return undefined;
    }
  }
}

function readPending(stored: Uint8Array) {
  return fields(decode(stored, { maxBytes: MOST_BYTES }), pendingShape, 'pending share');
}
