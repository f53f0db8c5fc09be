/** OpenTelemetry in: what applications and the node count arrives at the collector as it was counted. */
import { readFileSync } from 'node:fs';
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { INSTRUMENTS, type Instrument } from '../../../src/telemetry/instruments.ts';
import { TelemetryExporter, TelemetryMeters } from '../../../src/telemetry/meters.ts';
import { decodeMetrics, type Metric } from '../../../src/telemetry/metrics-record.ts';
import { equal, is, ok, rejectsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { Collecting, WritingNode } from './chains.ts';

const test = suite('telemetry meters');

async function metricsOf(meters: TelemetryMeters): Promise<Map<string, Metric>> {
  const { scopes } = decodeMetrics(await meters.record());
  return new Map(scopes.flatMap(({ metrics }) => metrics).map((metric) => [metric.name, metric]));
}

test('the node’s own instruments, by name', async () => {
  const meters = new TelemetryMeters({ 'service.name': 'ooto' });
  meters.count('ooto.handshakes', 2, { result: 'accepted' });
  meters.count('ooto.handshakes', 1, { result: 'refused' });
  meters.count('ooto.handshakes', 3, { result: 'accepted' });
  meters.set('ooto.members', 5, { state: 'alive' });
  meters.set('ooto.members', 4, { state: 'alive' });
  meters.measure('ooto.handshake.duration', 0.25);
  const metrics = await metricsOf(meters);
  const handshakes = metrics.get('ooto.handshakes');
  equal(
    [
      handshakes?.kind,
      handshakes?.unit,
      handshakes?.points.map(({ value, attributes }) => [value, [...attributes]]),
    ],
    [
      'sum',
      '{handshake}',
      [
        [5, [['result', 'accepted']]],
        [1, [['result', 'refused']]],
      ],
    ],
  );
  equal(
    metrics.get('ooto.members')?.points.map(({ value }) => value),
    [4],
  );
  const duration = metrics.get('ooto.handshake.duration');
  if (duration?.kind !== 'histogram') throw new Error('no histogram');
  const [{ value }] = duration.points;
  equal([value.count, value.sum, value.min, value.max], [1, 0.25, 0.25, 0.25]);
  await meters.close();
});

test('resource attributes are the node’s', async () => {
  const meters = new TelemetryMeters({ 'service.name': 'ooto', 'service.instance.id': 'node a' });
  meters.count('ooto.attestations');
  const { resource } = decodeMetrics(await meters.record());
  equal([resource.get('service.name'), resource.get('service.instance.id')], ['ooto', 'node a']);
});

test('meters of an application are exported with the node’s, each export whole', async () => {
  const meters = new TelemetryMeters({});
  const counter = meters.meter('app', '1.2').createCounter('app.jobs');
  counter.add(1);
  is((await metricsOf(meters)).get('app.jobs')?.points[0].value, 1);
  counter.add(2.5);
  is((await metricsOf(meters)).get('app.jobs')?.points[0].value, 3.5);
});

test('points without a finite value are left out', async () => {
  const meters = new TelemetryMeters({});
  const gauge = meters.meter('app').createGauge('app.temperature');
  gauge.record(Number.NaN, { at: 'a' });
  gauge.record(20, { at: 'b' });
  equal(
    (await metricsOf(meters)).get('app.temperature')?.points.map(({ value }) => value),
    [20],
  );
});

test('an observable that fails is reported', async () => {
  const meters = new TelemetryMeters({});
  const gauge = meters.meter('app').createObservableGauge('app.broken');
  gauge.addCallback(() => {
    throw new Error('broken');
  });
  await rejectsCode(meters.record(), 'OOTO_TELEMETRY_METRIC');
});

test('from a counter to the collector', async () => {
  const node = new WritingNode('a');
  const meters = new TelemetryMeters({ 'service.name': 'ooto' });
  for (const bytes of [100, 23]) {
    meters.count('ooto.record.bytes', bytes, { direction: 'out' });
    node.append(await meters.record());
  }
  node.checkpoint();
  const collecting = new Collecting();
  equal(collecting.deliver(node.node, node.frames()).unreadable, []);
  const [metric] = collecting.collector.metrics();
  equal(
    [metric.scope, metric.name, metric.unit, metric.points.length],
    ['ooto', 'ooto.record.bytes', 'By', 1],
  );
  equal([metric.points[0].value, metric.points[0].nodes], [123, 1]);
});

/** A provider of the application's own, whose reader is asked, never timed. */
function exporting(append: (record: Uint8Array) => Promise<void>, aggregation?: AggregationType) {
  const exporter = new TelemetryExporter(append, { 'service.name': 'mine' });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1 << 30 });
  const views = aggregation ? [{ instrumentName: '*', aggregation: { type: aggregation } as never }] : [];
  return { exporter, provider: new MeterProvider({ readers: [reader], views }) };
}

