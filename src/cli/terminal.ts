/**
 * How the command line speaks. Data goes to stdout and nothing else does; talk goes to stderr, lower case,
 * prefixed `ooto:`, no full stop. Progress is drawn only on a terminal and never with --json or --quiet.
 */
import { isOotoError, OotoError } from '../base/errors.ts';

export interface TerminalOptions {
  json?: boolean;
  quiet?: boolean;
}

/** Exit codes; docs/operations.md has the same table. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  verification: 3,
  notAuthorised: 4,
  unreachable: 5,
  interrupted: 130,
} as const;

/** Controls of a terminal, and what turns the direction of writing: peers and files may have put them there. */
const CONTROLS = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

const NOT_AUTHORISED = [
  'OOTO_POLICY_DENIED',
  'OOTO_MESH_ANONYMOUS',
  'OOTO_AUTHORITY_INVITE',
  'OOTO_AUTHORITY_INVITE_EXPIRED',
  'OOTO_AUTHORITY_INVITE_USED',
  'OOTO_AUTHORITY_ACTION_OPERATOR',
  'OOTO_AUTHORITY_ACTION_EXPIRED',
  'OOTO_CLI_APPROVALS',
];
const UNREACHABLE = ['OOTO_TRANSPORT_UNREACHABLE', 'OOTO_TRANSPORT_CLOSED'];

export class Terminal {
  readonly #json: boolean;
  readonly #quiet: boolean;
  #drawn = false;

  constructor(options: TerminalOptions = {}) {
    this.#json = options.json ?? false;
    this.#quiet = options.quiet ?? false;
  }

  /** The one result of the command: an object with `--json`, else the lines of `text`. */
  result(object: { schema: string }, text: () => string): void {
    process.stdout.write(this.#json ? `${JSON.stringify(object, undefined, 2)}\n` : `${text()}\n`);
  }

  /** One of many results of a command that goes on: an object a line with `--json`, else the line of `text`. */
  event(object: { schema: string; [field: string]: unknown }, text: () => string): void {
    process.stdout.write(this.#json ? `${JSON.stringify(object)}\n` : `${plain(text())}\n`);
  }

  /** A line for the person who waits. */
  say(message: string): void {
    if (this.#quiet) return;
    this.#endBar();
    process.stderr.write(`ooto: ${plain(message)}\n`);
  }

  /** Something to be noticed, shown even with --quiet. */
  warn(message: string): void {
    this.#endBar();
    process.stderr.write(`ooto: warning: ${plain(message)}\n`);
  }

  /** Draws or redraws a bar; `done` of `total` in any unit. */
  progress(label: string, done: number, total: number): void {
    if (this.#quiet || this.#json || !process.stderr.isTTY || process.env.TERM === 'dumb') return;
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const bar = '#'.repeat(Math.round(share * 30)).padEnd(30, '.');
    process.stderr.write(`\r\x1b[Kooto: ${label} [${bar}] ${Math.round(share * 100)}%`);
    this.#drawn = true;
  }

  #endBar(): void {
    if (this.#drawn) process.stderr.write('\n');
    this.#drawn = false;
  }

  /** Says what went wrong, whose fault it is and what to do; returns the exit code. */
  failure(error: unknown): number {
    this.#endBar();
    const known = isOotoError(error) ? error : unexpected(error);
    process.stderr.write(`ooto: ${plain(known.message)} (${known.code}, fault: ${known.fault})\n`);
    process.stderr.write(`ooto: hint: ${plain(known.hint ?? hintFor(known))}\n`);
    if (process.env.NODE_DEBUG?.includes('ooto') && error instanceof Error)
      process.stderr.write(`${error.stack}\n`);
    return exitCode(error);
  }
}

/** The exit code that fits an error. */
export function exitCode(error: unknown): number {
  if (!isOotoError(error)) return EXIT.failure;
  if (error.code === 'OOTO_CLI_USAGE') return EXIT.usage;
  if (error.code === 'OOTO_CLI_INTERRUPTED') return EXIT.interrupted;
  if (error.code.startsWith('OOTO_VERIFY_')) return EXIT.verification;
  if (NOT_AUTHORISED.includes(error.code)) return EXIT.notAuthorised;
  if (UNREACHABLE.includes(error.code) || error.code.endsWith('_UNAVAILABLE')) return EXIT.unreachable;
  return EXIT.failure;
}

/** What to do where the error itself does not say. */
function hintFor(error: OotoError): string {
  if (exitCode(error) === EXIT.verification)
    return 'do not rely on this file; get it again from where it was made';
  const { fault } = error;
  if (fault === 'caller') return 'ooto <command> --help says what it takes';
  if (fault === 'peer') return 'the other side is at fault; its log and that of this node say more';
  if (fault === 'environment')
    return 'look at disk, network and permissions of this machine; ooto doctor helps';
  return 'the log of the node says more';
}

/** One line that draws nothing but its own letters. */
function plain(text: string): string {
  return text.replace(/\r?\n/g, ' | ').replace(CONTROLS, '\ufffd');
}

function unexpected(error: unknown): OotoError {
  const message = error instanceof Error ? error.message : String(error);
  return new OotoError('OOTO_CLI_UNEXPECTED', 'local', message, {
    cause: error,
    hint: 'this is a fault of the program; NODE_DEBUG=ooto shows where',
  });
}
