/**
 * What arrives between a producer that cannot wait and a reader that may be slow. Items queue up to a bound;
 * the producer is told when to stop and when to go on. One reader; what it leaves unread is dropped at its end.
 */

export interface ArrivalOptions<T> {
  /** Cost of an item, for example its bytes. */
  weigh: (item: T) => number;
  /** The producer is asked to stop above this cost. */
  most: number;
  pause?: () => void;
  resume?: () => void;
}

export class Arrivals<T> implements AsyncIterable<T> {
  readonly #options: ArrivalOptions<T>;
  readonly #waiting: T[] = [];
  #weight = 0;
  #paused = false;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(options: ArrivalOptions<T>) {
    this.#options = options;
  }

  push(item: T): void {
    if (this.#ended) return;
    this.#waiting.push(item);
    this.#weight += this.#options.weigh(item);
    if (this.#weight > this.#options.most && !this.#paused) {
      this.#paused = true;
      this.#options.pause?.();
    }
    this.#signal();
  }

  /** Takes all that waits. */
  takeAll(): T[] {
    return Array.from({ length: this.#waiting.length }, () => this.#take());
  }

  /** Whether more waits than should, and nothing more is wanted for now. */
  get isFull(): boolean {
    return this.#paused;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** No more will come; what is queued is still read. */
  end(): void {
    this.#ended = true;
    this.#signal();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (;;) {
        while (this.#waiting.length > 0) yield this.#take();
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.end();
      this.#waiting.length = 0;
    }
  }

  #take(): T {
    const item = this.#waiting.shift() as T;
    this.#weight -= this.#options.weigh(item);
    if (this.#paused && this.#weight <= this.#options.most / 2) {
      this.#paused = false;
      this.#options.resume?.();
    }
    return item;
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
