/** Aggregation over nodes: sums through restarts, gauges, histograms, deltas, and how much a node may make others keep. */
import fc from 'fast-check';
import { Aggregation, MAX_SERIES_OF_A_NODE } from '../../../src/telemetry/aggregate.ts';
import type { Metric, MetricsRecord } from '../../../src/telemetry/metrics-record.ts';
import { equal, is } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { counterRecord } from './chains.ts';

const test = suite('telemetry aggregation');

type Kind = 'gauge' | 'sum' | 'delta' | 'updown' | 'histogram';

/** One point of one metric. */
function recordOf(kind: Kind, value: number | number[], start = 1, time = 1, bounds = [10]): MetricsRecord {
  const point = { attributes: new Map(), start, time };
  const described = { name: `my.${kind}`, unit: '1', description: '' };
  const cumulative = { temporality: 'cumulative' as const };
  let metric: Metric;
  if (Array.isArray(value)) {
    const counts = [value.filter((each) => each <= 10).length, value.filter((each) => each > 10).length];
    const sum = value.reduce((a, b) => a + b, 0);
    const histogram = {
      bounds,
      counts,
      count: value.length,
      sum,
      min: Math.min(...value),
      max: Math.max(...value),
    };
    metric = { kind: 'histogram', ...described, ...cumulative, points: [{ ...point, value: histogram }] };
  } else if (kind === 'gauge') metric = { kind, ...described, points: [{ ...point, value }] };
  else {
    const temporality = kind === 'delta' ? ('delta' as const) : ('cumulative' as const);
    metric = {
      kind: 'sum',
      ...described,
      temporality,
      monotonic: kind !== 'updown',
      points: [{ ...point, value }],
    };
  }
  return { resource: new Map(), scopes: [{ name: 's', version: '', metrics: [metric] }] };
}

function shown(records: [node: string, record: MetricsRecord][]) {
  const aggregation = new Aggregation();
  for (const [node, record] of records) aggregation.add(node, record);
  return aggregation.metrics().flatMap(({ points }) => points.map(({ value, nodes }) => ({ value, nodes })));
}

test('cumulative sums: the newest of each node, added over nodes', () => {
  equal(
    shown([
      ['a', recordOf('sum', 3)],
      ['a', recordOf('sum', 5)],
      ['b', recordOf('sum', 10)],
    ]),
    [{ value: 15, nodes: 2 }],
  );
});

test('a counter that restarts goes on from where it ended', () => {
  equal(
    shown([
      ['a', recordOf('sum', 5, 1)],
      ['a', recordOf('sum', 2, 9)],
      ['a', recordOf('sum', 4, 9)],
    ]),
    [{ value: 9, nodes: 1 }],
  );
});

test('a sum that may fall stands where it stands after a restart', () => {
  equal(
    shown([
      ['a', recordOf('updown', 5, 1)],
      ['a', recordOf('updown', 2, 9)],
    ]),
    [{ value: 2, nodes: 1 }],
  );
});

test('deltas add up', () => {
  equal(
    shown([
      ['a', recordOf('delta', 5)],
      ['a', recordOf('delta', 2)],
      ['b', recordOf('delta', 1)],
    ]),
    [{ value: 8, nodes: 2 }],
  );
});

test('gauges: newest, least, greatest and sum', () => {
  equal(
    shown([
      ['a', recordOf('gauge', 5, 1, 7)],
      ['b', recordOf('gauge', 2, 1, 3)],
      ['b', recordOf('gauge', 1, 1, 4)],
    ]),
    [{ value: { last: 5, min: 1, max: 5, sum: 6 }, nodes: 2 }],
  );
});

test('histograms are merged, through restarts, where their buckets are the same', () => {
  const [first, restarted, other] = [
    recordOf('histogram', [1, 20], 1),
    recordOf('histogram', [3], 9),
    recordOf('histogram', [40, 50], 1),
  ];
  equal(
    shown([
      ['a', first],
      ['a', restarted],
      ['b', other],
    ]),
    [{ value: { bounds: [10], counts: [2, 3], count: 5, sum: 114, min: 1, max: 50 }, nodes: 2 }],
  );
  is(
    shown([
      ['a', first],
      ['b', recordOf('histogram', [1], 1, 1, [11])],
    ]).length,
    2,
  );
});

test('attributes, units and scopes keep series apart', () => {
  const records: [string, MetricsRecord][] = [
    ['a', counterRecord(1, [['k', 'x']])],
    ['a', counterRecord(2, [['k', 'y']])],
    ['b', counterRecord(4, [['k', 'x']])],
  ];
  const aggregation = new Aggregation();
  for (const [node, record] of records) aggregation.add(node, record);
  const [metric, ...more] = aggregation.metrics();
  is(more.length, 0);
  equal(
    metric.points.map(({ attributes, value, nodes }) => [attributes.get('k'), value, nodes]),
    [
      ['x', 5, 2],
      ['y', 2, 1],
    ],
  );
});

test('series of one node are limited; what is beyond is counted', () => {
  const [scope] = counterRecord(1).scopes;
  const [metric] = scope.metrics as Extract<Metric, { kind: 'sum' }>[];
  const points = Array.from({ length: 6000 }, (_, i) => ({
    ...metric.points[0],
    attributes: new Map([['i', i]]),
  }));
  const record = (from: number): MetricsRecord => ({
    resource: new Map(),
    scopes: [{ ...scope, name: `${from}`, metrics: [{ ...metric, points }] }],
  });
  const aggregation = new Aggregation();
  aggregation.add('a', record(0));
  aggregation.add('a', record(1));
  aggregation.add('b', record(0));
  equal([aggregation.points, aggregation.leftOut], [MAX_SERIES_OF_A_NODE + 6000, 2000]);
});

test('the order in which nodes are heard does not matter for sums', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(100)), { maxLength: 20 });
  fc.assert(
    fc.property(steps, (increments) => {
      const totals = new Map<string, number>();
      const aggregation = new Aggregation();
      for (const [node, add] of increments) {
        totals.set(node, (totals.get(node) ?? 0) + add);
        aggregation.add(node, recordOf('sum', totals.get(node)!));
      }
      const sum = [...totals.values()].reduce((a, b) => a + b, 0);
      equal(
        aggregation.metrics().map(({ points }) => points[0].value),
        totals.size > 0 ? [sum] : [],
      );
    }),
  );
});
