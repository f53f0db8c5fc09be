/**
 * Ceremonies in a running member of the authority. What flows through here, in order: operators have approved an
 * action, and members have it in their logs; this member leads what it asks for, or takes part in what another leads;
 * requests travel over members' sessions, or to somebody new over a channel that the action pins; what a leader left
 * behind is finished by whoever is up; a share that came with documents of another way is taken up.
 */
import { type ActionOf, type ApprovedAction, verifyAction } from '../../../authority/action.ts';
import type {
  AuthorityDocuments,
  AuthorityView,
  DocumentVersions,
} from '../../../authority/authority-view.ts';
import type { CommitteeRecord } from '../../../authority/committee-record.ts';
import type { Founder } from '../../../authority/genesis.ts';
import { HeadView, type MeshHeadBody } from '../../../authority/head.ts';
import type { TrustBundle } from '../../../authority/trust-bundle.ts';
import { OotoError } from '../../../base/errors.ts';
import type { CborValue } from '../../../envelope/cbor.ts';
import type { KeyGenerationKey } from '../../../threshold/index.ts';
import type { MeshNode } from '../../node.ts';
import { CEREMONY_OPERATIONS, type CeremonyOperation } from '../../operations.ts';
import { pause } from '../../patience.ts';
import { type Concluded, type Facts, type Performer, type Performers, replayed } from '../actions.ts';
import type { CommitteeLog } from './committee-log.ts';
import { Leader } from './leading.ts';
import { Participant } from './participant.ts';
import { type CeremonyKind, planOf } from './plan.ts';
import { documentsOf, judgeRescue, readRescue } from './rescue.ts';
import { unapproved } from './successor.ts';

const CHECK_MS = 1_000;
/** A leader has this long before another finishes what members stand for. */
const PATIENCE_MS = 15_000;

export interface CeremoniesOptions {
  node: MeshNode;
  key: KeyGenerationKey;
  authority: AuthorityView;
  /** Carries a request to another member of the committee. */
  askMember(member: string, operation: CeremonyOperation, body: CborValue): Promise<CborValue>;
  /** Carries a request to somebody who is to become a member; brings what it must know first. */
  askNewcomer(
    newcomer: Founder,
    approved: ApprovedAction,
    operation: CeremonyOperation,
    body: CborValue,
  ): Promise<CborValue>;
  requireAdmitted(number: number, digest: Uint8Array): ApprovedAction;
  /** Resolves once others have shown that they know no more of this member than it does; it takes part in nothing before. */
  requireRecent(): Promise<void>;
  /** Writes into this member's log, once, that operators let this key in; answers with the proof. */
  logRescue(bundle: TrustBundle, committee: CommitteeRecord): Promise<CborValue>;
  /** This member signs with this share from now on. */
  takeShare(encoded: Uint8Array): void;
  /** This member's log of committee records. */
  log: CommitteeLog;
  /** The bytes of a head that names these documents, once this member may sign it. */
  admitHead(body: MeshHeadBody, documents: AuthorityDocuments): Promise<Uint8Array>;
  /** Remembers how far the log of this member was, by what `leader` shows. */
  noteShown(log: string, leader: string, checkpoint: string): void;
  /** The next head, as it names these documents. */
  nextHead(versions: DocumentVersions): MeshHeadBody;
  /** Has everybody follow a head that the committee has taken, with its documents. */
  spread(head: Uint8Array, documents: AuthorityDocuments): void;
  /** Has a head signed that names documents which operators let in, and everybody follow both. */
  publish(documents: AuthorityDocuments): Promise<void>;
  signal: AbortSignal;
}

export class Ceremonies {
  readonly participant: Participant;
  readonly #options: CeremoniesOptions;
  readonly #leader: Leader;
  /** Who the action that is led here brings in. */
  #newcomers: readonly Founder[] = [];
  #led: ApprovedAction | undefined;

