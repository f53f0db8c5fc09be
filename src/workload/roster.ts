/**
 * The nodes of a scheduler and what each holds. What flows through here: nodes come and go; assignments are noted
 * when they are made and struck out when they are answered, lost or late; the scheduler asks who is suited and has
 * room.
 */
import { OotoError } from '../base/errors.ts';
import { meetsTier, type Tier } from '../cert/tier.ts';
import type { WorkloadDefinition } from './definition.ts';
import type { Job } from './job.ts';

export interface SchedulerNode {
  /** SPIFFE id. */
  id: string;
  tier: Tier;
  labels: readonly string[];
}

/** An assignment that has no answer yet. */
export interface Outstanding {
  job: Job;
  chunk: number;
  node: string;
  /** SHA-256 of the assignment. */
  assignment: Uint8Array;
  deadline: number;
}

export class Roster {
  readonly #perNode: number;
  readonly #nodes = new Map<string, SchedulerNode>();
  readonly #outstanding = new Map<string, Outstanding>();
  readonly #restingUntil = new Map<string, number>();

  /** `perNode` is how many assignments a node may hold. */
  constructor(perNode: number) {
    this.#perNode = perNode;
  }

  ready(node: SchedulerNode): void {
    this.#nodes.set(node.id, node);
  }

  /** Returns what the node held. */
  gone(node: string): Outstanding[] {
    this.#nodes.delete(node);
    this.#restingUntil.delete(node);
    return this.#strikeWhere((held) => held.node === node);
  }

  /** A node that said it is busy is left alone until then. */
  rest(node: string, until: number): void {
    this.#restingUntil.set(node, until);
  }

  /** Nodes that meet what a definition requires, those with most room first. */
  suited({ requires: { tier, labels } }: WorkloadDefinition): SchedulerNode[] {
    return [...this.#nodes.values()]
      .filter((node) => meetsTier(node.tier, tier) && labels.every((label) => node.labels.includes(label)))
      .sort((a, b) => this.#held(a.id) - this.#held(b.id));
  }

  hasRoom({ id }: SchedulerNode, now: number): boolean {
    return this.#held(id) < this.#perNode && now >= (this.#restingUntil.get(id) ?? 0);
  }

  note(id: string, outstanding: Outstanding): void {
    this.#outstanding.set(id, outstanding);
  }

  /**
   * The open assignment `id` of `node`, struck out.
   * @throws OOTO_WORKLOAD_LATE (peer) when it is not open, OOTO_WORKLOAD_NODE (peer) when it is another node's.
   */
  strike(id: string, node: string): Outstanding {
    const held = this.#outstanding.get(id);
    if (!held) throw new OotoError('OOTO_WORKLOAD_LATE', 'peer', 'that assignment is no longer open');
    if (held.node !== node)
      throw new OotoError('OOTO_WORKLOAD_NODE', 'peer', 'that assignment was given to another node');
    this.#outstanding.delete(id);
    return held;
  }

  /** The assignments past their deadline, struck out; rests that are over end. */
  strikeLate(now: number): Outstanding[] {
    for (const [node, until] of this.#restingUntil) if (now >= until) this.#restingUntil.delete(node);
    return this.#strikeWhere(({ deadline }) => now >= deadline);
  }

  /** Strikes out all assignments of a job. */
  strikeJob(job: Job): void {
    this.#strikeWhere((held) => held.job === job);
  }

  deadlines(): number[] {
    return [
      ...[...this.#outstanding.values()].map(({ deadline }) => deadline),
      ...this.#restingUntil.values(),
    ];
  }

  #held(node: string): number {
    let count = 0;
    for (const held of this.#outstanding.values()) if (held.node === node) count++;
    return count;
  }

  #strikeWhere(matches: (held: Outstanding) => boolean): Outstanding[] {
    const struck = [...this.#outstanding].filter(([, held]) => matches(held));
    for (const [id] of struck) this.#outstanding.delete(id);
    return struck.map(([, held]) => held);
  }
}
