/** What the page asks of its worker. */
export interface PageWish {
  suite: string;
  tiny: boolean;
  /** Words that a case's name contains; none asks for all. */
  cases: readonly string[];
}

/** What the worker says in the end. */
export type WorkerEnd = { kind: 'done' } | { kind: 'failed'; reason: string };
