/**
 * How much may be under way between two threads. What flows through here: what is posted is counted, what the other
 * side says it has taken is counted off; whoever posts waits while too much is under way, or until nobody takes any more.
 */

export class FlowWindow {
  readonly #most: number;
  #underWay = 0;
  #isOver = false;
  #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get underWay(): number {
    return this.#underWay;
  }

  get isFull(): boolean {
    return this.#underWay >= this.#most && !this.#isOver;
  }

  posted(bytes: number): void {
    this.#underWay += bytes;
  }

  taken(bytes: number): void {
    this.#underWay -= bytes;
    if (!this.isFull) this.#wake();
  }

  /** Nobody takes anything any more, and nobody waits. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Resolves once it is not full. */
  async room(): Promise<void> {
    while (this.isFull) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
