/** Exported files: all that a judgement needs in one file, held against the ids of meshes given from outside. */
import { utf8Decode } from '../../src/base/bytes.ts';
import { isOotoError, OotoError } from '../../src/base/errors.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { type EvidenceKind, type EvidenceSummary, verifyEvidence } from '../../src/mesh/evidence-file.ts';
import { byteList, bytes, type Fields, malformed, moment, type Operations } from './request.ts';

export function evidenceOperations(crypto: Crypto): Operations {
  return {
    'receipt.verify': (request) => verify(crypto, request, 'receipts'),
  };
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
