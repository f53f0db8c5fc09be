/**
 * How a coordinator gets the authority to act. What flows through here, in order: members are asked for their
 * nonces; the node answers all of them with one piece of evidence; the body is written and every member appraises
 * and logs it; those that did sign together. The coordinator carries and collects; it cannot make anybody sign.
 */

import type { ApprovedAction } from '../../authority/action.ts';
import type { AuthorityDocuments, AuthorityView } from '../../authority/authority-view.ts';
import { leafTbs, rootTbs } from '../../authority/certification.ts';
import { type LogProof, readMemberProof } from '../../authority/credential.ts';
import { encodeHead, headMessage, type MeshHeadBody } from '../../authority/head.ts';
import type { Application, Claim } from '../../authority/member.ts';
import { type EnrolmentRequest, readRequest } from '../../authority/request.ts';
import { encodeRevocations, type RevocationsBody, revocationsMessage } from '../../authority/revocation.ts';
import { OotoError } from '../../base/errors.ts';
import { assembleCertificate } from '../../cert/write.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { bytesBetween, bytes as bytesOf, fields } from '../../envelope/fields.ts';
import type { Clock, Logger } from '../../ports.ts';
import { type MemberChallenge, sealedShape } from '../member-challenge.ts';
import { within } from '../patience.ts';
import { asOotoError } from '../session.ts';
import { signWithGroup } from './group-signature.ts';

const ANSWER_MS = 5_000;
/** For each member that is asked alone, before all others. */
const FIRST_ANSWER_MS = 2_000;
/** How often a coordinator tries to have an invite kept that others want too, and how long it waits between. */
const MOST_TRIES = 6;
const PATIENT_TRIES = 3;
const AGAIN_MS = 50;

/** Carries a request to a member (this one included) and its answer back. */
export type AskMember = (
  member: string,
  operation: 'authority.challenge' | 'authority.appraise' | 'authority.sign',
  body: CborValue,
  timeoutMs: number,
) => Promise<CborValue>;

export interface IssuedCertificate {
  certificate: Uint8Array;
  proofs: LogProof[];
}

export class Issuing {
  readonly #crypto: Crypto;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #authority: AuthorityView;
  readonly #ask: AskMember;

  constructor(options: {
    crypto: Crypto;
    clock: Clock;
    logger: Logger;
    authority: AuthorityView;
    ask: AskMember;
  }) {
    this.#crypto = options.crypto;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#authority = options.authority;
    this.#ask = options.ask;
  }

  /** The challenges of the members that answer. @throws OOTO_AUTHORITY_UNAVAILABLE (environment) below the threshold. */
  async challenge({ digest, tpm }: Pick<EnrolmentRequest, 'digest' | 'tpm'>): Promise<MemberChallenge[]> {
    const body: CborValue = { digest, ...(tpm ? { tpm: { ...tpm } } : {}) };
    const answers = await this.#askAll(this.#members, 'authority.challenge', body, challengeReader(tpm));
    return this.#requireEnough(answers).map(({ answer }) => answer);
  }

  /**
   * The same for a newcomer, whose invite enough members keep for it from now on. All coordinators begin at the same
   * member, and whom it keeps waiting troubles no other: of many that claim one invite at once, one goes through. A
   * member that keeps everybody waiting is left out after a while.
   * @throws OOTO_AUTHORITY_INVITE_BUSY (environment) while the invite is being spent on another request.
   */
  async challengeInvited(request: EnrolmentRequest, claim: Claim): Promise<MemberChallenge[]> {
    const { digest, tpm, encoded } = request;
    const invited = { request: encoded, claim: { ...claim } };
    const body: CborValue = { digest, ...(tpm ? { tpm: { ...tpm } } : {}), invited };
    const busy = new Set<string>();
    for (let tries = 1; ; tries++) {
      const isPatient = tries <= PATIENT_TRIES;
      const first = this.#members.filter((member) => isPatient || !busy.has(member));
      const answers = await this.#askFirstThenAll(first, body, challengeReader(tpm));
      const refused = answers.bad.filter(isBusy);
      if (answers.good.length >= this.#authority.threshold || refused.length === 0 || tries === MOST_TRIES)
        return this.#requireEnough(answers).map(({ answer }) => answer);
      for (const { member } of refused) busy.add(member);
      await this.#release(digest, answers.good);
      await this.#pauseAtRandom(tries);
    }
  }

  /** One after the other until a member answers or keeps us waiting; where one answered, all others at once. */
  async #askFirstThenAll<T>(first: readonly string[], body: CborValue, read: Reader<T>): Promise<Answers<T>> {
    const asked: Answers<T> = { good: [], bad: [] };
    for (const member of first) {
      const { good, bad } = await this.#askAll([member], 'authority.challenge', body, read, FIRST_ANSWER_MS);
      asked.good.push(...good);
      asked.bad.push(...bad);
      if (bad.some(isBusy)) return asked;
      if (good.length > 0) break;
    }
    const known = new Set([...asked.good, ...asked.bad].map(({ member }) => member));
    const others = this.#members.filter((member) => !known.has(member));
    const { good, bad } = await this.#askAll(others, 'authority.challenge', body, read);
    const all = [...asked.good, ...good];
    const inOrder = this.#members.flatMap((name) => all.filter(({ member }) => member === name));
    return { good: inOrder, bad: [...asked.bad, ...bad] };
  }

