/**
 * What all lasting connections of an endpoint keep together. What flows through here: each says how much more or less
 * it keeps; where that is too much for all of them, the one that keeps most lets go of it, which costs that session its
 * next connection and no other session anything.
 */

const MIB = 2 ** 20;
/** Three of the largest that one connection may keep. */
export const MOST_KEPT_BYTES = 64 * MIB;

export interface Keeper {
  /** Lets go of all that it keeps, and says so. */
  letGo(): void;
}

export class KeptMemory {
  readonly #most: number;
  readonly #byKeeper = new Map<Keeper, number>();
  #bytes = 0;

  constructor(most = MOST_KEPT_BYTES) {
    this.#most = most;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @param more bytes, less than nothing where they were let go */
  changed(keeper: Keeper, more: number): void {
    const bytes = (this.#byKeeper.get(keeper) ?? 0) + more;
    if (bytes > 0) this.#byKeeper.set(keeper, bytes);
    else this.#byKeeper.delete(keeper);
    this.#bytes += more;
    if (this.#bytes > this.#most) this.#largest().letGo();
  }

  #largest(): Keeper {
    const [first, ...others] = this.#byKeeper;
    return others.reduce((most, one) => (one[1] > most[1] ? one : most), first)[0];
  }
}
