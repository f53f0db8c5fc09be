/**
 * The check over one emitted module. What flows through here: every operation of the table runs in a machine of its
 * own; what leaks, what stays secret in memory and what the engine computes differently is collected; then the
 * instructions that no operation reached and the exports that the table does not know are named.
 */
import {
  CALL,
  DROP,
  ELSE,
  END,
  GLOBAL_GET,
  I32_CONST,
  I64_CONST,
  LOCAL_GET,
  mnemonic,
  NOP,
  UNREACHABLE,
} from './instructions.ts';
import type { Leak } from './machine.ts';
import { decodeModule, type FunctionBody, type Instruction, type Module } from './module.ts';
import type { Operation } from './operations.ts';
import { compileWhereKnown, Scene } from './scene.ts';

export interface Findings {
  leaks: { operation: string; leak: Leak }[];
  /** Secrets outside of the two areas after an operation, beyond what it may keep. */
  left: string[];
  /** Where the machine and the engine do not agree. */
  disagreements: string[];
  /** Instructions that no operation ran, in functions that secrets can reach. */
  notRun: string[];
  /** Exports that no operation called and that are not listed as public. */
  notCalled: string[];
}

export function checkModule(
  bytes: Uint8Array,
  operations: readonly Operation[],
  publicExports: Readonly<Record<string, string>>,
): Findings {
  const module = decodeModule(bytes);
  const compiled = compileWhereKnown(bytes);
  const coverage = new Map<FunctionBody, Uint8Array>();
  const findings: Findings = { leaks: [], left: [], disagreements: [], notRun: [], notCalled: [] };
  for (const operation of operations) {
    const scene = new Scene(module, compiled, operation.name, coverage);
    operation.run(scene);
    findings.leaks.push(...scene.leaks.map((leak) => ({ operation: operation.name, leak })));
    const difference = scene.firstDifference();
    if (difference !== undefined) findings.disagreements.push(`${operation.name}: address ${difference}`);
    findings.left.push(...secretsLeft(scene, operation));
  }
  findings.notRun = notRun(module, coverage, publicExports);
  findings.notCalled = [...module.exports]
    .filter(([name, body]) => !coverage.has(body) && !Object.hasOwn(publicExports, name))
    .map(([name]) => name);
  return findings;
}

function secretsLeft(scene: Scene, { name, keeps = 0 }: Operation): string[] {
  scene.wipeAreas();
  const globals = scene.machine.secretGlobals().map((index) => `${name}: a secret in global ${index}`);
  const left = scene.machine.secrets();
  const bytes = left.reduce((sum, { from, to }) => sum + to - from, 0);
  if (bytes <= keeps) return globals;
  return [
    ...globals,
    ...left.map(({ from, to, secret }) => `${name}: ${to - from} bytes of ${secret} at ${from}`),
  ];
}

/** Instructions that nothing ran, in functions that an export with secrets can reach; refusals are left out. */
function notRun(
  module: Module,
  coverage: ReadonlyMap<FunctionBody, Uint8Array>,
  publicExports: Readonly<Record<string, string>>,
): string[] {
  const withSecrets = [...module.exports].filter(([name]) => !Object.hasOwn(publicExports, name));
  const reached = reachable(
    module,
    withSecrets.map(([, body]) => body),
  );
  return [...reached].flatMap((body) => stretchesNotRun(module, body, coverage.get(body)));
}

function reachable(module: Module, from: readonly FunctionBody[]): Set<FunctionBody> {
  const reached = new Set<FunctionBody>();
  const visit = (body: FunctionBody | undefined): void => {
    if (!body || reached.has(body)) return;
    reached.add(body);
    for (const { opcode, index } of body.code)
      if (opcode === CALL) visit(module.functions[index - module.imports.length]);
  };
  from.forEach(visit);
  return reached;
}

function stretchesNotRun(module: Module, body: FunctionBody, covered: Uint8Array | undefined): string[] {
  const found: string[] = [];
  let stretch: Instruction[] = [];
  const close = (): void => {
    if (stretch.some((instruction) => !refuses(module, instruction)))
      found.push(
        `${body.name}: ${stretch.length} instructions from 0x${stretch[0].offset.toString(16)} (${mnemonic(stretch[0].opcode)})`,
      );
    stretch = [];
  };
  for (const [i, instruction] of body.code.entries()) {
    if (covered?.[i]) close();
    else stretch.push(instruction);
  }
  close();
  return found;
}

const WITHOUT_EFFECT = new Set([
  I32_CONST,
  I64_CONST,
  LOCAL_GET,
  GLOBAL_GET,
  DROP,
  NOP,
  ELSE,
  END,
  UNREACHABLE,
]);

/** Part of a refusal: constants for the call that reports it, the call to the host, and what never follows. */
function refuses({ imports }: Module, { opcode, index }: Instruction): boolean {
  return WITHOUT_EFFECT.has(opcode) || (opcode === CALL && index < imports.length);
}

/** A leak as a person reads it. */
export function describeLeak(
  operation: string,
  { kind, secret, path, instruction, offset, chain }: Leak,
): string {
  return [
    `${operation}: ${secret} decides ${WORDS[kind]} ${instruction} at 0x${offset.toString(16)} in ${path}`,
    ...chain.map((line) => `    ${line}`),
  ].join('\n');
}

const WORDS: Record<Leak['kind'], string> = {
  address: 'the address of',
  length: 'the length of',
  branch: 'the way of',
  select: 'the choice of',
  division: 'the time of',
  'bit count': 'the time of',
  'host call': 'what the host gets by',
  result: 'the',
};
