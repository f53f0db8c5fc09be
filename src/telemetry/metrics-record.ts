/**
 * One export of metrics as a record. What flows through here: resource, scopes, metrics and data points become
 * deterministic CBOR and come back strictly. A number that is a whole one is written as an integer, any other as
 * the eight bytes of its IEEE 754 form, big-endian: so each value has one spelling though the encoding has no
 * floats. Times are microseconds since 1970.
 */
import { OotoError } from '../base/errors.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import {
  boolean,
  type Fields,
  list,
  literal,
  mapOf,
  object,
  oneOf,
  optional,
  type Reader,
  text,
  uint,
  variant,
} from '../envelope/fields.ts';
import { MAX_RECORD_BYTES } from './frame.ts';

export const METRICS_SCHEMA = 'ooto.metrics/1';
const MAX_ITEMS = 262_144;
const MAX_SCOPES = 256;
const MAX_METRICS = 4096;
const MAX_POINTS = 16_384;
const MAX_ATTRIBUTES = 128;
const MAX_BUCKETS = 1024;
const MAX_TEXT_BYTES = 4096;
const DOUBLE_BYTES = 8;

/** As OpenTelemetry has it: arrays are of one type. */
export type AttributeValue = string | number | boolean | readonly (string | number | boolean)[];

/** A finite number. */
const double: Reader<number> = (value, path) => {
  if (typeof value === 'number') return value;
  if (value instanceof Uint8Array && value.length === DOUBLE_BYTES) {
    const number = new DataView(value.buffer, value.byteOffset, DOUBLE_BYTES).getFloat64(0);
    if (Number.isFinite(number) && !Number.isSafeInteger(number)) return number;
  }
  throw new OotoError('OOTO_TELEMETRY_METRIC', 'peer', `${path} is not a number in its one spelling`);
};

const scalar: Reader<string | number | boolean> = (value, path) => {
  if (typeof value === 'string') return text(MAX_TEXT_BYTES)(value, path);
  return typeof value === 'boolean' ? value : double(value, path);
};

const attributeValue: Reader<AttributeValue> = (value, path) =>
  Array.isArray(value) ? list(scalar, { max: MAX_ATTRIBUTES })(value, path) : scalar(value, path);

const attributes = mapOf(attributeValue, { max: MAX_ATTRIBUTES });

const point = { attributes, start: uint(), time: uint() } as const;

const histogramValue = {
  /** Upper bounds of all buckets but the last, ascending. */
  bounds: list(double, { max: MAX_BUCKETS }),
  /** One more than bounds. */
  counts: list(uint(), { max: MAX_BUCKETS + 1, min: 1 }),
  count: uint(),
  sum: optional(double),
  min: optional(double),
  max: optional(double),
} as const;

const numbers = list(object({ ...point, value: double }), { max: MAX_POINTS });
const described = {
  name: text(255),
  unit: text(63),
  description: text(MAX_TEXT_BYTES),
} as const;
const temporality = oneOf('cumulative', 'delta');

const metric = variant('kind', {
  sum: { ...described, temporality, monotonic: boolean, points: numbers },
  gauge: { ...described, points: numbers },
  histogram: {
    ...described,
    temporality,
    points: list(object({ ...point, value: object(histogramValue) }), { max: MAX_POINTS }),
  },
});

const recordShape = {
  schema: literal(METRICS_SCHEMA),
  resource: attributes,
  scopes: list(object({ name: text(255), version: text(255), metrics: list(metric, { max: MAX_METRICS }) }), {
    max: MAX_SCOPES,
  }),
} as const;

export type MetricsRecord = Omit<Fields<typeof recordShape>, 'schema'>;
export type MetricsScope = MetricsRecord['scopes'][number];
export type Metric = MetricsScope['metrics'][number];
export type HistogramValue = Fields<typeof histogramValue>;
export type NumberPoint = Extract<Metric, { kind: 'sum' }>['points'][number];
export type HistogramPoint = Extract<Metric, { kind: 'histogram' }>['points'][number];
export type Attributes = ReadonlyMap<string, AttributeValue>;

/** @throws OOTO_TELEMETRY_METRIC (caller) for numbers that are not finite or a record beyond the limits. */
export function encodeMetrics(record: MetricsRecord): Uint8Array {
  const value = asCbor({ schema: METRICS_SCHEMA, ...record });
  requireReadable(value);
  const encoded = encode(value);
  if (encoded.length > MAX_RECORD_BYTES)
    throw new OotoError(
      'OOTO_TELEMETRY_METRIC',
      'caller',
      `an export of ${encoded.length} bytes, where ${MAX_RECORD_BYTES} may be`,
      { hint: 'give metrics fewer attributes, or limit their cardinality with a view' },
    );
  return encoded;
}

/** @throws OOTO_TELEMETRY_METRIC, OOTO_ENVELOPE_ errors (peer) for bytes that {@link encodeMetrics} does not write. */
export function decodeMetrics(encoded: Uint8Array): MetricsRecord {
  const value = decode(encoded, { maxBytes: MAX_RECORD_BYTES, maxItems: MAX_ITEMS });
  const { resource, scopes } = readFields(value);
  for (const { metrics } of scopes) metrics.forEach(requireSound);
  return { resource, scopes };
}

/** The one spelling of attributes, in the order of the encoding. */
export function encodeAttributes(attributes: Attributes): Uint8Array {
  return encode(asCbor(attributes));
}

const readFields = (value: CborValue) => object(recordShape)(value, 'record');

/** Nothing is written that a collector would have to refuse. */
function requireReadable(value: CborValue): void {
  try {
    readFields(value);
  } catch (cause) {
    throw new OotoError('OOTO_TELEMETRY_METRIC', 'caller', 'these metrics have no record', { cause });
  }
}

/** What the shape alone cannot say: buckets fit their bounds and their count. */
function requireSound(metric: Metric): void {
  if (metric.kind !== 'histogram') return;
  for (const { value } of metric.points) {
    const { bounds, counts, count } = value;
    const ascending = bounds.every((bound, i) => i === 0 || bounds[i - 1] < bound);
    const total = counts.reduce((sum, each) => sum + each, 0);
    if (!ascending || counts.length !== bounds.length + 1 || total !== count)
      throw new OotoError('OOTO_TELEMETRY_METRIC', 'peer', `the buckets of ${metric.name} do not fit`);
  }
}

/** Maps as plain objects, numbers that are not whole as bytes. */
function asCbor(value: unknown): CborValue {
  if (typeof value === 'number') return doubleAsCbor(value);
  if (value instanceof Map) return asCbor(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(asCbor);
  if (typeof value !== 'object' || value === null) return value as CborValue;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asCbor(member)]));
}

function doubleAsCbor(value: number): CborValue {
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  if (!Number.isFinite(value))
    throw new OotoError('OOTO_TELEMETRY_METRIC', 'caller', `${value} is no value of a metric`);
  const bytes = new Uint8Array(DOUBLE_BYTES);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}
