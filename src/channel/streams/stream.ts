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
  resetDue: Reset | undefined;

  constructor(head: StreamHead, growth: GrowthBudget) {
    this.head = head;
    this.inflow = new Inflow(growth);
  }
}
