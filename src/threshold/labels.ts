/** What this room signs, hashes and stores begins with one of these; no two kinds share a first byte string. */
import { utf8 } from '../base/bytes.ts';

const label = (kind: string): Uint8Array => utf8(`ooto/1 ${kind}\0`);

export const LABELS = {
  committee: label('threshold-committee'),
  publicPackage: label('threshold-public-package'),
  secretShare: label('threshold-secret-share'),
  keyGenerationKey: label('key-generation-key'),
  generationSession: label('key-generation-session'),
  generationPackage: label('key-generation-package'),
  generationPackageStatement: label('key-generation-package-statement'),
  generationPackages: label('key-generation-packages'),
  generationCertificate: label('key-generation-certificate'),
  resharingPlan: label('resharing-plan'),
  resharingContext: label('resharing-context'),
  resharingTranscript: label('resharing-transcript'),
  resharingCertificate: label('resharing-certificate'),
  repairPlan: label('repair-plan'),
  repairContext: label('repair-context'),
  repairPackage: label('repair-package'),
  repairSum: label('repair-sum'),
  signingMessage: label('threshold-signing-message'),
} as const;
