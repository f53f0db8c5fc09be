/** Every attack there is, by name. */
import { anonymousAttacks } from './anonymous.ts';
import type { Attack } from './attack.ts';
import {
  forgeTranscriptSignature,
  hideInclusionProofs,
  showExpiredCertificate,
  showForeignCertificate,
} from './credentials.ts';
import { reuseInvite } from './invites.ts';
import { alterRecord, replayRecord } from './records.ts';
import { sendAlteredTelemetry, sendTruncatedTelemetry } from './telemetry.ts';
import { assignWithoutBeingScheduler, sendAlteredModule } from './workloads.ts';

export const CATALOGUE: readonly Attack[] = [
  { name: 'altered-record', by: 'corrupt-worker', victim: 'worker', run: alterRecord },
  { name: 'replayed-record', by: 'corrupt-worker', victim: 'worker', run: replayRecord },
  { name: 'certificate-of-another-mesh', by: 'outsider', victim: 'scheduler', run: showForeignCertificate },
  { name: 'expired-certificate', by: 'lapsed-worker', victim: 'scheduler', run: showExpiredCertificate },
  {
    name: 'certificate-without-inclusion-proof',
    by: 'corrupt-worker',
    victim: 'worker',
    run: hideInclusionProofs,
  },
  {
    name: 'forged-transcript-signature',
    by: 'corrupt-worker',
    victim: 'worker',
    run: forgeTranscriptSignature,
  },
  { name: 'altered-module', by: 'corrupt-scheduler', victim: 'worker', run: sendAlteredModule },
  {
    name: 'assignment-by-a-non-scheduler',
    by: 'corrupt-worker',
    victim: 'worker',
    run: assignWithoutBeingScheduler,
  },
  { name: 'altered-telemetry', by: 'corrupt-worker', victim: 'collector', run: sendAlteredTelemetry },
  { name: 'truncated-telemetry', by: 'corrupt-worker', victim: 'collector', run: sendTruncatedTelemetry },
  { name: 'reused-invite', by: 'corrupt-worker', victim: 'authority', run: reuseInvite },
  ...anonymousAttacks(),
];
