/**
 * What the instructions of WebAssembly 2.0 with relaxed SIMD take and give. What flows through here: an opcode (a
 * prefixed one as prefix · 0x1000 + number) gives its operand types, its result type and, where a report may name
 * it, its mnemonic. Floating point is left out: the core has none, and a module that has some is refused.
 */

export type Type = 'i32' | 'i64' | 'v128';

export const BLOCK = 0x02;
export const LOOP = 0x03;
export const IF = 0x04;
export const ELSE = 0x05;
export const END = 0x0b;
export const BRANCH = 0x0c;
export const BRANCH_IF = 0x0d;
export const BRANCH_TABLE = 0x0e;
export const RETURN = 0x0f;
export const CALL = 0x10;
export const CALL_INDIRECT = 0x11;
export const UNREACHABLE = 0x00;
export const NOP = 0x01;
export const DROP = 0x1a;
export const SELECT = 0x1b;
export const LOCAL_GET = 0x20;
export const LOCAL_SET = 0x21;
export const LOCAL_TEE = 0x22;
export const GLOBAL_GET = 0x23;
export const GLOBAL_SET = 0x24;
export const MEMORY_SIZE = 0x3f;
export const I32_CONST = 0x41;
export const I64_CONST = 0x42;
export const BULK = 0xfc;
export const VECTOR = 0xfd;
export const MEMORY_COPY = 0xfc00a;
export const MEMORY_FILL = 0xfc00b;
export const V128_CONST = 0xfd00c;
export const SHUFFLE = 0xfd00d;
export const SWIZZLE = 0xfd00e;
export const ANY_TRUE = 0xfd053;

/** Relaxed instructions, with an instruction whose result is one of those that they may have. */
export const UNRELAXED: ReadonlyMap<number, number> = new Map([
  [0xfd100, SWIZZLE],
  [0xfd111, 0xfd082], // i16x8.relaxed_q15mulr_s, i16x8.q15mulr_sat_s
]);

export interface Signature {
  operands: readonly Type[];
  result: Type | undefined;
}

/** How many bytes of memory an instruction reads or writes. */
export interface Access {
  bytes: number;
  stores: boolean;
}

const MNEMONICS: Record<number, string> = {
  [UNREACHABLE]: 'unreachable',
  [IF]: 'if',
  [BRANCH_IF]: 'br_if',
  [BRANCH_TABLE]: 'br_table',
  [CALL]: 'call',
  [CALL_INDIRECT]: 'call_indirect',
  [SELECT]: 'select',
  [MEMORY_COPY]: 'memory.copy',
  [MEMORY_FILL]: 'memory.fill',
  [ANY_TRUE]: 'v128.any_true',
  103: 'i32.clz',
  104: 'i32.ctz',
  105: 'i32.popcnt',
  109: 'i32.div_s',
  110: 'i32.div_u',
  111: 'i32.rem_s',
  112: 'i32.rem_u',
  121: 'i64.clz',
  122: 'i64.ctz',
  123: 'i64.popcnt',
  127: 'i64.div_s',
  128: 'i64.div_u',
  129: 'i64.rem_s',
  130: 'i64.rem_u',
};

const SCALAR_ACCESS =
  'i32.load i64.load - - i32.load8_s i32.load8_u i32.load16_s i32.load16_u i64.load8_s i64.load8_u i64.load16_s ' +
  'i64.load16_u i64.load32_s i64.load32_u i32.store i64.store - - i32.store8 i32.store16 i64.store8 i64.store16 ' +
  'i64.store32';
const VECTOR_ACCESS =
  'load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u load8_splat load16_splat load32_splat ' +
  'load64_splat store';
const LANE_ACCESS =
  'load8_lane load16_lane load32_lane load64_lane store8_lane store16_lane store32_lane store64_lane';
const ZERO_ACCESS = 'load32_zero load64_zero';

