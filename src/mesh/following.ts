/**
 * How a node follows the authority. What flows through here, in order: a peer shows a mesh head; where it names newer
 * documents than are known, they come with it or are asked of the peer that showed it; documents and head go into force
 * together; sessions with whoever is revoked end at once; what was new is passed on to every session, once. A head counts
 * for no more than the documents it names.
 */

import {
  type AuthorityDocuments,
  authorityDocuments,
  type DocumentVersions,
  isAhead,
  NO_DOCUMENTS,
} from '../authority/authority-view.ts';
import { nodeIdOf } from '../authority/certification.ts';
import { type HeadView, peekHead } from '../authority/head.ts';
import { type Claim, readClaim } from '../authority/member.ts';
import type { EnrolmentRequest } from '../authority/request.ts';
import { countIn } from '../authority/revocation.ts';
import { equal } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import type { Peer } from '../channel/credential.ts';
import { Rates } from '../channel/rates.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { CborValue } from '../envelope/cbor.ts';
import { bytesBetween, fields, nullable, optional, uint } from '../envelope/fields.ts';
import type { Clock, Logger, Store } from '../ports.ts';
import { Adoption } from './adoption.ts';
import { requireDocumentRight } from './document-right.ts';
import type { HeadForks } from './head-forks.ts';
import type { KnownPeer, MemberDetails, MeshTrust } from './identity.ts';
import type { Session } from './session.ts';

const MOST_HEAD_BYTES = 4 * 1024;
/** Messages that one catching up may take. */
const MOST_ROUNDS = 256;
const ANSWER_MS = 10_000;

const announcement = { head: bytesBetween(1, MOST_HEAD_BYTES), documents: authorityDocuments } as const;
const answer = { head: nullable(bytesBetween(1, MOST_HEAD_BYTES)), documents: authorityDocuments } as const;
const question = {
  ...{ bundle: uint(), committee: uint(), revocations: uint() },
  /** Of who has no certificate that can be judged. */
  right: optional(readClaim),
} as const;

/** What of a node follows. */
export interface FollowingNode {
  readonly options: {
    readonly crypto: Crypto;
    readonly clock: Clock;
    readonly store: Store;
    readonly logger: Logger;
  };
  readonly trust: MeshTrust;
  readonly head: HeadView;
  readonly headForks: HeadForks;
  readonly peers: { readonly sessions: readonly Session[] };
  showNewestHead(): Promise<void>;
  handle(
    operation: 'mesh.documents' | 'mesh.announce',
    handler: (peer: KnownPeer, body: CborValue, session: Session) => CborValue | Promise<CborValue>,
  ): void;
}

export class Following {
  readonly #node: FollowingNode;
  readonly adoption: Adoption;
  readonly #rates = new Rates({ perSecond: 1, burst: 32, most: 4_096 });
  /** Sessions that began under a head whose documents are not here yet. */
  readonly #catchingUp = new WeakMap<Session, Promise<void>>();
  /** When group keys retire, and how to wait no longer for it. */
  readonly #ends = new Map<number, () => void>();
  /** Shown to whom documents are asked of, while this node has no certificate that others can judge. */
  right: Claim | undefined;

  constructor(node: FollowingNode) {
    this.#node = node;
    this.adoption = new Adoption(node);
  }

