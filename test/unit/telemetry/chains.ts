/** Nodes with chains, a store in memory that can be harmed, and a judge that knows the credentials given here. */
import { u32be, utf8 } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import { type CborValue, decode, encode } from '../../../src/envelope/cbor.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import type { StoreChange, StoreEntry } from '../../../src/ports.ts';
import { TelemetryChain, type TelemetryChainOptions } from '../../../src/telemetry/chain.ts';
import { TelemetryCollector } from '../../../src/telemetry/collector.ts';
import type { CredentialJudge, MessageKeyGrant } from '../../../src/telemetry/credential.ts';
import {
  type Checkpoint,
  decodeFrame,
  encodeFrame,
  type Frame,
  type Link,
  signCheckpoint,
  signLink,
} from '../../../src/telemetry/frame.ts';
import { encodeMetrics, type MetricsRecord } from '../../../src/telemetry/metrics-record.ts';
import { testCrypto } from '../../support/crypto.ts';

export const crypto = testCrypto();
export const T0 = 1_700_000_000_000;
export const PROMISE_MS = 60_000;
const LIFE_MS = 600_000;

/** All changes of a commit or none, as the port says; its past can be looked at and its content harmed. */
export class MemoryStore {
  content: Map<string, Uint8Array>;

  constructor(content: Iterable<[string, Uint8Array]> = []) {
    this.content = new Map(content);
  }

  get(key: string): Uint8Array | undefined {
    return this.content.get(key)?.slice();
  }

  range(from: string, to: string, { limit = Number.POSITIVE_INFINITY, reverse = false } = {}): StoreEntry[] {
    const keys = [...this.content.keys()].filter((key) => key >= from && key < to).sort();
    if (reverse) keys.reverse();
    return keys.slice(0, limit).map((key) => ({ key, value: this.get(key)! }));
  }

  apply(changes: readonly StoreChange[]): void {
    for (const change of changes)
      if ('put' in change) this.content.set(change.put, change.value.slice());
      else this.content.delete(change.delete);
  }

  copy(): MemoryStore {
    return new MemoryStore([...this.content].map(([key, value]) => [key, value.slice()]));
  }

  keys(): string[] {
    return [...this.content.keys()].sort();
  }
}

/** What {@link judge} believes. */
const issued = new Map<string, MessageKeyGrant & { node: string }>();

export const judge: CredentialJudge = (credential, { node }) => {
  const grant = issued.get(hex(credential));
  if (!grant || grant.node !== node) throw new Error('no such credential of this node');
  return grant;
};

let serial = 0;

/** A message key of `node` with the credential that gives it from `notBefore` on. */
export function signingOf(node: string, notBefore = T0, notAfter = notBefore + LIFE_MS) {
  const key = new Ed25519SigningKey(crypto, crypto.sha256(utf8(`${node} key ${++serial}`)));
  const credential = utf8(`credential ${serial} of ${node}`);
  issued.set(hex(credential), { node, publicKey: key.publicKey, notBefore, notAfter });
  return { key, credential };
}

export function nodeId(name: string): string {
  return `spiffe://${'ab'.repeat(32)}/node/${name}`;
}

/** A node that writes: its store outlives its process. */
export class WritingNode {
  readonly node: string;
  store: MemoryStore;
  signing: ReturnType<typeof signingOf>;
  chain: TelemetryChain;
  now: number;

  constructor(name: string, { store = new MemoryStore(), now = T0 } = {}) {
    this.node = nodeId(name);
    this.store = store;
    this.now = now;
    this.signing = signingOf(this.node, now);
    this.chain = this.open();
  }

  /** Starts the node's process anew over what its store holds. */
  restart(options: Partial<TelemetryChainOptions> = {}): void {
    this.signing = signingOf(this.node, this.now);
    this.chain = this.open(options);
  }