  constructor(options: CeremoniesOptions) {
    const { node, key, authority, requireAdmitted, logRescue, nextHead, signal } = options;
    const { crypto, clock, logger, store, name } = node.options;
    this.#options = options;
    this.participant = new Participant({
      ...{ crypto, clock, store, name, key, authority, requireAdmitted, logRescue },
      onShare: (encoded) => options.takeShare(encoded),
      newestHead: () => store.get(HeadView.storeKey),
      adopt: (head, documents) => node.following.adopt(head, documents),
      member: options,
    });
    node.following.adoption.succession = this.participant.succession;
    this.#leader = new Leader({
      ...{ crypto, clock, logger, name, authority, nextHead, signal },
      ask: (member, operation, body) => this.#ask(member, operation, body),
      onTaken: (head, documents) => options.spread(head, documents),
      onRescued: (documents) => options.publish(documents),
    });
    this.#endWith(options.signal);
  }

  /** Nothing is left of it that would keep a process alive. */
  #endWith(signal: AbortSignal): void {
    signal.addEventListener('abort', () => this.participant[Symbol.dispose](), { once: true });
  }

  /** Answers other members that lead. */
  serve(): void {
    for (const operation of CEREMONY_OPERATIONS)
      this.#options.node.handle(operation, (peer, body) => this.#answer(peer.name, operation, body));
  }

  async #answer(leader: string, operation: CeremonyOperation, body: CborValue): Promise<CborValue> {
    if (operation !== 'ceremony.state' && operation !== 'ceremony.adopt') await this.#options.requireRecent();
    return this.participant.answer(leader, operation, body);
  }

  /** New shares for the committee in force; the old ones are worth nothing any more. */
  async refresh(approved: ApprovedAction & { action: ActionOf<'refresh'> }): Promise<Facts> {
    return this.#change(approved);
  }

  /** Another committee, or another threshold, under the same key. */
  async reshare(approved: ApprovedAction & { action: ActionOf<'reshare'> }): Promise<Facts> {
    return this.#change(approved);
  }

  /** Another group key; certificates under the old one count as long as was approved. */
  async rotate(approved: ApprovedAction & { action: ActionOf<'rotate'> }): Promise<Facts> {
    const facts = await this.#change(approved);
    return { ...facts, bundle: this.#options.authority.bundle.version };
  }

  /** Another group key for a mesh whose own is lost or has ended: what operators have to sign is among the facts. */
  async rescue(approved: ApprovedAction & { action: ActionOf<'rescue'> }): Promise<Facts> {
    const rescue = await this.#leader.rescue(approved);
    const { version, threshold, members } = approved.action.parameters;
    return { bundle: version + 1, threshold, members: members.length, rescue };
  }

  /**
   * Puts in force what enough operators have signed; again, where not everybody has taken it.
   * @throws OOTO_MESH_ACTION_REPLAYED, OOTO_MESH_CEREMONY_* (peer) for what is over or was not approved; OOTO_ENVELOPE_*,
   * OOTO_AUTHORITY_* (peer) without the quorum.
   */
  async conclude(encoded: Uint8Array): Promise<Concluded> {
    const { authority, node } = this.#options;
    const { crypto } = node.options;
    const rescue = readRescue(encoded);
    const { action } = verifyAction(crypto, authority.genesis, rescue.action);
    if (rescue.bundle.version < authority.bundle.version) throw replayed(action.number);
    const documents = documentsOf(rescue);
    authority.stage(documents);
    if (rescue.bundle.version > authority.bundle.version) judgeRescue(crypto, authority, rescue);
    if (action.kind !== 'rescue') throw unapproved('the action is no rescue');
    const answers = await this.#leader.conclude(documents, action.parameters.members);
    const { epoch, members, threshold } = authority.committee;
    const facts = { bundle: authority.bundle.version, epoch, members: members.length, threshold };
    return { number: action.number, answers, facts };
  }

  /** Takes what others have meanwhile, and finishes what any member stands for. */
  catchUp(): Promise<void> {
    return this.#leader.finish();
  }

  /** The share of one member again, for that member alone. */
  async repair(approved: ApprovedAction & { action: ActionOf<'repair'> }): Promise<Facts> {
    await this.#leader.repair(approved);
    return { member: approved.action.parameters.member };
  }

  get performers(): Pick<Performers, CeremonyKind> {
    const requireDue = (action: ActionOf<CeremonyKind>) => this.#requireDue(action);
    return {
      refresh: { requireDue, perform: (approved) => this.refresh(approved) },
      reshare: { requireDue, perform: (approved) => this.reshare(approved) },
      repair: { requireDue, perform: (approved) => this.repair(approved) },
      rotate: { requireDue, perform: (approved) => this.rotate(approved) },
      rescue: {
        requireDue,
        isOpen: true,
        takenBy: ({ parameters }) => parameters.members,
        perform: (approved) => this.rescue(approved),
      },
    } satisfies { [K in CeremonyKind]: Performer<K> };
  }

  /** Somebody who is to become a member, while this member leads it in. */
  newcomerNamed(name: string): Founder | undefined {
    return this.#newcomers.find((newcomer) => newcomer.name === name);
  }

  /** Takes up shares that belong to what is in force, and finishes what was left behind, until the signal. */
  async keep(): Promise<void> {
    const { node, authority, signal } = this.#options;
    const { clock, logger } = node.options;
    let settled: number | undefined;
    let since: number | undefined;
    while (!signal.aborted) {
      await pause(clock, CHECK_MS, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        if (authority.committee.epoch !== settled) {
          const { epoch } = authority.committee;
          if (!(await this.participant.settle()))
            logger.log('warn', 'this member has no share of the committee in force', { epoch });
          settled = epoch;
        }
        since = this.participant.successor ? (since ?? clock.monotonic()) : undefined;
        if (since !== undefined && clock.monotonic() > since + PATIENCE_MS) {
          since = undefined;
          await this.#leader.finish();
        }
      } catch (error) {
        logger.log('info', 'not yet', { error });
      }
    }
  }

  async #change(approved: ApprovedAction): Promise<Facts> {
    const { authority } = this.#options;
    const { members } = planOf(approved.action, authority);
    this.#led = approved;
    this.#newcomers = members.filter(({ name }) => !authority.memberNamed(name));
    try {
      await this.#leader.change(approved);
    } finally {
      this.#newcomers = [];
      this.#led = undefined;
    }
    return {
      epoch: authority.committee.epoch,
      members: authority.members.length,
      threshold: authority.threshold,
    };
  }

  /** @throws OOTO_MESH_ACTION_REPLAYED, OOTO_MESH_CEREMONY_* (peer). */
  #requireDue(action: ActionOf<CeremonyKind>): void {
    const { authority } = this.#options;
    const [named, present] =
      action.kind === 'rotate' || action.kind === 'rescue'
        ? [action.parameters.version, authority.bundle.version]
        : [action.parameters.epoch, authority.committee.epoch];
    if (named < present) throw replayed(action.number);
    planOf(action, authority);
  }

  #ask(member: string, operation: CeremonyOperation, body: CborValue): Promise<CborValue> {
    const { node, authority, askMember, askNewcomer } = this.#options;
    if (member === node.options.name) return this.#answer(member, operation, body);
    const newcomer = this.newcomerNamed(member);
    if (newcomer && this.#led) return askNewcomer(newcomer, this.#led, operation, body);
    if (authority.memberNamed(member) || operation === 'ceremony.adopt')
      return askMember(member, operation, body);
    throw new OotoError('OOTO_MESH_CEREMONY_MEMBER', 'caller', `${member} is not of the committee`);
  }
}
