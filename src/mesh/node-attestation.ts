/**
 * What a node shows of itself and asks of its peers. What flows through here: rules of appraisal that the operators have
 * signed are verified, kept and put in force; by them, and by the certificate that is presented, this node answers
 * challenges with its TPM or without; each new session with a member or a founder gets the attestation that fits it.
 */
import {
  type AppraisalDocument,
  type AppraisalRules,
  requireLaterPolicy,
  tpmPolicy,
  verifyAppraisalPolicy,
} from '../attest/appraisal-policy.ts';
import type { SoftwareClaims } from '../attest/evidence.ts';
import type { GenesisRecord } from '../authority/genesis.ts';
import { OotoError } from '../base/errors.ts';
import type { Tier } from '../cert/tier.ts';
import type { Peer } from '../channel/credential.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Clock, Logger, Store } from '../ports.ts';
import { SessionAttestation } from './attestation.ts';
import { type Attester, type NodeTpm, softwareAttester, TpmAttester } from './attester.ts';
import { type FounderAttestation, founderAttestation } from './founder-attestation.ts';
import { knownPeer, type MeshTrust, policyOf } from './identity.ts';
import type { KeyContext, KeyFinding, KeyProver } from './key-proving.ts';
import type { OwnCredentials } from './own-credential.ts';
import { appraisalPolicy, type Policy } from './policy.ts';
import type { Session } from './session.ts';
import { TpmClocks } from './tpm-clocks.ts';

/** The newest rules of appraisal, signed. */
const RULES_KEY = 'policy/appraisal';

const IN_FILE: KeyFinding = { held: 'file', tier: 'software', reasons: ['the identity key is in software'] };

function inTpm(isMeasured: boolean): KeyFinding {
  if (isMeasured) return { held: 'tpm', tier: 'measured', reasons: ['the identity key is in the TPM'] };
  return { held: 'tpm', tier: 'software', reasons: ['policy does not say what a TPM has to show'] };
}

/** What a node has to show. */
export interface AttestedNode {
  crypto: Crypto;
  clock: Clock;
  logger: Logger;
  store: Store;
  /** Digest of the software manifest that this node was started from, 32 bytes. */
  manifest: Uint8Array;
  /** Names and versions for people. */
  versions: ReadonlyMap<string, string>;
  /** The TPM that holds the identity key; undefined for a node of tier `software`. */
  tpm?: NodeTpm | undefined;
  /** Shows where an identity key outside a TPM is; without it the key is in a file or in memory. */
  keyProver?: KeyProver | undefined;
}

