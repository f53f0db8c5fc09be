/** The command line of the benchmark. */

export interface Arguments {
  suites: string[];
  /** Words that the names of the cases contain; none asks for all. */
  cases: string[];
  /** A file for the results as JSON; `-` is standard output. */
  json: string | undefined;
  targets: string | undefined;
  browser: boolean;
  /** Serve the page for people instead of measuring here. */
  page: boolean;
  port: number;
  /** Write table and plots below bench/results, and the table of the README. */
  results: boolean;
  /** Every step with next to no rounds: for tests of structure. */
  tiny: boolean;
  /** Cases that take minutes as well. */
  large: boolean;
  help: boolean;
}

export const USAGE = `npm run bench -- [suite …] [options]

  --case WORD      only cases whose name contains this; may be given more than once
  --json [FILE]    write the results as JSON (schema ooto.bench/1); without FILE, or with -, to standard output
  --targets FILE   compare with this file of targets; exit 1 when a floor is not reached
  --browser        measure in headless Chromium instead of Node
  --page           serve the page on this machine alone, for any browser, until Ctrl-C
  --port N         the page's port (default: any that is free)
  --results        write tables and plots to bench/results/, and the tables of the README
  --tiny           run everything with next to no rounds; the figures mean nothing
  --large          of authority also a log that grows to ten million entries: some minutes, 1.3 GB on the disk
`;

/** What was asked that cannot be done; the message says what. */
export class UsageError extends Error {}

/** @throws UsageError */
export function parseArguments(words: readonly string[], known: readonly string[]): Arguments {
  const read: Arguments = {
    suites: [],
    cases: [],
    json: undefined,
    targets: undefined,
    browser: false,
    page: false,
    port: 0,
    results: false,
    tiny: false,
    large: false,
    help: false,
  };
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--json') read.json = isFile(rest[0], known) ? rest.shift()! : '-';
    else if (word === '--targets') read.targets = required(word, rest.shift());
    else if (word === '--case') read.cases.push(required(word, rest.shift()));
    else if (word === '--port') read.port = portOf(required(word, rest.shift()));
    else if (word === '--help' || word === '-h') read.help = true;
    else if (isSwitch(word)) read[SWITCHES[word]] = true;
    else if (word.startsWith('-')) throw new UsageError(`there is no option ${word}`);
    else if (known.includes(word)) read.suites.push(word);
    else throw new UsageError(`no suite is called ${word}; there are ${known.join(', ')}`);
  }
  refuseContradictions(read);
  return read;
}

function refuseContradictions({ page, json, targets, browser, results }: Arguments): void {
  if (page && (json !== undefined || targets !== undefined || browser || results))
    throw new UsageError(
      '--page measures in your browser: it goes with none of --json, --targets, --browser, --results',
    );
}

const SWITCHES = {
  '--browser': 'browser',
  '--page': 'page',
  '--results': 'results',
  '--tiny': 'tiny',
  '--large': 'large',
} as const;

function isSwitch(word: string): word is keyof typeof SWITCHES {
  return Object.hasOwn(SWITCHES, word);
}

/** What stands behind `--json`: a file, unless it is an option or the name of a suite. */
function isFile(word: string | undefined, known: readonly string[]): boolean {
  return word !== undefined && (word === '-' || !word.startsWith('-')) && !known.includes(word);
}

function required(option: string, value: string | undefined): string {
  if (value === undefined || value.startsWith('--')) throw new UsageError(`${option} needs a value`);
  return value;
}

function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new UsageError(`${text} is no port`);
  return port;
}
