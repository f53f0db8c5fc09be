/**
 * Plots as SVG text, made by hand. What flows through here: series or bars become axes, lines, marks and labels;
 * colours come from one style sheet that knows light and dark, and every engine has the same colour everywhere.
 * A standalone file carries the style sheet; a page that has it does not need it again.
 */

import type { Bar, Series } from './series.ts';
import { bytesText, rateText } from './table.ts';

interface Look {
  light: string;
  dark: string;
  /** Rivals that are forms of one engine share its colour and differ in their dashes. */
  dashes?: string;
}

const LOOKS: Readonly<Record<string, Look>> = {
  wasm: { light: '#c2255c', dark: '#ff7aa8' },
  auto: { light: '#6741d9', dark: '#b197fc' },
  'node-crypto': { light: '#1864ab', dark: '#4dabf7' },
  'node-crypto-buffer': { light: '#1864ab', dark: '#4dabf7', dashes: '5 4' },
  webcrypto: { light: '#0b7285', dark: '#3bc9db' },
  'webcrypto-32': { light: '#0b7285', dark: '#3bc9db', dashes: '5 4' },
  noble: { light: '#d9480f', dark: '#ffa94d' },
  libsodium: { light: '#2b8a3e', dark: '#69db7c' },
  'libsodium-chacha20poly1305': { light: '#2b8a3e', dark: '#69db7c', dashes: '5 4' },
  'hash-wasm': { light: '#5c6b00', dark: '#c0d94a' },
  stablelib: { light: '#8d5b00', dark: '#e0b354' },
  'node-forge': { light: '#5f6872', dark: '#a6b0ba' },
};
const OTHER: Look = { light: '#343a40', dark: '#dee2e6' };

const INK = {
  light: { back: '#ffffff', text: '#1f2328', faint: '#d5dae0', axis: '#8b949e' },
  dark: { back: '#0d1117', text: '#e6edf3', faint: '#2f363d', axis: '#768390' },
};
const FONT = 'system-ui, -apple-system, "Segoe UI", sans-serif';

/** The style sheet of all plots, for pages; files carry it themselves. */
export const PLOT_STYLE = [
  `.plot { font: 12px ${FONT}; }`,
  '.plot .title { font-size: 15px; font-weight: 600; }',
  '.plot .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }',
  '.plot .own { stroke-width: 3; }',
  '.plot .own-text { font-weight: 700; }',
  ...theme('light'),
  '@media (prefers-color-scheme: dark) {',
  ...theme('dark'),
  '}',
].join('\n');

function theme(mode: 'light' | 'dark'): string[] {
  const { back, text, faint, axis } = INK[mode];
  const colours = Object.entries({ ...LOOKS, other: OTHER }).flatMap(([engine, look]) => [
    `.plot .${classOf(engine)} { stroke: ${look[mode]}; }`,
    `.plot .fill.${classOf(engine)} { fill: ${look[mode]}; stroke: none; }`,
  ]);
  return [
    `.plot .back { fill: ${back}; }`,
    `.plot text { fill: ${text}; stroke: none; }`,
    `.plot .grid { stroke: ${faint}; }`,
    `.plot .axis { stroke: ${axis}; }`,
    ...colours,
  ];
}

function classOf(engine: string): string {
  return `e-${Object.hasOwn(LOOKS, engine) ? engine : 'other'}`;
}

export interface PlotOptions {
  title: string;
  /** Engines drawn strong. */
  own: readonly string[];
  /** Whether the text is a file of its own, with the style sheet in it. */
  standalone?: boolean;
}

const [WIDTH, HEIGHT] = [780, 436];
const AREA = { left: 62, top: 62, right: 544, bottom: 392 };
/** Labels of sizes that would come closer than this are left out. */
const LABEL_WIDTH = 46;
const LABEL_HEIGHT = 17;

