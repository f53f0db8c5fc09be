/**
 * What a node answers to the members' challenges when it asks for a certificate. What flows through here: the request
 * and all nonces become qualifying data; the identity key signs what the node says of its software over it; a TPM
 * quotes over it too, and opens the challenge that each member has sealed for it alone.
 */

import { tpmPolicy } from '../attest/appraisal-policy.ts';
import {
  type CredentialAnswer,
  credentialAnswer,
  encodeEnrolmentEvidence,
  encodeKeyEnrolmentEvidence,
  encodeTpmEnrolmentEvidence,
  enrolmentMessage,
  type SoftwareClaims,
} from '../attest/evidence.ts';
import { enrolmentQualifyingData } from '../attest/qualifying.ts';
import { readPublicArea } from '../attest/tpm/public-area.ts';
import { quoteDigest } from '../attest/tpm-proof.ts';
import type { EnrolmentRequest } from '../authority/request.ts';
import { wipe } from '../base/disposal.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { type NodeTpm, proveByTpm } from './attester.ts';
import type { MeshTrust } from './identity.ts';
import type { MemberChallenge } from './member-challenge.ts';
import type { MeshNode, NodeOptions } from './node.ts';

const NOT_FOR_THIS_TPM = ['OOTO_TPM_CREDENTIAL', 'OOTO_TPM_COMMAND'];

export interface EnrolmentEvidence {
  evidence: Uint8Array;
  /** SHA-256 of the quote; null without a TPM. */
  quote: Uint8Array | null;
}

/** Evidence for this request, bound to it and to every challenge. @throws what signer and TPM throw. */
export async function enrolmentEvidence(
  node: MeshNode,
  { genesis: { meshId }, policy: basis }: MeshTrust,
  request: EnrolmentRequest,
  challenges: readonly MemberChallenge[],
): Promise<EnrolmentEvidence> {
  const { crypto, signer, tpm } = node.options;
  const nonces = challenges.map(({ member, nonce }) => ({ member, nonce }));
  const qualifying = enrolmentQualifyingData(crypto, { meshId, request: request.digest, nonces });
  const claims = node.claims(meshId, request.id);
  if (!request.tpm)
    return { evidence: await withoutTpm(node, request, { claims, qualifying, meshId }), quote: null };
  const { appraisal } = node.rulesOver(basis);
  if (!tpm || !appraisal)
    throw new OotoError(
      'OOTO_MESH_ENROLMENT',
      'local',
      'the request names a TPM that this node does not use',
    );
  const answers = await openAll(tpm, node.options, request.digest, challenges);
  const proof = await proveByTpm(crypto, tpm, tpmPolicy(appraisal), qualifying);
  const signature = await signer.sign(enrolmentMessage(claims, qualifying, 'measured'));
  return {
    evidence: encodeTpmEnrolmentEvidence(claims, qualifying, { signature, proof, answers }),
    quote: quoteDigest(crypto, proof),
  };
}

/** Where the key is, if the request claims more than tier `software`. */
async function withoutTpm(
  { options: { signer, keyProver, clock } }: MeshNode,
  { id: nodeId, key, tier }: EnrolmentRequest,
  { claims, qualifying, meshId }: { claims: SoftwareClaims; qualifying: Uint8Array; meshId: Uint8Array },
): Promise<Uint8Array> {
  const signature = await signer.sign(enrolmentMessage(claims, qualifying, tier));
  if (tier === 'software') return encodeEnrolmentEvidence(claims, qualifying, signature);
  if (!keyProver)
    throw new OotoError(
      'OOTO_MESH_ENROLMENT',
      'local',
      `the request asks for tier ${tier}, which nothing here can show`,
    );
  const proof = await keyProver.prove({ meshId, nodeId, key, nonce: qualifying, time: clock.now() });
  return encodeKeyEnrolmentEvidence(claims, qualifying, { tier, signature, proof });
}

/**
 * One after the other: a TPM does one thing at a time. A member whose challenge does not open gets no answer, and will
 * not agree; the others may be enough.
 */
async function openAll(
  node: NodeTpm,
  { crypto, logger }: NodeOptions,
  request: Uint8Array,
  challenges: readonly MemberChallenge[],
): Promise<CredentialAnswer[]> {
  const answers: CredentialAnswer[] = [];
  for (const { member, sealed } of challenges) {
    const secret = sealed && (await opened(node, sealed));
    if (!secret) {
      logger.log('warn', 'the challenge of a member does not open', { member });
      continue;
    }
    answers.push({ member, mac: credentialAnswer(crypto, secret, request) });
    wipe(secret);
  }
  if (answers.length > 0) return answers;
  throw new OotoError('OOTO_MESH_ENROLMENT', 'peer', 'no member has made a challenge that this TPM opens', {
    culprits: challenges.map(({ member }) => member),
  });
}

async function opened(
  { tpm, attestationKey, keys }: NodeTpm,
  sealed: NonNullable<MemberChallenge['sealed']>,
): Promise<Uint8Array | undefined> {
  const isRsa = readPublicArea(keys.endorsementKey).algorithm === 'rsa2048';
  try {
    return await tpm.activateCredential(attestationKey, { algorithm: isRsa ? 'rsa2048' : 'p256', ...sealed });
  } catch (error) {
    if (isOotoError(error) && NOT_FOR_THIS_TPM.includes(error.code)) return undefined;
    throw error;
  }
}
