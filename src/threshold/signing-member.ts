/**
 * A member's side of signing, a machine without I/O. What flows through here, in order: the caller's own appraisal
 * approves a message for a session and a coordinator; the coordinator asks for a commitment and gets fresh nonces'
 * public halves; it sends the list of commitments; the nonces are taken out of memory, the list is judged, and one
 * share goes back. The message signed is always the approved one; a coordinator only ever names its digest.
 * Nonces live in memory alone: after a restart the coordinator asks again.
 */
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type NonceCommitment, SigningPackage } from './frost.ts';
import { NoncePair } from './nonce-pair.ts';
import { groupKey, type PublicPackage, publicPackageDigest } from './public-package.ts';
import { requireFitting, type SecretShare } from './secret-share.ts';
import {
  decodeSigningMessage,
  encodeCommitment,
  encodeSignatureShare,
  SIGNING_SESSION_BYTES,
  type SigningBinding,
  sameBinding,
  sameCommitment,
  signingMessageDigest,
} from './signing-message.ts';

export interface SigningMemberOptions {
  crypto: Crypto;
  publicPackage: PublicPackage;
  /** Taken over: disposed of with the machine. */
  secretShare: SecretShare;
  /** Sessions open at once at most, 4096 when absent; each coordinator may have as many as there are for each member. */
  maxSessions?: number;
  /** Milliseconds from approval until a session is forgotten; 60,000 when absent. */
  sessionMs?: number;
}

/** What the caller's appraisal has found worth signing. */
export interface Approval {
  /** 32 bytes, from the coordinator. */
  session: Uint8Array;
  /** The exact bytes to be signed, made by this member's own appraisal. */
  message: Uint8Array;
  /** The only party whose messages are taken for this session. */
  coordinator: string;
}

interface Session {
  readonly coordinator: string;
  readonly message: Uint8Array;
  readonly messageDigest: Uint8Array;
  readonly expires: number;
  /** The newest attempt; 0 before the first. */
  attempt: number;
  /** Gone once the share of the newest attempt was asked for. */
  nonces: NoncePair | undefined;
}

export class SigningMember implements Disposable {
  readonly #crypto: Crypto;
  readonly #publicPackage: PublicPackage;
  readonly #publicDigest: Uint8Array;
  readonly #share: SecretShare;
  readonly #maxSessions: number;
  readonly #sessionMs: number;
  readonly #sessions = new Map<string, Session>();

  /** @throws OOTO_THRESHOLD_KEY (local) when share and public package do not belong together. */
  constructor(options: SigningMemberOptions) {
    const { crypto, publicPackage, secretShare } = options;
    requireFitting(crypto, publicPackage, secretShare);
    this.#crypto = crypto;
    this.#publicPackage = publicPackage;
    this.#publicDigest = publicPackageDigest(crypto, publicPackage);
    this.#share = secretShare;
    this.#maxSessions = options.maxSessions ?? 4096;
    this.#sessionMs = options.sessionMs ?? 60_000;
  }

  /**
   * Allows this message to be signed in this session.
   * @throws OOTO_THRESHOLD_SESSION (peer) for a session id that is open or not 32 bytes, OOTO_THRESHOLD_BUSY
   * (environment) when this coordinator has too many open: none can keep the others from signing.
   */
  approve({ session, message, coordinator }: Approval, now: number): void {
    this.tick(now);
    const key = hex(session);
    if (session.length !== SIGNING_SESSION_BYTES || this.#sessions.has(key))
      throw new OotoError('OOTO_THRESHOLD_SESSION', 'peer', 'this session id cannot be opened');
    this.#requireRoom(coordinator);
    this.#sessions.set(key, {
      coordinator,
      message: message.slice(),
      messageDigest: signingMessageDigest(this.#crypto, message),
      expires: now + this.#sessionMs,
      attempt: 0,
      nonces: undefined,
    });
  }

