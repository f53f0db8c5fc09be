// The few functions of WASI preview 1 that this module imports, and reading and writing with them.

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(stream: i32, vectors: usize, count: i32, read: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(stream: i32, vectors: usize, count: i32, written: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: i32): void;

const INPUT_STREAM: i32 = 0;
const OUTPUT_STREAM: i32 = 1;
const BUFFER_BYTES: u32 = 65536;

/** Standard input failed, or standard output did. */
const EXIT_STREAM: i32 = 3;

const vector = memory.data(8);
const moved = memory.data(4);
const buffer = memory.data(65536);
let waiting: u32 = 0;

export function exit(code: i32): void {
  proc_exit(code);
}

/** Reads standard input to `at` until it ends or `most` bytes are there; returns how many. */
export function readInput(at: usize, most: u32): u32 {
  let length: u32 = 0;
  while (length < most) {
    store<u32>(vector, <u32>(at + length));
    store<u32>(vector, most - length, 4);
    if (fd_read(INPUT_STREAM, vector, 1, moved) != 0) exit(EXIT_STREAM);
    const count = load<u32>(moved);
    if (count == 0) break;
    length += count;
  }
  return length;
}

export function writeByte(value: u32): void {
  if (waiting == BUFFER_BYTES) flush();
  store<u8>(buffer + waiting++, <u8>value);
}

/** Big-endian. */
export function writeU32(value: u32): void {
  writeByte(value >> 24);
  writeByte(value >> 16);
  writeByte(value >> 8);
  writeByte(value);
}

/** LEB128: seven bits a byte, the least significant first; no byte more than needed. */
export function writeVariable(value: u32): void {
  while (value > 0x7f) {
    writeByte((value & 0x7f) | 0x80);
    value >>= 7;
  }
  writeByte(value);
}

export function writeBytes(at: usize, length: u32): void {
  if (length > BUFFER_BYTES - waiting) flush();
  if (length > BUFFER_BYTES) {
    writeAll(at, length);
    return;
  }
  memory.copy(buffer + waiting, at, length);
  waiting += length;
}

export function flush(): void {
  writeAll(buffer, waiting);
  waiting = 0;
}

function writeAll(at: usize, length: u32): void {
  while (length > 0) {
    store<u32>(vector, <u32>at);
    store<u32>(vector, length, 4);
    if (fd_write(OUTPUT_STREAM, vector, 1, moved) != 0) exit(EXIT_STREAM);
    const count = load<u32>(moved);
    if (count == 0) exit(EXIT_STREAM);
    at += count;
    length -= count;
  }
}
