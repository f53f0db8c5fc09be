/**
 * Wycheproof (C2SP). What flows through here: a file's groups and tests are read by the group's parameters; each
 * test becomes a vector. `valid` must be computed, `invalid` refused; the X25519 file's `acceptable` is decided
 * by flags: an all-zero secret is refused, everything else computed.
 */
import { occurrences, type SkippedVector, type Suite, type Vector, type VectorFile } from './vector.ts';

export interface WycheproofTest {
  readonly tcId: number;
  readonly comment?: string;
  readonly flags?: readonly string[];
  readonly result: 'valid' | 'invalid' | 'acceptable';
  /** The remaining fields are the algorithm's: hexadecimal text, and numbers for sizes. */
  readonly [name: string]: unknown;
}

export interface WycheproofGroup {
  readonly tests: readonly WycheproofTest[];
  readonly [name: string]: unknown;
}

type Check = Vector['check'];
/** How a test of this kind is checked, or why it is out of scope. */
export type Judge = (
  test: WycheproofTest,
  group: WycheproofGroup,
  engines: readonly string[],
) => Check | string;

const FOLDER = 'wycheproof/testvectors_v1';

/** A suite over files of one algorithm, each with its own judge. */
export function wycheproof(
  title: string,
  files: Readonly<Record<string, { cases: number; judge: Judge }>>,
): Suite {
  const entries = Object.entries(files).map(([name, entry]) => [`${FOLDER}/${name}`, entry] as const);
  const byPath = new Map<string, { judge: Judge }>(entries);
  return {
    title: `wycheproof ${title}`,
    files: Object.fromEntries(entries.map(([path, { cases }]) => [path, cases])),
    holds: (text) => occurrences(text, '"tcId"'),
    read: (file, engines) => readFile(file, byPath.get(file.path)!.judge, engines),
  };
}

/** A field of hexadecimal text. */
export function hexOf(test: WycheproofTest | WycheproofGroup, name: string): string {
  const value = test[name];
  if (typeof value !== 'string') throw new Error(`the vector has no ${name}`);
  return value;
}

export function sizeOf(fields: WycheproofTest | WycheproofGroup, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number') throw new Error(`the vector has no ${name}`);
  return value;
}

function readFile(file: VectorFile, judge: Judge, engines: readonly string[]): (Vector | SkippedVector)[] {
  const [{ text }] = file.texts;
  const { numberOfTests, testGroups } = JSON.parse(text) as {
    numberOfTests: number;
    testGroups: readonly WycheproofGroup[];
  };
  const vectors = testGroups.flatMap((group) =>
    group.tests.map((test) => toVector(file.path, test, judge(test, group, engines))),
  );
  if (vectors.length !== numberOfTests)
    throw new Error(`says it holds ${numberOfTests} tests and holds ${vectors.length}`);
  return vectors;
}

function toVector(path: string, test: WycheproofTest, check: Check | string): Vector | SkippedVector {
  const name = `${path.slice(FOLDER.length + 1)} ${test.tcId}${test.comment ? ` ${test.comment}` : ''}`;
  return typeof check === 'string' ? { name, skip: check } : { name, check };
}
