/**
 * The scheduler's side of workloads, as a machine. What flows through here: a definition is judged and its
 * sequence remembered; its module and chunks arrive and are held against its subjects; ready chunks become signed
 * assignments to nodes that are suited and not too busy; what comes back counts once its receipt is verified; what
 * fails, is refused or stays silent is handed out again under a higher attempt number, a few times. Whatever must
 * survive a crash leaves as store changes, to be committed before the assignments or answers that rest on them.
 */
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { SigningKey, VerificationKey } from '../envelope/keys.ts';
import type { Store, StoreChange } from '../ports.ts';
import { requireChunk, requireCurrent, requireModule, type WorkloadTrust } from './admission.ts';
import { signAssignment } from './assignment.ts';
import { type VerifiedDefinition, verifyDefinition } from './definition.ts';
import type { Completion } from './executor.ts';
import { Job, type JobProgress } from './job.ts';
import { JobShelf } from './job-shelf.ts';
import { type Receipt, verifyReceipt } from './receipt.ts';
import { type Outstanding, Roster, type SchedulerNode } from './roster.ts';
import { SequenceLedger } from './sequence-ledger.ts';

export interface SchedulerTrust extends Pick<WorkloadTrust, 'originatorKey' | 'requireLogged'> {
  /** The message key of a live member that may run workloads; throws for every other. */
  nodeKey(node: string): VerificationKey;
  /** The node's attestation named in a receipt is one that was accepted from it; throws otherwise. */
  requireAttested(node: string, attestation: Uint8Array): void;
}

export interface SchedulerOptions {
  crypto: Crypto;
  /** Read only; changes go out and are the caller's to commit. */
  store: Pick<Store, 'get' | 'range'>;
  trust: SchedulerTrust;
  mesh: Uint8Array;
  /** The scheduler's own SPIFFE id. */
  id: string;
  limits?: Partial<SchedulerLimits>;
}

export interface SchedulerLimits {
  /** Definitions at a time. */
  jobs: number;
  /** Assignments a node may hold at a time. */
  perNode: number;
  /** Failures of one chunk that end its job. */
  failures: number;
  /** Milliseconds for transfer and queueing, on top of the definition's limit for the run. */
  graceMs: number;
  /** Milliseconds for which a node that says it is busy is left alone. */
  restMs: number;
}

/** One chunk on its way to a node. `id` is the digest of the assignment, in hexadecimal. */
export interface AssignedChunk {
  id: string;
  node: string;
  definition: VerifiedDefinition;
  proofs: Uint8Array;
  chunk: number;
  attempt: number;
  assignment: Uint8Array;
  deadline: number;
}

export interface FinishedChunk {
  definition: VerifiedDefinition;
  chunk: number;
  output: Uint8Array;
  receipt: Receipt;
}

export type SchedulerEvent =
  | { kind: 'done'; definition: VerifiedDefinition }
  | { kind: 'failed'; definition: VerifiedDefinition; error: OotoError };