export class NodeAttestation {
  readonly #options: AttestedNode;
  /** Ends with the node. */
  readonly #signal: AbortSignal;
  readonly #clocks = new TpmClocks();
  /** Whose operators' rules count, and what holds without any. */
  #genesis: GenesisRecord | undefined;
  #rules: AppraisalDocument | undefined;
  #own: OwnCredentials | undefined;
  /** Of the certificate that is presented. */
  #tier: Tier = 'software';
  #founding: FounderAttestation | undefined;
  #attester: Attester | undefined;
  #founderAttester: Attester | undefined;
  /** What sessions ask: they outlive the rules that they began under. */
  readonly attester: Attester = { answer: (leaf) => present(this.#attester).answer(leaf) };
  readonly #asFounder: Attester = { answer: (leaf) => present(this.#founderAttester).answer(leaf) };

  constructor(options: AttestedNode, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** The mesh's policy, under the newest rules. @throws OOTO_MESH_NOT_JOINED (caller). */
  get policy(): Policy {
    return this.rulesOver(policyOf(present(this.#genesis)));
  }

  /** As a founder, the policy of the draft, which becomes the first of the mesh: founders get no more than members. */
  get founderPolicy(): Policy {
    return present(this.#founding).policy;
  }

  /** A mesh's first policy, under the rules of appraisal that its operators have signed since. */
  rulesOver(policy: Policy): Policy {
    return this.#rules ? { ...policy, appraisal: this.#rules.body } : policy;
  }

  /** Knows whose rules count from now on, and takes up those that were adopted before. */
  trustOperators(genesis: GenesisRecord): void {
    this.#genesis = genesis;
    const rules = this.#options.store.get(RULES_KEY);
    if (rules) this.#rules = this.#verifiedRules(rules);
  }

  /**
   * Goes by these rules from now on, durably.
   * @throws OOTO_ATTEST_RULES_VERSION, OOTO_ATTEST_RULES, OOTO_ENVELOPE_* (peer).
   */
  async adoptRules(encoded: Uint8Array): Promise<void> {
    const { store, logger } = this.#options;
    const rules = requireLaterPolicy(this.#rules, this.#verifiedRules(encoded));
    await store.commit([{ put: RULES_KEY, value: encoded }]);
    this.#rules = rules;
    this.#renewAttesters();
    logger.log('info', 'rules of appraisal adopted', { version: rules.version });
  }

  /** Stands in the mesh as a member, by a certificate of this tier. */
  attestAsMember(own: OwnCredentials, tier: Tier): void {
    this.#own = own;
    this.#tier = tier;
    this.#renewAttesters();
  }

  /** Stands in the genesis draft as a founder. */
  attestAsFounder(founding: FounderAttestation): void {
    this.#founding = founding;
    this.#renewAttesters();
  }

  /** Whether this node shows its TPM where this policy holds: there must be rules of what TPMs have to show. */
  provesByTpm(policy: Policy): boolean {
    const { appraisal } = this.rulesOver(policy);
    return this.#options.tpm !== undefined && appraisal !== undefined && appraisal.registers.length > 0;
  }

  /** Where the identity key is, and what that is worth in this mesh. */
  async findKey(
    { genesis: { meshId }, policy }: MeshTrust,
    { nodeId, key }: Pick<KeyContext, 'nodeId' | 'key'>,
  ): Promise<KeyFinding> {
    const { tpm, keyProver, clock, logger } = this.#options;
    const isMeasured = this.provesByTpm(policy);
    if (tpm) return inTpm(isMeasured);
    if (!keyProver) return IN_FILE;
    const context = { meshId, nodeId, key, time: clock.now() };
    const finding = await keyProver.find(context, this.rulesOver(policy).appraisal);
    logger.log('info', 'where the identity key is', { tier: finding.tier, reasons: finding.reasons });
    return finding;
  }

  /** What this node says of its software, now. */
  claims(meshId: Uint8Array, node: string): SoftwareClaims {
    const { manifest, versions, clock } = this.#options;
    return { mesh: meshId, node, manifest, versions: new Map(versions), time: clock.now() };
  }

  /** Members and founders attest each other; an enrolment carries its evidence in the request. */
  forSession(session: Session, peer: Peer): SessionAttestation | undefined {
    const { kind } = peer.identity;
    if (kind === 'founder') return this.#withFounder(session, peer);
    return kind === 'enrol' || !this.#own ? undefined : this.#withMember(session, peer, this.#own);
  }

  #withFounder(session: Session, peer: Peer): SessionAttestation {
    const own = { crypto: this.#options.crypto, attester: this.#asFounder, clocks: this.#clocks };
    const { policy, ...founding } = present(this.#founding);
    return founderAttestation(own, { ...founding, policy: this.rulesOver(policy) }, session, peer);
  }

  #withMember(session: Session, peer: Peer, { presentation }: OwnCredentials): SessionAttestation {
    const { attestationIntervalMs } = this.policy;
    const { tier, role, device } = knownPeer(peer);
    return new SessionAttestation({
      crypto: this.#options.crypto,
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

  #verifiedRules(encoded: Uint8Array): AppraisalDocument {
    return verifiedRules(this.#options.crypto, present(this.#genesis), encoded);
  }

  /** What this node shows by the rules in force; a TPM is shown to those alone who know it. */
  #renewAttesters(): void {
    if (this.#own) this.#attester = this.#attesterFor(this.#own, this.policy, this.#tier);
    if (!this.#founding) return;
    const { own, policy, founders } = this.#founding;
    const tpm = founders.find(({ name }) => name === own.presentation.id)?.tpm;
    this.#founderAttester = this.#attesterFor(own, this.rulesOver(policy), tpm ? 'measured' : 'software');
  }

  #attesterFor({ presentation, messageKey }: OwnCredentials, policy: Policy, tier: Tier): Attester {
    const { crypto, clock, logger, tpm: node } = this.#options;
    const claims = () => this.claims(presentation.meshId, presentation.id);
    const { appraisal } = policy;
    const tierWithoutTpm = tier === 'measured' ? 'software' : tier;
    if (!node || !appraisal || tier !== 'measured' || !this.provesByTpm(policy))
      return softwareAttester({ crypto, claims, messageKey, tier: tierWithoutTpm });
    return new TpmAttester({
      ...{ crypto, clock, logger, node, claims, messageKey, signal: this.#signal },
      policy: tpmPolicy(appraisal),
    });
  }
}

/** The rules that a node with this store goes by: the newest that it has adopted, else those of the mesh's first policy. */
export function rulesInStore(
  crypto: Crypto,
  store: Pick<Store, 'get'>,
  genesis: GenesisRecord,
): AppraisalRules | undefined {
  const rules = store.get(RULES_KEY);
  return rules ? verifiedRules(crypto, genesis, rules).body : policyOf(genesis).appraisal;
}

function verifiedRules(
  crypto: Crypto,
  { draft: { operators: keys, operatorQuorum: threshold } }: GenesisRecord,
  encoded: Uint8Array,
): AppraisalDocument {
  return verifyAppraisalPolicy(crypto, encoded, { keys, threshold });
}

function present<T>(value: T | undefined): T {
  if (value === undefined)
    throw new OotoError('OOTO_MESH_NOT_JOINED', 'caller', 'this node is in no mesh yet');
  return value;
}
