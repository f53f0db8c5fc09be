/**
 * What a collector takes and gives: deliveries of frames in, receipts and store changes out, and how each node
 * stands. A delivery in several parts is one delivery.
 */
import type { OotoError } from '../base/errors.ts';
import type { StoreChange } from '../ports.ts';
import type { ChainPosition } from './chain.ts';
import type { RefusalCode } from './errors.ts';
import { ContradictionError } from './evidence.ts';
import type { Checkpoint } from './frame.ts';

/** Frames as one node delivers them. `node` is the id that its channel has shown, not what the frames say. */
export interface Delivery {
  node: string;
  frames: readonly Uint8Array[];
}

/** The collector's answer to one delivery. */
export interface Receipt extends ChainPosition {
  readonly node: string;
  /** Why frames were refused; those before the first such one stand. */
  readonly refusal?: OotoError;
}

/** What a commit writes; it counts once it is accepted. */
export interface StagedCollection {
  readonly changes: readonly StoreChange[];
  /** One for each delivery, in order. To be sent once the stage is accepted. */
  readonly receipts: readonly Receipt[];
  /** Signed records that no one can read: kept, not aggregated. */
  readonly unreadable: readonly OotoError[];
}

/** How a node stands with this collector. */
export interface CollectedNode {
  node: string;
  records: number;
  frames: number;
  /** How often it has started. */
  boots: number;
  checkpoint: Checkpoint | undefined;
  silent: boolean;
  /** Refusals since this collector was opened. */
  refusals: Readonly<Partial<Record<RefusalCode, number>>>;
  /** Proofs of contradiction that are kept. */
  evidence: number;
}

/** What a node delivered in several parts, as one. */
export function ofOneNodeEach(deliveries: readonly Delivery[]): Delivery[] {
  const parts = new Map<string, Uint8Array[]>();
  for (const { node, frames } of deliveries) parts.set(node, [...(parts.get(node) ?? []), ...frames]);
  return [...parts].map(([node, frames]) => ({ node, frames }));
}

/** The proofs that come with refusals. */
export function contradictionsOf(receipts: readonly Receipt[]): ContradictionError[] {
  return receipts.flatMap(({ refusal: why }) => (why instanceof ContradictionError ? [why] : []));
}
