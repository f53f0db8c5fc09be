/**
 * Runs a WebAssembly module and follows its secrets. What flows through here: every value on the stack, in a local,
 * in a global and in each byte of memory carries a number that says which secret it depends on, or that it is
 * public. An instruction hands the mark of its operands to its result. A leak is recorded where a marked value
 * becomes the address or the length of an access, decides a branch or a select, is divided or has its bits counted,
 * or leaves the module to where that was not declared.
 *
 * The marks do not depend on the values of secrets: as long as nothing leaks, the same instructions run on the same
 * addresses with the same marks whatever the secrets are. One run is a proof for all secrets and these public inputs.
 */
import { type Arithmetic, createArithmetic, type Value } from './arithmetic.ts';
import {
  ANY_TRUE,
  BLOCK,
  BRANCH,
  BRANCH_IF,
  BRANCH_TABLE,
  CALL,
  countsBits,
  DROP,
  divides,
  ELSE,
  END,
  GLOBAL_GET,
  GLOBAL_SET,
  I32_CONST,
  I64_CONST,
  IF,
  LOCAL_GET,
  LOCAL_SET,
  LOCAL_TEE,
  LOOP,
  MEMORY_COPY,
  MEMORY_FILL,
  MEMORY_SIZE,
  mnemonic,
  NOP,
  RETURN,
  SELECT,
  type Type,
  UNREACHABLE,
  V128_CONST,
} from './instructions.ts';
import type { FunctionBody, Instruction, Module } from './module.ts';
import { type Activation, activate, callPath, Origins, PUBLIC } from './origins.ts';

export type LeakKind =
  | 'address'
  | 'length'
  | 'branch'
  | 'select'
  | 'division'
  | 'bit count'
  | 'host call'
  | 'result';

export interface Leak {
  kind: LeakKind;
  secret: string;
  /** `outermost export > … > function`. */
  path: string;
  instruction: string;
  /** Byte of the module at which the instruction begins. */
  offset: number;
  /** From the secret to the value that leaks. */
  chain: string[];
  /** The instruction that made the value out of others last, as far as the chain keeps it. */
  made: string;
}

/** Decides whether what would be a leak is public by specification. */
export type Publication = (leak: Leak) => boolean;

/** Marks in {@link Machine.coverage}: run, decided one way, decided the other. */
export const RAN = 1;
export const TAKEN = 2;
export const PASSED = 4;

const PAGE_BYTES = 65_536;
const ZEROS: Record<Type, Value> = { i32: 0, i64: 0n, v128: new Uint8Array(16) };

/** Thrown when the module refuses: it called the host or ran into `unreachable`. */
export class Refusal extends Error {}

/** A label of the running function: where a jump to it goes, and what of the stack it keeps. */
interface Label {
  target: number;
  height: number;
  carried: number;
  loop: boolean;
}

/** A running function: values and marks side by side. */
interface Frame {
  activation: Activation;
  locals: Value[];
  localMarks: number[];
  stack: Value[];
  marks: number[];
  labels: Label[];
  at: number;
}

export class Machine {
  readonly memory: Uint8Array;
  /** The mark of every byte of memory. */
  readonly marks: Uint32Array;
  readonly leaks = new Map<string, Leak>();
  readonly coverage: Map<FunctionBody, Uint8Array>;
  readonly #module: Module;
  readonly #arithmetic: Arithmetic;
  readonly #origins = new Origins();
  readonly #globals: Value[];
  readonly #globalMarks: number[];
  readonly #entries = new Map<FunctionBody, Activation>();
  #isPublished: Publication = () => false;

  constructor(module: Module, coverage = new Map<FunctionBody, Uint8Array>()) {
    this.#module = module;
    this.#arithmetic = createArithmetic(module);
    this.memory = this.#arithmetic.memory;
    this.marks = new Uint32Array(module.memoryBytes);
    this.coverage = coverage;
    this.#globals = module.globals.map(({ initial }) => initial);
    this.#globalMarks = module.globals.map(() => PUBLIC);
    for (const { at, bytes } of module.data) this.memory.set(bytes, at);
    if (module.start) this.#run(activate(module.start), [], []);
  }

  hasExport(name: string): boolean {
    return this.#module.exports.has(name);
  }

