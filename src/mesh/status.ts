/** What a node says of itself to its own operator: figures alone, nothing secret, written beside its state. */
import { hex } from '../base/hex.ts';
import type { TpmState } from '../ports.ts';
import type { HeadFork } from './head-forks.ts';
import { lastEnrolment } from './joining.ts';
import type { KeyFinding } from './key-proving.ts';
import type { MeshNode } from './node.ts';
import type { PeersLimits } from './peers.ts';

/** Sessions whose evidence is listed. */
const MOST_LISTED = 64;

/** An alarm about a log, as an operator is told it. */
export type ToldAlarm = Record<string, string | number>;

/** What this node has shown, and what it was shown. Digests are SHA-256 in hexadecimal. */
export interface AttestationStatus {
  /** What the certificate was issued on, with the quote of a node that has a TPM. */
  enrolment: { request: string; evidence: string; quote?: string } | null;
  /** Where the identity key is, which tier that makes by the rules known here, and why. */
  key: KeyFinding;
  /** How its own TPM is; null for a node without one. */
  tpm: { reach: string; connections: number; code?: string } | null;
  /** The newest evidence of each peer, by the challenge on its channel that it answers. */
  channels: { peer: string; tier: string; challenge: string; quote?: string }[];
}

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
  attestation: AttestationStatus;
  /** What strangers take of this node, and how many were refused, by code. */
  limits: PeersLimits;
  /** Proof against the authority that this node has seen, and what its members' logs give cause for. */
  evidence: { headForks: HeadFork[]; logAlarms: ToldAlarm[] };
  /** Of a member of the authority; `http` is where its log is served, if it is. */
  log: { size: number; root: string; http: string | null } | null;
  telemetry: { records: number; acknowledged: number };
  /** Role-specific counters, for example receipts or verified telemetry records. */
  counters: Record<string, number>;
}

export function attestationStatus(node: MeshNode, key: KeyFinding): AttestationStatus {
  const { tpm } = node.options;
  const enrolled = lastEnrolment(node);
  return {
    enrolment: enrolled
      ? {
          request: hex(enrolled.request),
          evidence: hex(enrolled.evidence),
          ...(enrolled.quote ? { quote: hex(enrolled.quote) } : {}),
        }
      : null,
    key,
    tpm: tpm ? tpmStatus(tpm.tpm.state) : null,
    channels: node.peers.sessions.slice(-MOST_LISTED).flatMap((session) => {
      const { shown, peerId: peer } = session;
      if (!shown || peer === undefined) return [];
      const quote = shown.tpm ? { quote: hex(shown.tpm.quote) } : {};
      return [{ peer, tier: shown.tier, challenge: hex(shown.answers), ...quote }];
    }),
  };
}

function tpmStatus({ reach, connections, code }: TpmState): NonNullable<AttestationStatus['tpm']> {
  return { reach, connections, ...(code === undefined ? {} : { code }) };
}
