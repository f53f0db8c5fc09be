/**
 * The check over one module that ships, as a test (docs/constant-time.md): nothing secret decides an address, a
 * branch, a division or a length in it, every instruction that secrets can reach was run, and nothing secret is
 * left. When it fails for a new export: enter it in operations.ts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { equal, ok } from '../support/assert.ts';
import { suite } from '../support/suite.ts';
import { checkModule, describeLeak, type Findings } from './check.ts';
import { compileCore } from './compile.ts';
import { decodeModule } from './module.ts';
import { OPERATIONS, PUBLIC_EXPORTS } from './operations.ts';

/** Names of the functions of a module that ships without them, from a build that has the same code. */
async function nameFunctions(bytes: Uint8Array, target: string): Promise<(text: string) => string> {
  const named = decodeModule(await compileCore({}, target)).functions;
  const shipped = decodeModule(bytes).functions;
  const same = shipped.every(({ code }, i) => code.length === named[i]?.code.length);
  if (!same) return (text) => text;
  return (text) =>
    text.replace(
      /\bfunction (\d+)\b/g,
      (number, index) => named.find((body) => body.index === Number(index))?.name ?? number,
    );
}

/** What was found, with the functions named; compiles only if there is something. */
async function describe(
  { leaks, notRun, left }: Findings,
  bytes: Uint8Array,
  target: string,
): Promise<string[]> {
  const lines = [...leaks.map(({ operation, leak }) => describeLeak(operation, leak)), ...notRun, ...left];
  if (lines.length === 0) return [];
  return lines.map(await nameFunctions(bytes, target));
}

export function testConstantTime(target: 'release' | 'relaxed', file: string): void {
  const test = suite(`constant time: the core, ${target}`, { timeout: 230_000 });

  test('nothing secret decides anything, nothing is passed over, nothing is left', async () => {
    ok(existsSync(file), `${file} is missing`);
    const bytes = new Uint8Array(readFileSync(file));
    const findings = checkModule(bytes, OPERATIONS, PUBLIC_EXPORTS);
    equal(findings.notCalled, [], 'exports that operations.ts does not know');
    equal(await describe(findings, bytes, target), []);
    equal(findings.disagreements, [], 'the machine computes what the engine computes');
  });
}
