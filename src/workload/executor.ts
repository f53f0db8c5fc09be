/**
 * A node's side of workloads, as a machine. What flows through here: an offer is judged (admission.ts); what is
 * admitted becomes a store change, which is committed first, and a job for the sandbox; the job's result comes
 * back by its id, is held against the limits, and leaves as output and signed receipt. An attempt is taken once,
 * also across a crash: the scheduler makes a new one.
 */
import { concat, u32be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { fields, uint } from '../envelope/fields.ts';
import type { SigningKey } from '../envelope/keys.ts';
import { label } from '../envelope/labels.ts';
import type { SandboxLimits, SandboxResult, Store, StoreChange } from '../ports.ts';
import {
  type Admission,
  admit,
  type NodeSituation,
  type Offer,
  requireStillAdmitted,
  type WorkloadTrust,
} from './admission.ts';
import type { VerifiedAssignment } from './assignment.ts';
import { signReceipt } from './receipt.ts';
import { SequenceLedger } from './sequence-ledger.ts';

export interface ExecutorOptions {
  crypto: Crypto;
  /** Read only; changes go out and are the caller's to commit. */
  store: Pick<Store, 'get' | 'range'>;
  trust: WorkloadTrust;
  /** Executions at a time. */
  concurrency?: number;
}

/** What the sandbox shall run; it is named by the digest of its assignment, in hexadecimal. */
export interface ExecutionJob {
  id: string;
  module: Uint8Array;
  arguments: readonly string[];
  stdin: Uint8Array;
  limits: SandboxLimits;
  seed: Uint8Array;
}

export interface Completion {
  output: Uint8Array;
  receipt: Uint8Array;
}

interface Running extends Admission {
  input: Uint8Array;
  started: number;
}

const attemptShape = { attempt: uint(), expires: uint() } as const;
const SEQUENCES = 'workload/sequence/';
const ATTEMPTS = 'workload/attempt/';
const ATTEMPTS_END = 'workload/attempt0';
const CONCURRENCY = 4;

export class Executor {
  readonly #options: ExecutorOptions;
  readonly #ledger: SequenceLedger;
  /** Attempts taken since the start, whether their change has been committed yet or not. */
  readonly #attempts = new Map<string, number>();
  readonly #running = new Map<string, Running>();

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#ledger = new SequenceLedger(options.crypto, options.store, SEQUENCES);
  }

  /**
   * Judges an offer; the changes are to be committed before the job is run.
   * @throws what {@link admit} throws; OOTO_WORKLOAD_BUSY (local) while as many run as may.
   */
  take(offer: Offer, situation: NodeSituation): { changes: StoreChange[]; job: ExecutionJob } {
    const { crypto, trust, concurrency = CONCURRENCY } = this.#options;
    if (this.#running.size >= concurrency)
      throw new OotoError('OOTO_WORKLOAD_BUSY', 'local', 'as many workloads run here as may');
    const admission = admit(crypto, offer, situation, trust, {
      requireNotBehind: (definition) => this.#ledger.requireNotBehind(definition),
      requireNewAttempt: (assignment) => this.#requireNewAttempt(assignment),
    });
    const changes = [...this.#ledger.remember(admission.definition), this.#rememberAttempt(admission)];
    return { changes, job: this.#start(admission, offer, situation.now) };
  }

  /** The running jobs that should not run any more: originator or scheduler revoked, or time over. */
  lapsed(now: number): string[] {
    return [...this.#running].filter(([, running]) => !this.#stillHolds(running, now)).map(([id]) => id);
  }

  /**
   * The output of a job and its receipt, signed with the node's message key. `attestation` is SHA-256 of the
   * evidence in force.
   * @throws OOTO_WORKLOAD_JOB (caller) for an id that does not run; OOTO_WORKLOAD_OUTPUT (local) for more output
   * than the limit; what {@link requireStillAdmitted} throws.
   */
  complete(
    id: string,
    result: SandboxResult,
    { key, attestation, now }: { key: SigningKey; attestation: Uint8Array; now: number },
  ): Completion {
    const running = this.#end(id);
    const { definition, assignment, input, started } = running;
    requireStillAdmitted(running, now, this.#options.trust);
    const output = result.stdout;
    if (output.length + result.stderr.length > definition.limits.outputBytes)
      throw new OotoError(
        'OOTO_WORKLOAD_OUTPUT',
        'local',
        'the sandbox let more output through than the limit',
      );
    const receipt = signReceipt(
      {
        mesh: assignment.mesh,
        node: assignment.node,
        definition: definition.digest,
        assignment: assignment.digest,
        attestation,
        chunk: assignment.chunk,
        input,
        output: this.#options.crypto.sha256(output),
        outputBytes: output.length,
        exitCode: result.exitCode,
        started,
        finished: Math.max(started, now),
      },
      key,
    );
    return { output, receipt };
  }

  /** Ends a job that gave no result. @throws OOTO_WORKLOAD_JOB (caller). */
  fail(id: string): void {
    this.#end(id);
  }

  /** Changes that forget the attempts at definitions which have expired; to be committed now and then. */
  forget(now: number): StoreChange[] {
    return this.#options.store
      .range(ATTEMPTS, ATTEMPTS_END)
      .filter(({ value }) => readAttempt(value).expires <= now)
      .map(({ key }) => {
        this.#attempts.delete(key);
        return { delete: key };
      });
  }

  #start({ definition, assignment }: Admission, { module, chunk }: Offer, now: number): ExecutionJob {
    const { crypto } = this.#options;
    const id = hex(assignment.digest);
    this.#running.set(id, {
      definition,
      assignment,
      input: definition.chunks[assignment.chunk],
      started: now,
    });
    return {
      id,
      module,
      arguments: definition.arguments,
      stdin: chunk,
      limits: { ...definition.limits, timeMs: Math.min(definition.limits.timeMs, assignment.deadline - now) },
      seed: crypto.sha256(concat(label('execution-seed'), definition.digest, u32be(assignment.chunk))),
    };
  }

  #end(id: string): Running {
    const running = this.#running.get(id);
    if (!running) throw new OotoError('OOTO_WORKLOAD_JOB', 'caller', 'no such job runs here');
    this.#running.delete(id);
    return running;
  }

  #stillHolds(running: Running, now: number): boolean {
    try {
      requireStillAdmitted(running, now, this.#options.trust);
      return true;
    } catch {
      return false;
    }
  }

  /** @throws OOTO_WORKLOAD_REPLAY (peer). */
  #requireNewAttempt(assignment: VerifiedAssignment): void {
    const key = attemptKey(assignment);
    const stored = this.#options.store.get(key);
    const last = this.#attempts.get(key) ?? (stored && readAttempt(stored).attempt) ?? 0;
    if (assignment.attempt <= last)
      throw new OotoError(
        'OOTO_WORKLOAD_REPLAY',
        'peer',
        `attempt ${assignment.attempt} at chunk ${assignment.chunk} comes after attempt ${last}`,
      );
  }

  #rememberAttempt({ definition, assignment }: Admission): StoreChange {
    const key = attemptKey(assignment);
    const { attempt } = assignment;
    this.#attempts.set(key, attempt);
    return { put: key, value: encode({ attempt, expires: definition.expires }) };
  }
}

function attemptKey({ definition, chunk }: VerifiedAssignment): string {
  return `${ATTEMPTS}${hex(definition)}/${chunk}`;
}

function readAttempt(value: Uint8Array) {
  return fields(decode(value, { maxBytes: 64 }), attemptShape, 'attempt');
}
