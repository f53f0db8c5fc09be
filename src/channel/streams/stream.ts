/** One stream as the machine knows it: its two directions, and what has to be said about it. */
import type { Reset } from './frames.ts';
import { type GrowthBudget, Inflow } from './inflow.ts';
import { Outflow } from './outflow.ts';

export interface StreamHead {
  /** Of a plain stream any text, of a request the method. */
  readonly name: string;
  /** Milliseconds that a request had left when it was sent; undefined for plain streams. */
  readonly deadlineMs: number | undefined;
  /** Whether this side opened it. */
  readonly isOwn: boolean;
}

export class Stream {
  readonly head: StreamHead;
  readonly inflow: Inflow;
  readonly outflow = new Outflow();
  /** 0 until the frame that opens it has gone out. */
  number = 0;
  /** Monotonic milliseconds; infinite for plain streams. */
  dueAt = Number.POSITIVE_INFINITY;
  /** Nothing more happens on it, and its place is free. */
  isOver = false;
  /** This side has given it up. */
  isReset = false;
  isStopDue = false;
  /** The program of this side has it: its own, a request, or one of the peer's that it has taken. */
  isTaken: boolean;
  resetDue: Reset | undefined;

  constructor(head: StreamHead, growth: GrowthBudget) {
    this.head = head;
    this.isTaken = head.isOwn || head.deadlineMs !== undefined;
    this.inflow = new Inflow(growth);
  }

  /**
   * Whether the last word of this side waits: what the peer opened, and has ended both ways, keeps its place until it was
   * taken and read, or the peer could fill memory with streams that are over.
   */
  get isHeld(): boolean {
    const { head, inflow } = this;
    return !head.isOwn && !inflow.isDiscarding && (!this.isTaken || inflow.hasPieces);
  }
}