test('an exporter for a MeterProvider of one’s own', async () => {
  const records: Uint8Array[] = [];
  const { provider } = exporting(async (record) => void records.push(record));
  provider.getMeter('mine').createCounter('jobs').add(7);
  await provider.forceFlush();
  is(records.length, 1);
  const { resource, scopes } = decodeMetrics(records[0]);
  equal([resource.get('service.name'), scopes[0].metrics[0].points[0].value], ['mine', 7]);
  await provider.shutdown();
});

test('an export has succeeded once its record is durable, and failed when it is not', async () => {
  let fail = false;
  const codes: number[] = [];
  const { exporter } = exporting(() => (fail ? Promise.reject(new Error('disk full')) : Promise.resolve()));
  const empty = { resource: { attributes: {} }, scopeMetrics: [] } as never;
  exporter.export(empty, ({ code }) => void codes.push(code));
  equal(codes, []);
  await exporter.forceFlush();
  fail = true;
  exporter.export(empty, ({ code, error }) => void codes.push(code, error?.message === 'disk full' ? 1 : 0));
  await exporter.shutdown();
  exporter.export(empty, ({ code }) => void codes.push(code));
  await exporter.forceFlush();
  equal(codes, [0, 1, 1, 1]);
});

test('an exponential histogram is refused by name', async () => {
  const { provider, exporter } = exporting(async () => {}, AggregationType.EXPONENTIAL_HISTOGRAM);
  let message = '';
  const real = exporter.export.bind(exporter);
  exporter.export = (metrics, done) =>
    real(metrics, (result) => {
      message = result.error?.message ?? '';
      done(result);
    });
  provider.getMeter('mine').createHistogram('sizes').record(7);
  await provider.forceFlush().catch(() => {});
  ok(message.includes('sizes'), message);
  await provider.shutdown().catch(() => {});
});

/** The names that notes on operations promise to Prometheus users. */
const PROMETHEUS = [
  'ooto_handshakes_total',
  'ooto_handshake_duration_seconds',
  'ooto_records_sealed_total',
  'ooto_record_bytes_total',
  'ooto_auth_failures_total',
  'ooto_members',
  'ooto_certificate_expiry_timestamp_seconds',
  'ooto_log_head_index',
  'ooto_log_append_duration_seconds',
  'ooto_threshold_signatures_total',
  'ooto_attestations_total',
  'ooto_build_info',
];

test('the standard translation of the names yields the Prometheus names', () => {
  const translated = Object.entries(INSTRUMENTS).map(([name, instrument]) => prometheus(name, instrument));
  for (const name of PROMETHEUS) ok(translated.includes(name), name);
});

test('operations.md lists every instrument as it is', () => {
  const page = readFileSync('docs/operations.md', 'utf8');
  const listed = [...page.matchAll(/^\| `(ooto\.[a-z.]+)` \| (\w+) \| `(.+)` \| (.+) \|$/gm)];
  equal(
    listed.map(([, name, kind, unit, description]) => [name, { kind, unit, description }]),
    Object.entries(INSTRUMENTS),
  );
});

/** OpenTelemetry, "Prometheus and OpenMetrics compatibility": dots, unit suffix, `_total`. */
function prometheus(name: string, { kind, unit }: Instrument): string {
  const words = { s: 'seconds', By: 'bytes' }[unit];
  const base = name.replaceAll('.', '_');
  const suffixed = words && !base.endsWith(`_${words}`) ? `${base}_${words}` : base;
  return kind === 'counter' ? `${suffixed}_total` : suffixed;
}