const ACCESSES = new Map<number, Access>();
nameAccesses(0x28, SCALAR_ACCESS.split(' '), '');
nameAccesses(0xfd000, VECTOR_ACCESS.split(' '), 'v128.');
nameAccesses(0xfd054, LANE_ACCESS.split(' '), 'v128.');
nameAccesses(0xfd05c, ZERO_ACCESS.split(' '), 'v128.');

function nameAccesses(first: number, names: string[], prefix: string): void {
  for (const [i, name] of names.entries()) {
    if (name === '-') continue;
    MNEMONICS[first + i] = prefix + name;
    ACCESSES.set(first + i, { bytes: bytesOf(prefix + name), stores: name.includes('store') });
  }
}

function bytesOf(name: string): number {
  const [, width, times] = /(?:load|store)(\d+)?(?:x(\d))?/.exec(name)!;
  if (width) return (Number(width) * Number(times ?? 1)) / 8;
  return { i32: 4, i64: 8, v12: 16 }[name.slice(0, 3)]!;
}

export function mnemonic(opcode: number): string {
  return MNEMONICS[opcode] ?? `instruction 0x${opcode.toString(16)}`;
}

export function accessOf(opcode: number): Access | undefined {
  return ACCESSES.get(opcode);
}

/** Integer division: its time depends on the operands on many processors. */
export function divides(opcode: number): boolean {
  return (opcode >= 0x6d && opcode <= 0x70) || (opcode >= 0x7f && opcode <= 0x82);
}

/** Counting zeros or ones: where the processor has no such instruction, engines emit a branch. */
export function countsBits(opcode: number): boolean {
  return (opcode >= 0x67 && opcode <= 0x69) || (opcode >= 0x79 && opcode <= 0x7b);
}

/** What a memory instruction takes besides its address, and what it gives. */
export function accessSignature(opcode: number): Signature {
  const { stores } = ACCESSES.get(opcode)!;
  if (opcode < 0xfd000) {
    const type = mnemonic(opcode).slice(0, 3) as Type;
    return stores ? { operands: [type], result: undefined } : { operands: [], result: type };
  }
  if (stores) return { operands: ['v128'], result: undefined };
  return { operands: isLane(opcode) ? ['v128'] : [], result: 'v128' };
}

/** Whether a memory instruction has a lane number behind its alignment and offset. */
export function isLane(opcode: number): boolean {
  return opcode >= 0xfd054 && opcode <= 0xfd05b;
}

/** Bytes of lane number that follow a vector instruction. */
export function laneBytes(opcode: number): number {
  if (opcode === SHUFFLE) return 16;
  return opcode >= 0xfd015 && opcode <= 0xfd022 ? 1 : 0;
}