  open(options: Partial<TelemetryChainOptions> = {}): TelemetryChain {
    const boot = crypto.sha256(utf8(`${this.node} boot ${++serial}`)).subarray(0, 16);
    const { store, node, signing } = this;
    return new TelemetryChain({
      crypto,
      store,
      node,
      boot,
      signing,
      judge,
      promiseMs: PROMISE_MS,
      ...options,
    });
  }

  append(...records: Uint8Array[]): void {
    const staged = this.chain.stage(records, this.now);
    this.store.apply(staged.changes);
    this.chain.accept(staged);
  }

  checkpoint(): void {
    const staged = this.chain.stageCheckpoint(this.now);
    this.store.apply(staged.changes);
    this.chain.accept(staged);
  }

  frames(from = 0): Uint8Array[] {
    return this.chain.frames(from, Number.POSITIVE_INFINITY);
  }
}

/** A collector with its store. */
export class Collecting {
  readonly store: MemoryStore;
  collector: TelemetryCollector;

  constructor(store = new MemoryStore()) {
    this.store = store;
    this.collector = this.open();
  }

  open(): TelemetryCollector {
    return new TelemetryCollector({ crypto, store: this.store, judge, toleranceMs: 1000 });
  }

  deliver(node: string, frames: readonly Uint8Array[], now = T0 + 1000) {
    const staged = this.collector.stage([{ node, frames }], now);
    this.store.apply(staged.changes);
    this.collector.accept(staged);
    return { ...staged.receipts[0], unreadable: staged.unreadable };
  }

  /** Everything that can be asked of it, for showing that nothing has changed. */
  picture() {
    const nodes = this.collector.nodes().map(({ refusals: _, evidence: __, ...node }) => node);
    const frames = nodes.map(({ node }) => [...this.collector.frames(node)].map(hex));
    return { nodes, frames, metrics: this.collector.metrics(), points: this.collector.points };
  }
}

/** One counter with one value. */
export function counterRecord(value: number, attributes: [string, string][] = [], start = T0): MetricsRecord {
  const point = { attributes: new Map(attributes), start: start * 1000, time: start * 1000 + 1, value };
  return {
    resource: new Map([['service.name', 'test']]),
    scopes: [
      {
        name: 'test',
        version: '',
        metrics: [
          {
            kind: 'sum',
            name: 'count',
            unit: '1',
            description: '',
            temporality: 'cumulative',
            monotonic: true,
            points: [point],
          },
        ],
      },
    ],
  };
}

/** Distinct records that count to `value`. */
export function record(value: number): Uint8Array {
  return encodeMetrics(counterRecord(value));
}

/** Opaque bytes as long as `length`. */
export function opaque(index: number, length = 20): Uint8Array {
  const bytes = new Uint8Array(length).fill(index & 0xff);
  bytes.set(u32be(index));
  return bytes;
}

/** The sum that the collector shows for the counter of {@link counterRecord}; undefined when it has none. */
export function countShown({ collector }: Collecting): number | undefined {
  const metric = collector.metrics().find(({ name }) => name === 'count');
  return metric?.kind === 'sum' ? metric.points.reduce((sum, { value }) => sum + value, 0) : undefined;
}

/** The frame with some members of its body replaced and signed again by `key`. */
export function resigned(
  encoded: Uint8Array,
  key: Ed25519SigningKey,
  change: Partial<Link & Checkpoint>,
): Uint8Array {
  const frame = decodeFrame(encoded, 'test');
  const { credential } = frame;
  const made: Frame =
    frame.kind === 'link'
      ? signLink(key, { ...frame.body, ...change }, frame.records)
      : signCheckpoint(key, { ...frame.body, ...change });
  return encodeFrame(credential ? { ...made, credential } : made);
}

/** The frame with its outer members changed, not signed again. */
export function reshaped(
  encoded: Uint8Array,
  change: (frame: Record<string, CborValue>) => object,
): Uint8Array {
  const frame = decode(encoded, { maxBytes: 1 << 24 }) as Record<string, CborValue>;
  return encode({ ...frame, ...change(frame) } as CborValue);
}
