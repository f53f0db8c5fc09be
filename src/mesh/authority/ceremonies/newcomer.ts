/**
 * A node that is to become a member of the authority, and is none yet. What flows through here, in order: it waits to be
 * called by a founder of the draft that its operator gave it; who calls shows the genesis record of that draft, what
 * followed it, and the action by which operators bring this node in; it takes part in the resharing like every other;
 * it is a member once it has a committee record that names it, and its share. Where it was away when that record was
 * given out, it asks for it.
 */
import { type ApprovedAction, verifyAction } from '../../../authority/action.ts';
import { AuthorityView, authorityDocuments } from '../../../authority/authority-view.ts';
import { type GenesisRecord, verifyGenesisRecord } from '../../../authority/genesis.ts';
import { HeadView } from '../../../authority/head.ts';
import { equal } from '../../../base/bytes.ts';
import { OotoError } from '../../../base/errors.ts';
import type { CborValue } from '../../../envelope/cbor.ts';
import { bytesBetween, fields } from '../../../envelope/fields.ts';
import type { KeyGenerationKey } from '../../../threshold/index.ts';
import { Adoption } from '../../adoption.ts';
import { GENESIS_KEY, ROOT_KEY } from '../../identity.ts';
import type { MeshNode } from '../../node.ts';
import { CEREMONY_OPERATIONS } from '../../operations.ts';
import { pause } from '../../patience.ts';
import type { FellowMembers } from '../fellow-members.ts';
import { stateShape } from './ceremony-message.ts';
import { Participant } from './participant.ts';

const introductionShape = {
  genesis: bytesBetween(1, 2 * 1024 * 1024),
  root: bytesBetween(1, 8 * 1024),
  documents: authorityDocuments,
  /** With its approvals. */
  action: bytesBetween(1, 256 * 1024),
} as const;

/**
 * What is shown to a newcomer before anything is asked of it: as many messages as there are pages of documents, with the
 * last what is revoked, where that is one page; a member that lacks it signs no head.
 */
export function introductions(authority: AuthorityView, { encoded }: ApprovedAction): CborValue[] {
  const { known: all, genesis, firstRoot } = authority;
  const known = { bundle: 0, committee: 0, revocations: 0 };
  const pages: CborValue[] = [];
  for (let isLast = false; !isLast; ) {
    const { bundles, committees, revocations } = authority.documentsAfter(known);
    known.bundle += bundles.length;
    known.committee += committees.length;
    isLast = known.bundle >= all.bundle && known.committee >= all.committee;
    const isWhole = revocations?.entries.length === all.revocations;
    const documents = { bundles, committees, revocations: isLast && isWhole ? revocations : null };
    const page = { genesis: genesis.encoded, root: firstRoot.der, documents, action: encoded };
    pages.push(page as unknown as CborValue);
  }
  return pages;
}

/** How often the members are asked whether the ceremony has come to its end. */
const ASK_MS = 5_000;

interface Known {
  readonly authority: AuthorityView;
  readonly participant: Participant;
  /** Which brings this node in; shown again after each start. */
  action: ApprovedAction | undefined;
}

export class Newcomer {
  readonly #node: MeshNode;
  readonly #key: KeyGenerationKey;
  readonly #draft: Uint8Array;
  readonly #fellows: Pick<FellowMembers, 'names' | 'ask'>;
  readonly #signal: AbortSignal;
  #known: Known | undefined;
  #settle: { resolve(genesis: GenesisRecord): void } = { resolve() {} };

  /** `draft` is the encoded genesis draft that this node's operator gave it. */
  constructor(
    node: MeshNode,
    key: KeyGenerationKey,
    draft: Uint8Array,
    others: { fellows: Pick<FellowMembers, 'names' | 'ask'>; signal: AbortSignal },
  ) {
    this.#node = node;
    this.#key = key;
    this.#draft = draft;
    this.#fellows = others.fellows;
    this.#signal = others.signal;
  }

  /** What has been shown of the mesh. */
  get authority(): AuthorityView | undefined {
    return this.#known?.authority;
  }

