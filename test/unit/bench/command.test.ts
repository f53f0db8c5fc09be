/** The words of the command, the comparison with targets, and what is printed. */
import { parseArguments, UsageError } from '../../../bench/arguments.ts';
import { linesOf } from '../../../bench/report/lines.ts';
import { Progress } from '../../../bench/report/progress.ts';
import { bytesText, markdown, rateText, ratioText } from '../../../bench/report/table.ts';
import { describeVerdicts, judge, type Ran, readTargets } from '../../../bench/report/targets.ts';
import type { CaseView, Row } from '../../../bench/suite.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('bench command');
const SUITES = ['core', 'channel'];
const parse = (line: string) => parseArguments(line.split(' ').filter(Boolean), SUITES);

const row = (change: Partial<Row>): Row => ({
  suite: 'core',
  case: 'gcm-seal',
  size: 64,
  subject: 'wasm',
  rival: 'node-crypto',
  subjectOps: 1_234_567,
  rivalOps: 308_641,
  ratio: 4,
  spread: 0.031,
  ...change,
});
const VIEW: CaseView = { title: 'Sealing', unit: 'bytes', bytes: (size) => size };

test('suites and options in any order', () => {
  const read = parse('--targets t.json core --json out.json channel --browser');
  assert.equal(read.suites, ['core', 'channel']);
  assert.is(read.targets, 't.json');
  assert.is(read.json, 'out.json');
  assert.equal(parse('core --case gcm --case x25519').cases, ['gcm', 'x25519']);
  assert.ok(read.browser && !read.page && !read.results && !read.large);
  assert.ok(parse('core --large --json').large);
});

test('--json without a file is standard output, whatever follows it', () => {
  for (const line of ['core --json', 'core --json -', '--json core', 'core --json --browser'])
    assert.is(parse(line).json, '-', line);
  assert.is(parse('core').json, undefined);
});

test('what cannot be done is a usage error', () => {
  for (const line of [
    'nothing',
    '--fast',
    'core --targets',
    '--targets --json',
    '--port 99999',
    '--page --json',
  ])
    assert.throws(
      () => parse(line),
      (error: unknown) => error instanceof UsageError,
      line,
    );
});

const TARGETS = readTargets(
  JSON.stringify({
    schema: 'ooto.targets/1',
    rows: [
      { suite: 'core', case: 'gcm-seal', size: 64, subject: 'wasm', rival: 'node-crypto', min: 4 },
      { suite: 'core', case: 'verify', size: 64, subject: 'wasm', rival: 'node-crypto', min: 2.5, goal: 3.5 },
      {
        suite: 'channel',
        case: 'latency-us',
        size: 64,
        subject: 'ooto',
        rival: 'microseconds',
        max: 1000,
        goal: 500,
      },
    ],
  }),
);
const verdictsOf = (rows: Row[], ran: Ran[] = [{ suite: 'core' }]) =>
  judge(TARGETS, rows, ran).map(({ reached, reachedGoal }) => [reached, reachedGoal]);

test('a floor is reached from itself on, and a goal beyond it', () => {
  assert.equal(verdictsOf([row({}), row({ case: 'verify', ratio: 2.5 })]), [
    [true, true],
    [true, false],
  ]);
  assert.equal(verdictsOf([row({ ratio: 3.99 }), row({ case: 'verify', ratio: 3.5 })]), [
    [false, false],
    [true, true],
  ]);
});

test('a row that is missing in a suite that ran falls short; of suites that did not run nothing is asked', () => {
  assert.equal(verdictsOf([row({})]), [
    [true, true],
    [false, false],
  ]);
  assert.equal(verdictsOf([], []), []);
  assert.equal(verdictsOf([], [{ suite: 'core', case: 'verify' }]), [[false, false]]);
  assert.ok(
    describeVerdicts(judge(TARGETS, [row({})], [{ suite: 'core' }])).includes(
      'verify 64 wasm against node-crypto: floor 2.5, goal 3.5, measured nothing',
    ),
  );
});

test('a ceiling is kept up to itself', () => {
  const latency = (ratio: number) =>
    verdictsOf(
      [row({ suite: 'channel', case: 'latency-us', subject: 'ooto', rival: 'microseconds', ratio })],
      [{ suite: 'channel' }],
    );
  assert.equal(latency(1000), [[true, false]]);
  assert.equal(latency(1001), [[false, false]]);
  assert.equal(latency(500), [[true, true]]);
});

test('the same row of another subject, size or suite is another row', () => {
  for (const change of [{ subject: 'auto' }, { size: 65 }, { suite: 'channel' }, { rival: 'noble' }])
    assert.is(verdictsOf([row(change)])[0][0], false);
});

test('a file that is none of targets is refused', () => {
  assert.throws(() => readTargets('{}'), /ooto.targets\/1/);
  assert.throws(() => readTargets('{"schema":"ooto.targets/1","rows":[{"min":1,"max":2}]}'), /min or max/);
});

test('figures for people', () => {
  assert.equal([1_234_567, 45_600, 789.4, 0.5, null].map(rateText), ['1.23M', '45.6k', '789', '0.5', '']);
  assert.equal([16, 1000, 1024, 16_384, 1_048_576].map(bytesText), [
    '16 B',
    '1000 B',
    '1 KiB',
    '16 KiB',
    '1 MiB',
  ]);
  assert.is(ratioText(row({ ratio: 3.849 })), '3.85x');
  assert.is(ratioText(row({ ratio: 123.4, rivalOps: null })), '123');
});

test('the table has a line for each row under the title of its case', () => {
  const text = markdown([row({}), row({ rival: 'noble', ratio: 40 })], {
    'gcm-seal': VIEW,
    unmeasured: VIEW,
  });
  assert.ok(text.startsWith('### Sealing\n\n`gcm-seal`\n\n| size |'));
  assert.ok(text.includes('| 64 B | wasm | 1.23M | 79 | node-crypto | 309k | 19.8 | 4x | 3 % |'));
  assert.is(text.match(/^\| 64 B/gm)?.length, 2);
});

test('a terminal gets one line for each subject, the closest rival first', () => {
  const lines = linesOf([row({ rival: 'noble', ratio: 40 }), row({})], { 'gcm-seal': VIEW });
  assert.is(lines.length, 1);
  assert.match(lines[0], /^gcm-seal 64 B +wasm +1\.23M\/s {2}node-crypto 4x ±3% · noble 40x/);
});

test('progress shows on a terminal alone, and only of what takes long', () => {
  const written: string[] = [];
  let now = 0;
  const terminal = (isTTY: boolean) => ({ isTTY, columns: 60, write: (text: string) => written.push(text) });
  new Progress(terminal(false), () => (now += 5000)).show(1, 2, 'x');
  const progress = new Progress(terminal(true), () => now);
  progress.show(1, 2, 'early');
  assert.equal(written, []);
  now += 1500;
  progress.show(1, 2, 'core: gcm-seal 64');
  progress.clear();
  assert.is(written.length, 2);
  assert.ok(written[0].includes('1/2 core: gcm-seal 64') && written[0].length < 70);
});
