/**
 * What a member has signed as successors. What flows through here: before it helps to sign the next version of a
 * document, the member writes down which one; of each version it signs that and no other, also after a restart. Two
 * documents of one version then need 2t − n members that sign both, beside honest ones that were shown one each.
 */
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { decode, encode } from '../../envelope/cbor.ts';
import { bytes, fields, uint } from '../../envelope/fields.ts';
import type { Store } from '../../ports.ts';

const PREFIX = 'authority/successor/';
const shape = { version: uint(), digest: bytes(32) } as const;

export type VersionedKind = 'bundle' | 'committee' | 'revocations';

export class Successors {
  readonly #crypto: Crypto;
  readonly #store: Store;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(crypto: Crypto, store: Store) {
    this.#crypto = crypto;
    this.#store = store;
  }

  /**
   * Resolves once it is durable that `message` is what this member signs as this version.
   * @throws OOTO_AUTHORITY_SUCCESSOR (peer) where it has signed another, or a later version.
   */
  admit(kind: VersionedKind, version: number, message: Uint8Array): Promise<void> {
    const turn = this.#writing.then(() => this.#admit(kind, version, message));
    this.#writing = turn.catch(() => {});
    return turn;
  }

  async #admit(kind: VersionedKind, version: number, message: Uint8Array): Promise<void> {
    const key = `${PREFIX}${kind}`;
    const stored = this.#store.get(key);
    const signed = stored && fields(decode(stored, { maxBytes: 128 }), shape, key);
    const digest = this.#crypto.sha256(message);
    if (signed?.version === version && equal(signed.digest, digest)) return;
    if (signed && signed.version >= version)
      throw new OotoError(
        'OOTO_AUTHORITY_SUCCESSOR',
        'peer',
        `this member has signed another ${kind} ${signed.version}; of each version it signs one`,
        { hint: 'what was begun has to be finished first: apply the same action again' },
      );
    await this.#store.commit([{ put: key, value: encode({ version, digest }) }]);
  }
}
