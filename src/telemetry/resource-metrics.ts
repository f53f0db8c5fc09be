/**
 * OpenTelemetry's export as a record. What flows through here: what a metric reader collected is taken over
 * member by member, with the node's own attributes on top of the resource's; what has no value (undefined
 * attributes, points that are not finite) is left out.
 */
import type { HrTime, Attributes as OtelAttributes } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { OotoError } from '../base/errors.ts';
import type {
  Attributes,
  AttributeValue,
  HistogramValue,
  Metric,
  MetricsRecord,
  MetricsScope,
} from './metrics-record.ts';

/**
 * The record of one export; `own` attributes overrule those of the resource.
 * @throws OOTO_TELEMETRY_METRIC (caller) for an exponential histogram, which this version does not carry.
 */
export function recordOf(
  { resource, scopeMetrics }: ResourceMetrics,
  own: Readonly<Record<string, AttributeValue>> = {},
): MetricsRecord {
  return {
    resource: attributesOf({ ...resource.attributes, ...own } as OtelAttributes),
    scopes: scopeMetrics.map(
      ({ scope, metrics }): MetricsScope => ({
        name: scope.name,
        version: scope.version ?? '',
        metrics: metrics.map(metricOf),
      }),
    ),
  };
}

function metricOf(data: MetricData): Metric {
  const { name, unit, description } = data.descriptor;
  const described = { name, unit, description };
  const temporality = data.aggregationTemporality === AggregationTemporality.DELTA ? 'delta' : 'cumulative';
  switch (data.dataPointType) {
    case DataPointType.SUM:
      return { kind: 'sum', ...described, temporality, monotonic: data.isMonotonic, points: numbers(data) };
    case DataPointType.GAUGE:
      return { kind: 'gauge', ...described, points: numbers(data) };
    case DataPointType.HISTOGRAM:
      return { kind: 'histogram', ...described, temporality, points: data.dataPoints.map(histogramPoint) };
    default:
      throw new OotoError('OOTO_TELEMETRY_METRIC', 'caller', `${name} is an exponential histogram`, {
        hint: 'choose explicit buckets for it with a view',
      });
  }
}

function numbers({ dataPoints }: { dataPoints: DataPoint<number>[] }) {
  return dataPoints
    .filter(({ value }) => Number.isFinite(value))
    .map((point) => ({ ...timed(point), value: point.value }));
}

function histogramPoint(point: DataPoint<Histogram>) {
  return { ...timed(point), value: histogramValue(point.value) };
}

function histogramValue({ buckets, count, sum, min, max }: Histogram): HistogramValue {
  return {
    bounds: buckets.boundaries,
    counts: buckets.counts,
    count,
    ...finite('sum', sum),
    ...finite('min', min),
    ...finite('max', max),
  };
}

function finite<Name extends string>(name: Name, value: number | undefined): { [N in Name]?: number } {
  return (value !== undefined && Number.isFinite(value) ? { [name]: value } : {}) as { [N in Name]?: number };
}

function timed({ attributes, startTime, endTime }: DataPoint<unknown>) {
  return {
    attributes: attributesOf(attributes),
    start: microseconds(startTime),
    time: microseconds(endTime),
  };
}

function microseconds([seconds, nanoseconds]: HrTime): number {
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1000);
}

function attributesOf(attributes: OtelAttributes): Map<string, AttributeValue> {
  const entries = Object.entries(attributes).flatMap(([name, value]): [string, AttributeValue][] => {
    const kept = Array.isArray(value) ? value.filter(isScalar) : value;
    return Array.isArray(kept) || isScalar(kept) ? [[name, kept]] : [];
  });
  return new Map(entries) satisfies Attributes as Map<string, AttributeValue>;
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}
