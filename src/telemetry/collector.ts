/**
 * The collector: many nodes' chains, verified before anything of them counts. What flows through here, in order:
 * frames are delivered by nodes; signatures, numbers, chain and checkpoints are verified; what is good becomes
 * store changes, what is not is refused by name and changes nothing; the caller commits; the stage is accepted,
 * and only then are its points aggregated and the node told that they are kept. A node whose promised checkpoint
 * does not come is named. Opened again, the stored chains are verified anew. No I/O of its own but reading.
 */
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { StoreChange } from '../ports.ts';
import { type AggregatedMetric, Aggregation } from './aggregate.ts';
import type { ChainPosition } from './chain.ts';
import { ChainState } from './chain-state.ts';
import { ChainStore, type ReadableStore, storedNodes } from './chain-store.ts';
import {
  type CollectedNode,
  contradictionsOf,
  type Delivery,
  ofOneNodeEach,
  type Receipt,
  type StagedCollection,
} from './collection.ts';
import type { CredentialJudge } from './credential.ts';
import { type RefusalCode, refusal } from './errors.ts';
import { EvidenceShelf } from './evidence-shelf.ts';
import { type Followed, followRuns, followStored, type Run } from './follower.ts';
import { type Checkpoint, decodeFrame, type Frame } from './frame.ts';
import { decodeMetrics, type MetricsRecord } from './metrics-record.ts';
import { Punctuality } from './punctuality.ts';

export interface CollectorOptions {
  crypto: Crypto;
  store: ReadableStore;
  /** Before every key in the store; `collected/` when absent. */
  prefix?: string;
  judge: CredentialJudge;
  /** Milliseconds that clocks may differ and messages may take. */
  toleranceMs?: number;
}

interface Growth {
  staged: StagedCollection;
  now: number;
  states: ChainState[];
  checkpoints: { node: string; checkpoint: Checkpoint }[];
  records: { node: string; record: MetricsRecord }[];
}

const DEFAULT_TOLERANCE_MS = 120_000;

export class TelemetryCollector {
  readonly #crypto: Crypto;
  readonly #store: ReadableStore;
  readonly #prefix: string;
  readonly #judge: CredentialJudge;
  readonly #toleranceMs: number;
  readonly #states = new Map<string, ChainState>();
  readonly #refusals = new Map<string, Partial<Record<RefusalCode, number>>>();
  readonly #aggregation = new Aggregation();
  readonly #evidence: EvidenceShelf;
  readonly #punctuality: Punctuality;
  #growth: Growth | undefined;
  /** By node, where a discarded stage would have ended: what it may have left behind is deleted by the next. */
  readonly #discardedEnds = new Map<string, number>();

  /**
   * Opens what the store holds.
   * @throws OOTO_TELEMETRY_STORE (environment) that names node and frame where it was torn or altered.
   */
  constructor(options: CollectorOptions) {
    const { crypto, store, prefix = 'collected/', judge, toleranceMs = DEFAULT_TOLERANCE_MS } = options;
    this.#crypto = crypto;
    this.#store = store;
    this.#prefix = prefix;
    this.#judge = judge;
    this.#toleranceMs = toleranceMs;
    this.#punctuality = new Punctuality(toleranceMs);
    this.#evidence = new EvidenceShelf(crypto, store, prefix);
    for (const node of storedNodes(crypto, store, prefix)) this.#reopen(node);
  }

