/**
 * A node's telemetry on its way. What flows through here, on a timer: the meters become one record, the record a
 * link of the node's chain, durable before it counts; a checkpoint says how far the chain goes and when the next
 * comes; what the collector does not have yet is sent, from where it says that it is. A collector that is away
 * gets everything later.
 */
import type { CborValue } from '../../envelope/cbor.ts';
import { bytes, fields, uint } from '../../envelope/fields.ts';
import { BOOT_ID_BYTES, type StagedFrames, TelemetryChain } from '../../telemetry/index.ts';
import type { MeshNode } from '../node.ts';
import { pause } from '../patience.ts';
import type { Upkeep } from '../upkeep.ts';
import { telemetryCredential, telemetryJudge } from './credential.ts';

const MOST_SENT_BYTES = 4 * 1024 * 1024;
/** A checkpoint after this many records. */
const CHECKPOINT_RECORDS = 5;
/** The next checkpoint is promised within this many periods. */
const PROMISED_PERIODS = 40;
const LEAST_PROMISE_MS = 10_000;

const positionShape = { sequence: uint(), records: uint(), head: bytes(32) } as const;

export class Telemetering {
  readonly #node: MeshNode;
  readonly #upkeep: Upkeep;
  readonly #periodMs: number;
  readonly #chain: TelemetryChain;
  #shown: Uint8Array;
  #acknowledged = { sequence: 0, records: 0 };
  #sinceCheckpoint = 0;

  constructor(node: MeshNode, upkeep: Upkeep, periodMs: number) {
    const { crypto, store } = node.options;
    this.#node = node;
    this.#upkeep = upkeep;
    this.#periodMs = periodMs;
    this.#shown = node.own.delegation;
    this.#chain = new TelemetryChain({
      crypto,
      store,
      node: node.own.presentation.id,
      boot: crypto.random.bytes(BOOT_ID_BYTES),
      signing: { key: node.own.messageKey, credential: telemetryCredential(node.own) },
      judge: telemetryJudge(crypto, () => node.trust),
      promiseMs: Math.max(LEAST_PROMISE_MS, PROMISED_PERIODS * periodMs),
    });
  }

  /** Records in the chain, and how many of them the collector has confirmed. */
  get counts(): { records: number; acknowledged: number } {
    return { records: this.#chain.position.records, acknowledged: this.#acknowledged.records };
  }

  /** Records and sends until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#node.options;
    while (!signal.aborted) {
      await this.#round().catch((error) => logger.log('info', 'telemetry will be sent later', { error }));
      await pause(clock, this.#periodMs, signal).catch(() => {});
    }
  }

  async #round(): Promise<void> {
    await this.#record();
    await this.#send();
  }

  async #record(): Promise<void> {
    const { clock } = this.#node.options;
    this.#signWithNewest();
    this.#measure();
    const record = await this.#node.meters.record();
    await this.#commit(this.#chain.stage([record], clock.now()));
    if (++this.#sinceCheckpoint < CHECKPOINT_RECORDS) return;
    await this.#commit(this.#chain.stageCheckpoint(clock.now()));
    this.#sinceCheckpoint = 0;
  }

  #measure(): void {
    const { meters, own } = this.#node;
    meters.set('ooto.certificate.expiry.timestamp', Math.floor(own.presentation.notAfter / 1000));
    meters.set('ooto.members', this.#upkeep.membership.all.length, { state: 'known' });
    meters.count('ooto.telemetry.records');
    meters.set('ooto.build.info', 1, { version: this.#node.options.versions.get('ooto') ?? '' });
  }

  async #commit(staged: StagedFrames): Promise<void> {
    try {
      await this.#node.options.store.commit(staged.changes);
    } catch (error) {
      this.#chain.discard(staged);
      throw error;
    }
    this.#chain.accept(staged);
  }

  #signWithNewest(): void {
    const { own } = this.#node;
    if (own.delegation === this.#shown) return;
    this.#chain.sign({ key: own.messageKey, credential: telemetryCredential(own) });
    this.#shown = own.delegation;
  }

  /** The first answer says where the collector is; from there on, what fits. */
  async #send(): Promise<void> {
    const [collector] = this.#upkeep.membership.withRole('collector');
    if (!collector || collector.id === this.#node.own.presentation.id) return;
    let from = this.#acknowledged.sequence || (await this.#deliver(collector, []));
    while (from < this.#chain.position.sequence)
      from = await this.#deliver(collector, this.#chain.frames(from, MOST_SENT_BYTES));
  }

  async #deliver(
    collector: { id: string; addresses: readonly string[] },
    frames: Uint8Array[],
  ): Promise<number> {
    try {
      const answer = await this.#node.ask(collector, 'telemetry.append', { frames } as CborValue);
      const { sequence, records } = fields(answer, positionShape, 'telemetry.append');
      this.#acknowledged = { sequence, records };
      return sequence;
    } catch (error) {
      this.#acknowledged = { sequence: 0, records: this.#acknowledged.records };
      throw error;
    }
  }
}
