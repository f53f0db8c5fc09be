/**
 * One suite, from its files to its counts. What flows through here: each file is loaded and its cases counted
 * three times (as published, as the text shows, as they were read), which must agree; then every vector asks the
 * oracle, many at once, so that requests travel in batches.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer } from '../oracle/answer.ts';
import type { Answerer } from '../oracle/answerer.ts';
import { loadVectorFile } from './load.ts';
import type { Ask, SkippedVector, Suite, Vector } from './vector.ts';

const AT_ONCE = 64;

export interface SuiteResult {
  readonly title: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
  /** Reasons of skipping, with their counts. */
  readonly reasons: ReadonlyMap<string, number>;
  readonly summary: string;
}

export async function runSuite(suite: Suite, folder: string, answerer: Answerer): Promise<SuiteResult> {
  const ask = batching(answerer);
  const [passed, failures, reasons] = [new Set<string>(), [] as string[], new Map<string, number>()];
  let [good, skipped] = [0, 0];
  for (const [path, cases] of Object.entries(suite.files)) {
    const { vectors, wrong } = readCases(suite, folder, path, cases, answerer.engines);
    failures.push(...wrong);
    const judged = vectors.filter((vector) => 'check' in vector);
    for (const { skip } of vectors.filter((vector) => 'skip' in vector)) {
      reasons.set(skip, (reasons.get(skip) ?? 0) + 1);
      skipped++;
    }
    await inGroups(judged, async (vector) => {
      const why = await failureOf(vector, ask);
      if (why !== undefined) return void failures.push(`${vector.name}: ${why}`);
      good++;
      passed.add(vector.name);
    });
  }
  const summary = suite.summary?.(passed) ?? '';
  return { title: suite.title, passed: good, failed: failures.length, skipped, failures, reasons, summary };
}

/** The cases of one file, and what is wrong with the file itself. */
export function readCases(
  suite: Suite,
  folder: string,
  path: string,
  published: number,
  engines: readonly string[],
): { vectors: readonly (Vector | SkippedVector)[]; wrong: string[] } {
  const { mayLack } = suite;
  if (mayLack !== undefined && !existsSync(join(folder, path)))
    return { vectors: Array.from({ length: published }, () => ({ name: path, skip: mayLack })), wrong: [] };
  try {
    const file = loadVectorFile(folder, path);
    const vectors = suite.read(file, engines);
    const shown = file.texts.reduce((sum, { text }) => sum + suite.holds(text), 0);
    const counts = new Set([published, shown, vectors.length]);
    const wrong = `${path}: ${published} cases are published, the text shows ${shown}, ${vectors.length} were read`;
    return { vectors, wrong: counts.size === 1 ? [] : [wrong] };
  } catch (error) {
    return { vectors: [], wrong: [`${path}: ${error instanceof Error ? error.message : error}`] };
  }
}

async function failureOf(vector: Vector, ask: Ask): Promise<string | undefined> {
  try {
    await vector.check(ask);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function inGroups<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += AT_ONCE) await Promise.all(items.slice(i, i + AT_ONCE).map(work));
}

/** What is asked in one turn of the event loop is answered by one call. */
function batching(answerer: Answerer): Ask {
  let waiting: { line: string; resolve(answer: Answer): void; reject(error: unknown): void }[] = [];
  const flush = async () => {
    const batch = waiting;
    waiting = [];
    try {
      const answers = await answerer.answer(batch.map(({ line }) => line));
      for (const [i, { resolve }] of batch.entries()) resolve(JSON.parse(answers[i]));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };
  return (op, fields) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ line: JSON.stringify({ ...fields, id: waiting.length, op }), resolve, reject });
    });
}
