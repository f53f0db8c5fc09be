/** Exported files: all that a judgement needs in one file, held against the ids of meshes given from outside. */
import { utf8Decode } from '../../src/base/bytes.ts';
import { isOotoError, OotoError } from '../../src/base/errors.ts';
import { hex } from '../../src/base/hex.ts';
import { verifyProof } from '../../src/channel/keyed/message-proof.ts';
import { keyPeerId } from '../../src/channel/keyed/public-key.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import {
  type EvidenceKind,
  type EvidenceSummary,
  verifyEvidence,
} from '../../src/mesh/audit/evidence-file.ts';
import { readTrust } from '../../src/mesh/identity.ts';
import { telemetryJudge } from '../../src/mesh/telemetry/credential.ts';
import { verifyTelemetry } from '../../src/telemetry/index.ts';
import { requireCurrent } from '../../src/workload/admission.ts';
import { verifyDefinition } from '../../src/workload/definition.ts';
import {
  byteList,
  bytes,
  type Fields,
  has,
  malformed,
  moment,
  type Operations,
  objects,
  text,
} from './request.ts';

export function evidenceOperations(crypto: Crypto): Operations {
  return {
    'receipt.verify': (request) => verify(crypto, request, 'receipts'),
    'telemetry.verify': (request) => verifyChain(crypto, request),
    'record.proof': (request) => verifyMessage(crypto, request),
    'workload.verify': (request) => verifyWorkload(crypto, request),
  };
}

/** A message proof names its keys itself; the roots are the pinned ones: the sender's, then the receiver's. */
function verifyMessage(crypto: Crypto, request: Fields): Fields {
  const keys = byteList(request, 'roots');
  if (keys.length !== 2) throw malformed('roots are not a sender and a receiver');
  const [sender, receiver] = keys;
  const { message } = verifyProof(crypto, bytes(request, 'proof'), {
    ...{ sender, receiver, at: moment(request, 'time') },
    ...(has(request, 'application') ? { application: text(request, 'application') } : {}),
  });
  return { message: hex(message), sender: keyPeerId(sender), receiver: keyPeerId(receiver) };
}

/** A definition as its originator signed it; the roots are the originators that are trusted. */
function verifyWorkload(crypto: Crypto, request: Fields): Fields {
  const trusted = new Map(objects(request, 'roots').map((root) => [text(root, 'keyid'), bytes(root, 'pk')]));
  const definition = verifyDefinition(crypto, bytes(request, 'file'), (keyid) => {
    const key = trusted.get(keyid);
    if (!key) throw new OotoError('OOTO_WORKLOAD_ORIGINATOR', 'peer', `no root is ${keyid}`);
    return key;
  });
  requireCurrent(definition, moment(request, 'time'));
  const { name, originator, sequence, digest } = definition;
  return { summary: { name, originator, sequence, digest: hex(digest) } };
}

/** An exported chain holds no mesh of its own, so a root is a genesis record with the group key's certificate. */
function verifyChain(crypto: Crypto, request: Fields): Fields {
  const [root, ...others] = objects(request, 'roots');
  if (!root || others.length > 0) throw malformed('roots is not one object');
  const trust = readTrust(crypto, bytes(root, 'genesis'), bytes(root, 'certificate'));
  const judge = telemetryJudge(crypto, () => trust);
  const verified = verifyTelemetry(crypto, bytes(request, 'file'), { judge });
  const { node, boots, checkpoints, records } = verified;
  return { summary: { node, boots, checkpoints, records: records.length } };
}

function verify(crypto: Crypto, request: Fields, kind: EvidenceKind): Fields {
  const file = utf8Decode(bytes(request, 'file'));
  const summary = verifyUnder(crypto, file, byteList(request, 'roots'), moment(request, 'time'));
  if (summary.kind !== kind)
    throw new OotoError('OOTO_VERIFY_FORM', 'peer', `a file of ${summary.kind}, not of ${kind}`);
  return { summary: { ...summary } };
}

/** Several roots mean: any of these meshes. A file that is not of one of them may be of the next. */
function verifyUnder(
  crypto: Crypto,
  file: string,
  [meshId, ...others]: readonly Uint8Array[],
  now: number,
): EvidenceSummary {
  if (!meshId) throw malformed('roots is empty');
  try {
    return verifyEvidence(crypto, file, meshId, now);
  } catch (error) {
    if (others.length > 0 && isOotoError(error, 'OOTO_VERIFY_GENESIS'))
      return verifyUnder(crypto, file, others, now);
    throw error;
  }
}
