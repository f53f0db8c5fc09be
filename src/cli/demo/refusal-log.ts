/** A node's own log as evidence of what it refused, from a moment on. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

export class RefusalLog {
  readonly #file: string;
  readonly #from: number;

  /** Looks at lines that are not yet there. */
  constructor(file: string) {
    this.#file = file;
    this.#from = statSync(file).size;
  }

  /** The code under which a peer at `remote` was refused first; null when none was. */
  codeFor(remote: string): string | null {
    for (const line of this.#lines()) {
      const { message, remote: whom, code } = line;
      if (message === 'refused' && whom === remote && typeof code === 'string') return code;
    }
    return null;
  }

  /** The last line may still be in the writing. */
  #lines(): Record<string, unknown>[] {
    const text = this.#text();
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** A log that was moved aside since begins anew. */
  #text(): string {
    const file = openSync(this.#file, 'r');
    try {
      const { size } = fstatSync(file);
      const from = size < this.#from ? 0 : this.#from;
      const bytes = new Uint8Array(size - from);
      return new TextDecoder().decode(bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from)));
    } finally {
      closeSync(file);
    }
  }
}
