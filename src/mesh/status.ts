/** What a node says of itself to its own operator: figures alone, nothing secret, written beside its state. */
import type { HeadFork } from './head-forks.ts';
import type { PeersLimits } from './peers.ts';

export interface NodeStatus {
  schema: 'ooto.status/1';
  id: string;
  name: string;
  role: string;
  tier: string;
  pid: number;
  /** `founding` until genesis is complete, `joining` until a certificate is held, then `ready`. */
  state: 'founding' | 'joining' | 'ready';
  address: string;
  mesh: string;
  /** Milliseconds the join took: from the first dial to the certificate in hand. */
  joinMs: number;
  certificate: { serial: string; notAfter: string } | null;
  head: { number: number; time: string } | null;
  channels: { count: number; suite: string; epochs: number; signedMessages: number };
  /** What strangers take of this node, and how many were refused, by code. */
  limits: PeersLimits;
  /** Proof against the authority that this node has seen. */
  evidence: { headForks: HeadFork[] };
  log: { size: number; root: string } | null;
  telemetry: { records: number; acknowledged: number };
  /** Role-specific counters, for example receipts or verified telemetry records. */
  counters: Record<string, number>;
}
