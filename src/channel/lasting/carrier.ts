/**
 * A connection in use by a session that may have others. What flows through here: chunks are read one at a time, each
 * when it is asked for; what was read waits until it is taken, or is left behind with the connection.
 */
import type { Connection } from '../../ports.ts';

export class Carrier {
  readonly connection: Connection;
  readonly #incoming: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array | undefined;
  #isAsked = false;
  #ready = () => {};
  #isOver = false;

  constructor(connection: Connection) {
    this.connection = connection;
    this.#incoming = connection.incoming[Symbol.asyncIterator]();
  }

  /** Whether nothing more will come. */
  get isOver(): boolean {
    return this.#isOver;
  }

  take(): Uint8Array | undefined {
    const chunk = this.#chunk;
    this.#chunk = undefined;
    return chunk;
  }

  /** Calls `ready`, and nobody who asked before, when there is a chunk to take or nothing more will come. */
  ask(ready: () => void): void {
    this.#ready = ready;
    if (this.#isAsked) return;
    this.#isAsked = true;
    const settle = (chunk: Uint8Array | undefined) => {
      this.#isAsked = false;
      this.#isOver = chunk === undefined;
      this.#chunk = chunk;
      this.#ready();
    };
    this.#incoming.next().then(
      ({ done, value }) => settle(done ? undefined : value),
      () => settle(undefined),
    );
  }
}

/** Wakes whoever waits; a ring that nobody heard is heard by the next. */
export class Bell {
  #rang = false;
  #wake: (() => void)[] = [];

  ring(): void {
    const waiting = this.#wake.splice(0);
    this.#rang = waiting.length === 0;
    for (const wake of waiting) wake();
  }

  async rung(): Promise<void> {
    if (!this.#rang) await new Promise<void>((resolve) => this.#wake.push(resolve));
    this.#rang = false;
  }
}
