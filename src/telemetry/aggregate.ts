/**
 * Many nodes' metrics as one picture. What flows through here: records that have been verified are taken apart
 * into series (scope, metric, attributes); of each node and series the standing is kept, and a restart of a
 * cumulative counter continues where it ended; asked, the standings of all nodes are summed. What a node may
 * make others remember is limited.
 */
import type {
  Attributes,
  HistogramPoint,
  HistogramValue,
  Metric,
  MetricsRecord,
  NumberPoint,
} from './metrics-record.ts';

/** Series that one node may have; points of further ones are counted and left out. */
export const MAX_SERIES_OF_A_NODE = 10_000;

export interface GaugeSummary {
  /** Of the newest point. */
  last: number;
  min: number;
  max: number;
  sum: number;
}

export interface AggregatedPoint<Value> {
  attributes: Attributes;
  /** How many nodes contributed. */
  nodes: number;
  value: Value;
}

export type AggregatedMetric = { scope: string; name: string; unit: string } & (
  | { kind: 'sum'; points: AggregatedPoint<number>[] }
  | { kind: 'gauge'; points: AggregatedPoint<GaugeSummary>[] }
  | { kind: 'histogram'; points: AggregatedPoint<HistogramValue>[] }
);

/** What a node's series stands at; `ended` is what runs before the last restart came to. */
type Standing =
  | { kind: 'sum'; ended: number; start: number; value: number }
  | { kind: 'gauge'; time: number; value: number }
  | { kind: 'histogram'; ended: HistogramValue; start: number; value: HistogramValue };

interface Series {
  scope: string;
  metric: Pick<Metric, 'kind' | 'name' | 'unit'>;
  attributes: Attributes;
  standing: Standing;
}

export class Aggregation {
  readonly #nodes = new Map<string, Map<string, Series>>();
  /** Data points taken in. */
  points = 0;
  /** Data points left out, because their node had too many series. */
  leftOut = 0;

  /** Takes in a verified record of `node`. */
  add(node: string, { scopes }: MetricsRecord): void {
    for (const { name, metrics } of scopes)
      for (const metric of metrics)
        for (const point of metric.points) this.#addPoint(node, name, metric, point);
  }

  /** The picture over all nodes, in the order of scope, name and attributes. */
  metrics(): AggregatedMetric[] {
    const groups = new Map<string, Map<string, Series[]>>();
    for (const series of this.#nodes.values())
      for (const [key, each] of series) {
        const group = entry(groups, groupKey(each), () => new Map());
        entry(group, key, () => []).push(each);
      }
    return [...groups.keys()].sort().map((key) => metricOf([...groups.get(key)!.values()]));
  }

  #addPoint(node: string, scope: string, metric: Metric, point: NumberPoint | HistogramPoint): void {
    const all = entry(this.#nodes, node, () => new Map());
    const key = seriesKey(scope, metric, point);
    const series = all.get(key);
    if (!series && all.size >= MAX_SERIES_OF_A_NODE) {
      this.leftOut++;
      return;
    }
    const standing = standingAfter(series?.standing, metric, point);
    if (series) series.standing = standing;
    else all.set(key, { scope, metric: identity(metric), attributes: point.attributes, standing });
    this.points++;
  }
}

function identity({ kind, name, unit }: Metric): Series['metric'] {
  return { kind, name, unit };
}

function groupKey({ scope, metric: { name, kind, unit } }: Series): string {
  return JSON.stringify([scope, name, kind, unit]);
}

/** Attributes come in the order of their encoding, so equal ones have equal keys. */
function seriesKey(scope: string, metric: Metric, point: NumberPoint | HistogramPoint): string {
  const { kind, name, unit } = metric;
  const meaning =
    kind === 'gauge' ? [] : [metric.temporality, kind === 'sum' ? metric.monotonic : boundsOf(point)];
  return JSON.stringify([scope, name, kind, unit, meaning, [...point.attributes]]);
}

function boundsOf({ value }: NumberPoint | HistogramPoint): readonly number[] {
  return typeof value === 'number' ? [] : value.bounds;
}

function standingAfter(
  before: Standing | undefined,
  metric: Metric,
  point: NumberPoint | HistogramPoint,
): Standing {
  const { start, time, value } = point;
  if (typeof value !== 'number') return histogramAfter(before, metric, start, value);
  if (metric.kind === 'gauge') return { kind: 'gauge', time, value };
  const last = before?.kind === 'sum' ? before : { ended: 0, start, value: 0 };
  return {
    kind: 'sum',
    ended: last.ended + (endsRun(metric, last.start, start) ? last.value : 0),
    start,
    value,
  };
}

function histogramAfter(
  before: Standing | undefined,
  metric: Metric,
  start: number,
  value: HistogramValue,
): Standing {
  if (before?.kind !== 'histogram') return { kind: 'histogram', ended: emptyLike(value), start, value };
  const ended = endsRun(metric, before.start, start) ? merged(before.ended, before.value) : before.ended;
  return { kind: 'histogram', ended, start, value };
}

/**
 * Whether what stood before is to be kept and the new value added to it: always for deltas; for cumulative values
 * after a restart, unless they may fall, for then the new value is the whole standing.
 */
function endsRun(metric: Metric, before: number, start: number): boolean {
  if (metric.kind === 'gauge') return false;
  if (metric.temporality === 'delta') return true;
  return start !== before && (metric.kind === 'histogram' || metric.monotonic);
}

function metricOf(series: Series[][]): AggregatedMetric {
  const [{ scope, metric }] = series[0];
  const { name, unit, kind } = metric;
  const points = series.map((each) => ({
    attributes: each[0].attributes,
    nodes: each.length,
    value: total(each.map(({ standing }) => standing)),
  }));
  return { scope, name, unit, kind, points } as AggregatedMetric;
}

function total(standings: Standing[]): number | GaugeSummary | HistogramValue {
  const gauges = standings.filter((each) => each.kind === 'gauge');
  if (gauges.length > 0) return gaugeSummary(gauges);
  const histograms = standings.filter((each) => each.kind === 'histogram');
  if (histograms.length > 0) return histograms.map(({ ended, value }) => merged(ended, value)).reduce(merged);
  return standings.reduce((sum, each) => (each.kind === 'sum' ? sum + each.ended + each.value : sum), 0);
}

function gaugeSummary(gauges: { time: number; value: number }[]): GaugeSummary {
  const values = gauges.map(({ value }) => value);
  const newest = gauges.reduce((last, each) => (each.time > last.time ? each : last));
  return {
    last: newest.value,
    min: values.reduce((a, b) => Math.min(a, b)),
    max: values.reduce((a, b) => Math.max(a, b)),
    sum: values.reduce((a, b) => a + b),
  };
}

/** Both have the same bounds: they are part of what makes a series. */
function merged(a: HistogramValue, b: HistogramValue): HistogramValue {
  const both = (join: (x: number, y: number) => number, x: number | undefined, y: number | undefined) =>
    x === undefined ? y : y === undefined ? x : join(x, y);
  const sum = both((x, y) => x + y, a.sum, b.sum);
  const min = both(Math.min, a.min, b.min);
  const max = both(Math.max, a.max, b.max);
  return {
    bounds: a.bounds,
    counts: a.counts.map((count, i) => count + b.counts[i]),
    count: a.count + b.count,
    ...(sum !== undefined && { sum }),
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
  };
}

function emptyLike({ bounds, counts }: HistogramValue): HistogramValue {
  return { bounds, counts: counts.map(() => 0), count: 0 };
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
