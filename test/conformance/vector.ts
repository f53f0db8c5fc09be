/**
 * What a suite of published vectors is to the runner. What flows through here: a suite names its files and how
 * many cases each holds; it reads them into vectors; a vector asks the oracle and throws where the answer is not
 * the one published.
 */
import type { Answer } from '../oracle/answer.ts';
import type { Fields, Json } from '../oracle/request.ts';

/** Asks the oracle for one operation. */
export type Ask = (op: string, fields: Fields) => Promise<Answer>;

export interface Vector {
  readonly name: string;
  /** Throws where an answer is not the published one. */
  check(ask: Ask): Promise<void>;
}

/** A case that is out of the product's scope; `skip` is the reason, the same words for all of its kind. */
export interface SkippedVector {
  readonly name: string;
  readonly skip: string;
}

export interface VectorText {
  readonly path: string;
  readonly text: string;
  /** For files that are no text. */
  readonly bytes: Uint8Array;
}

/** One file of vectors, or a folder of them, with its texts in the order of their paths. */
export interface VectorFile {
  readonly path: string;
  readonly texts: readonly VectorText[];
}

export interface Suite {
  readonly title: string;
  /** Paths below the vectors' folder, with the number of cases each is known to hold. */
  readonly files: Readonly<Record<string, number>>;
  /** Why the vectors may be absent: then every case of a missing file is skipped for this reason. */
  readonly mayLack?: string;
  /** How many cases a text holds, counted without understanding it. */
  holds(text: string): number;
  read(file: VectorFile, engines: readonly string[]): readonly (Vector | SkippedVector)[];
  /** Outcomes of the whole suite that are shown beside its counts. */
  summary?(passed: ReadonlySet<string>): string;
}

/** The answer must be `out`; only the fields of `expected` are compared. */
export function gives(answer: Answer, expected: Fields): void {
  if (!answer.ok) throw new Error(`refused with ${answer.code}`);
  for (const [name, value] of Object.entries(expected)) requireSame(name, answer.out[name], value);
}

/** The product must refuse, with `code` where one is given; the oracle's own errors are no refusal. */
export function refuses(answer: Answer, code?: string): void {
  if (answer.ok) throw new Error('accepted');
  if (answer.code.startsWith('OOTO_ORACLE_')) throw new Error(`not judged: ${answer.code}`);
  if (code !== undefined && answer.code !== code) throw new Error(`refused with ${answer.code}, not ${code}`);
}

export function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

function requireSame(name: string, actual: Json | undefined, expected: Json): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`${name} is ${shortened(got)}, not ${shortened(wanted)}`);
}

function shortened(text: string | undefined): string {
  return text === undefined ? 'absent' : text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
