/**
 * One member's own judgement, before it writes anything into its log or helps to sign. What flows through here: a
 * request gets a nonce of this member; evidence that is bound to the request and to every member's nonce comes
 * back through a coordinator that only carries; the member decides alone whether the request may become the
 * certificate body it is shown, and says what to store and what to log. Nothing a coordinator claims is believed.
 */
import type { CredentialAnswer } from '../attest/evidence.ts';
import type { TpmClock } from '../attest/tpm/attestation-data.ts';
import type { Credential } from '../attest/tpm/credential.ts';
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { readCertificate } from '../cert/certificate.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { bytes, bytesBetween, type Fields, list, object, text, variant } from '../envelope/fields.ts';
import type { StoreChange } from '../ports.ts';
import { bindAuthenticator, type ShownCredential } from './authenticator.ts';
import type { AuthorityView } from './authority-view.ts';
import { readNodeId, requireFaithful } from './certification.ts';
import { readCredential, type ValidCredential, validateCredential } from './credential.ts';
import {
  bindDevice,
  type Device,
  deviceOf,
  type EndorsementJudge,
  keepClock,
  type LoggedDevice,
  lastClock,
  requireOpened,
  sealChallenge,
  type TpmKeys,
  type Vouched,
} from './device.ts';
import { inviteStoreKey, readGrant, requireUnspent, verifyClaim } from './invite.ts';
import { type CertificateLeaf, encodeLeaf, readLeaf } from './leaf.ts';
import { type EnrolmentRequest, MOST_REQUEST_BYTES, readRequest, requireMesh } from './request.ts';
import { Reservations } from './reservation.ts';

const NONCE_BYTES = 32;
/** How long a node may take from challenge to evidence. */
const CHALLENGE_LIFE_MS = 60_000;
const MOST_CHALLENGES = 4_096;

/** By what right a certificate is asked for. */
const claim = variant('kind', {
  /** An operator's grant, and the invite key's signature over this request. */
  invite: { grant: bytesBetween(1, 16 * 1024), signature: bytes(64) },
  /** The committee's record names the key. */
  founder: {},
  /** A certificate that is still valid names the key. */
  renewal: { credential: bytesBetween(1, 60 * 1024) },
  /** One that has ended names it, and operators have let such come back. */
  return: { credential: bytesBetween(1, 60 * 1024) },
});

export type Claim = ReturnType<typeof claim>;
export const readClaim = claim;

/** What a coordinator carries to each member. */
export const applicationShape = {
  request: bytesBetween(1, MOST_REQUEST_BYTES),
  claim,
  /** In the order of the committee. */
  nonces: list(object({ member: text(63), nonce: bytes(NONCE_BYTES) }), { min: 1, max: 64 }),
  evidence: bytesBetween(1, 256 * 1024),
} as const;

export type Application = Fields<typeof applicationShape>;

/** Judges evidence; returns its digest and the tier it supports, and of a TPM what it said, or throws. */
export type EvidenceJudge = (
  request: EnrolmentRequest,
  nonces: Application['nonces'],
  evidence: Uint8Array,
  /** The last that was seen of the TPM. */
  seen?: TpmClock,
) => JudgedEvidence;

export interface JudgedEvidence {
  digest: Uint8Array;
  verdict: CertificateLeaf['verdict'];
  tpm?: { clock: TpmClock; answers: readonly CredentialAnswer[] };
  /** The credential that has certified the key. */
  authenticator?: ShownCredential | undefined;
}

export interface MemberOptions {
  crypto: Crypto;
  authority: AuthorityView;
  /** This member's name in the committee. */
  name: string;
  judge: EvidenceJudge;
  longestLifeMs: number;
  /** Decides on endorsement keys that no operator has named; without it only those are admitted. */
  endorsement?: EndorsementJudge;
}

/** What a member knows when it judges. */
export interface AppraisalContext {
  now: number;
  /** What this member's store holds under the key of an invite or a TPM. */
  bound(storeKey: string): Uint8Array | undefined;
}

export interface Appraisal {
  request: EnrolmentRequest;
  /** The entry for this member's log. */
  leaf: Uint8Array;
  /** To be stored with it, all or nothing. */
  changes: StoreChange[];
}

interface OpenChallenge {
  nonce: Uint8Array;
  /** From which the secrets for TPMs are derived. */
  seed: Uint8Array;
  until: number;
  coordinator: string;
}

