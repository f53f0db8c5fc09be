/**
 * One definition at the scheduler: where each of its chunks stands. What flows through here: chunks become ready
 * as their bytes arrive, are handed out with an attempt number that never repeats, come back done or failed, and
 * wait again in the second case; a node that failed a chunk gets it again only when no other can.
 */
import type { VerifiedDefinition } from './definition.ts';

interface Chunk {
  state: 'absent' | 'ready' | 'assigned' | 'done';
  attempt: number;
  failures: number;
  failedOn: Set<string>;
}

export interface JobProgress {
  chunks: number;
  /** Bytes not here yet. */
  absent: number;
  ready: number;
  assigned: number;
  done: number;
}

export class Job {
  readonly definition: VerifiedDefinition;
  /** What shows that the definition is logged; goes to the nodes with it. */
  readonly proofs: Uint8Array;
  hasModule = false;
  readonly #chunks: Chunk[];

  constructor(definition: VerifiedDefinition, proofs: Uint8Array) {
    this.definition = definition;
    this.proofs = proofs;
    this.#chunks = definition.chunks.map(() => ({
      state: 'absent',
      attempt: 0,
      failures: 0,
      failedOn: new Set(),
    }));
  }

  get done(): boolean {
    return this.#chunks.every(({ state }) => state === 'done');
  }

  progress(): JobProgress {
    const count = (wanted: Chunk['state']) => this.#chunks.filter(({ state }) => state === wanted).length;
    return {
      chunks: this.#chunks.length,
      absent: count('absent'),
      ready: count('ready'),
      assigned: count('assigned'),
      done: count('done'),
    };
  }

  /** The bytes of a chunk are here. */
  arrived(index: number): void {
    const chunk = this.#chunks[index];
    if (chunk.state === 'absent') chunk.state = 'ready';
  }

  /** The first chunk that may be handed to `node`, one of `suited`: no other is left that has not failed it. */
  nextFor(node: string, suited: readonly string[]): number | undefined {
    if (!this.hasModule) return undefined;
    const index = this.#chunks.findIndex(
      ({ state, failedOn }) =>
        state === 'ready' && (!failedOn.has(node) || suited.every((other) => failedOn.has(other))),
    );
    return index < 0 ? undefined : index;
  }

  /** Hands a chunk out; returns the attempt number. */
  assign(index: number): number {
    const chunk = this.#chunks[index];
    chunk.state = 'assigned';
    return ++chunk.attempt;
  }

  /** A restart goes on above the attempts made before. */
  resume(index: number, attempt: number): void {
    if (index < this.#chunks.length) this.#chunks[index].attempt = attempt;
  }

  finish(index: number): void {
    if (index < this.#chunks.length) this.#chunks[index].state = 'done';
  }

  /** Takes a chunk back without blame: its node went away, or its result was lost. */
  reopen(index: number): void {
    this.#chunks[index].state = 'ready';
  }

  /** Takes a chunk back from a node that failed it; returns how often it has failed. */
  failed(index: number, node: string): number {
    const chunk = this.#chunks[index];
    chunk.state = 'ready';
    chunk.failedOn.add(node);
    return ++chunk.failures;
  }
}
