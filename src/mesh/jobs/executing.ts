/**
 * A worker's service. What flows through here: an offer from a scheduler is judged by the executor; what it must
 * remember is stored before anything runs; the sandbox runs it; output and receipt go back. While it runs, the
 * node looks again and again whether originator and scheduler are still trusted, and ends what is not.
 */
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { bytesBetween, fields } from '../../envelope/fields.ts';
import type { SandboxLimits, Worker } from '../../ports.ts';
import { CHUNK_BYTES_MOST, DEFINITION_BYTES_MOST } from '../../workload/definition.ts';
import { Executor } from '../../workload/executor.ts';
import { MODULE_BYTES_MOST } from '../../workload/module.ts';
import type { MeshNode } from '../node.ts';
import { originatorKey } from '../policy.ts';
import type { Session } from '../session.ts';
import { liveKey, requireDefinitionLogged } from './workload-trust.ts';

const WATCH_MS = 1_000;
/** No execution gets more than this, whatever its definition asks. */
export const MOST_LIMITS: SandboxLimits = {
  memoryBytes: 256 * 1024 * 1024,
  timeMs: 600_000,
  outputBytes: 12 * 1024 * 1024,
};

export const offerShape = {
  envelope: bytesBetween(1, DEFINITION_BYTES_MOST),
  proofs: bytesBetween(1, 256 * 1024),
  assignment: bytesBetween(1, 8 * 1024),
  module: bytesBetween(1, MODULE_BYTES_MOST),
  chunk: bytesBetween(0, CHUNK_BYTES_MOST),
} as const;

export class Executing {
  readonly #node: MeshNode;
  readonly #worker: Worker;
  readonly #executor: Executor;
  readonly #aborts = new Map<string, AbortController>();
  readonly #stopWatching: () => void;
  receipts = 0;

  constructor(node: MeshNode, worker: Worker) {
    const { crypto, store } = node.options;
    this.#node = node;
    this.#worker = worker;
    this.#executor = new Executor({
      crypto,
      store,
      trust: {
        originatorKey: (name) => originatorKey(node.policy, name),
        schedulerKey: (id) => liveKey(node, id, 'scheduler'),
        requireLogged: (definition, proofs) =>
          requireDefinitionLogged(crypto, node.trust, definition, proofs),
      },
    });
    node.handle('workload.execute', (_, body, session) => this.#execute(body, session));
    this.#stopWatching = this.#watch();
  }

  async close(): Promise<void> {
    this.#stopWatching();
    await this.#worker.close();
  }

  async #execute(body: CborValue, session: Session): Promise<CborValue> {
    const { clock, store, crypto } = this.#node.options;
    const { presentation, messageKey } = this.#node.own;
    const offer = fields(body, offerShape, 'offer');
    const { changes, job } = this.#executor.take(offer, {
      mesh: presentation.meshId,
      node: presentation.id,
      tier: 'software',
      labels: [],
      most: MOST_LIMITS,
      now: clock.now(),
    });
    const started = clock.monotonic();
    const abort = new AbortController();
    this.#aborts.set(job.id, abort);
    try {
      await store.commit(changes);
      const result = await this.#worker.run(job.module, { ...job, signal: abort.signal });
      const attestation = session.attestation.given;
      const done = this.#executor.complete(job.id, result, {
        key: messageKey,
        attestation,
        now: clock.now(),
      });
      await store.commit([{ put: receiptKey(crypto.sha256(done.receipt)), value: done.receipt }]);
      this.receipts++;
      this.#measure(offer.chunk.length, clock.monotonic() - started, 'ok');
      return { ...done };
    } catch (error) {
      this.#forget(job.id);
      this.#measure(offer.chunk.length, clock.monotonic() - started, 'failed');
      throw error;
    } finally {
      this.#aborts.delete(job.id);
    }
  }

  #measure(inputBytes: number, ms: number, result: string): void {
    const { meters } = this.#node;
    meters.count('ooto.workload.executions', 1, { result });
    meters.count('ooto.workload.input.bytes', inputBytes);
    meters.measure('ooto.workload.duration', ms / 1000);
  }

  /** A job that has completed is no longer the executor's; one that failed before is ended here. */
  #forget(id: string): void {
    try {
      this.#executor.fail(id);
    } catch {
      // It had ended already: complete() takes a job out before it judges it.
    }
  }

  #watch(): () => void {
    const { clock } = this.#node.options;
    let cancel = () => {};
    const look = () => {
      for (const id of this.#executor.lapsed(clock.now())) this.#aborts.get(id)?.abort(lapsedError());
      cancel = clock.after(WATCH_MS, look);
    };
    cancel = clock.after(WATCH_MS, look);
    return () => cancel();
  }
}

function lapsedError(): OotoError {
  return new OotoError('OOTO_WORKLOAD_LAPSED', 'peer', 'originator or scheduler is not trusted any more');
}

function receiptKey(digest: Uint8Array): string {
  return `workload/receipt/${hex(digest)}`;
}