export class AuthorityMember {
  readonly #options: MemberOptions;
  readonly #challenges = new Map<string, OpenChallenge>();
  readonly #reservations = new Reservations();

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  /**
   * This member's nonce for a request that `coordinator` carries; asked again it is the same, until it is used or
   * too old. Each coordinator has its share of what may be open, so that none can keep the others from issuing.
   * @throws OOTO_AUTHORITY_BUSY (environment) when the coordinator's share is used up.
   */
  challenge(requestDigest: Uint8Array, now: number, coordinator: string): Uint8Array {
    for (const [digest, { until }] of this.#challenges) if (until <= now) this.#challenges.delete(digest);
    const key = hex(requestDigest);
    const open = this.#challenges.get(key);
    if (open) return open.nonce;
    this.#requireRoom(coordinator);
    const { random } = this.#options.crypto;
    const [nonce, seed] = [random.bytes(NONCE_BYTES), random.bytes(NONCE_BYTES)];
    this.#challenges.set(key, { nonce, seed, until: now + CHALLENGE_LIFE_MS, coordinator });
    return nonce;
  }

  /**
   * The challenge that goes with the nonce where a TPM is named: only that TPM answers it.
   * @throws OOTO_AUTHORITY_CHALLENGE (peer) without a nonce; OOTO_ATTEST_TPM_* (peer) for keys of another kind.
   */
  challengeTpm(requestDigest: Uint8Array, keys: TpmKeys): Credential {
    const open = this.#challenges.get(hex(requestDigest));
    if (!open) throw refuse('OOTO_AUTHORITY_CHALLENGE', 'no challenge is open for this request');
    return sealChallenge(this.#options.crypto, open.seed, keys);
  }

  /**
   * Whether whoever shows this right may ask for this request at all: an invite of the operators that is not spent,
   * a place in the committee, a certificate of the same name and key. Returns what to store once it is used.
   * @throws OOTO_AUTHORITY_*, OOTO_CERT_*, OOTO_ENVELOPE_*, OOTO_CRYPTO_* (peer), one for each check.
   */
  requireRight(request: EnrolmentRequest, right: Claim, context: AppraisalContext): StoreChange[] {
    const { authority } = this.#options;
    requireMesh(request, authority.meshId);
    authority.requireNotRevoked({ id: request.id, key: request.key.bytes });
    if (right.kind === 'invite') return this.#requireInvited(request, right, context);
    if (right.kind === 'founder') this.#requireFounder(request);
    else if (right.kind === 'return') this.#requireReturning(request, right.credential, context);
    else this.#requireHolder(request, right.credential, context);
    return [];
  }

  /**
   * Keeps the invite for this request while it is being claimed: other requests are not answered meanwhile.
   * @throws as {@link requireRight}; OOTO_AUTHORITY_INVITE_BUSY (environment) while it is kept for another request.
   */
  reserve(request: EnrolmentRequest, right: Claim, coordinator: string, context: AppraisalContext): void {
    const claim = { requestDigest: request.digest, coordinator, now: context.now };
    for (const change of this.requireRight(request, right, context))
      if ('put' in change) this.#reservations.take(change.put, claim);
  }

  /** The coordinator that had the invite kept for this request gives up for now. */
  release(requestDigest: Uint8Array, coordinator: string): void {
    this.#reservations.release(requestDigest, coordinator);
  }

  #requireInvited(
    request: EnrolmentRequest,
    right: Extract<Claim, { kind: 'invite' }>,
    context: AppraisalContext,
  ): StoreChange[] {
    const { crypto, authority } = this.#options;
    const { digest: requestDigest, id } = request;
    if (readNodeId(id).role === 'authority')
      throw refuse(
        'OOTO_AUTHORITY_NOT_A_FOUNDER',
        'nobody is invited into the authority; its committee changes otherwise',
      );
    const grant = verifyClaim(crypto, authority.genesis, { ...right, id, requestDigest, now: context.now });
    this.#requireInvitedTpm(request, grant.endorsementKey, context.now);
    const storeKey = inviteStoreKey(grant);
    requireUnspent(context.bound(storeKey), requestDigest);
    this.#reservations.requireFree(storeKey, requestDigest, context.now);
    return [{ put: storeKey, value: requestDigest }];
  }

  /** The operators' word in the invite is the last; without it the endorsement key is judged by list or certificate. */
  #requireInvitedTpm({ tpm }: EnrolmentRequest, granted: Uint8Array | undefined, now: number): void {
    if (!tpm) {
      if (granted) throw refuse('OOTO_AUTHORITY_DEVICE', 'the invite is for a node with a TPM');
      return;
    }
    const { endorsementKey } = deviceOf(this.#options.crypto, tpm);
    if (granted && !equal(granted, endorsementKey)) throw notVouchedFor();
    this.#requireEndorsed(tpm, granted ? 'named' : 'judged', now);
  }

  #requireEndorsed(tpm: TpmKeys, vouched: Vouched, now: number): void {
    const { endorsement } = this.#options;
    if (!endorsement && vouched === 'judged') throw notVouchedFor();
    endorsement?.(tpm, vouched, now);
  }