  /** What this collector has of `node`, and so what it wants next. */
  position(node: string): ChainPosition {
    return positionOf(this.#state(node));
  }

  /** Says that `node` is to be heard of before `before` (milliseconds since 1970), though it has sent nothing yet. */
  expect(node: string, before: number): void {
    this.#punctuality.expect(node, before);
  }

  /** Says that nothing more is expected of `node`: it has left or was revoked. What it sent stays. */
  release(node: string): void {
    this.#punctuality.release(node);
  }

  /**
   * Verifies deliveries. `now` in milliseconds since 1970.
   * @throws OOTO_TELEMETRY_STAGED (caller) while another stage is open.
   */
  stage(deliveries: readonly Delivery[], now: number): StagedCollection {
    if (this.#growth)
      throw new OotoError('OOTO_TELEMETRY_STAGED', 'caller', 'another stage of this collector is open');
    const opened = ofOneNodeEach(deliveries).map((delivery) => this.#openDelivery(delivery, now));
    const followed = followRuns(this.#crypto, this.#judge, opened);
    this.#growth = this.#grown(opened, followed, deliveries, now);
    return this.#growth.staged;
  }

  /** Takes over a stage whose changes are durable. @throws OOTO_TELEMETRY_STAGED (caller) for any but the open one. */
  accept(staged: StagedCollection): void {
    const growth = this.#openGrowth(staged);
    for (const state of growth.states) {
      this.#states.set(state.node, state);
      this.#discardedEnds.delete(state.node);
    }
    for (const { node, checkpoint } of growth.checkpoints)
      this.#punctuality.heard(node, checkpoint, growth.now);
    for (const { node, record } of growth.records) this.#aggregation.add(node, record);
    for (const { node, refusal } of new Set(staged.receipts)) if (refusal) this.#countRefusal(node, refusal);
    for (const error of staged.unreadable) this.#countRefusal(error.culprits[0], error);
    this.#growth = undefined;
  }

  /**
   * Drops a stage whose commit failed, whether or not something of it was written: nothing of it has counted, and the
   * next stage of each node takes its place in the store.
   */
  discard(staged: StagedCollection): void {
    for (const { node, sequence } of this.#openGrowth(staged).states)
      this.#discardedEnds.set(node, Math.max(sequence, this.#discardedEnds.get(node) ?? 0));
    this.#growth = undefined;
  }

  /** The moment (milliseconds since 1970) at which the next node would be silent; undefined when none is expected. */
  get deadline(): number | undefined {
    return this.#punctuality.deadline;
  }

  /** Names the nodes that have become silent since the last call, each once until it is heard again. */
  tick(now: number): OotoError[] {
    return this.#punctuality.overdue(now).map((node) => {
      const error = refusal('OOTO_TELEMETRY_SILENT', node, 'its promised checkpoint did not come');
      this.#countRefusal(node, error);
      return error;
    });
  }

  /** How each node stands, by id. */
  nodes(): CollectedNode[] {
    const known = new Set([...this.#states.keys(), ...this.#refusals.keys(), ...this.#punctuality.nodes()]);
    return [...known].sort().map((node) => {
      const { records, sequence, boots, checkpoint } = this.#state(node);
      return {
        node,
        records,
        frames: sequence,
        boots,
        checkpoint,
        silent: this.#punctuality.isSilent(node),
        refusals: this.#refusals.get(node) ?? {},
        evidence: this.#evidence.of(node).length,
      };
    });
  }

  /** Verified metrics over all nodes. */
  metrics(): AggregatedMetric[] {
    return this.#aggregation.metrics();
  }

  /** Data points that were aggregated, and those left out because their node had too many series. */
  get points(): { aggregated: number; leftOut: number } {
    return { aggregated: this.#aggregation.points, leftOut: this.#aggregation.leftOut };
  }

  /** The encoded frames of a node's verified chain, for export. */
  *frames(node: string): Generator<Uint8Array> {
    const store = this.#chainStore(node);
    const end = this.#state(node).sequence;
    for (let sequence = 0; sequence < end; sequence++) yield store.encoded(sequence)!;
  }

  /** Encoded proofs that a node contradicted itself; see evidence.ts. */
  evidence(node: string): Uint8Array[] {
    return this.#evidence.of(node);
  }

  #reopen(node: string): void {
    const state = new ChainState(this.#crypto, node);
    followStored(this.#crypto, this.#judge, state, this.#chainStore(node), (frame) => {
      for (const { record } of this.#readable(node, frame, [])) this.#aggregation.add(node, record);
    });
    this.#states.set(node, state);
    if (state.checkpoint) this.#punctuality.heard(node, state.checkpoint, state.checkpoint.time);
  }

  #openDelivery({ node, frames }: Delivery, now: number): Opened {
    const state = this.#state(node).copy();
    const store = this.#chainStore(node);
    const read: Frame[] = [];
    const opened = { state, frames: read, earlier: (sequence: number) => store.statement(sequence) };
    for (const encoded of frames)
      try {
        const frame = decodeFrame(encoded, node);
        this.#requirePast(node, frame, now);
        read.push(frame);
      } catch (error) {
        return { ...opened, refusal: error as OotoError };
      }
    return opened;
  }

  #requirePast(node: string, { body }: Frame, now: number): void {
    if (body.time > now + this.#toleranceMs)
      throw refusal('OOTO_TELEMETRY_TIME', node, 'a statement from the future; compare the clocks');
  }

  #grown(
    opened: readonly Opened[],
    followed: readonly Followed[],
    deliveries: readonly Delivery[],
    now: number,
  ): Growth {
    const [changes, unreadable]: [StoreChange[], OotoError[]] = [[], []];
    const growth: Omit<Growth, 'staged'> = { now, states: [], checkpoints: [], records: [] };
    const receipts = new Map<string, Receipt>();
    for (const [i, { state, refusal: early }] of opened.entries()) {
      const { node } = state;
      const store = this.#chainStore(node);
      for (const frame of followed[i].frames) {
        changes.push(store.put(frame));
        growth.records.push(...this.#readable(node, frame, unreadable));
        if (frame.kind === 'checkpoint') growth.checkpoints.push({ node, checkpoint: frame.body });
      }
      const end = this.#discardedEnds.get(node) ?? 0;
      for (let left = state.sequence; left < end; left++) changes.push(store.delete(left));
      growth.states.push(state);
      const why = followed[i].refusal ?? early;
      receipts.set(node, { node, ...positionOf(state), ...(why && { refusal: why }) });
    }
    changes.push(...this.#evidence.changes(contradictionsOf([...receipts.values()])));
    const answers = deliveries.map(({ node }) => receipts.get(node)!);
    return { ...growth, staged: { changes, receipts: answers, unreadable } };
  }

  #readable(node: string, frame: Frame, unreadable: OotoError[]): Growth['records'] {
    if (frame.kind !== 'link') return [];
    return frame.records.flatMap((encoded) => {
      try {
        return [{ node, record: decodeMetrics(encoded) }];
      } catch (cause) {
        unreadable.push(
          refusal('OOTO_TELEMETRY_RECORD', node, 'a signed record that no one can read', cause),
        );
        return [];
      }
    });
  }

  #state(node: string): ChainState {
    return this.#states.get(node) ?? new ChainState(this.#crypto, node);
  }

  #chainStore(node: string): ChainStore {
    return new ChainStore(this.#crypto, this.#store, this.#prefix, node);
  }

  #openGrowth(staged: StagedCollection): Growth {
    if (this.#growth?.staged !== staged)
      throw new OotoError('OOTO_TELEMETRY_STAGED', 'caller', 'this stage is not the open one');
    return this.#growth;
  }

  #countRefusal(node: string, { code }: OotoError): void {
    const counts = this.#refusals.get(node) ?? {};
    counts[code as RefusalCode] = (counts[code as RefusalCode] ?? 0) + 1;
    this.#refusals.set(node, counts);
  }
}

/** A delivery whose frames could be read, up to the first that could not. */
interface Opened extends Run {
  refusal?: OotoError;
}

function positionOf({ sequence, records, head }: ChainState): ChainPosition {
  return { sequence, records, head };
}