  /**
   * Answers a message of the coordinator: a commitment or a share.
   * @throws OOTO_THRESHOLD_NOT_APPROVED (peer) for a session that is not open with this coordinator,
   * OOTO_THRESHOLD_EPOCH for another key or committee epoch, OOTO_THRESHOLD_MESSAGE for another message,
   * OOTO_THRESHOLD_NONCE_USED for a second share or an old attempt, OOTO_THRESHOLD_COMMITMENTS for a list that is
   * not as it must be.
   */
  receive(from: string, bytes: Uint8Array, now: number): Uint8Array {
    this.tick(now);
    const { binding, body } = decodeSigningMessage(bytes);
    const session = this.#sessions.get(hex(binding.session));
    if (session?.coordinator !== from)
      throw new OotoError(
        'OOTO_THRESHOLD_NOT_APPROVED',
        'peer',
        `${from} asks in a session that is not open`,
      );
    if (body.kind === 'commitment-request') return this.#commit(session, binding);
    if (body.kind === 'share-request') return this.#sign(session, binding, body.commitments);
    throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `a member is sent no ${body.kind}`);
  }

  /** Forgets sessions whose time is over, with their nonces. */
  tick(now: number): void {
    for (const [key, session] of this.#sessions) if (now >= session.expires) this.#close(key);
  }

  /** Forgets one session, for example because the approval is withdrawn. */
  forget(session: Uint8Array): void {
    this.#close(hex(session));
  }

  [Symbol.dispose](): void {
    for (const key of this.#sessions.keys()) this.#close(key);
    this.#share[Symbol.dispose]();
  }

  #requireRoom(coordinator: string): void {
    const share = Math.floor(this.#maxSessions / this.#publicPackage.committee.members.length);
    const open = [...this.#sessions.values()].filter((session) => session.coordinator === coordinator).length;
    if (open >= share || this.#sessions.size >= this.#maxSessions)
      throw new OotoError('OOTO_THRESHOLD_BUSY', 'environment', `${coordinator} has ${open} sessions open`);
  }

  /** A new attempt: new nonces, and those of the attempt before are erased unused. */
  #commit(session: Session, binding: SigningBinding): Uint8Array {
    this.#requireAgreed(session, binding);
    const { members } = this.#publicPackage.committee;
    if (binding.attempt <= session.attempt || binding.attempt > members.length)
      throw nonceUsed(`attempt ${binding.attempt} after attempt ${session.attempt}`);
    session.nonces?.[Symbol.dispose]();
    session.attempt = binding.attempt;
    session.nonces = new NoncePair(this.#crypto, this.#share);
    return encodeCommitment(binding, session.nonces.commitment);
  }

  /** The nonces leave the session before anything is judged: whatever the request is, they serve no other. */
  #sign(session: Session, binding: SigningBinding, commitments: NonceCommitment[]): Uint8Array {
    const { nonces } = session;
    session.nonces = undefined;
    if (!nonces) throw nonceUsed('no nonces are open for it');
    try {
      this.#requireAgreed(session, binding);
      if (binding.attempt !== session.attempt) throw nonceUsed(`attempt ${binding.attempt} is not open`);
      this.#requireProper(commitments, nonces.commitment);
      return encodeSignatureShare(binding, this.#computeShare(nonces, commitments, session.message));
    } finally {
      nonces[Symbol.dispose]();
    }
  }

  /** RFC 9591 section 5.2. */
  #computeShare(nonces: NoncePair, commitments: NonceCommitment[], message: Uint8Array): Uint8Array {
    this.#requireElements(commitments);
    const signing = new SigningPackage(this.#crypto, groupKey(this.#publicPackage), commitments, message);
    return this.#share.use((scalar) =>
      nonces.spend((pair) => signing.share(this.#share.identifier, scalar, pair)),
    );
  }

  #requireElements(commitments: readonly NonceCommitment[]): void {
    const { admitElement } = this.#crypto.edwards25519;
    try {
      for (const { hiding, binding } of commitments) {
        admitElement(hiding);
        admitElement(binding);
      }
    } catch (cause) {
      throw new OotoError('OOTO_THRESHOLD_COMMITMENTS', 'peer', 'a commitment is no element', { cause });
    }
  }

  #requireAgreed(session: Session, binding: SigningBinding): void {
    const agreed = { ...binding, publicDigest: this.#publicDigest };
    if (!sameBinding(binding, agreed))
      throw new OotoError(
        'OOTO_THRESHOLD_EPOCH',
        'peer',
        'the coordinator means another committee epoch or key',
      );
    if (!sameBinding(binding, { ...agreed, messageDigest: session.messageDigest }))
      throw new OotoError(
        'OOTO_THRESHOLD_MESSAGE',
        'peer',
        'the coordinator means another message than the approved',
      );
  }

  /** RFC 9591 section 5.2: t to n distinct members in order, this one among them with what it sent. */
  #requireProper(list: readonly NonceCommitment[], own: NonceCommitment): void {
    const { threshold, members } = this.#publicPackage.committee;
    const known = new Set(members.map((member) => member.identifier));
    const isOrdered = list.every(({ identifier }, i) => i === 0 || identifier > list[i - 1].identifier);
    const isKnown = list.every(({ identifier }) => known.has(identifier));
    const holdsOwn = list.some((entry) => sameCommitment(entry, own));
    if (list.length < threshold || !isOrdered || !isKnown || !holdsOwn)
      throw new OotoError(
        'OOTO_THRESHOLD_COMMITMENTS',
        'peer',
        `a list of ${list.length} commitments that is not ours`,
      );
  }

  #close(key: string): void {
    const session = this.#sessions.get(key);
    session?.nonces?.[Symbol.dispose]();
    this.#sessions.delete(key);
  }
}

function nonceUsed(why: string): OotoError {
  return new OotoError('OOTO_THRESHOLD_NONCE_USED', 'peer', `no share for this request: ${why}`);
}