/** Rows of first opcode, last opcode, operands, result; an opcode in no row is not known. */
const NUMERIC: [number, number, string, Type][] = [
  [0x45, 0x45, 'i32', 'i32'],
  [0x46, 0x4f, 'i32 i32', 'i32'],
  [0x50, 0x50, 'i64', 'i32'],
  [0x51, 0x5a, 'i64 i64', 'i32'],
  [0x67, 0x69, 'i32', 'i32'],
  [0x6a, 0x78, 'i32 i32', 'i32'],
  [0x79, 0x7b, 'i64', 'i64'],
  [0x7c, 0x8a, 'i64 i64', 'i64'],
  [0xa7, 0xa7, 'i64', 'i32'],
  [0xac, 0xad, 'i32', 'i64'],
  [0xc0, 0xc1, 'i32', 'i32'],
  [0xc2, 0xc4, 'i64', 'i64'],
  [0xfd00d, 0xfd00e, 'v128 v128', 'v128'],
  [0xfd00f, 0xfd011, 'i32', 'v128'],
  [0xfd012, 0xfd012, 'i64', 'v128'],
  [0xfd015, 0xfd016, 'v128', 'i32'],
  [0xfd017, 0xfd017, 'v128 i32', 'v128'],
  [0xfd018, 0xfd019, 'v128', 'i32'],
  [0xfd01a, 0xfd01a, 'v128 i32', 'v128'],
  [0xfd01b, 0xfd01b, 'v128', 'i32'],
  [0xfd01c, 0xfd01c, 'v128 i32', 'v128'],
  [0xfd01d, 0xfd01d, 'v128', 'i64'],
  [0xfd01e, 0xfd01e, 'v128 i64', 'v128'],
  [0xfd023, 0xfd040, 'v128 v128', 'v128'],
  [0xfd04d, 0xfd04d, 'v128', 'v128'],
  [0xfd04e, 0xfd051, 'v128 v128', 'v128'],
  [0xfd052, 0xfd052, 'v128 v128 v128', 'v128'],
  [0xfd053, 0xfd053, 'v128', 'i32'],
  [0xfd060, 0xfd062, 'v128', 'v128'],
  [0xfd063, 0xfd064, 'v128', 'i32'],
  [0xfd065, 0xfd066, 'v128 v128', 'v128'],
  [0xfd06b, 0xfd06d, 'v128 i32', 'v128'],
  [0xfd06e, 0xfd073, 'v128 v128', 'v128'],
  [0xfd076, 0xfd079, 'v128 v128', 'v128'],
  [0xfd07b, 0xfd07b, 'v128 v128', 'v128'],
  [0xfd07c, 0xfd081, 'v128', 'v128'],
  [0xfd082, 0xfd082, 'v128 v128', 'v128'],
  [0xfd083, 0xfd084, 'v128', 'i32'],
  [0xfd085, 0xfd086, 'v128 v128', 'v128'],
  [0xfd087, 0xfd08a, 'v128', 'v128'],
  [0xfd08b, 0xfd08d, 'v128 i32', 'v128'],
  [0xfd08e, 0xfd093, 'v128 v128', 'v128'],
  [0xfd095, 0xfd099, 'v128 v128', 'v128'],
  [0xfd09b, 0xfd09f, 'v128 v128', 'v128'],
  [0xfd0a0, 0xfd0a1, 'v128', 'v128'],
  [0xfd0a3, 0xfd0a4, 'v128', 'i32'],
  [0xfd0a7, 0xfd0aa, 'v128', 'v128'],
  [0xfd0ab, 0xfd0ad, 'v128 i32', 'v128'],
  [0xfd0ae, 0xfd0ae, 'v128 v128', 'v128'],
  [0xfd0b1, 0xfd0b1, 'v128 v128', 'v128'],
  [0xfd0b5, 0xfd0ba, 'v128 v128', 'v128'],
  [0xfd0bc, 0xfd0bf, 'v128 v128', 'v128'],
  [0xfd0c0, 0xfd0c1, 'v128', 'v128'],
  [0xfd0c3, 0xfd0c4, 'v128', 'i32'],
  [0xfd0c7, 0xfd0ca, 'v128', 'v128'],
  [0xfd0cb, 0xfd0cd, 'v128 i32', 'v128'],
  [0xfd0ce, 0xfd0ce, 'v128 v128', 'v128'],
  [0xfd0d1, 0xfd0d1, 'v128 v128', 'v128'],
  [0xfd0d5, 0xfd0df, 'v128 v128', 'v128'],
  [0xfd100, 0xfd100, 'v128 v128', 'v128'],
  [0xfd109, 0xfd10c, 'v128 v128 v128', 'v128'],
  [0xfd111, 0xfd112, 'v128 v128', 'v128'],
  [0xfd113, 0xfd113, 'v128 v128 v128', 'v128'],
];

/** Operands and result of a numeric instruction; undefined for what is none. */
export function numericSignature(opcode: number): Signature | undefined {
  const row = NUMERIC.find(([first, last]) => opcode >= first && opcode <= last);
  return row && { operands: row[2].split(' ') as Type[], result: row[3] };
}
