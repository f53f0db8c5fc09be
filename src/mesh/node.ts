/**
 * A node of the mesh. What flows through here: peers authenticate and attest each other; each request is looked
 * up in the table of operations, judged by policy, and handed to the one handler of that operation; the node's
 * own requests go to peers by id. State that must outlive the process is in the store.
 */

import type { SoftwareClaims } from '../attest/evidence.ts';
import { nodeIdOf } from '../authority/certification.ts';
import { encodeCredential, readCredential } from '../authority/credential.ts';
import type { GenesisRecord } from '../authority/genesis.ts';
import { HeadView } from '../authority/head.ts';
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Tier } from '../cert/tier.ts';
import type { CborValue } from '../envelope/cbor.ts';
import type { Signer, Transport } from '../ports.ts';
import { TelemetryMeters } from '../telemetry/index.ts';
import type { Attester } from './attester.ts';
import type { RequestOptions } from './exchange.ts';
import { Following } from './following.ts';
import type { FounderAttestation } from './founder-attestation.ts';
import { HeadForks } from './head-forks.ts';
import { type KnownPeer, knownPeer, type MemberDetails, type MeshTrust, memberVerifier } from './identity.ts';
import type { KeyFinding } from './key-proving.ts';
import { type AttestedNode, NodeAttestation } from './node-attestation.ts';
import { admitOperation, isForMembers, type OperationName, type Role } from './operations.ts';
import { OwnCredentials, type Presentation } from './own-credential.ts';
import { unlessAborted } from './patience.ts';
import { Peers } from './peers.ts';
import { appraisalPolicy, decide, type Policy } from './policy.ts';
import { SeenCheckpoints } from './seen-checkpoints.ts';
import type { Session } from './session.ts';

/** Answers one kind of request of a peer that may ask it. */
export type Handler = (peer: KnownPeer, body: CborValue, session: Session) => CborValue | Promise<CborValue>;

export interface NodeOptions extends AttestedNode {
  transport: Transport;
  signer: Signer;
  role: Role;
  name: string;
  epochMs: number;
}

export class MeshNode {
  readonly options: NodeOptions;
  readonly peers: Peers;
  readonly meters: TelemetryMeters;
  readonly headForks: HeadForks;
  /** Checkpoints of members' logs that peers showed, for whoever watches the logs. */
  readonly seenCheckpoints = new SeenCheckpoints();
  readonly following: Following;
  readonly #dialling = new Map<string, Promise<Session>>();
  readonly #life = new AbortController();
  readonly #attestation: NodeAttestation;
  readonly #handlers = new Map<OperationName, Handler>();
  #trust: MeshTrust | undefined;
  #head: HeadView | undefined;
  #own: OwnCredentials | undefined;
  #adopting: Promise<void> = Promise.resolve();

  constructor(options: NodeOptions) {
    this.options = options;
    this.headForks = new HeadForks(options);
    this.following = new Following(this);
    this.#attestation = new NodeAttestation(options, this.#life.signal);
    const { crypto, clock, logger, transport, epochMs, role, name, versions } = options;
    this.meters = new TelemetryMeters({
      'service.name': 'ooto',
      'service.instance.id': `${role}/${name}`,
      'service.version': versions.get('ooto') ?? '',
    });
    this.peers = new Peers({
      crypto,
      clock,
      logger,
      transport,
      epochMs,
      handlers: {
        authenticated: (session, peer) => this.#attestation.forSession(session, peer),
        ready: (session) => this.#noteReady(session),
        refused: (phase) => this.meters.count('ooto.auth.failures', 1, { phase }),
        answer: (session, operation, body) => this.#answer(session, operation, body),
      },
    });
    this.following.serve();
  }

