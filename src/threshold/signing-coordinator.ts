/**
 * The coordinator's side of signing, a machine without I/O. What flows through here, in order: all candidates are
 * asked for commitments; the first t that answer are sent the list; their shares are summed and the signature is
 * checked before anybody sees it. When it does not hold, each share is checked and the liars are named; whoever
 * lies, refuses or stays silent is passed over, and a new attempt with fresh nonces starts with the others. The
 * coordinator holds no secret and cannot make a member sign anything: it can only fail to finish.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CommitteeMember, memberNamed } from './committee.ts';
import { type NonceCommitment, SigningPackage, verifyCofactorless } from './frost.ts';
import type { Outgoing } from './outgoing.ts';
import { groupKey, type PublicPackage, publicPackageDigest, verifyingShares } from './public-package.ts';
import { wrongState } from './refusal.ts';
import {
  decodeSigningMessage,
  encodeCommitmentRequest,
  encodeShareRequest,
  SIGNING_SESSION_BYTES,
  type SigningBinding,
  type SigningBody,
  sameBinding,
  signingMessageDigest,
} from './signing-message.ts';

export interface SigningCoordinatorOptions {
  crypto: Crypto;
  publicPackage: PublicPackage;
  /** 32 bytes, never used before. */
  session: Uint8Array;
  message: Uint8Array;
  /** Names of members to ask; all when absent. */
  candidates?: readonly string[];
  /** Milliseconds a member has for each answer; 5,000 when absent. */
  roundMs?: number;
}

/** Why a member was passed over. */
export type PassedOver = 'silent' | 'refused' | 'malformed' | 'bad share';

type Stage = 'new' | 'commitments' | 'shares' | 'finished' | 'failed';

export class SigningCoordinator {
  readonly #crypto: Crypto;
  readonly #publicPackage: PublicPackage;
  readonly #candidates: CommitteeMember[];
  readonly #message: Uint8Array;
  readonly #roundMs: number;
  readonly #passedOver = new Map<string, PassedOver>();
  #binding: SigningBinding;
  #commitments = new Map<string, NonceCommitment>();
  #signers: CommitteeMember[] = [];
  #shares = new Map<string, Uint8Array>();
  #stage: Stage = 'new';
  #deadline = Number.POSITIVE_INFINITY;
  #signature: Uint8Array | undefined;

