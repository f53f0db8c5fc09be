/**
 * Leaks that the check must find, one in each export, and beside most of them the same work done in constant time,
 * where it must find nothing. AssemblyScript; the first bytes of the input area are the secret.
 */
const PLANTED_SOURCE = `
const INPUT: usize = memory.data(256, 16);
const OUTPUT: usize = memory.data(256, 16);
const TABLE: usize = memory.data(256, 16);
const KEPT: usize = memory.data(64, 16);
let remembered: i32 = 0;

export function inputAddress(): usize { return INPUT; }
export function outputAddress(): usize { return OUTPUT; }

export function secretIndex(): void {
  store<u8>(OUTPUT, load<u8>(TABLE + load<u8>(INPUT)));
}

export function secretStoreAddress(): void {
  store<u8>(OUTPUT + load<u8>(INPUT), 1);
}

export function secretBranch(): void {
  if (load<u8>(INPUT) & 1) store<u8>(OUTPUT, load<u8>(OUTPUT) * 3);
  else memory.fill(OUTPUT, 7, 40);
}

export function secretLoop(): void {
  for (let i: i32 = 0, n = <i32>load<u8>(INPUT) & 15; i < n; i++) store<u8>(OUTPUT + i, 1);
}

export function secretSwitch(): void {
  switch (load<u8>(INPUT) & 3) {
    case 0: memory.fill(OUTPUT, 1, 16); break;
    case 1: memory.fill(OUTPUT, 2, 32); break;
    case 2: memory.fill(OUTPUT, 3, 48); break;
    default: store<u8>(OUTPUT, 9);
  }
}

export function secretDivision(): void {
  store<u32>(OUTPUT, 1000003 / (load<u32>(INPUT) | 1));
}

export function secretRemainder(): void {
  store<u64>(OUTPUT, load<u64>(INPUT) % 3329);
}

export function secretSelect(): void {
  store<u32>(OUTPUT, select<u32>(load<u32>(OUTPUT, 4), load<u32>(OUTPUT, 8), load<u8>(INPUT) & 1));
}

export function secretBitCount(): void {
  store<u32>(OUTPUT, clz(load<u32>(INPUT)));
}

export function secretLength(): void {
  memory.copy(OUTPUT, TABLE, load<u8>(INPUT));
}

export function secretResult(): i32 {
  return load<u8>(INPUT) & 1;
}

export function keepSecret(): void {
  v128.store(KEPT, v128.xor(v128.load(INPUT), i8x16.splat(90)));
}

export function throughMemory(): void {
  store<u8>(OUTPUT, load<u8>(TABLE + load<u8>(KEPT, 5)));
}

export function throughCopies(): void {
  memory.copy(KEPT + 32, INPUT, 16);
  memory.copy(OUTPUT + 64, KEPT + 32, 16);
  store<u8>(OUTPUT, load<u8>(TABLE + load<u8>(OUTPUT, 64)));
}

export function throughGlobal(): void {
  remembered = load<u8>(INPUT);
  useGlobal();
}

function useGlobal(): void {
  store<u8>(OUTPUT, load<u8>(TABLE + remembered));
}

export function inCalledFunction(): void {
  callee(OUTPUT, load<u32>(INPUT) >>> 7);
}

function callee(at: usize, value: u32): void {
  inner(at, value * 5);
}

function inner(at: usize, value: u32): void {
  if (value > 1000) store<u32>(at, value);
}

export function earlyExit(): void {
  store<u8>(OUTPUT, compareBytes(INPUT, INPUT + 16) ? 1 : 0);
}

function compareBytes(a: usize, b: usize): bool {
  for (let i: usize = 0; i < 16; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}

export function onlyAtOneLength(length: i32): void {
  if (length == 77) store<u8>(OUTPUT, load<u8>(TABLE + load<u8>(INPUT)));
}

export function constantTimeLookup(): void {
  let found: u32 = 0;
  const index = <u32>load<u8>(INPUT);
  for (let i: u32 = 0; i < 256; i++) found |= load<u8>(TABLE + i) & (((i ^ index) - 1) >> 31);
  store<u8>(OUTPUT, <u8>found);
}

export function constantTimeChoice(): void {
  const mask = 0 - <u32>(load<u8>(INPUT) & 1);
  store<u32>(OUTPUT, (load<u32>(OUTPUT, 4) & mask) | (load<u32>(OUTPUT, 8) & ~mask));
}

export function constantTimeComparison(): i32 {
  return i32(v128.any_true(v128.xor(v128.load(INPUT), v128.load(INPUT, 16))));
}

export function overwritten(): void {
  memory.copy(KEPT, INPUT, 16);
  memory.fill(KEPT, 3, 16);
  store<u8>(OUTPUT, load<u8>(TABLE + load<u8>(KEPT, 5)));
}

export function leavesSecret(): void {
  memory.copy(KEPT, INPUT, 16);
}
`;