const DEFAULTS: SchedulerLimits = { jobs: 64, perNode: 2, failures: 3, graceMs: 30_000, restMs: 1_000 };
const SEQUENCES = 'scheduler/sequence/';

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #limits: SchedulerLimits;
  readonly #ledger: SequenceLedger;
  readonly #shelf: JobShelf;
  readonly #jobs = new Map<string, Job>();
  readonly #roster: Roster;
  #events: SchedulerEvent[] = [];

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULTS, ...options.limits };
    this.#ledger = new SequenceLedger(options.crypto, options.store, SEQUENCES);
    this.#shelf = new JobShelf(options.store);
    this.#roster = new Roster(this.#limits.perNode);
  }

  /**
   * Takes up the jobs of an earlier run; their modules and unfinished chunks must be given again. Returns why
   * some could not be taken up.
   */
  restore(): unknown[] {
    const { crypto, trust } = this.#options;
    return this.#shelf.jobs().flatMap(({ envelope, proofs }) => {
      try {
        const definition = verifyDefinition(crypto, envelope, trust.originatorKey);
        this.#ledger.requireNotBehind(definition);
        this.#restoreJob(new Job(definition, proofs));
        return [];
      } catch (error) {
        return [error];
      }
    });
  }

  /**
   * Takes a definition; one that is known already goes on where it stands. A later one of the same originator and
   * name ends the earlier.
   * @throws what {@link verifyDefinition} throws; OOTO_WORKLOAD_EXPIRED, OOTO_WORKLOAD_SEQUENCE (peer);
   * OOTO_WORKLOAD_BUSY (local) while there are as many jobs as may be.
   */
  submit(
    envelope: Uint8Array,
    proofs: Uint8Array,
    now: number,
  ): { definition: VerifiedDefinition; changes: StoreChange[] } {
    const { crypto, trust } = this.#options;
    const definition = verifyDefinition(crypto, envelope, trust.originatorKey);
    trust.requireLogged(definition, proofs);
    requireCurrent(definition, now);
    this.#ledger.requireNotBehind(definition);
    const id = hex(definition.digest);
    if (this.#jobs.has(id)) return { definition, changes: [] };
    if (this.#jobs.size >= this.#limits.jobs)
      throw new OotoError('OOTO_WORKLOAD_BUSY', 'local', `there are ${this.#jobs.size} jobs already`);
    this.#endEarlier(definition);
    const job = new Job(definition, proofs);
    this.#jobs.set(id, job);
    this.#settle(job);
    return {
      definition,
      changes: [...this.#ledger.remember(definition), this.#shelf.putJob(definition, proofs)],
    };
  }

  /** The module of a job is here. @throws OOTO_WORKLOAD_MODULE (peer), OOTO_WORKLOAD_JOB (caller). */
  admitModule(digest: Uint8Array, module: Uint8Array): void {
    const job = this.#job(digest);
    requireModule(this.#options.crypto, job.definition, module);
    job.hasModule = true;
  }

  /** A chunk of a job is here. @throws OOTO_WORKLOAD_CHUNK (peer), OOTO_WORKLOAD_JOB (caller). */
  admitChunk(digest: Uint8Array, index: number, chunk: Uint8Array): void {
    const job = this.#job(digest);
    requireChunk(this.#options.crypto, job.definition, index, chunk);
    job.arrived(index);
  }

  /** A node is ready to run workloads. */
  nodeReady(node: SchedulerNode): void {
    this.#roster.ready(node);
  }

  /** A node has gone: what it held is handed out again, without blame. */
  nodeGone(node: string): void {
    for (const { job, chunk } of this.#roster.gone(node)) job.reopen(chunk);
  }

  /**
   * Assigns ready chunks to nodes with room, jobs in the order they came. The changes are to be committed before
   * an assignment is sent.
   */
  assign(key: SigningKey, now: number): { assigned: AssignedChunk[]; changes: StoreChange[] } {
    const jobs = [...this.#jobs.values()].filter((job) => this.#stillHolds(job, now));
    const assigned = jobs.flatMap((job) => this.#assignJob(job, key, now));
    const changes = assigned.map(({ definition, chunk, attempt }) =>
      this.#shelf.putAttempt(definition.digest, chunk, attempt),
    );
    return { assigned, changes };
  }

  /**
   * Judges what a node gives back for an assignment. The output and the changes are to be made durable before the
   * chunk counts as done for anybody else. What fails here is handed out again, to another node if there is one.
   * @throws OOTO_WORKLOAD_LATE (peer) for an assignment that is no longer open, OOTO_WORKLOAD_NODE (peer) for one
   * of another node, OOTO_WORKLOAD_EXIT (peer) for an exit code that is not 0, and what {@link verifyReceipt} and
   * `trust` throw.
   */
  complete(
    id: string,
    node: string,
    completion: Completion,
  ): { finished: FinishedChunk; changes: StoreChange[] } {
    const held = this.#roster.strike(id, node);
    const { job, chunk } = held;
    const { definition } = job;
    try {
      const receipt = this.#judgeCompletion(held, completion);
      job.finish(chunk);
      this.#settle(job);
      const changes = [this.#shelf.putReceipt(definition.digest, chunk, completion.receipt)];
      return { finished: { definition, chunk, output: completion.output, receipt }, changes };
    } catch (error) {
      this.#failed(held, error);
      throw error;
    }
  }

  /**
   * A node refused or failed an assignment. OOTO_WORKLOAD_BUSY is no failure: the node is left alone for a while.
   * @throws OOTO_WORKLOAD_LATE, OOTO_WORKLOAD_NODE (peer).
   */
  fail(id: string, node: string, reason: unknown, now: number): void {
    const held = this.#roster.strike(id, node);
    if (!(reason instanceof OotoError && reason.code === 'OOTO_WORKLOAD_BUSY')) this.#failed(held, reason);
    else {
      held.job.reopen(held.chunk);
      this.#roster.rest(node, now + this.#limits.restMs);
    }
  }

  /** Takes back what is silent past its deadline, and ends jobs whose time or trust is over. */
  tick(now: number): void {
    for (const held of this.#roster.strikeLate(now))
      this.#failed(
        held,
        new OotoError('OOTO_WORKLOAD_SILENT', 'peer', `${held.node} gave no answer in time`),
      );
    for (const job of [...this.#jobs.values()]) this.#stillHolds(job, now);
  }

  /** When {@link tick} and {@link assign} are due next, in milliseconds since 1970. */
  deadline(): number | undefined {
    const expiries = [...this.#jobs.values()]
      .filter(({ done }) => !done)
      .map(({ definition }) => definition.expires);
    const times = [...this.#roster.deadlines(), ...expiries];
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** What has happened to jobs since the last call. A job that is done with or has failed is to be closed. */
  takeEvents(): SchedulerEvent[] {
    return this.#events.splice(0);
  }

  /** @throws OOTO_WORKLOAD_JOB (caller). */
  progress(digest: Uint8Array): JobProgress {
    return this.#job(digest).progress();
  }

  /** The receipts of a job so far. */
  receipts(digest: Uint8Array): { chunk: number; receipt: Uint8Array }[] {
    return this.#shelf.receipts(digest);
  }

  /** The output of a finished chunk was lost: it is run again. @throws OOTO_WORKLOAD_JOB (caller). */
  reopen(digest: Uint8Array, chunk: number): StoreChange[] {
    this.#job(digest).reopen(chunk);
    return [this.#shelf.dropReceipt(digest, chunk)];
  }

  /** Ends a job for good; the changes forget all but its sequence. */
  close(digest: Uint8Array): StoreChange[] {
    this.#remove(hex(digest));
    return this.#shelf.drop(digest);
  }

  #restoreJob(job: Job): void {
    const { digest } = job.definition;
    for (const { chunk, attempt } of this.#shelf.attempts(digest)) job.resume(chunk, attempt);
    for (const { chunk } of this.#shelf.receipts(digest)) job.finish(chunk);
    this.#jobs.set(hex(digest), job);
    this.#settle(job);
  }

  #job(digest: Uint8Array): Job {
    const job = this.#jobs.get(hex(digest));
    if (!job) throw new OotoError('OOTO_WORKLOAD_JOB', 'caller', 'there is no such job here');
    return job;
  }

  #settle(job: Job): void {
    if (job.done) this.#events.push({ kind: 'done', definition: job.definition });
  }

  #endEarlier({ originator, name }: VerifiedDefinition): void {
    for (const job of this.#jobs.values())
      if (job.definition.originator === originator && job.definition.name === name)
        this.#end(
          job,
          new OotoError('OOTO_WORKLOAD_SEQUENCE', 'peer', 'a later definition has taken its place'),
        );
  }

  /** An unfinished job lives as long as its originator is trusted and its time is not over. */
  #stillHolds(job: Job, now: number): boolean {
    if (job.done) return false;
    try {
      this.#options.trust.originatorKey(job.definition.originator);
      requireCurrent(job.definition, now);
      return true;
    } catch (error) {
      this.#end(job, error);
      return false;
    }
  }

  #end(job: Job, reason: unknown): void {
    this.#remove(hex(job.definition.digest));
    if (!job.done) this.#events.push({ kind: 'failed', definition: job.definition, error: asError(reason) });
  }

  #remove(id: string): void {
    const job = this.#jobs.get(id);
    this.#jobs.delete(id);
    if (job) this.#roster.strikeJob(job);
  }

  #assignJob(job: Job, key: SigningKey, now: number): AssignedChunk[] {
    const assigned: AssignedChunk[] = [];
    const suited = this.#roster.suited(job.definition);
    const names = suited.map(({ id }) => id);
    for (let given = true; given; ) {
      given = false;
      for (const node of suited) {
        const chunk = this.#roster.hasRoom(node, now) ? job.nextFor(node.id, names) : undefined;
        if (chunk === undefined) continue;
        assigned.push(this.#assignChunk(job, chunk, node, key, now));
        given = true;
      }
    }
    return assigned;
  }

  #assignChunk(
    job: Job,
    chunk: number,
    { id: node }: SchedulerNode,
    key: SigningKey,
    now: number,
  ): AssignedChunk {
    const { crypto, mesh, id: scheduler } = this.#options;
    const { definition, proofs } = job;
    const attempt = job.assign(chunk);
    const deadline = Math.min(now + definition.limits.timeMs + this.#limits.graceMs, definition.expires);
    const body = { mesh, scheduler, node, definition: definition.digest, chunk, attempt, deadline };
    const assignment = signAssignment(body, key);
    const digest = crypto.sha256(assignment);
    const id = hex(digest);
    this.#roster.note(id, { job, assignment: digest, node, chunk, deadline });
    return { id, node, definition, proofs, chunk, attempt, assignment, deadline };
  }

  /** An output counts when the node it was asked of has signed for it, attested, and the module ended well. */
  #judgeCompletion(
    { job, node, chunk, assignment }: Outstanding,
    { receipt: signed, output }: Completion,
  ): Receipt {
    const { crypto, trust, mesh } = this.#options;
    const { digest: definition, chunks } = job.definition;
    const expected = { mesh, node, definition, assignment, chunk, input: chunks[chunk], output };
    const receipt = verifyReceipt(crypto, signed, trust.nodeKey(node), expected);
    trust.requireAttested(node, receipt.attestation);
    if (receipt.exitCode !== 0)
      throw new OotoError(
        'OOTO_WORKLOAD_EXIT',
        'peer',
        `the module ended with exit code ${receipt.exitCode}`,
      );
    return receipt;
  }

  #failed({ job, chunk, node }: Outstanding, reason: unknown): void {
    if (job.failed(chunk, node) >= this.#limits.failures) this.#end(job, reason);
  }
}

function asError(reason: unknown): OotoError {
  if (reason instanceof OotoError) return reason;
  return new OotoError('OOTO_WORKLOAD_FAILED', 'peer', 'the workload failed', { cause: reason });
}
