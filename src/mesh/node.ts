/**
 * A node of the mesh. What flows through here: peers authenticate and attest each other; each request is looked
 * up in the table of operations, judged by policy, and handed to the one handler of that operation; the node's
 * own requests go to peers by id. State that must outlive the process is in the store.
 */

import {
  type AppraisalDocument,
  requireLaterPolicy,
  tpmPolicy,
  verifyAppraisalPolicy,
} from '../attest/appraisal-policy.ts';
import type { SoftwareClaims } from '../attest/evidence.ts';
import { HeadView, type MeshHead } from '../authority/head.ts';
import { OotoError } from '../base/errors.ts';
import type { Tier } from '../cert/tier.ts';
import type { Peer } from '../channel/credential.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { CborValue } from '../envelope/cbor.ts';
import type { Clock, Logger, Signer, Store, Transport } from '../ports.ts';
import { TelemetryMeters } from '../telemetry/index.ts';
import { SessionAttestation } from './attestation.ts';
import { type Attester, type NodeTpm, softwareAttester, TpmAttester } from './attester.ts';
import type { RequestOptions } from './exchange.ts';
import { type FounderAttestation, founderAttestation } from './founder-attestation.ts';
import { HeadForks } from './head-forks.ts';
import { type KnownPeer, knownPeer, type MeshTrust, memberVerifier } from './identity.ts';
import { admitOperation, isForMembers, type OperationName, type Role } from './operations.ts';
import { OwnCredentials, type Presentation } from './own-credential.ts';
import { unlessAborted } from './patience.ts';
import { Peers } from './peers.ts';
import { appraisalPolicy, decide, type Policy } from './policy.ts';
import type { Session } from './session.ts';
import { TpmClocks } from './tpm-clocks.ts';

/** Answers one kind of request of a peer that may ask it. */
export type Handler = (peer: KnownPeer, body: CborValue, session: Session) => CborValue | Promise<CborValue>;

export interface NodeOptions {
  crypto: Crypto;
  clock: Clock;
  logger: Logger;
  store: Store;
  transport: Transport;
  signer: Signer;
  role: Role;
  name: string;
  /** Digest of the software manifest that this node was started from, 32 bytes. */
  manifest: Uint8Array;
  /** The TPM that holds the identity key; undefined for a node of tier `software`. */
  tpm?: NodeTpm | undefined;
  /** Names and versions for people. */
  versions: ReadonlyMap<string, string>;
  epochMs: number;
}

/** The newest rules of appraisal, signed. */
const RULES_KEY = 'policy/appraisal';