  serve(): void {
    this.#node.handle('mesh.documents', (peer, body, session) => {
      this.#requireRate(peer.id);
      const { trust, head, options } = this.#node;
      const { right, ...known } = fields(body, question, 'mesh.documents');
      if (peer.kind === 'enrol') {
        const request = session.peer.identity.details as EnrolmentRequest;
        requireDocumentRight(options.crypto, trust, request, right, options.clock.now());
      }
      const documents = trust.authority.documentsAfter(known);
      return plain({ head: head.current?.encoded ?? null, documents });
    });
    this.#node.handle('mesh.announce', async (peer, body, session) => {
      this.#requireRate(peer.id);
      const { head, documents } = fields(body, announcement, 'mesh.announce');
      if (equal(head, this.#node.head.current?.encoded ?? new Uint8Array())) return null;
      await this.#take(head, documents, session);
      return null;
    });
  }

  /**
   * Puts a head that is newer than the one known into force, with the documents it names. Resolves to whether documents
   * are new. @throws as {@link Adoption.adopt}.
   */
  async adopt(encoded: Uint8Array, documents: AuthorityDocuments = NO_DOCUMENTS): Promise<boolean> {
    const hasChanged = await this.adoption.adopt(encoded, documents);
    if (hasChanged) {
      this.#enforce();
      for (const session of this.#node.peers.sessions) this.#watch(session);
    }
    await this.#node.showNewestHead();
    return hasChanged;
  }

  /** Adopts the head that this peer showed, with the documents that it gives for it; what is new is passed on. */
  async follow(encoded: Uint8Array, session: Session): Promise<void> {
    await this.#take(encoded, NO_DOCUMENTS, session);
  }

  /** Adopts all that a peer has, whoever it is. @throws what {@link adopt} throws, and what the peer refuses with. */
  async catchUp(session: Session): Promise<boolean> {
    const { head, documents } = await this.#fetch(undefined, session);
    return head !== undefined && this.adopt(head, documents);
  }

  /** Sends what is in force to every session but this one. `before` is what the others are thought to have. */
  announce(head: Uint8Array, documents: AuthorityDocuments, except?: Session): void {
    const { peers, options } = this.#node;
    for (const session of peers.sessions) {
      if (session === except || !session.isReady || session.peer.identity.kind === 'enrol') continue;
      session
        .request('mesh.announce', plain({ head, documents }), { timeoutMs: ANSWER_MS })
        .catch((error) =>
          options.logger.log('debug', 'an announcement was not taken', { peer: session.peerId, error }),
        );
    }
  }

  /** A session is ready: if its peer knows more than this node, that is asked for first. */
  noteReady(session: Session): void {
    this.#watch(session);
    const { ahead } = (session.peer.identity.details ?? {}) as Partial<MemberDetails>;
    if (!ahead) return;
    const done = this.follow(ahead, session);
    this.#catchingUp.set(session, done);
    done.catch((error) =>
      session.close(
        new OotoError('OOTO_MESH_BEHIND', 'peer', 'the peer did not give the documents that its head names', {
          cause: error,
        }),
      ),
    );
  }

  /** Resolves once requests may go over this session. */
  async caughtUp(session: Session, operation: string): Promise<void> {
    if (operation !== 'mesh.documents') await this.#catchingUp.get(session);
  }

  async #take(encoded: Uint8Array, documents: AuthorityDocuments, session: Session): Promise<void> {
    const { authority } = this.#node.trust;
    const before = authority.known;
    let shown = { head: encoded, documents };
    let hasChanged: boolean;
    try {
      if (isAhead(peekHead(encoded), this.#versionsWith(documents)))
        shown = await this.#fetch(encoded, session);
      hasChanged = await this.adopt(shown.head, shown.documents);
    } catch (error) {
      if (!isOvertaken(error)) throw error;
      shown = await this.#fetch(encoded, session);
      hasChanged = await this.adopt(shown.head, shown.documents);
    }
    if (hasChanged) this.announce(shown.head, authority.documentsAfter(before), session);
  }

  #versionsWith(documents: AuthorityDocuments): DocumentVersions {
    return this.#node.trust.authority.stage(documents).versions;
  }

  /** All that this node lacks, from the peer that has it, and the head that names it. */
  async #fetch<H extends Uint8Array | undefined>(
    head: H,
    session: Session,
  ): Promise<{ head: H | Uint8Array; documents: AuthorityDocuments }> {
    const have = this.#node.trust.authority.known;
    const documents: AuthorityDocuments = { bundles: [], committees: [], revocations: null };
    let newest: H | Uint8Array = head;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const body: CborValue = { ...have, ...(this.right ? { right: { ...this.right } } : {}) };
      const asked = await session.request('mesh.documents', body, { timeoutMs: ANSWER_MS });
      const page = fields(asked, answer, 'mesh.documents');
      newest = page.head ?? newest;
      if (!append(documents, page.documents, have)) break;
    }
    return { head: newest, documents };
  }

  /** Waits for nothing any more. */
  close(): void {
    for (const cancel of this.#ends.values()) cancel();
    this.#ends.clear();
  }

  /** Ends every session whose peer does not count any more. */
  #enforce(): void {
    for (const session of this.#node.peers.sessions) {
      if (session.peerId === undefined) continue;
      const reason = this.#whyOver(session.peer);
      if (reason) session.close(reason);
    }
  }

  /** A session under a group key that retires ends with it, unless its peer shows another certificate until then. */
  #watch(session: Session): void {
    if (session.peerId === undefined || session.peer.identity.kind !== 'member') return;
    const { trust, options } = this.#node;
    const { issuerKey } = session.peer.identity.details as MemberDetails;
    const retiring = trust.authority.bundle.retiring.find(({ groupKey }) => equal(groupKey, issuerKey));
    if (!retiring) return;
    const { until } = retiring;
    if (this.#ends.has(until)) return;
    const left = Math.max(0, until - options.clock.now());
    const end = () => {
      this.#ends.delete(until);
      this.#enforce();
    };
    this.#ends.set(until, options.clock.after(left + 1, end));
  }

  #whyOver({ identity }: Peer): OotoError | undefined {
    const { trust, options } = this.#node;
    const { authority } = trust;
    const { id, kind, identityKey } = identity;
    const nodeId = kind === 'founder' ? nodeIdOf(authority.meshId, 'authority', id) : id;
    if (authority.isRevoked({ id: nodeId, key: identityKey.bytes }))
      return new OotoError('OOTO_AUTHORITY_REVOKED', 'peer', `${nodeId} is revoked`, { culprits: [nodeId] });
    if (kind !== 'member') return undefined;
    const { issuerKey } = identity.details as MemberDetails;
    const now = options.clock.now();
    if (authority.isIssuerAt(issuerKey, now)) return undefined;
    return new OotoError(
      'OOTO_AUTHORITY_ROTATED',
      'peer',
      'the group key of its certificate is not in force',
    );
  }

  #requireRate(id: string): void {
    if (!this.#rates.take(id, this.#node.options.clock.monotonic()))
      throw new OotoError('OOTO_MESH_BUSY', 'peer', 'documents are asked for too often');
  }
}