  /** @throws OOTO_THRESHOLD_MEMBER for a candidate that is no member, OOTO_THRESHOLD_SESSION (caller). */
  constructor(options: SigningCoordinatorOptions) {
    const { crypto, publicPackage, session, message } = options;
    const { committee } = publicPackage;
    if (session.length !== SIGNING_SESSION_BYTES)
      throw new OotoError('OOTO_THRESHOLD_SESSION', 'caller', `a session of ${session.length} bytes`);
    this.#crypto = crypto;
    this.#publicPackage = publicPackage;
    this.#candidates = options.candidates
      ? [...new Set(options.candidates)].map((name) => memberNamed(committee, name))
      : [...committee.members];
    this.#message = message.slice();
    this.#roundMs = options.roundMs ?? 5_000;
    this.#binding = {
      publicDigest: publicPackageDigest(crypto, publicPackage),
      session: session.slice(),
      messageDigest: signingMessageDigest(crypto, message),
      attempt: 0,
    };
  }

  /** The requests of the first attempt. @throws OOTO_THRESHOLD_TOO_FEW (caller) for fewer candidates than t. */
  start(now: number): Outgoing[] {
    if (this.#stage !== 'new') throw wrongState('signing has been started');
    return this.#attempt(now);
  }

  /**
   * Takes an answer that the channel says is from `from`. Those of another session or an earlier attempt are ignored.
   * @throws OOTO_THRESHOLD_BAD_SHARE or OOTO_THRESHOLD_TOO_FEW (peer) with the culprits, when too few are left.
   */
  receive(from: string, bytes: Uint8Array, now: number): Outgoing[] {
    const member = memberNamed(this.#publicPackage.committee, from);
    if (!this.#isRunning || this.#passedOver.has(from) || !this.#candidates.includes(member)) return [];
    const body = this.#read(bytes);
    if (body === 'foreign') return [];
    if (body === 'malformed') return this.#passOver([from], 'malformed', now);
    if (body.kind === 'commitment') return this.#takeCommitment(member, body.commitment, now);
    if (body.kind === 'share') return this.#takeShare(member, body.share, now);
    return this.#passOver([from], 'malformed', now);
  }

  /** A member said no, or its connection is gone. @throws as {@link receive}. */
  refused(name: string, now: number): Outgoing[] {
    memberNamed(this.#publicPackage.committee, name);
    return this.#isRunning && !this.#passedOver.has(name) ? this.#passOver([name], 'refused', now) : [];
  }

  /** Passes over who is silent past the deadline. @throws as {@link receive}. */
  tick(now: number): Outgoing[] {
    return this.#isRunning && now >= this.#deadline ? this.#passOver(this.missing, 'silent', now) : [];
  }

  /** When `tick` is to be called next; undefined when there is nothing to wait for. */
  get deadline(): number | undefined {
    return this.#isRunning ? this.#deadline : undefined;
  }

  /** The signature (64 bytes), once there is one that holds. */
  get signature(): Uint8Array | undefined {
    return this.#signature;
  }

  /** Who was passed over, and why; also after success. */
  get passedOver(): ReadonlyMap<string, PassedOver> {
    return this.#passedOver;
  }

  /** Whose answer is awaited. */
  get missing(): string[] {
    if (this.#stage === 'commitments')
      return this.#remaining().filter((name) => !this.#commitments.has(name));
    if (this.#stage === 'shares')
      return this.#signers.map(({ name }) => name).filter((name) => !this.#shares.has(name));
    return [];
  }

  get #isRunning(): boolean {
    return this.#stage === 'commitments' || this.#stage === 'shares';
  }

  #remaining(): string[] {
    return this.#candidates.map(({ name }) => name).filter((name) => !this.#passedOver.has(name));
  }

  #attempt(now: number): Outgoing[] {
    const remaining = this.#remaining();
    if (remaining.length < this.#publicPackage.committee.threshold) throw this.#tooFew();
    this.#binding = { ...this.#binding, attempt: this.#binding.attempt + 1 };
    this.#commitments = new Map();
    this.#shares = new Map();
    this.#signers = [];
    this.#stage = 'commitments';
    this.#deadline = now + this.#roundMs;
    const bytes = encodeCommitmentRequest(this.#binding);
    return remaining.map((to) => ({ to, bytes }));
  }

  #read(bytes: Uint8Array): SigningBody | 'foreign' | 'malformed' {
    try {
      const { binding, body } = decodeSigningMessage(bytes);
      if (sameBinding(binding, this.#binding)) return body;
      const isEarlier = binding.attempt < this.#binding.attempt;
      return isEarlier || !equal(binding.session, this.#binding.session) ? 'foreign' : 'malformed';
    } catch {
      return 'malformed';
    }
  }

  #takeCommitment(member: CommitteeMember, commitment: NonceCommitment, now: number): Outgoing[] {
    if (this.#stage !== 'commitments' || this.#commitments.has(member.name)) return [];
    if (!isAdmissible(this.#crypto, member, commitment))
      return this.#passOver([member.name], 'malformed', now);
    this.#commitments.set(member.name, commitment);
    const { threshold } = this.#publicPackage.committee;
    return this.#commitments.size === threshold ? this.#askForShares(now) : [];
  }

  #askForShares(now: number): Outgoing[] {
    this.#signers = this.#publicPackage.committee.members.filter(({ name }) => this.#commitments.has(name));
    this.#stage = 'shares';
    this.#deadline = now + this.#roundMs;
    const bytes = encodeShareRequest(this.#binding, this.#list());
    return this.#signers.map(({ name }) => ({ to: name, bytes }));
  }

  #takeShare(member: CommitteeMember, share: Uint8Array, now: number): Outgoing[] {
    if (!this.#signers.includes(member) || this.#shares.has(member.name)) return [];
    try {
      this.#crypto.edwards25519.admitScalar(share);
    } catch {
      return this.#passOver([member.name], 'malformed', now);
    }
    this.#shares.set(member.name, share);
    return this.#shares.size === this.#signers.length ? this.#aggregate(now) : [];
  }

  /** RFC 9591 section 5.3, and section 5.4 when the sum does not hold. */
  #aggregate(now: number): Outgoing[] {
    const key = groupKey(this.#publicPackage);
    const signing = new SigningPackage(this.#crypto, key, this.#list(), this.#message);
    try {
      const signature = signing.aggregate(this.#signers.map(({ name }) => this.#shares.get(name)!));
      this.#crypto.ed25519.verify(key, this.#message, signature);
      verifyCofactorless(this.#crypto, key, this.#message, signature);
      this.#signature = signature;
    } catch (cause) {
      const liars = this.#liars(signing);
      if (liars.length > 0) return this.#passOver(liars, 'bad share', now);
      throw this.#failed(
        new OotoError('OOTO_THRESHOLD_AGGREGATE', 'local', 'good shares sum to no signature', { cause }),
      );
    }
    this.#stage = 'finished';
    return [];
  }

  #liars(signing: SigningPackage): string[] {
    const expected = verifyingShares(this.#crypto, this.#publicPackage);
    const holds = ({ identifier, name }: CommitteeMember) => {
      try {
        signing.verifyShare(identifier, expected.get(identifier)!, this.#shares.get(name)!);
        return true;
      } catch {
        return false;
      }
    };
    return this.#signers.filter((signer) => !holds(signer)).map(({ name }) => name);
  }

  /** In the order of identifiers, as the members demand. */
  #list(): NonceCommitment[] {
    return this.#signers.map(({ name }) => this.#commitments.get(name)!);
  }

  /** Marks members; a new attempt starts unless the running one can do without them. */
  #passOver(names: readonly string[], why: PassedOver, now: number): Outgoing[] {
    for (const name of names) this.#passedOver.set(name, why);
    const isNeeded =
      this.#stage === 'shares'
        ? this.#signers.some(({ name }) => this.#passedOver.has(name))
        : this.#remaining().length < this.#publicPackage.committee.threshold;
    if (isNeeded) return this.#attempt(now);
    for (const name of names) this.#commitments.delete(name);
    return [];
  }

  #tooFew(): OotoError {
    const all = [...this.#passedOver];
    const liars = all.filter(([, why]) => why === 'bad share' || why === 'malformed').map(([name]) => name);
    const missing = all.filter(([name]) => !liars.includes(name)).map(([name]) => name);
    const { threshold } = this.#publicPackage.committee;
    const account = all.map(([name, why]) => `${name} (${why})`).join(', ') || 'nobody was passed over';
    return this.#failed(
      new OotoError(
        liars.length > 0 ? 'OOTO_THRESHOLD_BAD_SHARE' : 'OOTO_THRESHOLD_TOO_FEW',
        all.length > 0 ? 'peer' : 'caller',
        `${this.#remaining().length} of the ${threshold} members needed can sign: ${account}`,
        {
          culprits: liars.length > 0 ? liars : missing,
          hint: 'nothing was signed; try again when enough members answer',
        },
      ),
    );
  }

  #failed(error: OotoError): OotoError {
    this.#stage = 'failed';
    return error;
  }
}

function isAdmissible(
  { edwards25519 }: Crypto,
  { identifier }: CommitteeMember,
  commitment: NonceCommitment,
): boolean {
  if (commitment.identifier !== identifier) return false;
  try {
    edwards25519.admitElement(commitment.hiding);
    edwards25519.admitElement(commitment.binding);
    return true;
  } catch {
    return false;
  }
}