export class MeshNode {
  readonly options: NodeOptions;
  readonly peers: Peers;
  readonly meters: TelemetryMeters;
  readonly headForks: HeadForks;
  readonly #dialling = new Map<string, Promise<Session>>();
  readonly #life = new AbortController();
  readonly #handlers = new Map<OperationName, Handler>();
  #trust: MeshTrust | undefined;
  #head: HeadView | undefined;
  #own: OwnCredentials | undefined;
  #founding: FounderAttestation | undefined;
  #attester: Attester | undefined;
  #founderAttester: Attester | undefined;
  /** Of the certificate that is presented. */
  #tier: Tier = 'software';
  /** What sessions ask: they outlive the rules that they began under. */
  readonly attester: Attester = { answer: (leaf) => present(this.#attester).answer(leaf) };
  readonly founderAttester: Attester = { answer: (leaf) => present(this.#founderAttester).answer(leaf) };
  readonly #clocks = new TpmClocks();
  #rules: AppraisalDocument | undefined;
  #adopting: Promise<void> = Promise.resolve();

  constructor(options: NodeOptions) {
    this.options = options;
    this.headForks = new HeadForks(options);
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
        authenticated: (session, peer) => this.#attestationFor(session, peer),
        ready: (session) => this.#noteReady(session),
        refused: (phase) => this.meters.count('ooto.auth.failures', 1, { phase }),
        answer: (session, operation, body) => this.#answer(session, operation, body),
      },
    });
  }

  /** The mesh this node is in. @throws OOTO_MESH_NOT_JOINED (caller). */
  get trust(): MeshTrust {
    return present(this.#trust);
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

  get policy(): Policy {
    return this.rulesOver(this.trust.policy);
  }

  /** A mesh's first policy, under the rules of appraisal that its operators have signed since. */
  rulesOver(policy: Policy): Policy {
    return this.#rules ? { ...policy, appraisal: this.#rules.body } : policy;
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
    const { store, logger } = this.options;
    const rules = requireLaterPolicy(this.#rules, this.#verifiedRules(encoded));
    await store.commit([{ put: RULES_KEY, value: encoded }]);
    this.#rules = rules;
    this.#renewAttesters();
    const { attestationIntervalMs } = this.policy;
    for (const session of this.peers.sessions)
      session.adoptPolicy(appraisalPolicy(this.policy, 2 * attestationIntervalMs));
    logger.log('info', 'rules of appraisal adopted', { version: rules.version });
  }

  #verifiedRules(encoded: Uint8Array): AppraisalDocument {
    const { operators: keys, operatorQuorum: threshold } = this.trust.genesis.draft;
    return verifyAppraisalPolicy(this.options.crypto, encoded, { keys, threshold });
  }

  /** Knows the mesh from now on; not yet as a member. */
  trustMesh(trust: MeshTrust): void {
    const { crypto, store } = this.options;
    const { meshId, groupKey } = trust.genesis;
    this.#trust = trust;
    const rules = store.get(RULES_KEY);
    if (rules) this.#rules = this.#verifiedRules(rules);
    this.#head ??= new HeadView(crypto, { meshId, groupKey }, store.get(HeadView.storeKey), (known, shown) =>
      this.headForks.keep(known, shown),
    );
  }

  /** Stands in the genesis draft as a founder. */
  attestAsFounder(founding: FounderAttestation): void {
    this.#founding = founding;
    this.#renewAttesters();
  }

  /** What this node shows by the rules in force; a TPM is shown to those alone who know it. */
  #renewAttesters(): void {
    if (this.#own) this.#attester = this.#attesterFor(this.#own, this.policy, this.#tier === 'measured');
    if (!this.#founding) return;
    const { own, policy, founders } = this.#founding;
    const tpm = founders.find(({ name }) => name === own.presentation.id)?.tpm;
    this.#founderAttester = this.#attesterFor(own, this.rulesOver(policy), tpm !== undefined);
  }

  /** Whether this node shows its TPM where this policy holds: there must be rules of what TPMs have to show. */
  provesByTpm(policy: Policy): boolean {
    const { appraisal } = this.rulesOver(policy);
    return this.options.tpm !== undefined && appraisal !== undefined && appraisal.registers.length > 0;
  }

  #attesterFor({ presentation, messageKey }: OwnCredentials, policy: Policy, isTpmKnown: boolean): Attester {
    const { crypto, clock, logger, tpm: node } = this.options;
    const claims = () => this.claims(presentation.meshId, presentation.id);
    const { appraisal } = policy;
    if (!node || !appraisal || !isTpmKnown || !this.provesByTpm(policy))
      return softwareAttester({ crypto, claims, messageKey });
    return new TpmAttester({
      ...{ crypto, clock, logger, node, claims, messageKey, signal: this.#life.signal },
      policy: tpmPolicy(appraisal),
    });
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
    this.#tier = tier;
    this.#renewAttesters();
    this.peers.join({
      meshId: presentation.meshId,
      own: () => this.own.forChannel(),
      verifier: memberVerifier(crypto, this.trust, this.head, (head) => this.#adoptInBackground(head)),
      accept: role === 'authority' ? ['member', 'enrol'] : ['member'],
    });
  }

  /** Has the identity key delegate anew, and shows every live peer. */
  async renewDelegation(): Promise<void> {
    await this.own.renewDelegation();
    this.peers.renewCredentials(this.own.presentation.meshId);
  }

  /** Keeps a verified head that is newer than the one known; one after the other, so that none overtakes a newer. */
  adoptHead(head: MeshHead): Promise<void> {
    const turn = this.#adopting.then(async () => {
      const { changes } = this.head.stage(head.encoded, this.options.clock.now());
      if (changes.length === 0) return;
      await this.options.store.commit(changes);
      this.head.accept(head);
    });
    this.#adopting = turn.catch(() => {});
    return turn;
  }

  #adoptInBackground(head: MeshHead): void {
    this.adoptHead(head).catch((error) =>
      this.options.logger.log('error', 'a mesh head was not stored', { error }),
    );
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
    return session.request(operation, body, options);
  }

  /** Has every peer attest again now, not only when it is due. */
  reattest(): void {
    for (const session of this.peers.sessions) session.reattest();
  }

  /** What this node says of its software, now. */
  claims(meshId: Uint8Array, node: string): SoftwareClaims {
    const { manifest, versions, clock } = this.options;
    return { mesh: meshId, node, manifest, versions: new Map(versions), time: clock.now() };
  }

  async close(): Promise<void> {
    this.#life.abort(new OotoError('OOTO_MESH_CLOSED', 'local', 'the node was stopped'));
    await this.meters.close();
    await this.peers.close();
  }

  /** Members and founders attest each other; an enrolment carries its evidence in the request. */
  #attestationFor(session: Session, peer: Peer): SessionAttestation | undefined {
    const { kind } = peer.identity;
    const { crypto } = this.options;
    if (kind === 'founder') {
      const own = { crypto, attester: this.founderAttester, clocks: this.#clocks };
      const { policy, ...founding } = present(this.#founding);
      return founderAttestation(own, { ...founding, policy: this.rulesOver(policy) }, session, peer);
    }
    return kind === 'enrol' || !this.#own ? undefined : this.#memberAttestation(session, peer);
  }

  #memberAttestation(session: Session, peer: Peer): SessionAttestation {
    const { presentation } = this.own;
    const { attestationIntervalMs } = this.policy;
    const { tier, role, device } = knownPeer(peer);
    return new SessionAttestation({
      crypto: this.options.crypto,
      channel: session.channel,
      ownSubject: presentation.subject,
      peer: {
        meshId: presentation.meshId,
        nodeId: peer.identity.id,
        tier,
        role,
        key: { algorithm: 'ed25519', bytes: peer.delegation.messageKey },
        subject: peer.identity.subject,
      },
      tpm: device && {
        keys: { identityKey: peer.identity.identityKey.bytes, attestationKey: device.attestationKey },
        clocks: this.#clocks,
      },
      policy: appraisalPolicy(this.policy, 2 * attestationIntervalMs),
      intervalMs: attestationIntervalMs,
      attester: this.attester,
    });
  }

  #noteReady(session: Session): void {
    const { id, kind } = session.peer.identity;
    this.meters.count('ooto.handshakes', 1, { result: 'ok' });
    this.meters.count('ooto.attestations', 1, { result: 'ok' });
    this.options.logger.log('info', 'session ready', { peer: id, kind, remote: session.remoteAddress });
  }

  async #answer(session: Session, name: string, body: CborValue): Promise<CborValue> {
    const peer = knownPeer(session.peer);
    const operation = admitOperation(name, this.options.role, peer.kind);
    if (isForMembers(operation)) decide(this.#policyFor(peer), peer, operation);
    const handler = this.#handlers.get(operation);
    if (!handler)
      throw new OotoError('OOTO_MESH_NOT_READY', 'local', `this node does not answer ${operation} yet`);
    return handler(peer, body, session);
  }

  /** Founders go by the policy of the draft, which becomes the first of the mesh: they get no more than members. */
  #policyFor({ kind }: KnownPeer): Policy {
    return kind === 'founder' ? present(this.#founding).policy : this.policy;
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined)
    throw new OotoError('OOTO_MESH_NOT_JOINED', 'caller', 'this node is in no mesh yet');
  return value;
}
