/**
 * How a member of the authority judges evidence that comes with a request. What flows through here: the request, the
 * nonces of all members and the evidence; appraisal decides by the mesh's policy; out come digest and tier, of an
 * authenticator its credential, and of a TPM its clock and what it answered to each member's challenge.
 */
import { appraiseEnrolment } from '../../attest/appraisal.ts';
import { readEnrolmentEvidence } from '../../attest/evidence.ts';
import { enrolmentQualifyingData } from '../../attest/qualifying.ts';
import { readNodeId } from '../../authority/certification.ts';
import type { EvidenceJudge } from '../../authority/member.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { Clock } from '../../ports.ts';
import { appraisalPolicy, type Policy } from '../policy.ts';

const EVIDENCE_AGE_MS = 120_000;

export interface EnrolmentJudgeOptions {
  crypto: Crypto;
  clock: Clock;
  meshId: Uint8Array;
  /** The one in force. */
  policy(): Policy;
}

export function enrolmentJudge({ crypto, clock, meshId, policy }: EnrolmentJudgeOptions): EvidenceJudge {
  return (request, nonces, evidence, seen) => {
    const { id: nodeId, key, tier, tpm } = request;
    const expected = tpm && {
      identityKey: key.bytes,
      attestationKey: crypto.sha256(tpm.attestationKey),
      clock: seen,
    };
    const verdict = appraiseEnrolment(crypto, evidence, {
      policy: appraisalPolicy(policy(), EVIDENCE_AGE_MS),
      attester: { meshId, nodeId, role: readNodeId(nodeId).role, tier, key, tpm: expected },
      answers: enrolmentQualifyingData(crypto, { meshId, request: request.digest, nonces }),
      time: clock.now(),
    });
    const { evidenceDigest: digest, tier: judgedTier, authenticator } = verdict;
    const judged = { digest, verdict: judgedTier, authenticator };
    if (!verdict.tpm) return judged;
    const { answers } = readEnrolmentEvidence(evidence);
    return { ...judged, tpm: { clock: verdict.tpm.clock, answers } };
  };
}
