/**
 * How a coordinator gets the authority to act. What flows through here, in order: members are asked for their
 * nonces; the node answers all of them with one piece of evidence; the body is written and every member appraises
 * and logs it; those that did sign together. The coordinator carries and collects; it cannot make anybody sign.
 */

import { leafTbs, rootTbs } from '../authority/certification.ts';
import { type LogProof, logProofs } from '../authority/credential.ts';
import type { GenesisRecord } from '../authority/genesis.ts';
import { encodeHead, headMessage, type MeshHeadBody } from '../authority/head.ts';
import type { Application } from '../authority/member.ts';
import { readRequest } from '../authority/request.ts';
import { OotoError } from '../base/errors.ts';
import { assembleCertificate } from '../cert/write.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { CborValue } from '../envelope/cbor.ts';
import { bytesBetween, bytes as bytesOf } from '../envelope/fields.ts';
import type { Clock, Logger } from '../ports.ts';
import { signWithGroup } from './group-signature.ts';
import { asOotoError } from './session.ts';

const ANSWER_MS = 5_000;

/** Carries a request to a member (this one included) and its answer back. */
export type AskMember = (
  member: string,
  operation: 'authority.challenge' | 'authority.appraise' | 'authority.sign',
  body: CborValue,
  timeoutMs: number,
) => Promise<CborValue>;

export interface MemberNonce {
  member: string;
  nonce: Uint8Array;
}

export interface IssuedCertificate {
  certificate: Uint8Array;
  proofs: LogProof[];
}

export class Issuing {
  readonly #crypto: Crypto;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #genesis: GenesisRecord;
  readonly #ask: AskMember;

  constructor(options: {
    crypto: Crypto;
    clock: Clock;
    logger: Logger;
    genesis: GenesisRecord;
    ask: AskMember;
  }) {
    this.#crypto = options.crypto;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#genesis = options.genesis;
    this.#ask = options.ask;
  }

  /** The nonces of the members that answer. @throws OOTO_AUTHORITY_UNAVAILABLE (environment) below the threshold. */
  async challenge(requestDigest: Uint8Array): Promise<MemberNonce[]> {
    const answers = await this.#askAll(this.#members, 'authority.challenge', { digest: requestDigest });
    this.#requireEnough(answers);
    return answers.good.map(({ member, answer }) => ({ member, nonce: bytesOf(32)(answer, 'nonce') }));
  }

  /** A certificate for an application, signed by the group, with the proofs of the members that logged it. */
  async issue(application: Application): Promise<IssuedCertificate> {
    const request = readRequest(this.#crypto, application.request);
    const tbs = await leafTbs(this.#crypto, this.#genesis, request, this.#clock.now());
    const members = application.nonces.map(({ member }) => member);
    const proposal = { kind: 'certificate', application: plainApplication(application), tbs };
    const { signature, answers } = await this.#signTogether(members, proposal, tbs);
    const proofs = logProofs(answers, 'proofs');
    return { certificate: await assembleCertificate(tbs, signature), proofs };
  }

  /** The group key's own certificate. */
  async issueRoot(): Promise<Uint8Array> {
    const tbs = await rootTbs(this.#crypto, this.#genesis);
    const { signature } = await this.#signTogether(this.#members, { kind: 'root' }, tbs);
    return assembleCertificate(tbs, signature);
  }

  async issueHead(body: MeshHeadBody): Promise<Uint8Array> {
    const proposal = { kind: 'head', body: body as unknown as CborValue };
    const { signature } = await this.#signTogether(this.#members, proposal, headMessage(body));
    return encodeHead(body, signature);
  }

  get #members(): string[] {
    return this.#genesis.draft.founders.map(({ name }) => name);
  }

  async #signTogether(
    members: readonly string[],
    proposal: Record<string, CborValue>,
    message: Uint8Array,
  ): Promise<{ signature: Uint8Array; answers: CborValue[] }> {
    const session = this.#crypto.random.bytes(32);
    const answers = await this.#askAll(members, 'authority.appraise', { ...proposal, session });
    this.#requireEnough(answers);
    const signature = await signWithGroup({
      crypto: this.#crypto,
      clock: this.#clock,
      publicPackage: this.#genesis.publicPackage,
      session,
      message,
      candidates: answers.good.map(({ member }) => member),
      ask: async (member, bytes) => {
        const answer = await this.#ask(member, 'authority.sign', { message: bytes }, ANSWER_MS);
        return bytesBetween(1, 64 * 1024)(answer, 'authority.sign');
      },
    });
    return { signature, answers: answers.good.map(({ answer }) => answer) };
  }

  async #askAll(
    members: readonly string[],
    operation: 'authority.challenge' | 'authority.appraise',
    body: CborValue,
  ): Promise<Answers> {
    const results = await Promise.allSettled(
      members.map((member) => this.#ask(member, operation, body, ANSWER_MS)),
    );
    const answers: Answers = { good: [], bad: [] };
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
  #requireEnough({ good, bad }: Answers): void {
    const { threshold } = this.#genesis.draft;
    if (good.length >= threshold) return;
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

interface Answers {
  good: { member: string; answer: CborValue }[];
  bad: { member: string; error: OotoError }[];
}

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
