/**
 * What a member that coordinates can do against the others: it carries what it likes between a newcomer and them. What
 * flows through here: the others are asked for their challenges, an application is put together that should not be
 * agreed to, and each is asked to appraise it and to sign; what each said is what is reported.
 */
import {
  encodeEnrolmentEvidence,
  encodeTpmEnrolmentEvidence,
  enrolmentMessage,
} from '../../attest/evidence.ts';
import { enrolmentQualifyingData } from '../../attest/qualifying.ts';
import { leafTbs, nodeIdOf } from '../../authority/certification.ts';
import { claimInvite, readGrant, readInvite } from '../../authority/invite.ts';
import type { Application, Claim } from '../../authority/member.ts';
import { createRequest, type EnrolmentRequest } from '../../authority/request.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { bytesBetween, bytes as bytesOf, fields } from '../../envelope/fields.ts';
import { signWithGroup } from '../../mesh/authority/group-signature.ts';
import type { MeshNode } from '../../mesh/node.ts';
import { asOotoError } from '../../mesh/session.ts';
import { readSecretFile } from '../../platform/node/files.ts';
import { softwareSigner } from '../../platform/node/signer.ts';
import type { Signer } from '../../ports.ts';
import { IDENTITY_REGISTERS } from '../node-tpm.ts';
import type { RunningNode } from '../running-node.ts';
import { ForgedTpm } from './forged-tpm.ts';

const INVITE_BYTES = 4 * 1024 * 1024;
const LIFE_MS = 600_000;

/** What each of the others said to one application: a code, or `agreed`. */
export type Answers = Record<string, string>;

export interface Verdicts {
  /** To the application, by what was wrong with it. */
  appraisals: Record<string, Answers>;
  /** To signing what nobody agreed to. */
  signatures: Answers;
}

/** A newcomer that the coordinator makes up, with an invite that operators did grant. */
interface Newcomer {
  request: EnrolmentRequest;
  claim: Claim;
  signer: Signer;
}

export class CorruptCoordinator {
  readonly #node: MeshNode;
  readonly #others: readonly string[];

  constructor({ open: { node } }: RunningNode) {
    this.#node = node;
    this.#others = node.trust.authority.members
      .map(({ name }) => name)
      .filter((name) => name !== node.options.name);
  }

  /** Applications that are right in everything but the evidence; the last is right in that too. */
  async withoutEvidence(task: { invite: string; folder: string }): Promise<Verdicts> {
    const { crypto, clock, manifest } = this.#node.options;
    const signer = await this.#softwareKey(`${task.folder}/newcomer.key`);
    const newcomer = await this.#newcomer(task.invite, signer, 'software');
    const other = await this.#newcomer(task.invite, signer, 'software');
    const stranger = await this.#softwareKey(`${task.folder}/stranger.key`);
    const nonces = await this.#nonces(newcomer.request);
    const evidenceOf = async (request: EnrolmentRequest, key: Signer, digest = manifest) => {
      const { meshId } = this.#node.trust.authority;
      const qualifying = enrolmentQualifyingData(crypto, { meshId, request: request.digest, nonces });
      const claims = { ...this.#node.claims(meshId, request.id), manifest: digest, time: clock.now() };
      return encodeEnrolmentEvidence(
        claims,
        qualifying,
        await key.sign(enrolmentMessage(claims, qualifying)),
      );
    };
    const made = {
      none: new Uint8Array(1),
      'of another request': await evidenceOf(other.request, signer),
      'by another key': await evidenceOf(newcomer.request, stranger),
      'of another program': await evidenceOf(newcomer.request, signer, crypto.sha256(manifest)),
    };
    const appraisals: Record<string, Answers> = {};
    for (const [what, evidence] of Object.entries(made))
      appraisals[what] = await this.#propose(newcomer, nonces, evidence);
    const signatures = await this.#demandSignatures(newcomer.request);
    appraisals.complete = await this.#propose(newcomer, nonces, await evidenceOf(newcomer.request, signer));
    return { appraisals, signatures };
  }

  /** An application that names the TPM that operators invited, by who does not have it. */
  async withFakeTpm(task: { invite: string; endorsementKey: Uint8Array }): Promise<Answers> {
    const { crypto, clock } = this.#node.options;
    const { meshId } = this.#node.trust.authority;
    const tpm = new ForgedTpm(crypto, IDENTITY_REGISTERS);
    const keys = { endorsementKey: task.endorsementKey, attestationKey: tpm.attestationKey };
    const newcomer = await this.#newcomer(task.invite, tpm.signer, 'measured', keys);
    const { request, signer } = newcomer;
    const nonces = await this.#nonces(request);
    const qualifying = enrolmentQualifyingData(crypto, { meshId, request: request.digest, nonces });
    const claims = { ...this.#node.claims(meshId, request.id), time: clock.now() };
    const signature = await signer.sign(enrolmentMessage(claims, qualifying, 'measured'));
    const answers = this.#others.map((member) => ({ member, mac: crypto.random.bytes(32) }));
    const evidence = encodeTpmEnrolmentEvidence(claims, qualifying, {
      signature,
      proof: tpm.proof(qualifying),
      answers,
    });
    return this.#propose(newcomer, nonces, evidence);
  }

  async #newcomer(
    file: string,
    signer: Signer,
    tier: 'software' | 'measured',
    tpm?: EnrolmentRequest['tpm'],
  ): Promise<Newcomer> {
    const { crypto } = this.#node.options;
    const invite = readInvite(await readSecretFile(file, INVITE_BYTES));
    const { id } = readGrant(invite.grant);
    const request = await createRequest(
      crypto,
      {
        mesh: this.#node.trust.authority.meshId,
        id,
        key: { algorithm: signer.algorithm, bytes: signer.publicKey },
        life: LIFE_MS,
        tier,
        nonce: crypto.random.bytes(16),
        ...(tpm ? { tpm } : {}),
      },
      signer,
    );
    const claim = { kind: 'invite' as const, grant: invite.grant };
    return { request, signer, claim: { ...claim, signature: claimInvite(crypto, invite, request.digest) } };
  }

  async #nonces({ digest, tpm }: EnrolmentRequest): Promise<Application['nonces']> {
    const nonces: Application['nonces'] = [];
    for (const member of this.#others) {
      const body = { digest, ...(tpm ? { tpm: { ...tpm } } : {}) };
      const answer = await this.#ask(member, 'authority.challenge', body);
      const nonce = tpm
        ? fields(answer, {
            nonce: bytesOf(32),
            credential: bytesBetween(1, 1024),
            encryptedSeed: bytesBetween(1, 1024),
          }).nonce
        : bytesOf(32)(answer, 'nonce');
      nonces.push({ member, nonce });
    }
    return nonces;
  }

