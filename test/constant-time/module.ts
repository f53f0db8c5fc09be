/**
 * A WebAssembly module in the form that machine.ts runs. What flows through here: the sections of the binary give
 * types, imports, globals, exports, data and names; the code of each function becomes a row of instructions, each
 * with its place in the file, its immediates decoded, and for every block the instruction at which it ends. Only
 * what the core is made of is understood: one memory of a fixed size, no tables, no floating point.
 */
import { Binary } from './binary.ts';
import {
  type Access,
  accessOf,
  accessSignature,
  BLOCK,
  BRANCH,
  BRANCH_IF,
  BRANCH_TABLE,
  BULK,
  CALL,
  CALL_INDIRECT,
  DROP,
  ELSE,
  END,
  GLOBAL_GET,
  GLOBAL_SET,
  I32_CONST,
  I64_CONST,
  IF,
  isLane,
  LOCAL_GET,
  LOCAL_SET,
  LOCAL_TEE,
  LOOP,
  laneBytes,
  MEMORY_COPY,
  MEMORY_FILL,
  MEMORY_SIZE,
  NOP,
  numericSignature,
  RETURN,
  SELECT,
  type Signature,
  type Type,
  UNREACHABLE,
  V128_CONST,
  VECTOR,
} from './instructions.ts';

export type Value = number | bigint | Uint8Array;

export interface Instruction {
  opcode: number;
  /** Byte of the file at which it begins. */
  offset: number;
  /** Its bytes as written: equal bytes compute the same. */
  code: Uint8Array;
  /** Index of a local, global or function, depth of a label, bytes added to an address. */
  index: number;
  constant: Value | undefined;
  /** Depths of a br_table, the default last. */
  depths: number[] | undefined;
  /** Of block, loop, if and else: the index of the end, and of if, that of its else or its end. */
  end: number;
  otherwise: number;
  /** Values that the block gives, and those that a jump to its label carries. */
  results: number;
  signature: Signature | undefined;
  /** Of an instruction that reads or writes memory: how much. */
  access: Access | undefined;
  /** A number for the numeric instructions that are written alike. */
  kind: number;
}

export interface FunctionBody {
  index: number;
  name: string;
  parameters: Type[];
  results: Type[];
  locals: Type[];
  code: Instruction[];
}

export interface Module {
  imports: { name: string; parameters: number }[];
  functions: FunctionBody[];
  globals: { initial: Value; mutable: boolean }[];
  exports: Map<string, FunctionBody>;
  /** Runs when the module is made. */
  start: FunctionBody | undefined;
  exportedGlobals: Map<string, number>;
  data: { at: number; bytes: Uint8Array }[];
  memoryBytes: number;
  /** One instruction of every kind of numeric and vector memory instruction. */
  kinds: Instruction[];
}

interface FunctionType {
  parameters: Type[];
  results: Type[];
}

const PAGE_BYTES = 65_536;
const TYPES: Record<number, Type> = { 127: 'i32', 126: 'i64', 123: 'v128' };
const EMPTY_TYPE = 0x40;
/** Tables and their elements do nothing without call_indirect, which is refused; the count of data says nothing new. */
const PASSED_OVER = new Set([4, 9, 12]);

export function decodeModule(bytes: Uint8Array): Module {
  return new Decoder(bytes).decode();
}