  /** The mesh this node is in. @throws OOTO_MESH_NOT_JOINED (caller). */
  get trust(): MeshTrust {
    return present(this.#trust);
  }

  /** The same, or undefined while this node is in none. */
  get knownTrust(): MeshTrust | undefined {
    return this.#trust;
  }

  get head(): HeadView {
    return present(this.#head);
  }

  get own(): OwnCredentials {
    return present(this.#own);
  }

  get isMember(): boolean {
    return this.#own !== undefined;
  }

  /** That of the mesh, under the rules of appraisal that its operators have signed since. */
  get policy(): Policy {
    return this.#attestation.policy;
  }

  rulesOver(policy: Policy): Policy {
    return this.#attestation.rulesOver(policy);
  }

  /** Answers challenges as what this node is now. */
  get attester(): Attester {
    return this.#attestation.attester;
  }

  /**
   * Judges by these rules from now on, if the operators' quorum signed them and they are no older than those in force;
   * every peer is judged by them at once, and this node answers by them. One after the other, so that none overtakes a
   * newer.
   * @throws OOTO_ATTEST_RULES_VERSION, OOTO_ATTEST_RULES, OOTO_ENVELOPE_* (peer).
   */
  adoptRules(encoded: Uint8Array): Promise<void> {
    const turn = this.#adopting.then(() => this.#adoptRules(encoded));
    this.#adopting = turn.catch(() => {});
    return turn;
  }

  async #adoptRules(encoded: Uint8Array): Promise<void> {
    await this.#attestation.adoptRules(encoded);
    const { attestationIntervalMs } = this.policy;
    for (const session of this.peers.sessions)
      session.adoptPolicy(appraisalPolicy(this.policy, 2 * attestationIntervalMs));
  }

  /** Knows whose rules of appraisal count, and takes up those that were adopted before. */
  trustOperators(genesis: GenesisRecord): void {
    this.#attestation.trustOperators(genesis);
  }

  /** Knows the mesh from now on; not yet as a member. What is known of it already stays. Returns what it goes by. */
  trustMesh(trust: MeshTrust): MeshTrust {
    const { crypto, store } = this.options;
    if (this.#trust && equal(this.#trust.genesis.meshId, trust.genesis.meshId)) return this.#trust;
    this.#trust = trust;
    this.trustOperators(trust.genesis);
    this.#head = new HeadView(crypto, trust.authority, store.get(HeadView.storeKey), (known, shown) =>
      this.headForks.keep(known, shown),
    );
    return trust;
  }

  /** Stands in the genesis draft as a founder. */
  attestAsFounder(founding: FounderAttestation): void {
    this.#attestation.attestAsFounder(founding);
  }

  provesByTpm(policy: Policy): boolean {
    return this.#attestation.provesByTpm(policy);
  }

  /** Presents this certificate, of this tier, from now on; the first time, begins to stand in the mesh as a member. */
  async becomeMember(presentation: Omit<Presentation, 'kind'>, tier: Tier): Promise<void> {
    const { crypto, clock, signer, role } = this.options;
    const member = { kind: 'member' as const, ...presentation };
    if (this.#own) {
      if (await this.#own.present(member)) this.peers.renewCredentials(member.meshId);
      return;
    }
    this.#own = await OwnCredentials.create({ crypto, clock, signer }, member);
    this.#attestation.attestAsMember(this.#own, tier);
    this.peers.join({
      meshId: presentation.meshId,
      own: () => this.own.forChannel(),
      verifier: memberVerifier(
        ...([crypto, this.trust, this.head] as const),
        (head) => this.#adoptInBackground(head.encoded),
        (log, note) => this.seenCheckpoints.add(log.name, note),
      ),
      accept: role === 'authority' ? ['member', 'enrol'] : ['member'],
    });
  }

  /** Shows the newest head with the credential to whoever it meets from now on. */
  async showNewestHead(): Promise<void> {
    if (!this.#own) return;
    const { certificate, proofs } = readCredential(this.#own.presentation.credential);
    const credential = encodeCredential({ certificate, proofs, head: this.head.current?.encoded ?? null });
    await this.#own.present({ ...this.#own.presentation, credential });
  }

  /** Has the identity key delegate anew, and shows every live peer. */
  async renewDelegation(): Promise<void> {
    await this.own.renewDelegation();
    this.peers.renewCredentials(this.own.presentation.meshId);
  }

  #adoptInBackground(head: Uint8Array): void {
    this.following
      .adopt(head)
      .catch((error) => this.options.logger.log('error', 'a mesh head was not stored', { error }));
  }

  handle(operation: OperationName, handler: Handler): void {
    this.#handlers.set(operation, handler);
  }

  /** A live session with a member, dialled if there is none; all who want it at once share one. */
  async session(id: string, addresses: readonly string[], signal?: AbortSignal): Promise<Session> {
    const live = this.peers.with(this.trust.genesis.meshId, id);
    if (live) return live;
    let dialling = this.#dialling.get(id);
    if (!dialling) {
      dialling = this.#dialAny(id, addresses).finally(() => this.#dialling.delete(id));
      this.#dialling.set(id, dialling);
    }
    return unlessAborted(dialling, signal);
  }

  async #dialAny(id: string, addresses: readonly string[]): Promise<Session> {
    const { meshId } = this.trust.genesis;
    let failure: unknown = new OotoError(
      'OOTO_MESH_NO_ADDRESS',
      'environment',
      `no address of ${id} is known`,
    );
    for (const address of addresses) {
      try {
        return await this.peers.dial(meshId, address, id, { signal: this.#life.signal });
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** Asks a member that is connected, or can be reached at one of `addresses`. */
  async ask(
    to: { id: string; addresses: readonly string[] },
    operation: OperationName,
    body: CborValue,
    options?: RequestOptions,
  ): Promise<CborValue> {
    const session = await this.session(to.id, to.addresses, options?.signal);
    return this.askOver(session, operation, body, options);
  }

  /** Asks the peer of this session, once this node knows all that the peer's head names. */
  async askOver(
    session: Session,
    operation: OperationName,
    body: CborValue,
    options?: RequestOptions,
  ): Promise<CborValue> {
    await this.following.caughtUp(session, operation);
    return session.request(operation, body, options);
  }

  /** Has every peer attest again now, not only when it is due. */
  reattest(): void {
    for (const session of this.peers.sessions) session.reattest();
  }

  /** Where the identity key is, and what that is worth in this mesh, by the rules known here. */
  findKey(trust: MeshTrust): Promise<KeyFinding> {
    const { signer, role, name } = this.options;
    const { algorithm, publicKey: bytes } = signer;
    const nodeId = nodeIdOf(trust.genesis.meshId, role, name);
    return this.#attestation.findKey(trust, { nodeId, key: { algorithm, bytes } });
  }

  /** What this node says of its software, now. */
  claims(meshId: Uint8Array, node: string): SoftwareClaims {
    return this.#attestation.claims(meshId, node);
  }

  async close(): Promise<void> {
    this.#life.abort(new OotoError('OOTO_MESH_CLOSED', 'local', 'the node was stopped'));
    await this.meters.close();
    await this.peers.close();
    this.following.close();
  }

  #noteReady(session: Session): void {
    const { id, kind } = session.peer.identity;
    this.meters.count('ooto.handshakes', 1, { result: 'ok' });
    this.meters.count('ooto.attestations', 1, { result: 'ok' });
    this.options.logger.log('info', 'session ready', { peer: id, kind, remote: session.remoteAddress });
    this.following.noteReady(session);
  }

  async #answer(session: Session, name: string, body: CborValue): Promise<CborValue> {
    const peer = knownPeer(session.peer);
    const operation = admitOperation(name, this.options.role, peer.kind);
    await this.following.caughtUp(session, operation);
    if (isForMembers(operation)) decide(this.#policyFor(peer), peer, operation);
    this.#requireMayGoOn(session, operation);
    const handler = this.#handlers.get(operation);
    if (!handler)
      throw new OotoError('OOTO_MESH_NOT_READY', 'local', `this node does not answer ${operation} yet`);
    return handler(peer, body, session);
  }

  /** A session that began under an old head does what policy names, until there is a young one. */
  #requireMayGoOn({ peer }: Session, operation: OperationName): void {
    const { isDegraded } = (peer.identity.details ?? {}) as Partial<MemberDetails>;
    const { degraded, headMaximumAgeMs } = isDegraded ? this.policy : {};
    if (!degraded || degraded.operations.includes(operation)) return;
    this.head.requireFresh(this.options.clock.now(), headMaximumAgeMs ?? 0);
  }

  #policyFor({ kind }: KnownPeer): Policy {
    return kind === 'founder' ? this.#attestation.founderPolicy : this.policy;
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined)
    throw new OotoError('OOTO_MESH_NOT_JOINED', 'caller', 'this node is in no mesh yet');
  return value;
}