  global(name: string): Value {
    return this.#globals[this.#module.exportedGlobals.get(name)!];
  }

  /** Writes public bytes. */
  write(at: number, bytes: Uint8Array): void {
    this.memory.set(bytes, at);
    this.marks.fill(PUBLIC, at, at + bytes.length);
  }

  /** Writes bytes that are secret. */
  writeSecret(at: number, bytes: Uint8Array, label: string): void {
    this.memory.set(bytes, at);
    this.marks.fill(this.#origins.enter(label), at, at + bytes.length);
  }

  /** Calls an export with public numbers. What it returns is public only if `isPublished` says so. */
  call(name: string, args: readonly number[], isPublished: Publication = () => false): Value | undefined {
    const body = this.#module.exports.get(name);
    if (!body) throw new Error(`no export ${name}`);
    this.#isPublished = isPublished;
    const activation = this.#entries.get(body) ?? activate(body);
    this.#entries.set(body, activation);
    const { value, mark } = this.#run(activation, [...args], Array(args.length).fill(PUBLIC));
    if (mark !== PUBLIC) this.#reveal('result', mark, activation, body.code.at(-1)!);
    return value;
  }

  /** Stretches of memory that are secret now, with the label of each. */
  secrets(): { from: number; to: number; secret: string }[] {
    const found: { from: number; to: number; secret: string }[] = [];
    for (let at = 0; at < this.marks.length; at++) {
      if (this.marks[at] === PUBLIC) continue;
      const { secret } = this.#origins.of(this.marks[at]);
      const last = found.at(-1);
      if (last?.to === at && last.secret === secret) last.to++;
      else found.push({ from: at, to: at + 1, secret });
    }
    return found;
  }

  /** Numbers of the globals that are secret now. */
  secretGlobals(): number[] {
    return this.#globalMarks.flatMap((mark, index) => (mark === PUBLIC ? [] : [index]));
  }

  #run(
    activation: Activation,
    args: Value[],
    argMarks: number[],
  ): { value: Value | undefined; mark: number } {
    const { body } = activation;
    const { code } = body;
    const covered = this.#coverageOf(body);
    const frame: Frame = {
      activation,
      locals: [...args, ...body.locals.map((type) => ZEROS[type])],
      localMarks: [...argMarks, ...body.locals.map(() => PUBLIC)],
      stack: [],
      marks: [],
      labels: [{ target: code.length, height: 0, carried: body.results.length, loop: false }],
      at: 0,
    };
    while (frame.at < code.length) {
      const instruction = code[frame.at];
      covered[frame.at] |= RAN;
      this.#step(frame, instruction, covered);
      frame.at++;
    }
    return { value: frame.stack.at(-1), mark: frame.marks.at(-1) ?? PUBLIC };
  }

