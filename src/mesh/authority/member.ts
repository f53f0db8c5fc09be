/**
 * A node that is a member of the authority. What flows through here, in order: it founds the mesh with the others,
 * or finds it founded; root and first head are there or are made; it gets its own certificate from the authority
 * like everybody else; then it serves all that this room has (enrolments, heads, logs, witnessing, actions, ceremonies,
 * the list of members), and keeps its own certificate and the list of revocations young.
 */

import { AuthorityView } from '../../authority/authority-view.ts';
import type { ValidCredential } from '../../authority/credential.ts';
import { draftDigest, type GenesisRecord, readDraft } from '../../authority/genesis.ts';
import { AuthorityMember } from '../../authority/member.ts';
import { isRenewalDue } from '../../authority/next-revocations.ts';
import { OotoError } from '../../base/errors.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { bytesBetween } from '../../envelope/fields.ts';
import type { SigningKey } from '../../envelope/keys.ts';
import type { NoteKey, NoteSigner } from '../../log/index.ts';
import type { HttpClient } from '../../ports.ts';
import type { KeyGenerationKey } from '../../threshold/index.ts';
import { policyOf, ROOT_KEY, trustIn } from '../identity.ts';
import { newRequest, obtain, present, storedCredential } from '../joining.ts';
import type { MeshNode } from '../node.ts';
import { DELEGATION_LIFE_MS, OwnCredentials } from '../own-credential.ts';
import { pause } from '../patience.ts';
import { endorsementJudge, readPolicy } from '../policy.ts';
import { AuthorityActions, NOTING } from './actions.ts';
import { Ceremonies } from './ceremonies/ceremonies.ts';
import { introductions, Newcomer } from './ceremonies/newcomer.ts';
import { ShareStore } from './ceremonies/share-store.ts';
import { AuthorityDuty } from './duty.ts';
import { Enrolling, ownApplicant } from './enrolling.ts';
import { enrolmentJudge } from './enrolment-judge.ts';
import { FellowMembers } from './fellow-members.ts';
import { Founding, founderVerifier, type SignedDraft } from './founding.ts';
import { HeadKeeping, headParts } from './head-keeping.ts';
import { type AskMember, Issuing } from './issuing.ts';
import { type ForeignWitness, LogCosigning } from './log-cosigning.ts';
import { plainProof, serveLog } from './log-serving.ts';
import { Registrar } from './registrar.ts';
import { Revoking } from './revoking.ts';

const POLL_MS = 100;
/** A mesh that is founded, or comes up again, is there soon; after so many tries something else is amiss. */
const EAGER_TRIES = 100;
const PATIENT_MS = 1_000;
/** A member that gets no certificate may have missed what the others did meanwhile. */
const TRIES_BETWEEN_LOOKS = 20;
/** For one answer in a ceremony. */
const CEREMONY_MS = 20_000;
const CERTIFICATE_CHECK_MS = 15_000;
const LIST_CHECK_MS = 60_000;
const FOUNDER_LIFE_MS = 365 * 24 * 3_600_000;

export interface AuthorityKeys {
  log: SigningKey;
  witness: SigningKey;
  keyGeneration: KeyGenerationKey;
  /** ML-DSA-44, for cosignatures over HTTP. */
  witnessTree?: NoteSigner;
}

/** What this member's operator has to do with logs and witnesses of others. */
export interface ForeignLogs {
  /** Logs that this member witnesses over HTTP. */
  logs: readonly NoteKey[];
  /** Witnesses elsewhere that cosign this member's log. */
  witnesses: readonly ForeignWitness[];
  http?: HttpClient;
}

export class AuthorityNode {
  readonly node: MeshNode;
  readonly #keys: AuthorityKeys;
  readonly #signed: SignedDraft;
  readonly #digest: Uint8Array;
  readonly #signal: AbortSignal;
  readonly #foreign: ForeignLogs;
  readonly #fellows: FellowMembers;
  #authority: AuthorityView | undefined;
  /** While this node is none of the members. */
  #newcomer: Newcomer | undefined;
  #duty: AuthorityDuty | undefined;
  #issuing: Issuing | undefined;
  #cosigning: LogCosigning | undefined;
  #heads: HeadKeeping | undefined;
  #actions: AuthorityActions | undefined;
  #revoking: Revoking | undefined;
  #ceremonies: Ceremonies | undefined;

  constructor(
    node: MeshNode,
    keys: AuthorityKeys,
    signed: SignedDraft,
    signal: AbortSignal,
    foreign: ForeignLogs = { logs: [], witnesses: [] },
  ) {
    this.node = node;
    this.#foreign = foreign;
    this.#keys = keys;
    this.#signed = signed;
    this.#digest = draftDigest(node.options.crypto, signed.draft);
    this.#signal = signal;
    const { founders } = readDraft(signed.draft);
    const members = () => this.#known?.activeMembers ?? founders;
    this.#fellows = new FellowMembers(node, members, this.#digest, signal);
  }

