/**
 * How far a node's chain has been followed, and the one rule by which it goes on. What flows through here: a frame
 * whose signature has been verified is held against the position: does it follow the frame before, in number and
 * time; do its records make the head it states; does a checkpoint say what the records say. Then, and only then,
 * the position moves. The node that writes a chain, the collector and third parties all go by this rule.
 */
import { equal } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { TreeEdge } from '../log/tree-edge.ts';
import { type Grant, shown } from './credential.ts';
import { refusal } from './errors.ts';
import { ContradictionError, contradict } from './evidence.ts';
import {
  type Checkpoint,
  type CheckpointFrame,
  type Frame,
  firstHead,
  type LinkFrame,
  type Statement,
} from './frame.ts';

/** A checkpoint may promise the next one for so much later at most. */
export const MAX_PROMISE_MS = 3_600_000;

/** Finds a statement that was followed before, by its number, and shows its credential. */
export type Earlier = (sequence: number) => Statement | undefined;

export class ChainState {
  readonly #crypto: Crypto;
  readonly #edge: TreeEdge;
  readonly node: string;
  /** Number of the next frame. */
  sequence = 0;
  head: Uint8Array;
  /** Milliseconds since 1970 of the last frame. */
  time = 0;
  boot: Uint8Array | undefined;
  /** How often the node has started. */
  boots = 0;
  /** Under which the last frame was signed. */
  grant: Grant | undefined;
  checkpoint: Checkpoint | undefined;

  constructor(crypto: Crypto, node: string, edge = new TreeEdge(crypto)) {
    this.#crypto = crypto;
    this.#edge = edge;
    this.node = node;
    this.head = firstHead(crypto, node);
  }

  get records(): number {
    return this.#edge.size;
  }

  /** RFC 6962 root over all records. */
  root(): Uint8Array {
    return this.#edge.root();
  }

  copy(): ChainState {
    const { sequence, head, time, boot, boots, grant, checkpoint } = this;
    const copy = new ChainState(this.#crypto, this.node, this.#edge.copy());
    return Object.assign(copy, { sequence, head, time, boot, boots, grant, checkpoint });
  }

  /**
   * Moves on by one frame, whose signature under `grant` has been verified; or throws and stays.
   * @throws OOTO_TELEMETRY_NODE, _REPLAY, _FORK, _TRUNCATED, _GAP, _TIME, _ALTERED, _PROMISE (peer).
   */
  follow(frame: Frame, grant: Grant, earlier: Earlier): void {
    this.#requireOwn(frame);
    this.#requireNext(frame, grant, earlier);
    this.#requireTime(frame);
    if (frame.kind === 'link') this.advance(frame, grant, this.#signedRecords(frame));
    else {
      this.#requireCheckpoint(frame, grant, earlier);
      this.advance(frame, grant, []);
    }
  }

  /** Moves on by a frame that is known to be right, because it was just checked or just made. */
  advance(frame: Frame, grant: Grant, leafHashes: readonly Uint8Array[]): void {
    const { boot, head, time } = frame.body;
    for (const leafHash of leafHashes) this.#edge.append(leafHash);
    if (!this.boot || !equal(this.boot, boot)) this.boots++;
    if (frame.kind === 'checkpoint') this.checkpoint = frame.body;
    Object.assign(this, { boot, head, time, grant, sequence: this.sequence + 1 });
  }

  /** The head after records with these leaf hashes: one is chained alone, several as a batch. */
  headAfter(leafHashes: readonly Uint8Array[]): Uint8Array {
    const { chain } = this.#crypto;
    return leafHashes.length === 1
      ? chain.appendHashes(this.head, leafHashes)[0]
      : chain.appendBatchHashes(this.head, leafHashes);
  }

  #requireOwn({ body }: Frame): void {
    if (body.node !== this.node) throw refusal('OOTO_TELEMETRY_NODE', this.node, 'a frame of another node');
  }

  #requireNext(frame: Frame, grant: Grant, earlier: Earlier): void {
    const { sequence } = frame.body;
    if (sequence < this.sequence) throw this.#passed(shown({ frame, grant }), earlier(sequence));
    if (frame.kind === 'checkpoint' && frame.body.records > this.records)
      throw this.#refuse(
        'OOTO_TELEMETRY_TRUNCATED',
        `${frame.body.records} records are signed, ${this.records} came`,
      );
    if (sequence > this.sequence)
      throw this.#refuse('OOTO_TELEMETRY_GAP', `frame ${sequence} came where ${this.sequence} is next`);
  }

  /** What a frame is whose number was taken before. */
  #passed(frame: Statement, taken: Statement | undefined): Error {
    const { sequence, boot } = frame.body;
    if (!taken || !contradict(taken, frame))
      return this.#refuse('OOTO_TELEMETRY_REPLAY', `frame ${sequence} came again`);
    return equal(taken.body.boot, boot)
      ? new ContradictionError('OOTO_TELEMETRY_FORK', this.node, `two frames ${sequence} differ`, [
          taken,
          frame,
        ])
      : new ContradictionError(
          'OOTO_TELEMETRY_TRUNCATED',
          this.node,
          `the node started again from before frame ${sequence}`,
          [taken, frame],
        );
  }

  #requireTime({ body }: Frame): void {
    if (body.time < this.time) throw this.#refuse('OOTO_TELEMETRY_TIME', 'its time runs backwards');
  }

  /** The leaf hashes of a link's records, once they are the signed ones. */
  #signedRecords({ body, records }: LinkFrame): Uint8Array[] {
    if (records.length < body.count || body.before > this.records)
      throw this.#refuse(
        'OOTO_TELEMETRY_TRUNCATED',
        `${body.before + body.count} records are signed, ${this.records + records.length} came`,
      );
    if (body.before < this.records)
      throw this.#refuse('OOTO_TELEMETRY_TRUNCATED', `its chain goes back to record ${body.before}`);
    const leafHashes = this.#crypto.merkle.leafHashes(records);
    if (records.length > body.count || !equal(this.headAfter(leafHashes), body.head))
      throw this.#refuse('OOTO_TELEMETRY_ALTERED', 'records are not the ones that were signed');
    return leafHashes;
  }

  #requireCheckpoint(frame: CheckpointFrame, grant: Grant, earlier: Earlier): void {
    const { body } = frame;
    if (body.records < this.records)
      throw this.#refuse('OOTO_TELEMETRY_TRUNCATED', `its chain goes back to record ${body.records}`);
    if (!equal(body.head, this.head))
      throw this.#otherHead(shown({ frame, grant }), earlier(this.sequence - 1));
    if (!equal(body.root, this.root()))
      throw this.#refuse('OOTO_TELEMETRY_ALTERED', 'the root of a checkpoint is not that of the records');
    if (body.next <= body.time || body.next - body.time > MAX_PROMISE_MS)
      throw this.#refuse('OOTO_TELEMETRY_PROMISE', 'a checkpoint promises the next one too late or never');
  }

  #otherHead(frame: Statement, before: Statement | undefined): Error {
    const what = 'a checkpoint with another head than the records have';
    return before && contradict(before, frame)
      ? new ContradictionError('OOTO_TELEMETRY_FORK', this.node, what, [before, frame])
      : this.#refuse('OOTO_TELEMETRY_ALTERED', what);
  }

  #refuse(code: Parameters<typeof refusal>[0], what: string): Error {
    return refusal(code, this.node, what);
  }
}
