/**
 * The page for people. What flows through here: choices of the form become a wish for the worker; rows come back
 * while it runs and become headline, plots, tables and JSON at once. A program that drives the page calls
 * `ootoBench.run` and gets the results.
 */
import { browserMachine } from '../machine/browser-machine.ts';
import { type Message, type Results, SCHEMA } from '../results.ts';
import type { Row, Suite } from '../suite.ts';
import { showHeadline, showMachine, showPlots, showTables } from './view.ts';
import type { PageWish, WorkerEnd } from './wish.ts';

declare global {
  /** For programs that drive the page. */
  var ootoBench: { run(wish: PageWish): Promise<Results> };
  /** Told of progress, where a program wants to know. */
  var ootoBenchProgress: ((done: number, total: number, doing: string) => void) | undefined;
}

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const [suiteChoice, caseChoice] = [element<HTMLSelectElement>('suite'), element<HTMLSelectElement>('case')];
const [start, stop] = [element<HTMLButtonElement>('start'), element<HTMLButtonElement>('stop')];
const [progress, status, running] = [
  element<HTMLProgressElement>('progress'),
  element('status'),
  element('running'),
];
const json = element<HTMLTextAreaElement>('json');
const REDRAW_MS = 250;

const suites = new Map<string, Suite>();
let worker: Worker | undefined;
let abandon: (() => void) | undefined;

for (const name of (await (await fetch('suites.json')).json()) as string[]) {
  const file = new URL(`./suite-${name}.js`, import.meta.url).href;
  suites.set(name, ((await import(file)) as { default: Suite }).default);
}
suiteChoice.replaceChildren(...[...suites.keys()].map((name) => new Option(name)));
offerCases();
showMachine(element('machine'), browserMachine());
element('warning').hidden = globalThis.crossOriginIsolated;

suiteChoice.addEventListener('change', offerCases);
element('controls').addEventListener('submit', (event) => {
  event.preventDefault();
  const cases = caseChoice.value === '' ? [] : [caseChoice.value];
  void run({ suite: suiteChoice.value, tiny: false, cases });
});
stop.addEventListener('click', () => abandon?.());
element('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText(json.value);
  element('copied').textContent = 'Copied.';
});
element('download').addEventListener('click', () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([json.value], { type: 'application/json' }));
  link.download = 'ooto-bench.json';
  link.click();
  URL.revokeObjectURL(link.href);
});
globalThis.ootoBench = { run };

function offerCases(): void {
  const cases = Object.entries(suites.get(suiteChoice.value)?.cases ?? {});
  caseChoice.replaceChildren(
    new Option('everything (about two minutes)', ''),
    ...cases.map(([name, { title }]) => new Option(title, name)),
  );
}

async function run(wish: PageWish): Promise<Results> {
  const suite = suites.get(wish.suite);
  if (suite === undefined) throw new Error(`no suite is called ${wish.suite}`);
  const results: Results = { schema: SCHEMA, machine: browserMachine(), rows: [] };
  setRunning(true);
  try {
    await measure(wish, suite, results);
    status.textContent = `Done: ${results.rows.length} comparisons.`;
  } catch (error) {
    status.textContent = (error as Error).message;
    throw error;
  } finally {
    worker?.terminate();
    show(suite, results);
    setRunning(false);
  }
  return results;
}

function measure(wish: PageWish, suite: Suite, results: Results): Promise<void> {
  return new Promise((done, failed) => {
    abandon = () => {
      status.textContent = 'Stopped.';
      done();
    };
    let drawn = 0;
    worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    worker.addEventListener('error', ({ message }) => failed(new Error(message)));
    worker.addEventListener('message', ({ data }: MessageEvent<Message | WorkerEnd>) => {
      if (data.kind === 'done') done();
      else if (data.kind === 'failed') failed(new Error(data.reason));
      else if (data.kind === 'progress') showProgress(data);
      else if (data.kind === 'note') console.warn(data.text);
      else {
        results.rows.push(...(data.rows as Row[]));
        if (performance.now() - drawn < REDRAW_MS) return;
        show(suite, results);
        drawn = performance.now();
      }
    });
    worker.postMessage(wish);
  });
}

function showProgress({ done, total, doing }: Extract<Message, { kind: 'progress' }>): void {
  progress.value = done / Math.max(1, total);
  status.textContent = `${done} of ${total}: ${doing}`;
  globalThis.ootoBenchProgress?.(done, total, doing);
}

function setRunning(now: boolean): void {
  running.hidden = false;
  [start.disabled, stop.hidden, suiteChoice.disabled, caseChoice.disabled] = [now, !now, now, now];
  progress.hidden = !now;
  if (now) status.textContent = 'Preparing…';
}

function show(suite: Suite, results: Results): void {
  showHeadline(element('headline'), results.rows);
  showPlots(element('plots'), suite, results.rows);
  showTables(element('tables'), suite, results.rows);
  element('export').hidden = results.rows.length === 0;
  json.value = JSON.stringify(results, null, 1);
  element('copied').textContent = '';
}
