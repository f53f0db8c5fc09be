/**
 * Who is late. What flows through here: each checkpoint says when the next one comes; that moment, or the promised
 * span after the checkpoint came, whichever is earlier, is when its node is overdue. Neither a slow clock of the
 * node nor a delayed delivery puts it off for longer than the tolerance.
 */
import type { Checkpoint } from './frame.ts';

interface Expectation {
  /** Milliseconds since 1970. */
  before: number;
  silent: boolean;
}

export class Punctuality {
  readonly #toleranceMs: number;
  readonly #expected = new Map<string, Expectation>();

  constructor(toleranceMs: number) {
    this.#toleranceMs = toleranceMs;
  }

  /** The earliest moment at which a node is overdue that is not yet named. */
  get deadline(): number | undefined {
    const open = [...this.#expected.values()].filter(({ silent }) => !silent).map(({ before }) => before);
    return open.length > 0 ? open.reduce((a, b) => Math.min(a, b)) : undefined;
  }

  /** Expects `node` though it has promised nothing yet; a promise given already stands. */
  expect(node: string, before: number): void {
    if (!this.#expected.has(node)) this.#expected.set(node, { before, silent: false });
  }

  release(node: string): void {
    this.#expected.delete(node);
  }

  /** A checkpoint came at `now`. */
  heard(node: string, { time, next }: Checkpoint, now: number): void {
    const before = Math.min(next, now + (next - time)) + this.#toleranceMs;
    this.#expected.set(node, { before, silent: false });
  }

  /** The nodes that have become overdue by `now`, each named once. */
  overdue(now: number): string[] {
    const late = [...this.#expected].filter(([, { before, silent }]) => !silent && before <= now);
    for (const [, expectation] of late) expectation.silent = true;
    return late.map(([node]) => node);
  }

  isSilent(node: string): boolean {
    return this.#expected.get(node)?.silent ?? false;
  }

  nodes(): string[] {
    return [...this.#expected.keys()];
  }
}