/** Lines on logarithmic axes: sizes in bytes to the right, megabytes a second upwards. */
export function throughputPlot(series: readonly Series[], options: PlotOptions): string {
  const xs = series.flatMap(({ points }) => points.map(({ x }) => x));
  const ys = series.flatMap(({ points }) => points.map(({ y }) => y));
  if (xs.length === 0) return '';
  const x = logScale(Math.min(...xs), Math.max(...xs), AREA.left, AREA.right);
  const [low, high] = [
    10 ** Math.floor(Math.log10(Math.min(...ys))),
    10 ** Math.ceil(Math.log10(Math.max(...ys))),
  ];
  const y = logScale(low, high, AREA.bottom, AREA.top);
  const ends = series.map(({ engine, points }) => ({ engine, at: y(points[points.length - 1].y) }));
  const body = [
    ...decades(low, high).map((value) => horizontal(y(value), plainNumber(value))),
    ...sizeLines(
      [...new Set(xs)].sort((a, b) => a - b),
      x,
    ),
    `<text x="${AREA.left - 46}" y="${AREA.top - 14}">MB/s</text>`,
    // Subjects last, so that they lie on top.
    ...[...series].reverse().map((line) => path(line, x, y, options.own)),
    ...spread(ends).map(({ engine, at, label }) => endLabel(engine, at, label, options.own)),
  ];
  const best = series.map(
    ({ engine, points }) => `${engine} up to ${plainNumber(Math.max(...points.map((point) => point.y)))}`,
  );
  return svg(WIDTH, HEIGHT, body, options, `Megabytes a second by message size: ${best.join(', ')}.`);
}

const BAR = { left: 264, right: 660, top: 56, height: 24 };

/** Bars of ratios on a logarithmic axis that begins at 1; a line marks the floor. */
export function ratioPlot(bars: readonly Bar[], options: PlotOptions): string {
  if (bars.length === 0) return '';
  const values = bars.flatMap(({ ratio, floor }) => [ratio, floor ?? ratio]);
  const scale = logScale(Math.min(0.5, ...values), Math.max(2, ...values), BAR.left, BAR.right);
  const bottom = BAR.top + bars.length * BAR.height;
  const marks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200].filter(
    (mark) => scale(mark) >= BAR.left && scale(mark) <= BAR.right,
  );
  const body = [
    ...marks.map(
      (mark) =>
        `<line class="${mark === 1 ? 'axis' : 'grid'}" x1="${px(scale(mark))}" x2="${px(scale(mark))}" y1="${BAR.top - 6}" y2="${bottom}"/><text x="${px(scale(mark))}" y="${bottom + 16}" text-anchor="middle">${mark}x</text>`,
    ),
    ...bars.map((bar, i) => ratioBar(bar, BAR.top + i * BAR.height, scale)),
  ];
  return svg(
    WIDTH,
    bottom + 34,
    body,
    options,
    `Ratios: ${bars.map(({ label, ratio }) => `${label} ${plainNumber(ratio)}`).join(', ')}.`,
  );
}

function ratioBar({ label, ratio, floor }: Bar, top: number, scale: (value: number) => number): string {
  const [from, to] = [scale(1), scale(ratio)].sort((a, b) => a - b);
  const middle = top + BAR.height / 2 + 4;
  const mark =
    floor === undefined
      ? ''
      : `<line class="axis" stroke-width="2" x1="${px(scale(floor))}" x2="${px(scale(floor))}" y1="${top + 2}" y2="${top + BAR.height - 2}"/>`;
  return [
    `<text x="${BAR.left - 12}" y="${middle}" text-anchor="end">${escaped(label)}</text>`,
    `<rect class="fill ${classOf(ratio >= 1 ? 'wasm' : 'node-forge')}" x="${px(from)}" y="${top + 4}" width="${px(Math.max(1, to - from))}" height="${BAR.height - 8}" rx="2"/>`,
    mark,
    `<text class="own-text" x="${px(Math.max(to, scale(floor ?? 0.01)) + 8)}" y="${middle}">${plainNumber(ratio)}x</text>`,
  ].join('');
}

/** Bars of operations a second, one for each engine, from 0. */
export function ratePlot(
  rates: readonly { engine: string; perSecond: number }[],
  options: PlotOptions,
): string {
  if (rates.length === 0) return '';
  const most = Math.max(...rates.map(({ perSecond }) => perSecond));
  const bottom = BAR.top + rates.length * BAR.height;
  const body = rates.map(({ engine, perSecond }, i) => {
    const top = BAR.top - 12 + i * BAR.height;
    const width = Math.max(1, ((BAR.right - BAR.left) * perSecond) / most);
    const own = options.own.includes(engine) ? ' class="own-text"' : '';
    return [
      `<text${own} x="${BAR.left - 12}" y="${top + 16}" text-anchor="end">${escaped(engine)}</text>`,
      `<rect class="fill ${classOf(engine)}" x="${BAR.left}" y="${top + 4}" width="${px(width)}" height="${BAR.height - 8}" rx="2"/>`,
      `<text${own} x="${px(BAR.left + width + 8)}" y="${top + 16}">${rateText(perSecond)}/s</text>`,
    ].join('');
  });
  return svg(
    WIDTH,
    bottom,
    body,
    options,
    `Operations a second: ${rates.map(({ engine, perSecond }) => `${engine} ${rateText(perSecond)}`).join(', ')}.`,
  );
}