  /**
   * Whether this request may become this certificate body: it proves possession of its key, is for this mesh and
   * for a name it may have, its evidence answers this member's own challenge, and the body says what it asks.
   * @throws OOTO_AUTHORITY_*, OOTO_ATTEST_*, OOTO_CERT_*, OOTO_ENVELOPE_* (peer), one for each check.
   */
  appraise(application: Application, tbs: Uint8Array, context: AppraisalContext): Appraisal {
    const { crypto, authority, longestLifeMs } = this.#options;
    const request = readRequest(crypto, application.request);
    const changes = this.requireRight(request, application.claim, context);
    const { seed } = this.#requireOwnNonce(request, application, context.now);
    const { evidence, device, bindings } = this.#judgeEvidence(request, application, seed, context);
    requireTier(request, evidence.verdict);
    requireFaithful(crypto, authority, tbs, { request, now: context.now, longestLifeMs });
    this.#challenges.delete(hex(request.digest));
    const leaf: CertificateLeaf = {
      kind: 'certificate',
      tbs: crypto.sha256(tbs),
      issuer: crypto.sha256(authority.groupKey),
      id: request.id,
      key: crypto.sha256(request.key.bytes),
      evidence: evidence.digest,
      verdict: evidence.verdict,
      ...(device ? { device } : {}),
    };
    return { request, leaf: encodeLeaf(leaf), changes: [...changes, ...bindings] };
  }

