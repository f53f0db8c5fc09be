/**
 * Domain labels. Every signed or derived object of the project begins with `ooto/1 <kind>\0`, so that a
 * signature given for one purpose says nothing for another. All kinds stand here, once; X.509 TBS, DSSE's
 * pre-authentication encoding and C2SP notes carry their own.
 */
import { utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';

/** Every kind that may follow `ooto/1 `, by the room that signs or derives it. */
export const LABELS = [
  // channel
  'transcript',
  'confirmation',
  'renewal',
  'epoch-transcript',
  'epoch-confirmation',
  'close',
  'batch',
  'delegation',
  'public-key',
  'application',
  'cookie',
  'datagrams',
  'epoch-psk',
  'batch-salts',
  'attestation-exporter',
  'resumption',
  // attest
  'attestation',
  'attestation-challenge',
  'software-manifest',
  'enrolment-nonces',
  'enrolment-qualifying',
  'enrolment-evidence',
  'endorsement-key',
  'authenticator-key',
  'authenticator-registration',
  'appraisal-policy',
  'release',
  'recovery',
  'backup',
  'state-file',
  'key-certification',
  'credential-answer',
  // authority
  'enrolment-request',
  'invite',
  'invite-claim',
  'genesis-draft',
  'genesis',
  'action',
  'mesh-head',
  'trust-bundle',
  'trust-rescue',
  'federation',
  'committee',
  'committee-certificate',
  'policy',
  'revocation',
  'revocation-set',
  'verdict',
  'share-request',
  // mesh
  'membership',
  'request',
  'ceremony-relay',
  // workload
  'assignment',
  'receipt',
  'execution-seed',
  'progress',
  // telemetry
  'telemetry-chain',
  'telemetry-record',
  'telemetry-checkpoint',
] as const;

export type LabelKind = (typeof LABELS)[number];

const ENCODED: ReadonlyMap<string, Uint8Array> = new Map(
  LABELS.map((kind) => [kind, utf8(`ooto/1 ${kind}\0`)]),
);

/**
 * The bytes that open every object of this kind. Callers must not write to them.
 * @throws OOTO_ENVELOPE_LABEL (caller) for a kind that {@link LABELS} does not list.
 */
export function label(kind: LabelKind): Uint8Array {
  const encoded = ENCODED.get(kind);
  if (!encoded) throw new OotoError('OOTO_ENVELOPE_LABEL', 'caller', `no label is listed for "${kind}"`);
  return encoded;
}
