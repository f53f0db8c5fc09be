/**
 * The stage on which operations are tried. What flows through here: an operation writes public and secret bytes
 * into the input area and calls exports; the machine follows its secrets, and beside it, where this platform can
 * run the module, the engine itself runs the same calls: results and memory must be the same in the end.
 */
import { createHash } from 'node:crypto';
import { type Leak, Machine, type Publication } from './machine.ts';
import type { FunctionBody, Module } from './module.ts';

/** The raw exports of a module that runs in the engine. */
type Exports = Record<string, (...args: number[]) => number>;

export class Scene {
  readonly machine: Machine;
  readonly input: number;
  readonly output: number;
  readonly #exports: Exports | undefined;
  readonly #memory: Uint8Array | undefined;
  readonly #seed: string;
  #drawn = 0;

  constructor(
    module: Module,
    compiled: WebAssembly.Module | undefined,
    seed: string,
    coverage: Map<FunctionBody, Uint8Array>,
  ) {
    this.machine = new Machine(module, coverage);
    this.#seed = seed;
    if (compiled) {
      const abort = () => {
        throw new Error('the core refused');
      };
      const { exports } = new WebAssembly.Instance(compiled, { env: { abort } });
      this.#exports = exports as unknown as Exports;
      this.#memory = new Uint8Array((exports.memory as WebAssembly.Memory).buffer);
    }
    this.input = this.#area('inputAddress');
    this.output = this.#area('outputAddress');
  }

  #area(name: string): number {
    return this.machine.hasExport(name) ? this.call(name)! : 0;
  }

  /** Bytes that are the same in every run of an operation. */
  random(length: number): Uint8Array {
    const seed = `${this.#seed} ${this.#drawn++}`;
    return new Uint8Array(createHash('shake256', { outputLength: length }).update(seed).digest());
  }

  /** Writes public bytes `at` bytes into the input area. */
  public(at: number, bytes: Uint8Array): void {
    this.machine.write(this.input + at, bytes);
    this.#memory?.set(bytes, this.input + at);
  }

  /** Writes secret bytes, drawn here unless given, `at` bytes into the input area. */
  secret(label: string, at: number, bytes: number | Uint8Array): void {
    const drawn = typeof bytes === 'number' ? this.random(bytes) : bytes;
    this.machine.writeSecret(this.input + at, drawn, label);
    this.#memory?.set(drawn, this.input + at);
  }

  /** Calls an export in both; they must agree. */
  call(name: string, args: readonly number[] = [], published?: Publication): number | undefined {
    const result = this.machine.call(name, args, published) as number | undefined;
    const expected = this.#exports?.[name](...args);
    if (this.#exports && result !== expected)
      throw new Error(`${name} gave ${result} in the machine and ${expected} in the engine`);
    return result;
  }

  /** What the output area begins with. */
  read(length: number, at = 0): Uint8Array {
    return this.machine.memory.slice(this.output + at, this.output + at + length);
  }

  /** Overwrites both areas, as the callers of the core do when they have taken a result. */
  wipeAreas(): void {
    const length = this.output - this.input;
    for (const area of [this.input, this.output]) {
      this.machine.write(area, new Uint8Array(length));
      this.#memory?.fill(0, area, area + length);
    }
  }

  get leaks(): Leak[] {
    return [...this.machine.leaks.values()];
  }

  /** The first address at which the machine's memory is not the engine's. */
  firstDifference(): number | undefined {
    if (!this.#memory || Buffer.compare(this.#memory, this.machine.memory) === 0) return undefined;
    return this.#memory.findIndex((byte, i) => byte !== this.machine.memory[i]);
  }
}

/** The compiled module, where this platform knows all its instructions. */
export function compileWhereKnown(bytes: Uint8Array): WebAssembly.Module | undefined {
  const source = bytes as Uint8Array<ArrayBuffer>;
  return WebAssembly.validate(source) ? new WebAssembly.Module(source) : undefined;
}
