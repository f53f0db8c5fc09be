/**
 * OpenTelemetry in. What flows through here: the node counts and measures with the instruments it has by name,
 * applications with meters of their own; a reader collects all of it when the node asks, and each collection is
 * one record. Whoever brings a MeterProvider of their own gives it the exporter instead.
 */
import type { Attributes, Counter, Gauge, Histogram, Meter } from '@opentelemetry/api';
import {
  MeterProvider,
  MetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { OotoError } from '../base/errors.ts';
import { INSTRUMENTS, type InstrumentName, type NameOf } from './instruments.ts';
import { type AttributeValue, encodeMetrics } from './metrics-record.ts';
import { recordOf } from './resource-metrics.ts';

/** Attributes of every record, for example `service.name`; they overrule those of the resource. */
export type ResourceAttributes = Readonly<Record<string, AttributeValue>>;

/** Collects when it is asked to, and only then: the node has the clock. */
class AskedReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** The meters of one node. */
export class TelemetryMeters {
  readonly #reader = new AskedReader();
  readonly #provider = new MeterProvider({ readers: [this.#reader] });
  readonly #own: Meter;
  readonly #instruments = new Map<InstrumentName, Counter | Gauge | Histogram>();
  readonly #resource: ResourceAttributes;

  constructor(resource: ResourceAttributes) {
    this.#resource = resource;
    this.#own = this.meter('ooto');
  }

  /** An OpenTelemetry meter, whose instruments are exported with the node's. */
  meter(name: string, version?: string): Meter {
    return this.#provider.getMeter(name, version);
  }

  count(name: NameOf<'counter'>, value = 1, attributes: Attributes = {}): void {
    const counter = this.#instrument(name, (meter, options) => meter.createCounter(name, options));
    (counter as Counter).add(value, attributes);
  }

  set(name: NameOf<'gauge'>, value: number, attributes: Attributes = {}): void {
    const gauge = this.#instrument(name, (meter, options) => meter.createGauge(name, options));
    (gauge as Gauge).record(value, attributes);
  }

  measure(name: NameOf<'histogram'>, value: number, attributes: Attributes = {}): void {
    const histogram = this.#instrument(name, (meter, options) => meter.createHistogram(name, options));
    (histogram as Histogram).record(value, attributes);
  }

  /**
   * All metrics as they stand, as one record.
   * @throws OOTO_TELEMETRY_METRIC (caller) when they do not fit in one.
   */
  async record(): Promise<Uint8Array> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    if (errors.length > 0)
      throw new OotoError('OOTO_TELEMETRY_METRIC', 'caller', 'an observable instrument failed', {
        cause: new AggregateError(errors),
      });
    return encodeMetrics(recordOf(resourceMetrics, this.#resource));
  }

  async close(): Promise<void> {
    await this.#provider.shutdown();
  }

  #instrument(
    name: InstrumentName,
    create: (meter: Meter, options: { unit: string; description: string }) => Counter | Gauge | Histogram,
  ): Counter | Gauge | Histogram {
    const known = this.#instruments.get(name);
    if (known) return known;
    const { unit, description } = INSTRUMENTS[name];
    const made = create(this.#own, { unit, description });
    this.#instruments.set(name, made);
    return made;
  }
}

/** Hands each export, as a record, to `append`; it has succeeded once that is durable. */
export class TelemetryExporter implements PushMetricExporter {
  readonly #append: (record: Uint8Array) => Promise<void>;
  readonly #resource: ResourceAttributes;
  #pending: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(append: (record: Uint8Array) => Promise<void>, resource: ResourceAttributes = {}) {
    this.#append = append;
    this.#resource = resource;
  }

  export(metrics: ResourceMetrics, done: Parameters<PushMetricExporter['export']>[1]): void {
    const [success, failed] = [0, 1];
    this.#pending = this.#exported(metrics).then(
      () => done({ code: success }),
      (error: unknown) =>
        done({ code: failed, error: error instanceof Error ? error : new Error(String(error)) }),
    );
  }

  forceFlush(): Promise<void> {
    return this.#pending;
  }

  async shutdown(): Promise<void> {
    this.#closed = true;
    await this.#pending;
  }

  async #exported(metrics: ResourceMetrics): Promise<void> {
    if (this.#closed)
      throw new OotoError('OOTO_TELEMETRY_CLOSED', 'caller', 'this exporter has been shut down');
    await this.#append(encodeMetrics(recordOf(metrics, this.#resource)));
  }
}
