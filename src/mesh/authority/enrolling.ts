/**
 * How a member takes requests for certificates. What flows through here, in order: whoever asks has a right to, and asks for
 * itself, over the channel of its request or with its certificate; it is given the challenges of the members; its answer to
 * them all goes to the members, and what they issue goes back.
 */
import { type Application, applicationShape, type Claim, readClaim } from '../../authority/member.ts';
import { type EnrolmentRequest, MOST_REQUEST_BYTES, readRequest } from '../../authority/request.ts';
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { Rates } from '../../channel/rates.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { bytesBetween, fields } from '../../envelope/fields.ts';
import type { KnownPeer } from '../identity.ts';
import type { Applicant } from '../joining.ts';
import { plainChallenges } from '../member-challenge.ts';
import type { MeshNode } from '../node.ts';
import type { AuthorityDuty } from './duty.ts';
import type { IssuedCertificate, Issuing } from './issuing.ts';

/** A member asks the authority like everybody else, and needs no channel to itself. */
export function ownApplicant(issuing: Issuing, request: EnrolmentRequest): Applicant {
  return {
    challenge: async () => plainChallenges(await issuing.challenge(request)),
    apply: async (body) => plainIssued(await issuing.issue(fields(body, applicationShape)), null),
  };
}

export class Enrolling {
  readonly #node: MeshNode;
  readonly #duty: AuthorityDuty;
  readonly #issuing: Issuing;
  /** Two requests a renewal, for each of a few members that are tried. */
  readonly #renewals = new Rates({ perSecond: 0.2, burst: 16, most: 65_536 });

  constructor({ node, duty, issuing }: { node: MeshNode; duty: AuthorityDuty; issuing: Issuing }) {
    this.#node = node;
    this.#duty = duty;
    this.#issuing = issuing;
  }

  serve(): void {
    this.#node.handle('enrol.challenge', async (peer, body, session) => {
      const { request, claim } = this.#openingOf(
        body,
        session.peer.identity.details as EnrolmentRequest,
        peer,
      );
      const challenges =
        claim.kind === 'invite'
          ? this.#issuing.challengeInvited(request, claim)
          : this.#issuing.challenge(request);
      return plainChallenges(await challenges);
    });
    this.#node.handle('enrol.evidence', (peer, body, session) =>
      this.#issue(peer, body, session.peer.identity.details as EnrolmentRequest),
    );
    this.#node.handle('certificate.renew', async (peer, body) => {
      this.#requireRenewalRate(peer);
      const { request } = this.#openingOf(body, undefined, peer);
      return plainChallenges(await this.#issuing.challenge(request));
    });
    this.#node.handle('certificate.renew-evidence', (peer, body) => {
      this.#requireRenewalRate(peer);
      return this.#issue(peer, body, undefined);
    });
  }

  /** Each renewal costs every member an appraisal, an entry and a signature. */
  #requireRenewalRate({ id }: KnownPeer): void {
    if (!this.#renewals.take(id, this.#node.options.clock.monotonic()))
      throw new OotoError('OOTO_MESH_RENEWAL_RATE', 'peer', 'a certificate is renewed too often', {
        hint: 'renew at a quarter of its life',
      });
  }

  async #issue(
    peer: KnownPeer,
    body: CborValue,
    announced: EnrolmentRequest | undefined,
  ): Promise<CborValue> {
    const application = fields(body, applicationShape, 'application');
    this.#requireMayAsk(application, announced, peer);
    const issued = await this.#issuing.issue(application);
    this.#node.options.logger.log('info', 'certificate issued', {
      peer: peer.id,
      logs: issued.proofs.length,
    });
    return plainIssued(issued, this.#node.head.current?.encoded ?? null);
  }

  #openingOf(
    body: CborValue,
    announced: EnrolmentRequest | undefined,
    peer: KnownPeer,
  ): { request: EnrolmentRequest; claim: Claim } {
    const opening = fields(
      body,
      { request: bytesBetween(1, MOST_REQUEST_BYTES), claim: readClaim },
      'enrolment',
    );
    return { request: this.#requireMayAsk(opening, announced, peer), claim: opening.claim };
  }

  /** No member is asked for anything before a right is shown: challenges take room, and judging takes time. */
  #requireMayAsk(
    { request: encoded, claim }: Pick<Application, 'request' | 'claim'>,
    announced: EnrolmentRequest | undefined,
    peer: KnownPeer,
  ): EnrolmentRequest {
    const request = this.#requireOwnRequest(encoded, announced, peer);
    requireClaimable(claim, announced);
    this.#duty.requireRight(request, claim);
    return request;
  }

  /** Whoever asks, asks for itself: the request is the one of the channel, or of the certificate's holder. */
  #requireOwnRequest(
    encoded: Uint8Array,
    announced: EnrolmentRequest | undefined,
    peer: KnownPeer,
  ): EnrolmentRequest {
    const request = readRequest(this.#node.options.crypto, encoded);
    if (request.id !== peer.id || (announced && !equal(announced.digest, request.digest)))
      throw new OotoError('OOTO_MESH_ENROLMENT', 'peer', 'a certificate can be asked for oneself only');
    return request;
  }
}

/** Newcomers have invites, or certificates that have ended; members have certificates. */
function requireClaimable({ kind }: Claim, announced: EnrolmentRequest | undefined): void {
  if (!(announced ? ['invite', 'return'] : ['renewal']).includes(kind))
    throw new OotoError('OOTO_MESH_ENROLMENT', 'peer', 'this right cannot be claimed over this channel');
}

function plainIssued(issued: IssuedCertificate, head: Uint8Array | null): CborValue {
  return { certificate: issued.certificate, proofs: issued.proofs as unknown as CborValue, head };
}
