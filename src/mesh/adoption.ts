/**
 * How documents of the authority go into force. What flows through here, in order: a head comes with the documents that
 * it names; they are judged after those that are known, the head under the key that they name; documents, head and what
 * a member of the committee changes with them are one commit; only then does anything go by them. One after the other,
 * so that none overtakes a newer. A crash leaves the state before whole, or the state after.
 */
import {
  type AuthorityDocuments,
  type AuthorityView,
  DOCUMENT_KINDS,
  NO_DOCUMENTS,
  type StagedDocuments,
} from '../authority/authority-view.ts';
import { type HeadView, type MeshHead, type MeshHeadBody, peekHead } from '../authority/head.ts';
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Clock, Store, StoreChange } from '../ports.ts';

/** What a member of the committee does when documents go into force. */
export interface Succession {
  /** Committed with them. */
  changesFor(staged: StagedDocuments): StoreChange[];
  /** Another committee is in force. */
  onCommittee(): void;
}

/** Whose documents and head these are. */
export interface AdoptingNode {
  readonly options: { readonly clock: Clock; readonly store: Store };
  readonly trust: { readonly authority: AuthorityView };
  readonly head: HeadView;
  /** Two heads that name different documents of one version are proof against the authority. */
  readonly headForks: { keep(known: MeshHead, shown: MeshHead): void };
}

export class Adoption {
  readonly #node: AdoptingNode;
  #turn: Promise<unknown> = Promise.resolve();
  /** That of a member of the committee. */
  succession: Succession | undefined;

  constructor(node: AdoptingNode) {
    this.#node = node;
  }

  /**
   * Keeps a head that is newer than the one known, with the documents it names, which go into force. Resolves to whether
   * documents are new.
   * @throws OOTO_AUTHORITY_HEAD_DOCUMENTS (peer) where it names others than those that are known and given;
   * OOTO_AUTHORITY_*, OOTO_ENVELOPE_*, OOTO_CERT_*, OOTO_THRESHOLD_*, OOTO_CRYPTO_* (peer).
   */
  adopt(encoded: Uint8Array, documents: AuthorityDocuments = NO_DOCUMENTS): Promise<boolean> {
    const turn = this.#turn.then(() => this.#adopt(encoded, documents));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #adopt(encoded: Uint8Array, documents: AuthorityDocuments): Promise<boolean> {
    const { trust, head: view, options } = this.#node;
    const { authority } = trust;
    const staged = authority.stage(documents);
    if (isPassed(peekHead(encoded), staged, view.current)) return false;
    const { head, changes } = view.stage(encoded, options.clock.now(), staged.groupKey);
    if (changes.length === 0) return false;
    this.#requireNamed(head, staged);
    const { committee } = authority;
    const own = this.succession?.changesFor(staged) ?? [];
    await options.store.commit([...staged.changes, ...changes, ...own]);
    authority.accept(staged);
    view.accept(head);
    if (authority.committee !== committee) this.succession?.onCommittee();
    return staged.changes.length > 0;
  }

  /** Exactly these documents: of older ones it is a step back, of newer ones they must be here first. */
  #requireNamed(head: MeshHead, { versions }: StagedDocuments): void {
    for (const part of DOCUMENT_KINDS) {
      const [named, has] = [head[part], versions[part]];
      if (named.version !== has.version)
        throw new OotoError(
          'OOTO_AUTHORITY_HEAD_DOCUMENTS',
          'peer',
          `the head names ${part} ${named.version}, and ${has.version} is what there is`,
        );
      if (equal(named.digest, has.digest)) continue;
      const { current } = this.#node.head;
      if (current) this.#node.headForks.keep(current, head);
      throw new OotoError(
        'OOTO_AUTHORITY_DOCUMENTS_FORK',
        'peer',
        `there are two of ${part} ${named.version}: the authority is compromised`,
      );
    }
  }
}

/** An older head than the one known, under a group key that is not in force any more: nothing is taken from it. */
function isPassed(
  claimed: MeshHeadBody,
  { versions }: StagedDocuments,
  current: MeshHead | undefined,
): boolean {
  const isOlder = current !== undefined && claimed.number < current.number;
  return isOlder && claimed.bundle.version < versions.bundle.version;
}
