/** A node's own log as evidence, from a moment on: what it wrote before counts for nothing. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { OotoError } from '../../base/errors.ts';

const POLL_MS = 20;

export type LogLine = Readonly<Record<string, unknown>>;

export class NodeLog {
  readonly #file: string;
  readonly #from: number;

  constructor(file: string) {
    this.#file = file;
    this.#from = existsSync(file) ? statSync(file).size : 0;
  }

  /** All whole lines; the last may still be in the writing. */
  get lines(): LogLine[] {
    const text = this.#text();
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** The lines that say so, as soon as there is one. @throws OOTO_CLI_DRILL (environment) after `withinMs`. */
  async until(what: string, says: (line: LogLine) => boolean, withinMs = 10_000): Promise<LogLine[]> {
    for (const deadline = performance.now() + withinMs; ; await sleep(POLL_MS)) {
      const found = this.lines.filter(says);
      if (found.length > 0) return found;
      if (performance.now() > deadline)
        throw new OotoError('OOTO_CLI_DRILL', 'environment', `${what} is not in ${this.#file}`);
    }
  }

  #text(): string {
    if (!existsSync(this.#file)) return '';
    const file = openSync(this.#file, 'r');
    try {
      const { size } = fstatSync(file);
      const bytes = new Uint8Array(Math.max(0, size - this.#from));
      return new TextDecoder().decode(bytes.subarray(0, readSync(file, bytes, 0, bytes.length, this.#from)));
    } finally {
      closeSync(file);
    }
  }
}