  /** The evidence, and where a TPM is named, that it is this one, and whose it is from now on. */
  #judgeEvidence(
    request: EnrolmentRequest,
    { nonces, evidence: encoded, claim: right }: Application,
    seed: Uint8Array,
    { bound }: AppraisalContext,
  ): { evidence: JudgedEvidence; device?: LoggedDevice; bindings: StoreChange[] } {
    const { crypto, judge, name: member } = this.#options;
    const { id, tpm: keys, digest } = request;
    if (!keys) return this.#judgeWithoutTpm(judge(request, nonces, encoded), id, bound);
    const device = deviceOf(crypto, keys);
    const binding = bindDevice(bound, device, id);
    const seen = isNamed(right) ? undefined : lastClock(bound, device);
    const evidence = judge(request, nonces, encoded, seen);
    if (!evidence.tpm) throw refuse('OOTO_AUTHORITY_DEVICE', 'a TPM is named, and the evidence is of none');
    const { clock, answers } = evidence.tpm;
    requireOpened(crypto, seed, keys, { member, request: digest, answers });
    const logged = { ...device, vouched: vouchedBy(right) };
    return { evidence, device: logged, bindings: [binding, keepClock(device, clock)] };
  }

  #judgeWithoutTpm(evidence: JudgedEvidence, id: string, bound: AppraisalContext['bound']) {
    const { authenticator } = evidence;
    if (!authenticator) return { evidence, bindings: [] };
    return { evidence, bindings: [bindAuthenticator(this.#options.crypto, bound, authenticator, id)] };
  }

  #requireRoom(coordinator: string): void {
    const share = Math.floor(MOST_CHALLENGES / this.#options.authority.members.length);
    const open = [...this.#challenges.values()].filter((challenge) => challenge.coordinator === coordinator);
    if (open.length >= share)
      throw new OotoError('OOTO_AUTHORITY_BUSY', 'environment', 'too many enrolments are under way');
  }

  #requireFounder({ id, key, tpm }: EnrolmentRequest): void {
    const { role, name } = readNodeId(id);
    const founder = this.#options.authority.memberNamed(name);
    if (role !== 'authority' || !founder || !equal(founder.identityKey, key.bytes))
      throw refuse('OOTO_AUTHORITY_NOT_A_FOUNDER', 'the committee has no such member');
    if (!isSameTpm(founder.tpm, tpm))
      throw refuse('OOTO_AUTHORITY_DEVICE', 'the committee gives this member another TPM');
  }

  #requireHolder(request: EnrolmentRequest, credential: Uint8Array, context: { now: number }): void {
    const { crypto, authority } = this.#options;
    if (!authority.hasRoot)
      throw refuse('OOTO_AUTHORITY_RENEWAL', 'there is no root to judge the certificate by');
    const holder = validateCredential(crypto, { authority }, credential, {
      time: context.now,
      expectedId: request.id,
    });
    this.#requireSameHolder(request, holder, context);
  }

  /** A rescue lets certificates of the key before come back that were valid since a time that operators have signed. */
  #requireReturning(request: EnrolmentRequest, credential: Uint8Array, context: { now: number }): void {
    const { crypto, authority } = this.#options;
    const { claims } = readCertificate(readCredential(credential).certificate);
    const holder = validateCredential(crypto, { authority }, credential, {
      time: claims.notBefore,
      expectedId: request.id,
    });
    const since = authority.returningSince(holder.issuerKey, context.now);
    if (since === undefined || holder.notAfter < since)
      throw refuse('OOTO_AUTHORITY_RETURN', 'operators have not let this certificate come back');
    this.#requireSameHolder(request, holder, context);
  }

  /** The key, the tier and the TPM that it had. */
  #requireSameHolder(request: EnrolmentRequest, holder: ValidCredential, context: { now: number }): void {
    const { crypto } = this.#options;
    if (!equal(holder.publicKey.bytes, request.key.bytes))
      throw refuse('OOTO_AUTHORITY_RENEWAL', 'a renewal keeps the key; a new key needs a new invite');
    if (holder.tier !== request.tier)
      throw refuse('OOTO_AUTHORITY_RENEWAL', 'a renewal keeps the tier; another needs a new invite');
    if (!request.tpm) return;
    if (!holder.device || !isSameEndorsement(crypto, request.tpm, holder.device))
      throw refuse('OOTO_AUTHORITY_DEVICE', 'a renewal keeps the TPM; another needs a new invite');
    this.#requireEndorsed(request.tpm, holder.device.vouched, context.now);
  }

  #requireOwnNonce(request: EnrolmentRequest, { nonces }: Application, now: number): OpenChallenge {
    const open = this.#challenges.get(hex(request.digest));
    const names = this.#options.authority.members.map(({ name }) => name);
    const order = nonces.map(({ member }) => names.indexOf(member));
    const isOrdered = order.every((position, i) => position >= 0 && (i === 0 || position > order[i - 1]));
    const own = nonces.find(({ member }) => member === this.#options.name);
    if (!open || open.until <= now || !isOrdered || !own || !equal(own.nonce, open.nonce))
      throw refuse('OOTO_AUTHORITY_CHALLENGE', 'the evidence does not answer the challenge of this member');
    return open;
  }
}

/** Whether operators named this TPM in a verified invite: they may have cleared it, and then it counts from zero. */
function isNamed(right: Claim): boolean {
  return right.kind === 'invite' && readGrant(right.grant).endorsementKey !== undefined;
}

/** Of a right that was verified: whose word the TPM stands on from now on. */
function vouchedBy(right: Claim): Vouched {
  if (right.kind === 'founder') return 'named';
  if (right.kind === 'invite') return isNamed(right) ? 'named' : 'judged';
  const entry = readLeaf(readCredential(right.credential).proofs[0].leaf);
  return entry.kind === 'certificate' && entry.device ? entry.device.vouched : 'judged';
}

function notVouchedFor(): OotoError {
  return refuse('OOTO_AUTHORITY_DEVICE', 'no operator vouches for the endorsement key of this TPM');
}

function isSameEndorsement(crypto: Crypto, keys: TpmKeys, device: Device): boolean {
  return equal(deviceOf(crypto, keys).endorsementKey, device.endorsementKey);
}

function isSameTpm(a: TpmKeys | undefined, b: TpmKeys | undefined): boolean {
  if (!a || !b) return a === b;
  return equal(a.endorsementKey, b.endorsementKey) && equal(a.attestationKey, b.attestationKey);
}

function requireTier(request: EnrolmentRequest, verdict: string): void {
  if (request.tier !== verdict)
    throw refuse('OOTO_AUTHORITY_TIER', `tier ${request.tier} is asked for on evidence for ${verdict}`);
}

function refuse(code: string, message: string): OotoError {
  return new OotoError(code, 'peer', message);
}
