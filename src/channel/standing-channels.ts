/**
 * Channels that others have opened, as a listener shows them. What flows through here: a channel comes and is handed to
 * whoever iterates, once; it is listed until it ends; after the end of the listener what still comes is closed.
 */
export interface StandingChannel {
  /** Resolves when the channel has ended. */
  readonly closed: Promise<unknown>;
  close(): Promise<void>;
}

export class StandingChannels<C extends StandingChannel> implements AsyncIterable<C> {
  readonly #all = new Set<C>();
  /** Those that nobody has taken from the iteration yet. */
  readonly #fresh = new Set<C>();
  #waiting: (() => void)[] = [];
  #isEnded = false;

  /** Those that stand now. */
  get all(): readonly C[] {
    return [...this.#all];
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  add(channel: C): void {
    this.#all.add(channel);
    this.#fresh.add(channel);
    const forget = () => {
      this.#all.delete(channel);
      this.#fresh.delete(channel);
    };
    channel.closed.then(forget, forget);
    if (this.#isEnded) void channel.close();
    this.#wake();
  }

  /** No more are wanted: iterations end once they have taken what is there. */
  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** Ends, and closes all that stand. */
  async close(): Promise<void> {
    this.end();
    await Promise.all(this.all.map((channel) => channel.close()));
  }

  /** Each once, as they come; those that have ended before somebody asked are left out. */
  async *[Symbol.asyncIterator](): AsyncGenerator<C> {
    for (;;) {
      const [channel] = this.#fresh;
      if (channel) {
        this.#fresh.delete(channel);
        yield channel;
      } else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