function svg(
  width: number,
  height: number,
  body: readonly string[],
  { title, standalone }: PlotOptions,
  description: string,
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(`${title}. ${description}`)}">`,
    ...(standalone
      ? [`<style>\n${PLOT_STYLE}\n</style>`, '<rect class="back" width="100%" height="100%" rx="8"/>']
      : []),
    `<text class="title" x="16" y="24">${escaped(title)}</text>`,
    ...body,
    '</svg>\n',
  ].join('\n');
}

function logScale(low: number, high: number, from: number, to: number): (value: number) => number {
  const [a, b] = [Math.log(low), Math.log(high)];
  return (value) => (a === b ? (from + to) / 2 : from + ((Math.log(value) - a) / (b - a)) * (to - from));
}

function decades(low: number, high: number): number[] {
  const values: number[] = [];
  for (let value = low; value <= high * 1.001; value *= 10) values.push(value);
  return values;
}

function horizontal(y: number, label: string): string {
  return `<line class="grid" x1="${AREA.left}" x2="${AREA.right}" y1="${px(y)}" y2="${px(y)}"/><text x="${AREA.left - 8}" y="${px(y + 4)}" text-anchor="end">${label}</text>`;
}

/** A line for each size; the label where there is room for it. */
function sizeLines(sizes: readonly number[], x: (size: number) => number): string[] {
  let labelled = Number.NEGATIVE_INFINITY;
  return sizes.map((size) => {
    const room = x(size) - labelled >= LABEL_WIDTH;
    if (room) labelled = x(size);
    return vertical(x(size), room ? bytesText(size) : '');
  });
}

function vertical(x: number, label: string): string {
  return `<line class="grid" x1="${px(x)}" x2="${px(x)}" y1="${AREA.top}" y2="${AREA.bottom}"/><text x="${px(x)}" y="${AREA.bottom + 18}" text-anchor="middle">${label}</text>`;
}

function path(
  { engine, points }: Series,
  x: (size: number) => number,
  y: (speed: number) => number,
  own: readonly string[],
): string {
  const at = points.map((point) => [px(x(point.x)), px(y(point.y))]);
  const kind = `${classOf(engine)}${own.includes(engine) ? ' own' : ''}`;
  const dashes = LOOKS[engine]?.dashes ? ` stroke-dasharray="${LOOKS[engine].dashes}"` : '';
  const marks = at.map(
    ([cx, cy]) =>
      `<circle class="fill ${kind}" cx="${cx}" cy="${cy}" r="${own.includes(engine) ? 4 : 2.5}"/>`,
  );
  return `<path class="line ${kind}"${dashes} d="M${at.map((pair) => pair.join(' ')).join('L')}"/>${marks.join('')}`;
}

interface End {
  engine: string;
  /** Where the line ends. */
  at: number;
}

/** Moves labels apart that would lie on each other, downwards, and back up where the plot ends. */
function spread(ends: readonly End[]): (End & { label: number })[] {
  const placed = [...ends].sort((a, b) => a.at - b.at).map((end) => ({ ...end, label: end.at }));
  for (const [i, end] of placed.entries())
    if (i > 0) end.label = Math.max(end.label, placed[i - 1].label + LABEL_HEIGHT);
  for (let i = placed.length - 1, most = HEIGHT - 14; i >= 0; i--, most -= LABEL_HEIGHT)
    placed[i].label = Math.min(placed[i].label, most);
  return placed;
}

function endLabel(engine: string, at: number, label: number, own: readonly string[]): string {
  const text = own.includes(engine) ? ' class="own-text"' : '';
  const dashes = LOOKS[engine]?.dashes ? ` stroke-dasharray="${LOOKS[engine].dashes}"` : '';
  return `<path class="line ${classOf(engine)}"${dashes} d="M${AREA.right + 6} ${px(at)}L${AREA.right + 24} ${px(label)}h14"/><text${text} x="${AREA.right + 43}" y="${px(label + 4)}">${escaped(engine)}</text>`;
}

function plainNumber(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function px(value: number): number {
  return Number(value.toFixed(1));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
