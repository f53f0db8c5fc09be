/** The telemetry room: a node's signed chain of records, its collector, export for third parties, OpenTelemetry in. */
export { type AggregatedMetric, type AggregatedPoint, Aggregation, type GaugeSummary } from './aggregate.ts';
export {
  type ChainPosition,
  type ChainSigning,
  type StagedFrames,
  TelemetryChain,
  type TelemetryChainOptions,
} from './chain.ts';
export { MAX_PROMISE_MS } from './chain-state.ts';
export type { CollectedNode, Delivery, Receipt, StagedCollection } from './collection.ts';
export { type CollectorOptions, TelemetryCollector } from './collector.ts';
export type { CredentialJudge, MessageKeyGrant } from './credential.ts';
export { REFUSALS, type RefusalCode } from './errors.ts';
export {
  type Contradiction,
  ContradictionError,
  decodeContradiction,
  encodeContradiction,
  verifyContradiction,
} from './evidence.ts';
export {
  exportTelemetry,
  type TelemetryVerification,
  type VerifiedTelemetry,
  verifyTelemetry,
} from './export.ts';
export { BOOT_ID_BYTES, type Checkpoint, MAX_FRAME_BYTES, MAX_RECORD_BYTES } from './frame.ts';
export { INSTRUMENTS, type InstrumentName } from './instruments.ts';
export { type ResourceAttributes, TelemetryExporter, TelemetryMeters } from './meters.ts';
export { decodeMetrics, encodeMetrics, type Metric, type MetricsRecord } from './metrics-record.ts';
