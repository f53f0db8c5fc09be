/**
 * The model checkers that the long tests run, as programs of the system. What flows through here: a model of
 * test/models with its definitions is checked in a folder of its own; what the checker found comes out. A checker
 * that did not finish its search has found nothing and says so by an error.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const FOLDER = resolve('test/models');
const OUTPUT_BYTES = 64 * 2 ** 20;
const MEMORY_MIB = 6_000;
const DEEPEST = 1_000_000;

export function hasPrograms(...names: readonly string[]): boolean {
  return names.every((name) => existsSync(join('/usr/bin', name)));
}

export interface SpinCheck {
  /** Names and values for the model's preprocessor. */
  readonly defines?: readonly string[];
  /** The claim to check under weak fairness; without it assertions and end states are. */
  readonly claim?: string;
}

export interface SpinResult {
  readonly states: number;
  /** What was violated first; undefined when the whole space holds nothing. */
  readonly violation: string | undefined;
}

/** Generates, compiles and runs the verifier of a Promela model, over all of its states. */
export async function checkWithSpin(model: string, { defines = [], claim }: SpinCheck): Promise<SpinResult> {
  const cwd = mkdtempSync(join(tmpdir(), 'ooto-spin-'));
  try {
    await run('spin', [...defines.map((one) => `-D${one}`), '-a', join(FOLDER, model)], { cwd });
    const kind = claim === undefined ? ['-DSAFETY', '-DNOCLAIM'] : ['-DNFAIR=5'];
    await run('gcc', ['-w', '-O2', '-DCOLLAPSE', `-DMEMLIM=${MEMORY_MIB}`, ...kind, '-o', 'pan', 'pan.c'], {
      cwd,
    });
    const what = claim === undefined ? ['-noclaim'] : ['-a', '-f', '-N', claim];
    const { stdout } = await run('./pan', [`-m${DEEPEST}`, '-w24', '-n', ...what], {
      cwd,
      maxBuffer: OUTPUT_BYTES,
    });
    return readSpin(stdout);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

function readSpin(output: string): SpinResult {
  const violation = /^pan:\d+: (.*)$/m.exec(output)?.[1];
  const states = /(\d+(?:\.\d+)?(?:e[+]\d+)?) states, stored/.exec(output)?.[1];
  const errors = /errors: (\d+)/.exec(output)?.[1];
  if (states === undefined || errors === undefined)
    throw new Error(`spin did not finish:\n${output.slice(-2000)}`);
  if ((errors === '0') !== (violation === undefined)) throw new Error(`spin contradicts itself:\n${output}`);
  if (errors === '0' && /not completed|max search depth too small|reached -D/.test(output))
    throw new Error(`spin did not search everything:\n${output.slice(-2000)}`);
  return { states: Number(states), violation };
}

/**
 * Searches a maude model. Each command is one `search … .`; what comes back says for each whether it found a state,
 * and how many states it looked at.
 */
export async function searchWithMaude(
  model: string,
  commands: readonly string[],
): Promise<{ found: boolean; states: number }[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ooto-maude-'));
  try {
    const script = join(folder, 'searches.maude');
    writeFileSync(script, [`load ${join(FOLDER, model)}`, ...commands, 'quit', ''].join('\n'));
    const { stdout, stderr } = await run('maude', [...MAUDE_OPTIONS, script], { maxBuffer: OUTPUT_BYTES });
    return readMaude(`${stdout}${stderr}`, commands.length);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const MAUDE_OPTIONS = ['-no-banner', '-no-tecla', '-no-ansi-color', '-no-advise', '-batch'];

function readMaude(output: string, searches: number): { found: boolean; states: number }[] {
  if (/^(Warning|Error)/m.test(output)) throw new Error(`maude complains:\n${output.slice(0, 2000)}`);
  const answers = [...output.matchAll(/^(Solution 1 |No solution\.)[\s\S]*?^states: (\d+)/gm)];
  if (answers.length !== searches)
    throw new Error(`maude answered ${answers.length} of ${searches} searches:\n${output.slice(-2000)}`);
  return answers.map(([, answer, states]) => ({ found: answer !== 'No solution.', states: Number(states) }));
}
