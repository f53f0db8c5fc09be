/**
 * A collector's service. What flows through here: frames of many nodes are verified before anything of them
 * counts; what is good is stored, then aggregated, then confirmed; what is not is refused by name, and what stood
 * before it stays. Nodes that promised a checkpoint and are silent are named in the log.
 */

import { hex } from '../../base/hex.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { bytesBetween, fields, list } from '../../envelope/fields.ts';
import { MAX_FRAME_BYTES, type Receipt, TelemetryCollector } from '../../telemetry/index.ts';
import type { MeshNode } from '../node.ts';
import { telemetryJudge } from './credential.ts';

const MOST_FRAMES = 65_536;
const WATCH_MS = 1_000;

export class Collecting {
  readonly #node: MeshNode;
  readonly #collector: TelemetryCollector;
  #staging: Promise<unknown> = Promise.resolve();
  #cancelWatch = () => {};

  constructor(node: MeshNode) {
    const { crypto, store } = node.options;
    this.#node = node;
    this.#collector = new TelemetryCollector({
      crypto,
      store,
      judge: telemetryJudge(crypto, () => node.trust),
    });
    node.handle('telemetry.append', (peer, body) => this.#append(peer.id, body));
    node.handle('telemetry.summary', () => this.#summary());
    this.#watch();
  }

  /** Verified records and data points so far. */
  get counters(): Record<string, number> {
    const nodes = this.#collector.nodes();
    return {
      nodes: nodes.length,
      records: nodes.reduce((sum, { records }) => sum + records, 0),
      points: this.#collector.points.aggregated,
    };
  }

  close(): void {
    this.#cancelWatch();
  }

  async #append(node: string, body: CborValue): Promise<CborValue> {
    const { frames } = fields(body, { frames: list(bytesBetween(1, MAX_FRAME_BYTES), { max: MOST_FRAMES }) });
    const receipt = await this.#inTurn(() => this.#stage(node, frames));
    if (receipt.refusal) throw receipt.refusal;
    return { sequence: receipt.sequence, records: receipt.records, head: receipt.head };
  }

  async #stage(node: string, frames: readonly Uint8Array[]): Promise<Receipt> {
    const { store, clock } = this.#node.options;
    const staged = this.#collector.stage([{ node, frames }], clock.now());
    try {
      if (staged.changes.length > 0) await store.commit(staged.changes);
    } catch (error) {
      this.#collector.discard(staged);
      throw error;
    }
    this.#collector.accept(staged);
    return staged.receipts[0];
  }

  /** What has been verified, by node, and one digest over the heads of all chains. */
  #summary(): CborValue {
    const { crypto, clock } = this.#node.options;
    const nodes = this.#collector.nodes().map(({ node, records, silent, checkpoint }) => ({
      node,
      records,
      silent,
      head: this.#collector.position(node).head,
      checkpoint: checkpoint
        ? { records: checkpoint.records, root: checkpoint.root, time: checkpoint.time }
        : null,
    }));
    const root = crypto.merkle.root(nodes.map(({ head }) => head));
    const metrics = this.#collector
      .metrics()
      .map(({ scope, name, unit, kind }) => ({ scope, name, unit, kind }));
    return { nodes, metrics, root: hex(root), time: clock.now() };
  }

  #watch(): void {
    const { clock, logger } = this.#node.options;
    for (const { code, culprits } of this.#collector.tick(clock.now()))
      logger.log('warn', 'telemetry is missing', { code, peer: culprits[0] });
    this.#cancelWatch = clock.after(WATCH_MS, () => this.#watch());
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#staging.then(step, step);
    this.#staging = turn.catch(() => {});
    return turn;
  }
}