  #coverageOf(body: FunctionBody): Uint8Array {
    const covered = this.coverage.get(body) ?? new Uint8Array(body.code.length);
    this.coverage.set(body, covered);
    return covered;
  }

  #step(frame: Frame, instruction: Instruction, covered: Uint8Array): void {
    const { stack, marks, locals, localMarks, labels } = frame;
    switch (instruction.opcode) {
      case LOCAL_GET:
        stack.push(locals[instruction.index]);
        marks.push(localMarks[instruction.index]);
        return;
      case LOCAL_SET:
        locals[instruction.index] = stack.pop()!;
        localMarks[instruction.index] = marks.pop()!;
        return;
      case LOCAL_TEE:
        locals[instruction.index] = stack.at(-1)!;
        localMarks[instruction.index] = marks.at(-1)!;
        return;
      case GLOBAL_GET:
        stack.push(this.#globals[instruction.index]);
        marks.push(this.#globalMarks[instruction.index]);
        return;
      case GLOBAL_SET:
        this.#globals[instruction.index] = stack.pop()!;
        this.#globalMarks[instruction.index] = marks.pop()!;
        return;
      case I32_CONST:
      case I64_CONST:
      case V128_CONST:
        stack.push(instruction.constant!);
        marks.push(PUBLIC);
        return;
      case MEMORY_SIZE:
        stack.push(this.memory.length / PAGE_BYTES);
        marks.push(PUBLIC);
        return;
      case DROP:
        stack.pop();
        marks.pop();
        return;
      case NOP:
        return;
      case SELECT:
        this.#select(frame, instruction);
        return;
      case BLOCK:
        labels.push({
          target: instruction.end,
          height: stack.length,
          carried: instruction.results,
          loop: false,
        });
        return;
      case LOOP:
        labels.push({ target: frame.at, height: stack.length, carried: 0, loop: true });
        return;
      case IF: {
        const condition = this.#decide(frame, instruction, covered);
        labels.push({
          target: instruction.end,
          height: stack.length,
          carried: instruction.results,
          loop: false,
        });
        if (condition) return;
        // Without an else the end is next, and takes the label off.
        frame.at = instruction.otherwise > 0 ? instruction.otherwise : instruction.end - 1;
        return;
      }
      case ELSE:
        // The end of the then-part: on to the end, which takes the label off.
        frame.at = instruction.end - 1;
        return;
      case END:
        labels.pop();
        return;
      case BRANCH:
        this.#jump(frame, instruction.index);
        return;
      case BRANCH_IF:
        if (this.#decide(frame, instruction, covered)) this.#jump(frame, instruction.index);
        return;
      case BRANCH_TABLE: {
        const index = this.#decide(frame, instruction, covered) >>> 0;
        const depths = instruction.depths!;
        this.#jump(frame, depths[Math.min(index, depths.length - 1)]);
        return;
      }
      case RETURN:
        this.#jump(frame, labels.length - 1);
        return;
      case CALL:
        this.#call(frame, instruction);
        return;
      case MEMORY_COPY:
        this.#copy(frame, instruction);
        return;
      case MEMORY_FILL:
        this.#fill(frame, instruction);
        return;
      case UNREACHABLE:
        throw new Refusal('unreachable');
    }
    if (instruction.access) this.#access(frame, instruction);
    else this.#compute(frame, instruction);
  }

  /** Pops what decides a branch. */
  #decide(frame: Frame, instruction: Instruction, covered: Uint8Array): number {
    const condition = frame.stack.pop() as number;
    const mark = frame.marks.pop()!;
    if (mark !== PUBLIC) this.#reveal('branch', mark, frame.activation, instruction);
    covered[frame.at] |= condition ? TAKEN : PASSED;
    return condition;
  }

  #jump(frame: Frame, depth: number): void {
    const { labels, stack, marks } = frame;
    const label = labels[labels.length - 1 - depth];
    const values = stack.splice(stack.length - label.carried, label.carried);
    const carriedMarks = marks.splice(marks.length - label.carried, label.carried);
    stack.length = label.height;
    marks.length = label.height;
    stack.push(...values);
    marks.push(...carriedMarks);
    labels.length -= label.loop ? depth : depth + 1;
    frame.at = label.target;
  }

  #select({ stack, marks, activation }: Frame, instruction: Instruction): void {
    const condition = stack.pop();
    const mark = marks.pop()!;
    if (mark !== PUBLIC) this.#reveal('select', mark, activation, instruction);
    const other = stack.pop()!;
    const otherMark = marks.pop()!;
    if (!condition) stack[stack.length - 1] = other;
    // The mark of either: what is chosen must not depend on the choice.
    marks[marks.length - 1] ||= otherMark;
  }

  #call(frame: Frame, instruction: Instruction): void {
    const { stack, marks, activation } = frame;
    const { imports, functions } = this.#module;
    const callee = functions[instruction.index - imports.length];
    const count = callee?.parameters.length ?? imports[instruction.index].parameters;
    const args = stack.splice(stack.length - count, count);
    const argMarks = marks.splice(marks.length - count, count);
    if (!callee) {
      for (const mark of argMarks)
        if (mark !== PUBLIC) this.#reveal('host call', mark, activation, instruction);
      throw new Refusal(imports[instruction.index].name);
    }
    const { value, mark } = this.#run(activate(callee, activation, instruction), args, argMarks);
    if (callee.results.length === 0) return;
    stack.push(value!);
    marks.push(mark);
  }

  #copy(frame: Frame, instruction: Instruction): void {
    const [to, from, length] = this.#bulkOperands(frame, instruction);
    this.memory.copyWithin(to, from, from + length);
    this.marks.copyWithin(to, from, from + length);
    for (let i = to; i < to + length; i++)
      if (this.marks[i] !== PUBLIC)
        this.marks[i] = this.#origins.step(this.marks[i], frame.activation, frame.at);
  }

  #fill(frame: Frame, instruction: Instruction): void {
    const { stack, marks } = frame;
    const mark = marks[marks.length - 2];
    marks[marks.length - 2] = PUBLIC;
    const value = stack[stack.length - 2] as number;
    const [to, , length] = this.#bulkOperands(frame, instruction, 1);
    this.memory.fill(value, to, to + length);
    this.marks.fill(mark, to, to + length);
  }

  /** Addresses and length of a bulk instruction, unsigned; operand `plain` is no address. */
  #bulkOperands({ stack, marks, activation }: Frame, instruction: Instruction, plain = -1): number[] {
    const operands = stack.splice(-3).map((value) => (value as number) >>> 0);
    for (const [i, mark] of marks.splice(-3).entries())
      if (mark !== PUBLIC) this.#reveal(i === 2 ? 'length' : 'address', mark, activation, instruction);
    for (const [i, operand] of operands.entries())
      if (i !== 2 && i !== plain && operand + operands[2] > this.memory.length)
        throw new Refusal('out of bounds');
    return operands;
  }

  #access(frame: Frame, instruction: Instruction): void {
    const { stack, marks, activation } = frame;
    const { bytes, stores } = instruction.access!;
    const takesValue = instruction.signature!.operands.length > 0;
    const value = takesValue ? stack.pop() : undefined;
    const valueMark = takesValue ? marks.pop()! : PUBLIC;
    const address = stack.pop() as number;
    const addressMark = marks.pop()!;
    const at = (address >>> 0) + instruction.index;
    if (addressMark !== PUBLIC) this.#reveal('address', addressMark, activation, instruction);
    if (at + bytes > this.memory.length) throw new Refusal('out of bounds');
    const result = this.#arithmetic.compute(instruction, address, value);
    if (stores) {
      const mark = valueMark && this.#origins.step(valueMark, activation, frame.at);
      for (let i = at; i < at + bytes; i++) this.marks[i] = mark;
      return;
    }
    let mark = valueMark;
    for (let i = at; mark === PUBLIC && i < at + bytes; i++) mark = this.marks[i];
    stack.push(result!);
    marks.push(mark && this.#origins.step(mark, activation, frame.at));
  }

  #compute(frame: Frame, instruction: Instruction): void {
    const { stack, marks } = frame;
    const count = instruction.signature!.operands.length;
    const third = count > 2 ? stack.pop() : undefined;
    const second = count > 1 ? stack.pop() : undefined;
    const first = stack.pop()!;
    let mark = marks.pop()!;
    if (count > 1) mark = marks.pop()! || mark;
    if (count > 2) mark = marks.pop()! || mark;
    if (mark !== PUBLIC) mark = this.#judge(mark, frame, instruction);
    stack.push(this.#arithmetic.compute(instruction, first, second, third)!);
    marks.push(mark);
  }

  /** The mark of the result of an instruction that has secret operands. */
  #judge(mark: number, { activation, at }: Frame, instruction: Instruction): number {
    const { opcode } = instruction;
    if (divides(opcode)) this.#reveal('division', mark, activation, instruction);
    if (countsBits(opcode)) this.#reveal('bit count', mark, activation, instruction);
    return opcode === ANY_TRUE ? this.#origins.step(mark, activation, at) : mark;
  }

  #reveal(kind: LeakKind, mark: number, activation: Activation, instruction: Instruction): void {
    const { secret, instruction: maker } = this.#origins.of(mark);
    const leak: Leak = {
      kind,
      secret,
      path: callPath(activation),
      instruction: kind === 'result' ? 'result' : mnemonic(instruction.opcode),
      offset: instruction.offset,
      chain: this.#origins.chain(mark),
      made: maker ? mnemonic(maker.opcode) : '',
    };
    if (this.#isPublished(leak)) return;
    const key = `${kind} ${leak.path} ${leak.offset}`;
    if (!this.leaks.has(key)) this.leaks.set(key, leak);
  }
}