  async #release(digest: Uint8Array, good: readonly { member: string }[]): Promise<void> {
    const kept = good.map(({ member }) => member);
    await this.#askAll(kept, 'authority.challenge', { digest, isReleased: true }, agreed);
  }

  /** Coordinators that see different members dead can be in each other's way; not twice in the same moment. */
  #pauseAtRandom(tries: number): Promise<void> {
    const [random] = this.#crypto.random.bytes(1);
    return new Promise((resolve) => {
      this.#clock.after(((1 + random) / 256) * AGAIN_MS * 2 ** tries, resolve);
    });
  }

  /** A certificate for an application, signed by the group, with the proofs of the members that logged it. */
  async issue(application: Application): Promise<IssuedCertificate> {
    const request = readRequest(this.#crypto, application.request);
    const tbs = await leafTbs(this.#crypto, this.#authority, request, this.#clock.now());
    const members = application.nonces.map(({ member }) => member);
    const proposal = { kind: 'certificate', application: plainApplication(application), tbs };
    const certificate = { ...request, tbsSha256: this.#crypto.sha256(tbs), publicKey: request.key };
    const read: Reader<LogProof> = (member, answer) =>
      readMemberProof(this.#crypto, this.#authority, { member, answer, certificate });
    const { signature, answers } = await this.#signTogether(members, proposal, tbs, read, shownIn);
    return { certificate: await assembleCertificate(tbs, signature), proofs: answers };
  }

  /** The group key's own certificate. */
  async issueRoot(): Promise<Uint8Array> {
    const tbs = await rootTbs(this.#crypto, this.#authority.bundle);
    const { signature } = await this.#signTogether(this.#members, { kind: 'root' }, tbs, agreed);
    return assembleCertificate(tbs, signature);
  }

  /** @param documents those that it names and that the members do not have yet */
  async issueHead(body: MeshHeadBody, documents?: AuthorityDocuments): Promise<Uint8Array> {
    const proposal = {
      ...{ kind: 'head', body: body as unknown as CborValue },
      ...(documents ? { documents: documents as unknown as CborValue } : {}),
    };
    const { signature } = await this.#signTogether(this.#members, proposal, headMessage(body), agreed);
    return encodeHead(body, signature);
  }

  /** The statement of a version of the revocations, which the members make themselves from these actions. */
  async issueRevocations(body: RevocationsBody, approved: readonly ApprovedAction[]): Promise<Uint8Array> {
    const { version, time } = body;
    const causes = approved.map(({ action, digest }) => ({ number: action.number, digest }));
    const proposal = { kind: 'revocations', version, time, causes };
    const message = revocationsMessage(body);
    const { signature } = await this.#signTogether(this.#members, proposal, message, agreed);
    return encodeRevocations(body, signature);
  }

  get #members(): string[] {
    return this.#authority.activeMembers.map(({ name }) => name);
  }

  /** Those whose answer `read` accepts sign; they are shown what `show` makes of all answers. */
  async #signTogether<T>(
    members: readonly string[],
    proposal: Record<string, CborValue>,
    message: Uint8Array,
    read: Reader<T>,
    show: (answers: readonly T[]) => Record<string, CborValue> = () => ({}),
  ): Promise<{ signature: Uint8Array; answers: T[] }> {
    const session = this.#crypto.random.bytes(32);
    const body = { ...proposal, session };
    const good = this.#requireEnough(await this.#askAll(members, 'authority.appraise', body, read));
    const shown = show(good.map(({ answer }) => answer));
    const told = new Set<string>();
    const signature = await signWithGroup({
      crypto: this.#crypto,
      clock: this.#clock,
      publicPackage: this.#authority.publicPackage,
      session,
      message,
      candidates: good.map(({ member }) => member),
      ask: async (member, bytes) => {
        const body = { message: bytes, ...(told.has(member) ? {} : shown) };
        told.add(member);
        const answer = await this.#ask(member, 'authority.sign', body, ANSWER_MS);
        return bytesBetween(1, 64 * 1024)(answer, 'authority.sign');
      },
      passedOver: (members) => {
        for (const [member, why] of members)
          this.#logger.log('warn', 'a member was passed over', { member, why });
      },
    });
    return { signature, answers: good.map(({ answer }) => answer) };
  }

  /** A member that is late, refuses, or gives an answer that `read` throws at, is left out. */
  async #askAll<T>(
    members: readonly string[],
    operation: 'authority.challenge' | 'authority.appraise',
    body: CborValue,
    read: Reader<T>,
    answerMs = ANSWER_MS,
  ): Promise<Answers<T>> {
    const results = await Promise.allSettled(
      members.map(async (member) => {
        const answer = this.#ask(member, operation, body, answerMs);
        return read(member, await within(this.#clock, answerMs, operation, answer));
      }),
    );
    const answers: Answers<T> = { good: [], bad: [] };
    results.forEach((result, i) => {
      const member = members[i];
      if (result.status === 'fulfilled') answers.good.push({ member, answer: result.value });
      else answers.bad.push({ member, error: asOotoError(result.reason) });
    });
    for (const { member, error } of answers.bad)
      this.#logger.log('info', 'a member did not take part', { member, operation, code: error.code });
    return answers;
  }

  /** With too few members: the refusal, when one of them refused on the merits; else who was not there. */
  #requireEnough<T>({ good, bad }: Answers<T>): Answers<T>['good'] {
    const { threshold } = this.#authority;
    if (good.length >= threshold) return good;
    const refusal = bad.find(({ error }) => !isAbsence(error));
    if (refusal) throw refusal.error;
    const missing = bad.map(({ member }) => member);
    throw new OotoError(
      'OOTO_AUTHORITY_UNAVAILABLE',
      'environment',
      `${threshold} members of the authority are needed and ${good.length} can be reached; ` +
        `missing: ${missing.join(', ')}; nothing was lost, it goes on when enough are back`,
      { culprits: missing, hint: 'start the missing members, then try again' },
    );
  }
}

/** Judges what a member answered, or throws. */
type Reader<T> = (member: string, answer: CborValue) => T;

interface Answers<T> {
  good: { member: string; answer: T }[];
  bad: { member: string; error: OotoError }[];
}

function challengeReader(tpm: EnrolmentRequest['tpm']): Reader<MemberChallenge> {
  return (member, answer) => {
    if (!tpm) return { member, nonce: bytesOf(32)(answer, 'nonce') };
    const { nonce, ...sealed } = fields(answer, { nonce: bytesOf(32), ...sealedShape }, 'challenge');
    return { member, nonce, sealed };
  };
}

function isBusy({ error: { code } }: { error: OotoError }): boolean {
  return code === 'OOTO_AUTHORITY_INVITE_BUSY';
}

/** In which logs a certificate stands: signers remember it of each other before anybody has cosigned these logs. */
function shownIn(proofs: readonly LogProof[]): Record<string, CborValue> {
  return { logs: proofs.map(({ log, checkpoint }) => ({ log, checkpoint })) };
}

/** Root, head and documents are logged nowhere: to approve is all there is to say. */
const agreed: Reader<null> = () => null;

/** Whether the member was not there, as opposed to having said no. */
function isAbsence({ code }: OotoError): boolean {
  return (
    code.startsWith('OOTO_MESH_') || code.startsWith('OOTO_TRANSPORT_') || code.startsWith('OOTO_CHANNEL_')
  );
}

function plainApplication(application: Application): CborValue {
  return {
    ...application,
    claim: { ...application.claim },
    nonces: application.nonces.map((nonce) => ({ ...nonce })),
  } as CborValue;
}
