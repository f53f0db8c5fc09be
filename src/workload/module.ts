/**
 * Modules are confined before they are compiled. What flows through here: the bytes of a WebAssembly module;
 * its sections are walked, and the declared maximum of its one memory and of its tables is lowered to the limit
 * of the execution, so that the engine itself refuses growth beyond it. What has no memory, several or shared
 * ones, or needs more at the start than it may have, is refused. (WebAssembly core specification 2.0, section
 * 5.5, binary format of modules.)
 */
import { concat } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';

export const MODULE_BYTES_MOST = 8 * 1024 * 1024;
export const PAGE_BYTES = 65_536;
/** 4 GiB: what 32-bit addresses reach. */
const PAGES_MOST = 65_536;
const TABLES_MOST = 16;
const TABLE_ENTRIES_MOST = 65_536;
const HEADER = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
const TABLE_SECTION = 4;
const MEMORY_SECTION = 5;
const FUNCREF = 0x70;
const EXTERNREF = 0x6f;

interface Limits {
  min: number;
  max: number;
}

/**
 * `module` with its memory limited to `memoryBytes` (rounded down to whole pages of 64 KiB).
 * @throws OOTO_SANDBOX_MODULE (peer) for what is malformed or has no confined form.
 * @throws OOTO_SANDBOX_MEMORY (peer) when it needs more memory at its start.
 */
export function confineModule(module: Uint8Array, memoryBytes: number): Uint8Array {
  if (module.length > MODULE_BYTES_MOST) throw malformed(`it is longer than ${MODULE_BYTES_MOST} bytes`);
  const reader = new ModuleReader(module);
  const parts: Uint8Array[] = [reader.take(HEADER.length)];
  if (parts[0].some((byte, i) => byte !== HEADER[i])) throw malformed('it does not begin as version 1 does');
  let memories = 0;
  while (!reader.ended) {
    const id = reader.byte();
    const content = reader.take(reader.u32());
    if (id === MEMORY_SECTION) memories++;
    parts.push(Uint8Array.of(id), ...sized(confineSection(id, content, memoryBytes)));
  }
  if (memories !== 1) throw malformed('it has no memory of its own');
  return concat(...parts);
}

function confineSection(id: number, content: Uint8Array, memoryBytes: number): Uint8Array {
  if (id === MEMORY_SECTION) return confineMemory(content, memoryBytes);
  if (id === TABLE_SECTION) return confineTables(content);
  return content;
}

function confineMemory(content: Uint8Array, memoryBytes: number): Uint8Array {
  const reader = new ModuleReader(content);
  if (reader.u32() !== 1) throw malformed('it has not exactly one memory');
  const { min, max } = reader.limits();
  reader.end();
  const pages = Math.min(Math.floor(memoryBytes / PAGE_BYTES), PAGES_MOST);
  if (min > pages)
    throw new OotoError(
      'OOTO_SANDBOX_MEMORY',
      'peer',
      `the module begins with ${min} pages of memory and may have ${pages}`,
    );
  return concat(Uint8Array.of(1), encodeLimits({ min, max: Math.min(max, pages) }));
}

function confineTables(content: Uint8Array): Uint8Array {
  const reader = new ModuleReader(content);
  const count = reader.u32();
  if (count > TABLES_MOST) throw malformed(`it has more than ${TABLES_MOST} tables`);
  const parts = [encodeU32(count)];
  for (let i = 0; i < count; i++) {
    const kind = reader.byte();
    if (kind !== FUNCREF && kind !== EXTERNREF) throw malformed('it has a table of an unknown kind');
    const { min, max } = reader.limits();
    if (min > TABLE_ENTRIES_MOST)
      throw malformed(`it has a table of more than ${TABLE_ENTRIES_MOST} entries`);
    parts.push(Uint8Array.of(kind), encodeLimits({ min, max: Math.min(max, TABLE_ENTRIES_MOST) }));
  }
  reader.end();
  return concat(...parts);
}

class ModuleReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw malformed('it ends too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  byte(): number {
    return this.take(1)[0];
  }

  /** LEB128 of at most five bytes (section 5.2.2). */
  u32(): number {
    let value = 0;
    for (let factor = 1, i = 0; i < 5; factor *= 128, i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80 && value <= 0xffff_ffff) return value;
    }
    throw malformed('it holds an integer beyond 32 bits');
  }

  /** Flags beyond "has a maximum" mean shared or 64-bit memories. */
  limits(): Limits {
    const flags = this.byte();
    if (flags > 1) throw malformed('its memory or table is shared or has 64-bit addresses');
    const min = this.u32();
    const max = flags === 1 ? this.u32() : 0xffff_ffff;
    if (max < min) throw malformed('a maximum is below its minimum');
    return { min, max };
  }

  end(): void {
    if (!this.ended) throw malformed('a section holds more than it says');
  }
}

function sized(content: Uint8Array): Uint8Array[] {
  return [encodeU32(content.length), content];
}

function encodeLimits({ min, max }: Limits): Uint8Array {
  return concat(Uint8Array.of(1), encodeU32(min), encodeU32(max));
}

function encodeU32(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.of(...bytes, rest);
    bytes.push((rest % 128) | 0x80);
  }
}

function malformed(what: string): OotoError {
  return new OotoError('OOTO_SANDBOX_MODULE', 'peer', `the module is refused: ${what}`);
}
