/**
 * `ooto authority drill`: a game day. What flows through here: a temporary mesh of processes is made; one exercise after
 * the other is done to it, each timed and judged by what the processes did; the rows are the report. An exercise
 * that fails leaves a row that says what was not so, and the next begins from a mesh that is whole again.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OotoError } from '../../base/errors.ts';
import { coreFolder } from '../../platform/node/core-file.ts';
import type { Terminal } from '../terminal.ts';
import { fakeTpm, frozenHead, hiddenEntry, requestWithoutEvidence, splitView } from './attacks.ts';
import { oneToken } from './claims.ts';
import { oldSharesInsufficient, refresh, repairShare, reshare, rotateGroupKey } from './committee.ts';
import type { Exercise } from './exercise.ts';
import {
  foundersAppraised,
  generate,
  issue,
  issueWithTwoDead,
  issueWithTwoLying,
  refuseThenResume,
} from './issuing.ts';
import { DrillMesh } from './mesh.ts';
import { backupWipeRestore } from './recovery.ts';
import { rescueAfterExpiry } from './rescuing.ts';
import { revokeClosesSessions } from './revoking.ts';

/** In the order in which they are done. */
export const EXERCISES: readonly Exercise[] = [
  foundersAppraised,
  generate,
  issue,
  issueWithTwoDead,
  issueWithTwoLying,
  refuseThenResume,
  requestWithoutEvidence,
  fakeTpm,
  hiddenEntry,
  splitView,
  frozenHead,
  oneToken,
  backupWipeRestore,
  refresh,
  oldSharesInsufficient,
  repairShare,
  revokeClosesSessions,
  rotateGroupKey,
  reshare,
  rescueAfterExpiry,
];

export interface DrillRow {
  name: string;
  ok: boolean;
  ms: number;
  /** What was seen; for a row that is not ok, what was not so. */
  detail: string;
}

export interface DrillReport {
  schema: 'ooto.drill/1';
  ok: boolean;
  ms: number;
  rows: DrillRow[];
}

export interface DrillOptions {
  terminal: Terminal;
  signal: AbortSignal;
  /** Rows to do; all when absent. The mesh is founded in any case. */
  only?: readonly string[];
}

/** @throws OOTO_CLI_USAGE (caller) for a row that is none. */
export async function drill({ terminal, signal, only }: DrillOptions): Promise<DrillReport> {
  const exercises = only ? only.map(exerciseNamed) : EXERCISES;
  const folder = await mkdtemp(join(tmpdir(), 'ooto-drill-'));
  const program = join(coreFolder(), 'cli.js');
  const mesh = new DrillMesh({ folder, program, terminal, signal });
  const started = performance.now();
  const rows: DrillRow[] = [];
  try {
    await mesh.prepare();
    for (const exercise of exercises) {
      signal.throwIfAborted();
      if (exercise !== foundersAppraised) await mesh.found();
      const row = await rowOf(exercise, mesh);
      rows.push(row);
      terminal.say(`${row.ok ? 'ok  ' : 'FAIL'} ${row.name} (${row.ms} ms): ${row.detail}`);
    }
  } finally {
    await mesh.stop();
    if (rows.every(({ ok }) => ok)) await rm(folder, { recursive: true, force: true });
    else terminal.say(`the folders of the nodes are left in ${folder}`);
  }
  const ms = Math.round(performance.now() - started);
  return { schema: 'ooto.drill/1', ok: rows.every(({ ok }) => ok), ms, rows };
}

function exerciseNamed(name: string): Exercise {
  const exercise = EXERCISES.find((each) => each.name === name);
  if (exercise) return exercise;
  throw new OotoError('OOTO_CLI_USAGE', 'caller', `there is no row called ${name}`, {
    hint: `there are ${EXERCISES.map((each) => each.name).join(', ')}`,
  });
}

async function rowOf(exercise: Exercise, mesh: DrillMesh): Promise<DrillRow> {
  const started = performance.now();
  const { ok, detail } = await exercise.run(mesh).then(
    (detail) => ({ ok: true, detail }),
    (error) => ({ ok: false, detail: error instanceof Error ? error.message : String(error) }),
  );
  const ms = exercise.took?.(mesh) ?? performance.now() - started;
  return { name: exercise.name, ok, ms: Math.round(ms), detail };
}