  get duty(): AuthorityDuty {
    return required(this.#duty);
  }

  /** How it revokes, once it has taken up its duty. */
  get revoking(): Revoking {
    return required(this.#revoking);
  }

  /** Why this member has stopped adding to its log: others saw more of it than there is. */
  get rolledBack(): OotoError | undefined {
    return this.#cosigning?.rolledBack;
  }

  /**
   * Founds or finds the mesh, and serves it once the promise resolves. Nothing is judged, and no certificate is asked
   * for, before `rules` (of appraisal, signed since) are in force.
   */
  async start(lifeMs: number, rules?: Uint8Array): Promise<void> {
    await this.stand(rules);
    await this.#becomeMember(lifeMs);
    await required(this.#heads).establish();
    this.#serve();
    void this.#keepCertified(lifeMs);
    void this.#keepListed();
    void required(this.#ceremonies).keep();
  }

  /**
   * Takes its place among the others, whom it meets as founders do: all that a member needs for what operators have
   * approved, also where no certificate is valid any more and none can be issued.
   */
  async stand(rules?: Uint8Array): Promise<void> {
    const founding = await this.#standAsFounder();
    const genesis = await (this.#isFounder ? founding.run() : this.#comeIn());
    this.#fellows.founded(genesis.meshId);
    this.node.trustOperators(genesis);
    if (rules) await this.node.adoptRules(rules);
    const { crypto, store } = this.node.options;
    const authority = AuthorityView.open(crypto, genesis, store, store.get(ROOT_KEY));
    this.#authority = authority;
    this.#takeUpDuty(authority, new ShareStore(crypto, store).encodedFor(authority.publicPackage));
    await this.#establishRoot(authority);
  }

  /** Leads what the operator of this member brings. @throws as {@link AuthorityActions.apply}. */
  apply(encoded: Uint8Array): Promise<CborValue> {
    return required(this.#actions).apply(this.node.options.name, encoded);
  }

  /** A page of the audit of a member, this one or another. */
  async auditOf(member: string, body: CborValue): Promise<CborValue> {
    const { name } = this.node.options;
    if (member !== name) return this.#fellows.ask(member, 'authority.actions', body);
    return required(this.#actions).list(name, body);
  }

  get #isFounder(): boolean {
    const { founders } = readDraft(this.#signed.draft);
    return founders.some(({ name }) => name === this.node.options.name);
  }

  /** The mesh as far as it is known, before this node has taken up its duty too. */
  get #known(): AuthorityView | undefined {
    return this.#authority ?? this.#newcomer?.authority;
  }

  /** Whom the draft does not name comes in when operators say so, and the members have dealt it a share. */
  #comeIn(): Promise<GenesisRecord> {
    const others = { fellows: this.#fellows, signal: this.#signal };
    this.#newcomer = new Newcomer(this.node, this.#keys.keyGeneration, this.#signed.draft, others);
    return this.#newcomer.run();
  }

  async #standAsFounder(): Promise<Founding> {
    const { crypto, clock, logger, store, signer, name } = this.node.options;
    const draft = readDraft(this.#signed.draft);
    const presentation = {
      kind: 'founder' as const,
      id: name,
      meshId: this.#digest,
      subject: this.#digest,
      credential: new Uint8Array(),
      notAfter: clock.now() + FOUNDER_LIFE_MS,
    };
    const own = await OwnCredentials.create({ crypto, clock, signer }, presentation);
    void this.#keepDelegated(own);
    const policy = readPolicy(draft.policy, 'policy');
    const members = () => this.#known?.members ?? draft.founders;
    this.node.attestAsFounder({
      ...{ digest: this.#digest, policy, own },
      get founders() {
        return members();
      },
    });
    const verifier = founderVerifier(
      draft,
      this.#digest,
      () => this.#known,
      (id) => this.#ceremonies?.newcomerNamed(id),
    );
    this.node.peers.join({
      meshId: this.#digest,
      own: () => own.forChannel(),
      verifier,
      accept: ['founder'],
    });
    const founding = new Founding({
      ...{ crypto, clock, logger, store, name },
      peers: this.node.peers,
      signed: this.#signed,
      key: this.#keys.keyGeneration,
      signal: this.#signal,
    });
    for (const operation of ['genesis.key-generation', 'genesis.certify'] as const)
      this.node.handle(operation, (peer, body) => founding.answer(peer.name, operation, body));
    return founding;
  }

  /** Founders may come hours apart, and meet as founders again later: what they show must not end meanwhile. */
  async #keepDelegated(own: OwnCredentials): Promise<void> {
    const { clock } = this.node.options;
    for (;;) {
      await pause(clock, DELEGATION_LIFE_MS / 2, this.#signal).catch(() => {});
      if (this.#signal.aborted) return;
      await this.#attempt(async () => {
        await own.renewDelegation();
        this.node.peers.renewCredentials(this.#digest);
      });
    }
  }

  #takeUpDuty(authority: AuthorityView, secretShare: Uint8Array | undefined): void {
    const { crypto, clock, logger, store, name } = this.node.options;
    const { genesis } = authority;
    const policy = () => this.node.rulesOver(policyOf(genesis));
    const member = new AuthorityMember({
      crypto,
      authority,
      name,
      longestLifeMs: policyOf(genesis).certificateLifeMs,
      endorsement: endorsementJudge(crypto, policy),
      judge: enrolmentJudge({ crypto, clock, meshId: genesis.meshId, policy }),
    });
    const duty = new AuthorityDuty({
      ...{ crypto, clock, store, authority, name, member },
      secretShare,
      logKey: this.#keys.log,
      witnessKey: this.#keys.witness,
      witnessTreeKey: this.#keys.witnessTree,
      foreignLogs: this.#foreign.logs,
      requireRecent: (among) => required(this.#cosigning).requireRecent(among),
      headParts: () => headParts(crypto, authority),
      newestHead: () => (store.get(ROOT_KEY) ? (this.node.head.current?.number ?? 0) : 0),
      admittedAction: (number, digest) => required(this.#actions).requireAdmitted(number, digest),
    });
    this.#duty = duty;
    this.#cosigning = new LogCosigning({
      ...{ crypto, clock, logger, authority, name, duty, fellows: this.#fellows, signal: this.#signal },
      foreign: this.#foreign.witnesses,
      http: this.#foreign.http,
    });
    const issuing = new Issuing({ crypto, clock, logger, authority, ask: this.#askMember });
    this.#issuing = issuing;
    const { node } = this;
    const heads = new HeadKeeping({
      node,
      authority,
      duty,
      issuing,
      fellows: this.#fellows,
      signal: this.#signal,
    });
    this.#heads = heads;
    const revoking = new Revoking({ crypto, clock, authority, issuing, heads });
    this.#revoking = revoking;
    this.node.handle('authority.challenge', (peer, body) => duty.challenge(peer.name, body));
    this.node.handle('authority.appraise', async (peer, body) =>
      plainProof(await duty.appraise(peer.name, body)),
    );
    this.node.handle('authority.sign', (peer, body) => duty.sign(peer.name, body));
    const ceremonies = this.#holdCeremonies(authority, duty, heads);
    const actions = new AuthorityActions({
      ...{ crypto, clock, logger, store, genesis, name, duty },
      fellows: () => this.#fellows.names,
      threshold: () => authority.threshold,
      askToAdmit: (fellow, encoded) => this.#fellows.ask(fellow, 'authority.admit', encoded),
      conclude: (encoded) => ceremonies.conclude(encoded),
      performers: {
        ...ceremonies.performers,
        note: NOTING,
        'revoke-node': revoking.performer,
        'revoke-key': revoking.performer,
      },
    });
    this.#actions = actions;
    this.node.handle('authority.admit', async (peer, body) =>
      plainProof(await actions.admit(peer.name, body)),
    );
    this.node.handle('authority.actions', (peer, body) => actions.list(peer.id, body));
    this.node.handle('witness.cosign', (peer, body, session) =>
      duty.witnessing.cosign(body, {
        prefix: `${peer.role}/${peer.name}/`,
        publicKey: session.peer.delegation.messageKey,
      }),
    );
    this.node.handle('authority.cosign-log', (peer, body) => duty.witnessing.cosignMember(body, peer.name));
    this.node.handle('authority.log-seen', (peer) => duty.witnessing.lastSeen(peer.name));
    this.node.handle('authority.adopt-head', (_, body, session) =>
      heads.adopt(bytesBetween(1, 4 * 1024)(body, 'head'), session),
    );
    void this.#cosigning.run();
  }

  #holdCeremonies(authority: AuthorityView, duty: AuthorityDuty, heads: HeadKeeping): Ceremonies {
    const ceremonies = new Ceremonies({
      node: this.node,
      key: this.#keys.keyGeneration,
      authority,
      askMember: (member, operation, body) => this.#fellows.ask(member, operation, body, CEREMONY_MS),
      askNewcomer: async (newcomer, approved, operation, body) => {
        const introduction = operation === 'ceremony.open' ? introductions(authority, approved) : [];
        return this.#fellows.askNewcomer(newcomer, introduction, operation, body, CEREMONY_MS);
      },
      requireAdmitted: (number, digest) => required(this.#actions).requireAdmitted(number, digest),
      requireRecent: () => required(this.#cosigning).requireRecent(),
      logRescue: async (bundle, committee) =>
        plainProof(await required(this.#actions).logRescue(bundle, committee)),
      takeShare: (encoded) => duty.takeShare(encoded),
      log: duty.committees,
      admitHead: (body, documents) => duty.admitHead(body, documents),
      noteShown: (log, leader, checkpoint) => duty.witnessing.noteShown(log, leader, checkpoint),
      nextHead: (versions) => heads.next(versions),
      spread: (head, documents) => heads.spread(head, documents),
      publish: (documents) => heads.publish(documents),
      signal: this.#signal,
    });
    this.#ceremonies = ceremonies;
    ceremonies.serve();
    return ceremonies;
  }

  /** The first founder of the draft has the root signed; the others ask for it. */
  async #establishRoot(authority: AuthorityView): Promise<void> {
    const { store } = this.node.options;
    const leads = this.#isFirst(authority.genesis);
    let root = store.get(ROOT_KEY);
    while (!root) {
      root = leads
        ? await this.#attempt(() => required(this.#issuing).issueRoot())
        : await this.#fellows.find('root');
      if (!root) await pause(this.node.options.clock, POLL_MS, this.#signal);
    }
    if (!authority.hasRoot) authority.admitRoot(root);
    this.node.trustMesh(trustIn(authority));
    await store.commit([{ put: ROOT_KEY, value: root }]);
  }

  async #becomeMember(lifeMs: number): Promise<void> {
    const stored = storedCredential(this.node);
    if (stored) return present(this.node, stored);
    for (let tries = 1; !(await this.#attempt(() => this.#certify(lifeMs))); tries++) {
      await pause(this.node.options.clock, tries < EAGER_TRIES ? POLL_MS : PATIENT_MS, this.#signal);
      if (tries % TRIES_BETWEEN_LOOKS === 0) await this.#attempt(() => required(this.#ceremonies).catchUp());
    }
  }

  /** A certificate on the word of the committee's record, which needs none that is still valid. */
  async #certify(lifeMs: number): Promise<ValidCredential> {
    const { node } = this;
    const request = await newRequest(node, node.trust, lifeMs);
    const applicant = ownApplicant(required(this.#issuing), request);
    return obtain(node, node.trust, request, { kind: 'founder' }, applicant);
  }

  /** The list of revocations says when it comes again: members take turns in keeping that. */
  async #keepListed(): Promise<void> {
    const { clock, name } = this.node.options;
    const { authority } = this.node.trust;
    while (!this.#signal.aborted) {
      await pause(clock, LIST_CHECK_MS, this.#signal).catch(() => {});
      const turn = authority.members.findIndex((member) => member.name === name) * LIST_CHECK_MS;
      if (!this.#signal.aborted && isRenewalDue(authority.revocations.body, clock.now() - turn))
        await this.#attempt(() => this.revoking.propose([]));
    }
  }

  /** Where renewal has failed for long, or the certificate has lapsed meanwhile, it is asked for like the first. */
  async #keepCertified(lifeMs: number): Promise<void> {
    const { clock } = this.node.options;
    while (!this.#signal.aborted) {
      await pause(clock, CERTIFICATE_CHECK_MS, this.#signal).catch(() => {});
      const left = this.node.own.presentation.notAfter - clock.now();
      if (!this.#signal.aborted && left < lifeMs / 4) await this.#attempt(() => this.#certify(lifeMs));
    }
  }

  /** What the other members, the operators' nodes and the newcomers may ask. */
  #serve(): void {
    const { node, duty } = this;
    new Enrolling({ node, duty, issuing: required(this.#issuing) }).serve();
    const actions = required(this.#actions);
    node.handle('authority.apply', (peer, body) => actions.apply(peer.id, body));
    node.handle('head.current', () => node.head.current?.encoded ?? null);
    serveLog(node, duty);
    new Registrar(node).serve();
  }

  #isFirst(genesis: GenesisRecord): boolean {
    return genesis.draft.founders[0].name === this.node.options.name;
  }

  readonly #askMember: AskMember = async (member, operation, body, timeoutMs) => {
    const { name } = this.node.options;
    if (member !== name) return this.#fellows.ask(member, operation, body, timeoutMs);
    if (operation === 'authority.challenge') return this.duty.challenge(name, body);
    if (operation === 'authority.sign') return this.duty.sign(name, body);
    return plainProof(await this.duty.appraise(name, body));
  };

  async #attempt<T>(step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      if (this.rolledBack) throw this.rolledBack;
      this.node.options.logger.log('info', 'not yet', { error });
      return undefined;
    }
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined)
    throw new OotoError('OOTO_MESH_NOT_JOINED', 'caller', 'the mesh is not founded yet');
  return value;
}