/** The source under its name, and a configuration of the compiler that says nothing. */
export const PLANTED_FILES: Readonly<Record<string, string>> = {
  'planted.ts': PLANTED_SOURCE,
  'asconfig.json': '{}',
};

/** Compiler options for the source above: no optimisation, so that functions stay apart. */
export const PLANTED_ARGS = [
  ...['planted.ts', '--runtime', 'stub', '--enable', 'simd', '--initialMemory', '1', '--maximumMemory', '1'],
];

/** Leaks planted into the core itself: a file, what is replaced, and by what. */
export const PLANTED_IN_CORE: Readonly<Record<string, readonly [string, string]>> = {
  'assembly/aes-schedule.ts': [
    'const substituted = substituteLast(',
    `if (ASC_OPTIMIZE_LEVEL >= 0) {
      const SBOX = memory.data(256);
      return load<u8>(SBOX + (word & 255)) | (<u32>load<u8>(SBOX + ((word >>> 8) & 255)) << 8) |
        (<u32>load<u8>(SBOX + ((word >>> 16) & 255)) << 16) | (<u32>load<u8>(SBOX + (word >>> 24)) << 24);
    }
    const substituted = substituteLast(`,
  ],
  'assembly/gcm-message.ts': [
    'return !v128.any_true(v128.xor(tag, v128.load(expected)));',
    `v128.store(MASK, tag);
    for (let i: usize = 0; i < 16; i++) if (load<u8>(MASK + i) != load<u8>(expected + i)) return false;
    return true;`,
  ],
  'assembly/x25519.ts': ['swap(swapped ^ bit);', 'if (swapped != bit) swap(1);'],
  'assembly/scalar25519.ts': [
    'const carry = (load<i64>(at) + (1 << 20)) >> 21;',
    'const carry = (load<i64>(at) + (1 << 20)) / (1 << 21) - i64(load<i64>(at) + (1 << 20) < 0);',
  ],
  'assembly/mlkem.ts': [
    'choose(differ(c, CIPHERTEXT, CIPHERTEXT_BYTES));',
    'if (differ(c, CIPHERTEXT, CIPHERTEXT_BYTES)) choose(1); else choose(0);',
  ],
  'assembly/mlkem-compression.ts': [
    'store<u16>(bytes, <u16>i8x16.bitmask(i8x16.shl(bits, 7)));',
    `let message: u32 = 0;
    for (let i: u32 = 0; i < 16; i++) {
      const x = <u32>(load<i16>(at + 2 * i) + 2 * 3329);
      message |= (((2 * x + 1664) / 3329) & 1) << i;
    }
    store<u16>(bytes, <u16>message);`,
  ],
};

/** A branch by the key stream, asked in the way that is allowed for the tag alone. */
export const PLANTED_BESIDE_TAG: Readonly<Record<string, readonly [string, string]>> = {
  'assembly/gcm-message.ts': [
    'combine(stream + 16, from, to, length);\n  return true;',
    `if (v128.any_true(v128.and(v128.load(stream), i32x4(1, 0, 0, 0)))) counter++;
  combine(stream + 16, from, to, length);
  return true;`,
  ],
};
