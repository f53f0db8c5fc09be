/**
 * What the instructions compute, asked of the engine itself. What flows through here: every numeric instruction and
 * every access to memory that a module is made of becomes a function of its own in a small module that shares the
 * memory of the machine; scalars go in and out as numbers, vectors by way of a page behind that memory. So nothing
 * of WebAssembly's arithmetic is written down a second time here. Relaxed instructions are computed as plain ones whose
 * result they may have, so that the relaxed module can be run where engines do not know them.
 */
import { accessOf, isLane, type Type, UNRELAXED, VECTOR } from './instructions.ts';
import type { Instruction, Module } from './module.ts';

export type Value = number | bigint | Uint8Array;

const PAGE_BYTES = 65_536;
const TYPE_CODES: Record<Type, number> = { i32: 0x7f, i64: 0x7e, v128: 0x7b };

export interface Arithmetic {
  memory: Uint8Array;
  /** Computes `instruction` from its operands; an access has its address first. An operand it does not take is left out. */
  compute(instruction: Instruction, first: Value, second?: Value, third?: Value): Value | undefined;
}

type Compute = (...scalars: (Value | undefined)[]) => Value;

export function createArithmetic(module: Module): Arithmetic {
  const pages = module.memoryBytes / PAGE_BYTES + 1;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const compiled = new WebAssembly.Module(assemble(module) as Uint8Array<ArrayBuffer>);
  const { exports } = new WebAssembly.Instance(compiled, { m: { m: memory } });
  const functions = module.kinds.map((_, kind) => exports[`${kind}`] as Compute);
  const takesVectors = module.kinds.map((kind) => operandTypes(kind).includes('v128'));
  const scratch = new Uint8Array(memory.buffer, module.memoryBytes);

  const onVectors = (compute: Compute, operands: (Value | undefined)[]): Value => {
    let vectors = 0;
    const scalars = operands.filter((operand) => {
      if (typeof operand !== 'object') return true;
      scratch.set(operand, 16 * vectors++);
      return false;
    });
    return compute(...scalars);
  };

  return {
    memory: new Uint8Array(memory.buffer, 0, module.memoryBytes),
    compute({ kind, signature }, first, second, third) {
      const result = takesVectors[kind]
        ? onVectors(functions[kind], [first, second, third])
        : functions[kind](first, second);
      return signature!.result === 'v128' ? scratch.slice(48, 64) : result;
    },
  };
}

/** The module of one function per kind, exported under its number. */
function assemble({ kinds, memoryBytes }: Module): Uint8Array {
  const pages = memoryBytes / PAGE_BYTES + 1;
  const types = kinds.map(functionType);
  const bodies = kinds.map((kind) => {
    const body = [0, ...functionBody(kind, memoryBytes), 0x0b];
    return [...leb(body.length), ...body];
  });
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, [[1, 0x6d, 1, 0x6d, 2, 1, ...leb(pages), ...leb(pages)]]),
    ...section(
      3,
      kinds.map((_, i) => leb(i)),
    ),
    ...section(
      7,
      kinds.map((_, i) => [...name(`${i}`), 0, ...leb(i)]),
    ),
    ...section(10, bodies),
  ]);
}

function section(id: number, entries: number[][]): number[] {
  const content = [...leb(entries.length), ...entries.flat()];
  return [id, ...leb(content.length), ...content];
}

function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(Math.floor(value / 128))];
}

/** A signed LEB128 number from one that is not negative. */
function signedLeb(value: number): number[] {
  return value < 64 ? [value] : [(value & 127) | 128, ...signedLeb(Math.floor(value / 128))];
}

function name(text: string): number[] {
  return [...leb(text.length), ...[...text].map((letter) => letter.charCodeAt(0))];
}

function operandTypes({ opcode, signature }: Instruction): Type[] {
  return [...(accessOf(opcode) ? (['i32'] as const) : []), ...signature!.operands];
}

function functionType(instruction: Instruction): number[] {
  const parameters = operandTypes(instruction).filter((type) => type !== 'v128');
  const { result } = instruction.signature!;
  const results = result && result !== 'v128' ? [TYPE_CODES[result]] : [];
  return [0x60, parameters.length, ...parameters.map((type) => TYPE_CODES[type]), results.length, ...results];
}

/** Scalars from the parameters, vectors from the scratch page; a vector goes back there, to its fourth place. */
function functionBody(instruction: Instruction, scratch: number): number[] {
  let parameter = 0;
  let vector = 0;
  const operands = operandTypes(instruction).flatMap((type) =>
    type === 'v128'
      ? [0x41, ...signedLeb(scratch + 16 * vector++), VECTOR, 0, 0, 0]
      : [0x20, ...leb(parameter++)],
  );
  const compute = [...operands, ...encoded(instruction)];
  if (instruction.signature!.result !== 'v128') return compute;
  return [0x41, ...signedLeb(scratch + 48), ...compute, VECTOR, 11, 0, 0];
}

function encoded({ opcode, code, index }: Instruction): number[] {
  const unrelaxed = UNRELAXED.get(opcode);
  if (unrelaxed) return [VECTOR, ...leb(unrelaxed & 0xfff)];
  if (!accessOf(opcode)) return [...code];
  const written = opcode < 0x100 ? [opcode] : [VECTOR, ...leb(opcode & 0xfff)];
  return [...written, 0, ...leb(index), ...(isLane(opcode) ? [code[code.length - 1]] : [])];
}
