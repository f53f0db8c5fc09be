/**
 * An authority in memory: a founded mesh, and for each member its own store, judgement and duty. Requests go from
 * a coordinator to members by a function call that a test may replace: to lose them, to answer in a member's
 * place, to lie.
 */
import type { AppraisalRules } from '../../src/attest/appraisal-policy.ts';
import { encodeEnrolmentEvidence, enrolmentMessage } from '../../src/attest/evidence.ts';
import { enrolmentQualifyingData } from '../../src/attest/qualifying.ts';
import { AuthorityView } from '../../src/authority/authority-view.ts';
import { nodeIdOf } from '../../src/authority/certification.ts';
import {
  encodeCredential,
  type ValidCredential,
  validateCredential,
} from '../../src/authority/credential.ts';
import type { MeshHeadBody } from '../../src/authority/head.ts';
import { claimInvite, createGrant, encodeGrant } from '../../src/authority/invite.ts';
import { type Application, AuthorityMember, type Claim } from '../../src/authority/member.ts';
import {
  createRequest,
  type EnrolmentRequest,
  type EnrolmentRequestBody,
} from '../../src/authority/request.ts';
import { hex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import type { CborValue } from '../../src/envelope/cbor.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import { AuthorityDuty } from '../../src/mesh/authority/duty.ts';
import { enrolmentJudge } from '../../src/mesh/authority/enrolment-judge.ts';
import { type AskMember, Issuing } from '../../src/mesh/authority/issuing.ts';
import { type MeshTrust, trustIn } from '../../src/mesh/identity.ts';
import { endorsementJudge, initialPolicy, type Policy } from '../../src/mesh/policy.ts';
import type { Signer, Store } from '../../src/ports.ts';
import { type FoundedMesh, foundMesh, type OperatorKey } from './founders.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryStore } from './memory-store.ts';
import { RecordingLogger } from './recording-logger.ts';

export const LIFE_MS = 3_600_000;
export const MANIFEST = new Uint8Array(32).fill(0x6d);

export interface Candidate {
  identity: Ed25519SigningKey;
  signer: Signer;
}

export class AuthorityWorld {
  readonly crypto: Crypto;
  readonly clock: ManualClock;
  readonly logger = new RecordingLogger();
  readonly mesh: FoundedMesh;
  /** What all members know. */
  readonly authority: AuthorityView;
  readonly names: string[];
  readonly stores = new Map<string, MemoryStore>();
  readonly members = new Map<string, AuthorityMember>();
  readonly duties = new Map<string, AuthorityDuty>();
  /** What a member answers; a test may put itself between. */
  between: (
    member: string,
    operation: string,
    body: CborValue,
    answer: () => Promise<CborValue>,
  ) => Promise<CborValue> = (_member, _operation, _body, answer) => answer();
  trust: MeshTrust | undefined;
  /** What the members have seen. */
  newestHead = 0;

  /** Signs workload definitions, under the name `test`. */
  readonly originator: Ed25519SigningKey;

  /** In force; a test may put another in its place. */
  policy: Policy;
  readonly #judgesEndorsements: boolean;

  constructor(
    crypto: Crypto,
    {
      count = 3,
      threshold = 2,
      appraisal,
      judgesEndorsements = false,
      begins,
      ...operators
    }: {
      count?: number;
      threshold?: number;
      appraisal?: AppraisalRules;
      /** Endorsement keys that nobody named are judged by the rules. */
      judgesEndorsements?: boolean;
      /** Milliseconds since 1970; as other clocks of tests when absent. */
      begins?: number;
      operators?: number;
      operatorKeys?: OperatorKey[];
      operatorQuorum?: number;
    } = {},
  ) {
    this.crypto = crypto;
    this.clock = new ManualClock(begins);
    this.#judgesEndorsements = judgesEndorsements;
    this.originator = Ed25519SigningKey.generate(crypto);
    const originators = [{ name: 'test', publicKey: this.originator.publicKey }];
    const rules = appraisal ? { appraisal } : {};
    this.policy = initialPolicy({ manifests: [hex(MANIFEST)], originators, ...rules });
    const policy = this.policy as unknown as CborValue;
    const created = this.clock.now() - 1_000;
    this.mesh = foundMesh(crypto, { count, threshold, created, policy, ...operators });
    this.authority = new AuthorityView(crypto, this.mesh.record);
    this.names = this.mesh.founders.map(({ name }) => name);
    for (const name of this.names) this.restart(name, new MemoryStore());
  }

  /** A member's process, begun anew on this store. */
  restart(name: string, store: Store): AuthorityDuty {
    const { crypto, clock, authority } = this;
    const genesis = this.mesh.record;
    const position = this.names.indexOf(name);
    const founder = this.mesh.founders[position];
    const member = new AuthorityMember({
      ...{ crypto, authority, name, longestLifeMs: LIFE_MS },
      ...(this.#judgesEndorsements ? { endorsement: endorsementJudge(crypto, () => this.policy) } : {}),
      judge: enrolmentJudge({ crypto, clock, meshId: genesis.meshId, policy: () => this.policy }),
    });
    const duty = new AuthorityDuty({
      ...{ crypto, clock, store, authority, name, member },
      secretShare: this.mesh.keys[position].secretShare.encode(),
      logKey: founder.log,
      witnessKey: founder.witness,
      headParts: () => this.headParts,
      newestHead: () => this.newestHead,
    });
    if (store instanceof MemoryStore) this.stores.set(name, store);
    this.members.set(name, member);
    this.duties.set(name, duty);
    return duty;
  }

  get headParts(): Pick<MeshHeadBody, 'bundle' | 'policy' | 'committee' | 'revocations'> {
    return { ...this.authority.versions, policy: { version: 1, digest: new Uint8Array(32).fill(2) } };
  }

  headBody(changes: Partial<MeshHeadBody> = {}): MeshHeadBody {
    const time = this.clock.now();
    const { meshId } = this.mesh.record;
    return { mesh: meshId, number: 1, time, expires: time + 3_600_000, ...this.headParts, ...changes };
  }

  /** `between` is for this coordinator's requests alone. */
  issuing(coordinator = this.names[0], between?: AuthorityWorld['between']): Issuing {
    const { crypto, clock, logger, authority } = this;
    return new Issuing({ crypto, clock, logger, authority, ask: this.asker(coordinator, between) });
  }

  asker(coordinator: string, between?: AuthorityWorld['between']): AskMember {
    return (member, operation, body) =>
      (between ?? this.between)(member, operation, body, async () => {
        const duty = this.duties.get(member)!;
        if (operation === 'authority.challenge') return duty.challenge(coordinator, body);
        if (operation === 'authority.sign') return duty.sign(coordinator, body);
        return (await duty.appraise(coordinator, body)) as unknown as CborValue;
      });
  }

  /** The root, signed by the members. */
  async establish(): Promise<MeshTrust> {
    const root = await this.issuing().issueRoot();
    this.authority.admitRoot(root);
    this.trust = trustIn(this.authority);
    return this.trust;
  }

  candidate(): Candidate {
    const identity = Ed25519SigningKey.generate(this.crypto);
    return { identity, signer: signerOf(identity) };
  }

  /** A founder, as a candidate for its own certificate. */
  founder(name: string): Candidate {
    const { identity } = this.mesh.founders[this.names.indexOf(name)];
    return { identity, signer: signerOf(identity) };
  }

  id(role: string, name: string): string {
    return nodeIdOf(this.mesh.record.meshId, role, name);
  }

  request(
    { signer }: Candidate,
    id: string,
    changes: Partial<EnrolmentRequestBody> = {},
  ): Promise<EnrolmentRequest> {
    const body: EnrolmentRequestBody = {
      mesh: this.mesh.record.meshId,
      id,
      key: { algorithm: 'ed25519', bytes: signer.publicKey },
      life: LIFE_MS,
      tier: 'software',
      nonce: this.crypto.random.bytes(16),
      ...changes,
    };
    return createRequest(this.crypto, body, signer);
  }

  /** An operator's invite for `id`, spent on `request`. */
  inviteClaim(
    id: string,
    request: EnrolmentRequest,
    seed = this.crypto.random.bytes(32),
    endorsementKey?: Uint8Array,
  ): Claim {
    const { crypto, mesh } = this;
    const { meshId, encoded } = mesh.record;
    const publicKey = crypto.ed25519.publicKey(seed);
    const expires = this.clock.now() + 60_000;
    const device = endorsementKey ? { endorsementKey } : {};
    const grant = encodeGrant(
      createGrant({ mesh: meshId, publicKey, id, expires, ...device }, mesh.operator),
    );
    const invite = { grant, genesis: encoded, root: new Uint8Array(1), addresses: ['a'], seed };
    return { kind: 'invite', grant, signature: claimInvite(crypto, invite, request.digest) };
  }

  evidence(
    { identity }: Candidate,
    request: EnrolmentRequest,
    nonces: Application['nonces'],
    manifest = MANIFEST,
  ): Uint8Array {
    const { crypto, clock } = this;
    const { meshId } = this.mesh.record;
    const qualifying = enrolmentQualifyingData(crypto, { meshId, request: request.digest, nonces });
    const claims = { mesh: meshId, node: request.id, manifest, versions: new Map(), time: clock.now() };
    return encodeEnrolmentEvidence(claims, qualifying, identity.sign(enrolmentMessage(claims, qualifying)));
  }

  /** Everything a coordinator carries: nonces of these members, evidence that answers them. */
  application(
    candidate: Candidate,
    request: EnrolmentRequest,
    claim: Claim,
    asked: readonly string[] = this.names,
  ): Application {
    const nonces = asked.map((member) => ({
      member,
      nonce: this.members.get(member)!.challenge(request.digest, this.clock.now(), this.names[0]),
    }));
    const evidence = this.evidence(candidate, request, nonces);
    return { request: request.encoded, claim, nonces, evidence };
  }

  /** A node with a certificate. */
  async certify(role: string, name: string, candidate = this.candidate()): Promise<CertifiedNode> {
    const id = this.id(role, name);
    const request = await this.request(candidate, id);
    const claim: Claim =
      role === 'authority' && this.names.includes(name) ? { kind: 'founder' } : this.inviteClaim(id, request);
    const issued = await this.issuing().issue(this.application(candidate, request, claim));
    const credential = encodeCredential({ ...issued, head: null });
    const valid = validateCredential(this.crypto, this.trust!, credential, { time: this.clock.now() });
    return { ...candidate, id, role, name, request, credential, valid };
  }
}

export interface CertifiedNode extends Candidate {
  id: string;
  role: string;
  name: string;
  request: EnrolmentRequest;
  credential: Uint8Array;
  valid: ValidCredential;
}

export function signerOf(identity: Ed25519SigningKey): Signer {
  return {
    algorithm: 'ed25519',
    publicKey: identity.publicKey,
    sign: async (message) => identity.sign(message),
  };
}