class Decoder {
  readonly #binary: Binary;
  readonly #types: FunctionType[] = [];
  readonly #declared: number[] = [];
  readonly #names = new Map<number, string>();
  readonly #kinds = new Map<string, number>();
  readonly #exported: [string, number][] = [];
  #start: number | undefined;
  readonly #module: Module = {
    imports: [],
    functions: [],
    globals: [],
    exports: new Map(),
    start: undefined,
    exportedGlobals: new Map(),
    data: [],
    memoryBytes: 0,
    kinds: [],
  };

  constructor(bytes: Uint8Array) {
    this.#binary = new Binary(bytes);
  }

  decode(): Module {
    const binary = this.#binary;
    if (binary.word() !== 0x6d736100 || binary.word() !== 1) throw new Error('not a WebAssembly module');
    while (!binary.ended) {
      const id = binary.byte();
      const length = binary.unsigned();
      const end = binary.at + length;
      this.#section(id, end);
      binary.at = end;
    }
    this.#name();
    return this.#module;
  }

  #section(id: number, end: number): void {
    const binary = this.#binary;
    const module = this.#module;
    if (id === 0) this.#custom(end);
    else if (id === 1) this.#types.push(...binary.list(() => this.#functionType()));
    else if (id === 2) module.imports.push(...binary.list(() => this.#import()));
    else if (id === 3) this.#declared.push(...binary.list(() => binary.unsigned()));
    else if (id === 5) [module.memoryBytes] = binary.list(() => this.#memory());
    else if (id === 6) module.globals.push(...binary.list(() => this.#global()));
    else if (id === 7) binary.list(() => this.#export());
    else if (id === 8) this.#start = binary.unsigned();
    else if (id === 10) module.functions.push(...this.#bodies());
    else if (id === 11) module.data.push(...binary.list(() => this.#data()));
    else if (!PASSED_OVER.has(id)) throw new Error(`section ${id} is not understood`);
  }

  #functionType(): FunctionType {
    if (this.#binary.byte() !== 0x60) throw new Error('a type that is no function type');
    return { parameters: this.#typeList(), results: this.#typeList() };
  }

  #typeList(): Type[] {
    return this.#binary.list(() => this.#type(this.#binary.byte()));
  }

  #type(code: number): Type {
    const type = TYPES[code];
    if (!type) throw new Error(`value type ${code} is not understood`);
    return type;
  }

  #import(): Module['imports'][number] {
    const binary = this.#binary;
    const name = `${binary.name()}.${binary.name()}`;
    if (binary.byte() !== 0) throw new Error(`import ${name} is no function`);
    return { name, parameters: this.#types[binary.unsigned()].parameters.length };
  }

  #memory(): number {
    const binary = this.#binary;
    const limited = binary.byte();
    const pages = binary.unsigned();
    if (limited !== 1 || binary.unsigned() !== pages) throw new Error('the memory has no fixed size');
    return pages * PAGE_BYTES;
  }

  #global(): Module['globals'][number] {
    this.#type(this.#binary.byte());
    const mutable = this.#binary.byte() === 1;
    return { mutable, initial: this.#constantExpression() };
  }

  #constantExpression(): Value {
    const opcode = this.#binary.byte();
    if (opcode !== I32_CONST && opcode !== I64_CONST) throw new Error('an initial value that is no constant');
    const value = this.#binary.signed();
    if (this.#binary.byte() !== END) throw new Error('an initial value that is no constant');
    return opcode === I32_CONST ? Number(value) : value;
  }

  #export(): void {
    const name = this.#binary.name();
    const kind = this.#binary.byte();
    const index = this.#binary.unsigned();
    if (kind === 0) this.#exported.push([name, index]);
    if (kind === 3) this.#module.exportedGlobals.set(name, index);
  }

  #data(): Module['data'][number] {
    if (this.#binary.unsigned() !== 0) throw new Error('data that is not placed at the start');
    const at = Number(this.#constantExpression());
    return { at, bytes: this.#binary.take(this.#binary.unsigned()) };
  }

  /** Only the names of functions are read. */
  #custom(end: number): void {
    const binary = this.#binary;
    if (binary.name() !== 'name') return;
    while (binary.at < end) {
      const id = binary.byte();
      const next = binary.unsigned() + binary.at;
      if (id === 1)
        for (const [index, name] of binary.list(() => this.#naming())) this.#names.set(index, name);
      binary.at = next;
    }
  }

  #naming(): [number, string] {
    return [this.#binary.unsigned(), this.#binary.name()];
  }

  #bodies(): FunctionBody[] {
    let number = 0;
    return this.#binary.list(() => {
      const type = this.#types[this.#declared[number]];
      const index = this.#module.imports.length + number++;
      const end = this.#binary.unsigned() + this.#binary.at;
      const locals = this.#binary.list(() => {
        const count = this.#binary.unsigned();
        return Array<Type>(count).fill(this.#type(this.#binary.byte()));
      });
      return { index, name: '', ...type, locals: locals.flat(), code: this.#code(end) };
    });
  }

  #code(end: number): Instruction[] {
    const code: Instruction[] = [];
    while (this.#binary.at < end) code.push(this.#instruction());
    linkBlocks(code);
    return code;
  }

  #instruction(): Instruction {
    const binary = this.#binary;
    const offset = binary.at;
    let opcode = binary.byte();
    if (opcode === BULK || opcode === VECTOR) opcode = opcode * 0x1000 + binary.unsigned();
    const instruction: Instruction = {
      opcode,
      offset,
      code: binary.bytes.subarray(offset, offset),
      index: 0,
      constant: undefined,
      depths: undefined,
      end: 0,
      otherwise: 0,
      results: 0,
      signature: undefined,
      access: undefined,
      kind: -1,
    };
    this.#immediates(instruction);
    instruction.code = binary.bytes.subarray(offset, binary.at);
    if (instruction.signature) this.#classify(instruction);
    return instruction;
  }

  #immediates(instruction: Instruction): void {
    const binary = this.#binary;
    const { opcode } = instruction;
    switch (opcode) {
      case UNREACHABLE:
      case NOP:
      case ELSE:
      case END:
      case RETURN:
      case DROP:
      case SELECT:
        return;
      case BLOCK:
      case LOOP:
      case IF:
        instruction.results = this.#blockType();
        return;
      case BRANCH:
      case BRANCH_IF:
      case CALL:
      case LOCAL_GET:
      case LOCAL_SET:
      case LOCAL_TEE:
      case GLOBAL_GET:
      case GLOBAL_SET:
      case MEMORY_SIZE:
        instruction.index = binary.unsigned();
        return;
      case BRANCH_TABLE:
        instruction.depths = [...binary.list(() => binary.unsigned()), binary.unsigned()];
        return;
      case I32_CONST:
        instruction.constant = Number(binary.signed());
        return;
      case I64_CONST:
        instruction.constant = BigInt.asIntN(64, binary.signed());
        return;
      case V128_CONST:
        instruction.constant = binary.take(16);
        return;
      case MEMORY_COPY:
        binary.take(2);
        return;
      case MEMORY_FILL:
        binary.take(1);
        return;
      case CALL_INDIRECT:
        throw new Error('call_indirect is not understood');
    }
    instruction.access = accessOf(opcode);
    if (instruction.access) {
      binary.unsigned();
      instruction.index = binary.unsigned();
      if (isLane(opcode)) binary.byte();
      instruction.signature = accessSignature(opcode);
      return;
    }
    instruction.signature = numericSignature(opcode);
    if (!instruction.signature)
      throw new Error(`instruction 0x${opcode.toString(16)} at ${instruction.offset} is not understood`);
    binary.take(laneBytes(opcode));
  }

  #blockType(): number {
    const code = this.#binary.byte();
    if (code === EMPTY_TYPE) return 0;
    this.#type(code);
    return 1;
  }

  #classify(instruction: Instruction): void {
    const written = instruction.code.join();
    instruction.kind = this.#kinds.get(written) ?? this.#kinds.size;
    if (instruction.kind < this.#kinds.size) return;
    this.#kinds.set(written, instruction.kind);
    this.#module.kinds.push(instruction);
  }

  /** A function is called what it is exported as, else what the name section says, else by its number. */
  #name(): void {
    const { imports, functions, exports } = this.#module;
    for (const body of functions) body.name = this.#names.get(body.index) ?? `function ${body.index}`;
    if (this.#start !== undefined) this.#module.start = functions[this.#start - imports.length];
    for (const [name, index] of this.#exported) {
      exports.set(name, functions[index - imports.length]);
      functions[index - imports.length].name = name;
    }
  }
}

/** Tells every block where it ends; the end of the function is that of an outermost block. */
function linkBlocks(code: Instruction[]): void {
  const open: Instruction[] = [];
  for (const [i, instruction] of code.entries()) {
    const { opcode } = instruction;
    if (opcode === BLOCK || opcode === LOOP || opcode === IF) open.push(instruction);
    else if (opcode === ELSE) {
      const last = open.at(-1)!;
      last.otherwise = i;
      open.push(instruction);
    } else if (opcode === END) {
      let last = open.pop();
      if (last?.opcode === ELSE) {
        last.end = i;
        last = open.pop();
      }
      if (last) last.end = i;
    }
  }
}