  /** The genesis record, once this node is of the committee in force and has its share. */
  run(): Promise<GenesisRecord> {
    const { crypto, store, name } = this.#node.options;
    const [genesis, root] = [store.get(GENESIS_KEY), store.get(ROOT_KEY)];
    if (genesis && root) {
      const authority = AuthorityView.open(crypto, verifyGenesisRecord(crypto, genesis), store, root);
      if (this.#isIn(authority)) return Promise.resolve(authority.genesis);
      this.#known = { authority, action: undefined, participant: this.#participant(authority, name) };
    }
    const done = new Promise<GenesisRecord>((resolve) => {
      this.#settle = { resolve };
    });
    this.#serve();
    void this.#keepAsking();
    return done;
  }

  /** A ceremony may have ended while this node was away: whoever led it asks it for nothing any more. */
  async #keepAsking(): Promise<void> {
    const { clock } = this.#node.options;
    while (!this.#signal.aborted) {
      await pause(clock, ASK_MS, this.#signal).catch(() => {});
      for (const member of this.#fellows.names) {
        if (this.#signal.aborted || (this.authority && this.#isIn(this.authority))) return;
        await this.#learnFrom(member).catch(() => {});
      }
    }
  }

  async #learnFrom(member: string): Promise<void> {
    if (!this.#known) return;
    const { authority, participant } = this.#known;
    const answer = await this.#fellows.ask(member, 'ceremony.state', authority.known as unknown as CborValue);
    const { head, documents } = fields(answer, stateShape, 'ceremony.state');
    if (!head || documents.committees.length === 0) return;
    await participant.adopt({ head, documents } as unknown as CborValue);
    if (this.#isIn(authority)) this.#settle.resolve(authority.genesis);
  }

  #serve(): void {
    this.#node.handle('ceremony.introduce', (_, body) => this.#introduce(body));
    for (const operation of CEREMONY_OPERATIONS)
      this.#node.handle(operation, async (peer, body) => {
        const { participant, authority } = this.#requireKnown();
        const answer = await participant.answer(peer.name, operation, body);
        if (operation === 'ceremony.adopt' && this.#isIn(authority)) this.#settle.resolve(authority.genesis);
        return answer;
      });
  }

  /** Kept only when all of it holds, and the action names this node. @throws as its parts throw (peer). */
  async #introduce(body: CborValue): Promise<null> {
    const { crypto, store, name } = this.#node.options;
    const shown = fields(body, introductionShape, 'ceremony.introduce');
    const genesis = verifyGenesisRecord(crypto, shown.genesis, this.#known?.authority.meshId);
    if (!equal(genesis.draftBytes, this.#draft))
      throw new OotoError('OOTO_MESH_FOUNDING', 'peer', 'this is the mesh of another genesis draft');
    const action = this.#requireNamed(verifyAction(crypto, genesis, shown.action));
    const authority = this.#known?.authority ?? AuthorityView.open(crypto, genesis, store, shown.root);
    const staged = authority.stage(shown.documents);
    await store.commit([
      { put: GENESIS_KEY, value: shown.genesis },
      { put: ROOT_KEY, value: shown.root },
      ...staged.changes,
    ]);
    authority.accept(staged);
    if (this.#known) this.#known.action = action;
    else this.#known = { authority, action, participant: this.#participant(authority, name) };
    return null;
  }

  /** It has no head yet: that which puts its committee into force is its first. */
  #participant(authority: AuthorityView, name: string): Participant {
    const { crypto, clock, store } = this.#node.options;
    const { headForks, options } = this.#node;
    const head = new HeadView(crypto, authority, store.get(HeadView.storeKey));
    const adoption = new Adoption({ options, trust: { authority }, head, headForks });
    const participant = new Participant({
      ...{ crypto, clock, store, name, authority, key: this.#key },
      requireAdmitted: (number, digest) => this.#requireAction(number, digest),
      onShare: () => {},
      newestHead: () => head.current?.encoded,
      adopt: (encoded, documents) => adoption.adopt(encoded, documents),
    });
    adoption.succession = participant.succession;
    return participant;
  }

  #requireAction(number: number, digest: Uint8Array): ApprovedAction {
    const { action } = this.#requireKnown();
    if (action?.action.number === number && equal(action.digest, digest)) return action;
    throw new OotoError('OOTO_MESH_ACTION_UNKNOWN', 'peer', `action ${number} has not been shown here`);
  }

  #requireNamed(approved: ApprovedAction): ApprovedAction {
    const { action } = approved;
    const { name } = this.#node.options;
    const isNamed =
      action.kind === 'reshare' &&
      action.parameters.members.some(
        (member) => member.name === name && equal(member.keyGenerationKey, this.#key.publicKey),
      );
    if (isNamed) return approved;
    throw new OotoError('OOTO_MESH_CEREMONY_MEMBER', 'peer', 'the action does not bring this node in');
  }

  #requireKnown(): Known {
    if (this.#known) return this.#known;
    throw new OotoError('OOTO_MESH_NOT_READY', 'local', 'nobody has shown this node its mesh yet');
  }

  #isIn(authority: AuthorityView): boolean {
    return authority.memberNamed(this.#node.options.name) !== undefined;
  }
}
