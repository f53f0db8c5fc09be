/**
 * What telemetry refuses, by name. Each refusal says which node's chain it concerns and, as far as bytes can
 * tell, what happened to it; the collector hands these out, aggregates nothing of them and goes on.
 */
import { OotoError } from '../base/errors.ts';

/** Every reason for which a frame, a record or a chain is refused, and what it means. */
export const REFUSALS = {
  OOTO_TELEMETRY_FRAME: 'bytes that are no frame, or one beyond the limits',
  OOTO_TELEMETRY_NODE: 'a frame of another node than the one that delivers it',
  OOTO_TELEMETRY_SIGNER: 'a credential that is not the node’s, or not valid when it signed',
  OOTO_TELEMETRY_SIGNATURE: 'a statement altered after it was signed, or signed by another key',
  OOTO_TELEMETRY_ALTERED: 'a record that is not the one that was signed',
  OOTO_TELEMETRY_TRUNCATED: 'fewer records than were signed for, or a chain that goes back',
  OOTO_TELEMETRY_GAP: 'a frame that does not follow: some before it are missing',
  OOTO_TELEMETRY_REPLAY: 'a frame that has been taken already',
  OOTO_TELEMETRY_FORK: 'two statements of one node that contradict each other',
  OOTO_TELEMETRY_TIME: 'a statement from the future, or older than the one before it',
  OOTO_TELEMETRY_PROMISE: 'a checkpoint that promises the next one too late',
  OOTO_TELEMETRY_SILENT: 'a checkpoint that was promised and did not come',
  OOTO_TELEMETRY_RECORD: 'a signed record whose content cannot be read',
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** A refusal that names the node as the culprit. */
export function refusal(code: RefusalCode, node: string, what: string, cause?: unknown): OotoError {
  return new OotoError(code, 'peer', `telemetry of ${node}: ${what}`, {
    culprits: [node],
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The store does not hold what was written to it. */
export function damaged(node: string, why: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_TELEMETRY_STORE', 'environment', `stored telemetry of ${node}: ${why}`, {
    hint: 'the folder was altered or torn; keep it for inspection and restore the node from a backup',
    culprits: [node],
    ...(cause === undefined ? {} : { cause }),
  });
}