  async #propose(
    { request, claim }: Newcomer,
    nonces: Application['nonces'],
    evidence: Uint8Array,
  ): Promise<Answers> {
    const { crypto, clock } = this.#node.options;
    const tbs = await leafTbs(crypto, this.#node.trust.authority, request, clock.now());
    const application = {
      request: request.encoded,
      claim: { ...claim },
      nonces: nonces.map((nonce) => ({ ...nonce })),
      evidence,
    };
    const said = this.#others.map((member) => {
      const session = crypto.random.bytes(32);
      return this.#verdict(member, { kind: 'certificate', session, application, tbs } as CborValue);
    });
    return Object.fromEntries(await Promise.all(said));
  }

  async #verdict(member: string, body: CborValue): Promise<[string, string]> {
    try {
      await this.#ask(member, 'authority.appraise', body);
      return [member, 'agreed'];
    } catch (error) {
      return [member, asOotoError(error).code];
    }
  }

  /** Asks for commitments to a certificate under a session that nobody has opened. */
  async #demandSignatures(request: EnrolmentRequest): Promise<Answers> {
    const { crypto, clock } = this.#node.options;
    const { authority } = this.#node.trust;
    const said: Answers = {};
    await signWithGroup({
      ...{ crypto, clock, publicPackage: authority.publicPackage },
      session: crypto.random.bytes(32),
      message: await leafTbs(crypto, authority, request, clock.now()),
      candidates: this.#others,
      ask: async (member, message) => {
        try {
          const answer = await this.#ask(member, 'authority.sign', { message });
          said[member] = 'agreed';
          return answer as Uint8Array;
        } catch (error) {
          said[member] = asOotoError(error).code;
          throw error;
        }
      },
    }).catch(() => undefined);
    return said;
  }

  #ask(
    member: string,
    operation: 'authority.challenge' | 'authority.appraise' | 'authority.sign',
    body: CborValue,
  ) {
    const { authority } = this.#node.trust;
    const { meshId } = authority;
    const addresses = authority.memberNamed(member)?.addresses ?? [];
    return this.#node.ask({ id: nodeIdOf(meshId, 'authority', member), addresses }, operation, body);
  }

  #softwareKey(file: string): Promise<Signer> {
    const { random, ed25519 } = this.#node.options.crypto;
    return softwareSigner({ file, random, ed25519 });
  }
}

/** For people: `4 × CODE`. */
export function tally(answers: Answers): string {
  const codes = Object.values(answers);
  return [...new Set(codes)]
    .map((code) => `${codes.filter((each) => each === code).length} × ${code}`)
    .join(', ');
}