/** Documents went into force meanwhile that these do not follow, or the peer has newer ones than the head it showed. */
function isOvertaken(error: unknown): boolean {
  const codes = ['OOTO_ENVELOPE_VERSION', 'OOTO_AUTHORITY_HEAD_DOCUMENTS', 'OOTO_AUTHORITY_REVOCATION'];
  return isOotoError(error) && codes.includes(error.code);
}

/** Adds a page, and counts what there is then; whether more may come. */
function append(
  documents: AuthorityDocuments,
  page: AuthorityDocuments,
  have: { bundle: number; committee: number; revocations: number },
): boolean {
  documents.bundles.push(...page.bundles);
  documents.committees.push(...page.committees);
  have.bundle += page.bundles.length;
  have.committee += page.committees.length;
  const delta = page.revocations;
  if (delta) {
    const earlier = documents.revocations ?? { from: delta.from, entries: [] };
    documents.revocations = { ...delta, from: earlier.from, entries: [...earlier.entries, ...delta.entries] };
    have.revocations += delta.entries.length;
  }
  const lacksEntries = delta !== null && delta.entries.length > 0 && have.revocations < countIn(delta);
  return page.bundles.length > 0 || page.committees.length > 0 || lacksEntries;
}

function plain(value: { head: Uint8Array | null; documents: AuthorityDocuments }): CborValue {
  return value as unknown as CborValue;
}
