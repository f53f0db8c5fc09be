/**
 * Where a secret value comes from. What flows through here: a secret that enters gets a number; every load, store
 * and reduction that hands it on makes a new number that points back to the one before. Numbers are kept once for
 * each secret, call path and instruction, so that loops add nothing and every chain is one way that really was gone.
 */
import { mnemonic } from './instructions.ts';
import type { FunctionBody, Instruction } from './module.ts';

/** Where a value stands that is not secret. */
export const PUBLIC = 0;

/** One function activated by way of one path of calls. */
export interface Activation {
  body: FunctionBody;
  caller: Activation | undefined;
  /** The call instruction in the caller. */
  from: Instruction | undefined;
  callees: Map<Instruction, Activation>;
  /** For each secret the number of the step at every instruction. */
  steps: Uint32Array[];
}

export interface Step {
  secret: string;
  activation: Activation | undefined;
  instruction: Instruction | undefined;
  before: number;
}

export class Origins {
  readonly #steps: (Step | undefined)[] = [undefined];
  readonly #labels: string[] = [];
  readonly #secrets = new Map<number, number>();

  /** The number of a secret that enters under this label. */
  enter(secret: string): number {
    this.#labels.push(secret);
    return this.#add(
      { secret, activation: undefined, instruction: undefined, before: PUBLIC },
      this.#labels.length - 1,
    );
  }

  /** The number of what the instruction at `at` hands on. */
  step(before: number, activation: Activation, at: number): number {
    const secret = this.#secrets.get(before)!;
    activation.steps[secret] ??= new Uint32Array(activation.body.code.length);
    const known = activation.steps[secret];
    if (known[at] === PUBLIC) {
      const instruction = activation.body.code[at];
      known[at] = this.#add({ secret: this.#labels[secret], activation, instruction, before }, secret);
    }
    return known[at];
  }

  of(number: number): Step {
    return this.#steps[number]!;
  }

  /** The way from the secret to here, a line for each function it led through. */
  chain(number: number): string[] {
    const steps: Step[] = [];
    for (let at = number; at !== PUBLIC; at = this.of(at).before) steps.unshift(this.of(at));
    const lines = [`secret: ${steps[0].secret}`];
    let last: Activation | undefined;
    for (const { activation, instruction } of steps.slice(1)) {
      const place = `${mnemonic(instruction!.opcode)} 0x${instruction!.offset.toString(16)}`;
      if (activation === last) lines[lines.length - 1] += `, ${place}`;
      else lines.push(`${callPath(activation!)}: ${place}`);
      last = activation;
    }
    return lines;
  }

  #add(step: Step, secret: number): number {
    this.#steps.push(step);
    this.#secrets.set(this.#steps.length - 1, secret);
    return this.#steps.length - 1;
  }
}

export function activate(body: FunctionBody, caller?: Activation, from?: Instruction): Activation {
  const known = from && caller?.callees.get(from);
  if (known) return known;
  const made = { body, caller, from, callees: new Map(), steps: [] };
  if (from) caller?.callees.set(from, made);
  return made;
}

/** `outermost > … > innermost`. */
export function callPath(activation: Activation): string {
  const { caller, body } = activation;
  return caller ? `${callPath(caller)} > ${body.name}` : body.name;
}
