/** Metrics as records: every value has one spelling, and bytes that are not that spelling are refused. */
import fc from 'fast-check';
import { isOotoError } from '../../../src/base/errors.ts';
import { hex } from '../../../src/base/hex.ts';
import { type CborValue, decode, encode } from '../../../src/envelope/cbor.ts';
import {
  decodeMetrics,
  encodeMetrics,
  type Metric,
  type MetricsRecord,
} from '../../../src/telemetry/metrics-record.ts';
import { bytes, equal, is, ok, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { counterRecord } from './chains.ts';

const test = suite('telemetry metrics record', { timeout: 30_000 });

const doubles = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value));
const numbers = fc.oneof(fc.maxSafeInteger(), doubles);
const texts = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => text.charCodeAt(0) !== 0xfeff);
const scalars = fc.oneof(texts, fc.boolean(), numbers);
const attributes = fc
  .dictionary(
    texts.filter((name) => name !== '__proto__'),
    fc.oneof(scalars, fc.array(scalars, { maxLength: 3 })),
    { maxKeys: 4 },
  )
  .map((entries) => new Map(Object.entries(entries)));
const times = { start: fc.maxSafeNat(), time: fc.maxSafeNat() };
const described = { name: texts, unit: texts, description: texts };
const temporality = fc.constantFrom('cumulative' as const, 'delta' as const);
const points = fc.array(fc.record({ attributes, ...times, value: numbers }), { maxLength: 3 });
const histograms = fc
  .record({
    bounds: fc.uniqueArray(doubles, { maxLength: 5 }).map((bounds) => bounds.sort((a, b) => a - b)),
    counts: fc.array(fc.nat(1000), { minLength: 6, maxLength: 6 }),
    extremes: fc.option(fc.record({ sum: numbers, min: numbers, max: numbers }), { nil: {} }),
  })
  .map(({ bounds, counts, extremes }) => {
    const fitting = counts.slice(0, bounds.length + 1);
    return { bounds, counts: fitting, count: fitting.reduce((a, b) => a + b, 0), ...extremes };
  });
const metrics: fc.Arbitrary<Metric> = fc.oneof(
  fc.record({
    kind: fc.constant('sum' as const),
    ...described,
    temporality,
    monotonic: fc.boolean(),
    points,
  }),
  fc.record({ kind: fc.constant('gauge' as const), ...described, points }),
  fc.record({
    kind: fc.constant('histogram' as const),
    ...described,
    temporality,
    points: fc.array(fc.record({ attributes, ...times, value: histograms }), { maxLength: 3 }),
  }),
);
const records: fc.Arbitrary<MetricsRecord> = fc.record({
  resource: attributes,
  scopes: fc.array(fc.record({ name: texts, version: texts, metrics: fc.array(metrics, { maxLength: 3 }) }), {
    maxLength: 3,
  }),
});

test('any record comes back as it was, and has one spelling', () => {
  fc.assert(
    fc.property(records, (record) => {
      const encoded = encodeMetrics(record);
      const decoded = decodeMetrics(encoded);
      equal(plain(decoded), plain(record));
      bytes(encodeMetrics(decoded), encoded);
    }),
  );
});

/** Maps do not compare by content alone in order: here they do. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].sort(([a], [b]) => (a < b ? -1 : 1)));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

test('whole numbers are integers, others are eight bytes; a negative zero is zero', () => {
  const spelling = (value: number) => {
    const decoded = decode(encodeMetrics(counterRecord(value)), { maxBytes: 10_000 }) as never as {
      scopes: { metrics: { points: { value: CborValue }[] }[] }[];
    };
    return decoded.scopes[0].metrics[0].points[0].value;
  };
  equal([spelling(7), spelling(-0), spelling(-3)], [7, 0, -3]);
  is(hex(spelling(0.5) as Uint8Array), '3fe0000000000000');
  is(hex(spelling(2 ** 53) as Uint8Array), '4340000000000000');
  is(decodeMetrics(encodeMetrics(counterRecord(2 ** 60))).scopes[0].metrics[0].points[0].value, 2 ** 60);
});

/** The record of a counter with its value replaced. */
function withValue(value: CborValue): Uint8Array {
  const decoded = decode(encodeMetrics(counterRecord(1)), { maxBytes: 10_000 }) as Record<string, never>;
  const scopes = structuredClone(decoded.scopes) as { metrics: { points: { value: CborValue }[] }[] }[];
  scopes[0].metrics[0].points[0].value = value;
  return encode({ ...decoded, scopes } as unknown as CborValue);
}

test('second spellings and values that are no numbers are refused', () => {
  const double = (value: number) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    return new Uint8Array(view.buffer);
  };
  for (const value of [1, 0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    throwsCode(() => decodeMetrics(withValue(double(value))), 'OOTO_TELEMETRY_METRIC');
  for (const value of ['1', null, true, new Uint8Array(4), 2n ** 60n])
    throwsCode(() => decodeMetrics(withValue(value)), 'OOTO_TELEMETRY_METRIC');
  is(decodeMetrics(withValue(double(1.5))).scopes.length, 1);
});

test('values that have no record are the caller’s mistake', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const error = throwsCode(() => encodeMetrics(counterRecord(value)), 'OOTO_TELEMETRY_METRIC');
    is(error.fault, 'caller');
  }
  const long = counterRecord(1, [['key', 'x'.repeat(5000)]]);
  is(throwsCode(() => encodeMetrics(long), 'OOTO_TELEMETRY_METRIC').fault, 'caller');
});

test('an export that is too large is refused with a hint', () => {
  const [scope] = counterRecord(1).scopes;
  const [metric] = scope.metrics as Extract<Metric, { kind: 'sum' }>[];
  const many = Array.from({ length: 16_000 }, (_, i) => ({
    ...metric.points[0],
    attributes: new Map([['key', `${i}`.padEnd(60)]]),
  }));
  const record = { resource: new Map(), scopes: [{ ...scope, metrics: [{ ...metric, points: many }] }] };
  ok(throwsCode(() => encodeMetrics(record), 'OOTO_TELEMETRY_METRIC').hint);
});

test('buckets that do not fit their bounds or their count are refused', () => {
  const histogram = (value: object): MetricsRecord => {
    const described = { name: 'h', unit: 's', description: '', temporality: 'delta' as const };
    const point = { attributes: new Map(), start: 1, time: 2, value: value as never };
    const metric: Metric = { kind: 'histogram', ...described, points: [point] };
    return { resource: new Map(), scopes: [{ name: '', version: '', metrics: [metric] }] };
  };
  for (const value of [
    { bounds: [1, 2], counts: [1, 1], count: 2 },
    { bounds: [2, 1], counts: [1, 1, 0], count: 2 },
    { bounds: [1, 1], counts: [1, 1, 0], count: 2 },
    { bounds: [1], counts: [1, 1], count: 3 },
  ])
    throwsCode(() => decodeMetrics(encodeMetrics(histogram(value))), 'OOTO_TELEMETRY_METRIC');
});

test('any bytes are a record or are refused with a code', () => {
  const good = encodeMetrics(counterRecord(5));
  const harmed = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => good.with(at, byte));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), harmed), (encoded) => {
      try {
        bytes(encodeMetrics(decodeMetrics(encoded)), encoded);
      } catch (error) {
        ok(isOotoError(error) && error.fault === 'peer', String(error));
      }
    }),
    { numRuns: 500 },
  );
});
