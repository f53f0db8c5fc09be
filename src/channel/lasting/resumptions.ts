/**
 * Where connections come in that carry a session on. What flows through here: each accepted connection is looked at;
 * one whose first frame resumes a session known here goes to that session, or is closed; every other one is handed
 * back as if nothing had been read. The key that proves a resumption is the session's own: what stands here is public.
 */

import { equal } from '../../base/bytes.ts';
import { isOotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { Clock, Connection } from '../../ports.ts';
import { FRAME } from '../wire.ts';
import { Opening } from './opening.ts';
import { MAX_RESUMPTION_BYTES, RESUMPTION_MS, type Resume, readResume, refused } from './resumption.ts';

/** Connections whose first frame has not come; the oldest gives way. */
export const MOST_SILENT = 1_024;
/** Resumptions of sessions known here that may be under way; the oldest gives way. */
export const MOST_PENDING = 256;
/** The same of one session: whoever repeats its resumption crowds out no other. */
export const MOST_PENDING_EACH = 4;

/** What can go on over another connection. */
export interface Resumable {
  /** @throws OotoError for whatever makes the connection one to be closed. */
  take(resume: Resume, epoch: number, opening: Opening): Promise<void>;
}

interface Known {
  readonly lasting: Resumable;
  readonly epoch: number;
}

export interface ResumptionCounts {
  /** Sessions that can be resumed here. */
  readonly sessions: number;
  /** Connections whose first frame has not come. */
  readonly silent: number;
  /** Resumptions under way. */
  readonly pending: number;
}

export class Resumptions {
  readonly #clock: Clock;
  readonly #meshId: Uint8Array;
  readonly #byLocator = new Map<string, Known>();
  readonly #locators = new Map<Resumable, string[]>();
  readonly #silent = new Set<Opening>();
  readonly #pending = new Map<Opening, Resumable>();

  constructor(clock: Clock, meshId: Uint8Array) {
    this.#clock = clock;
    this.#meshId = meshId;
  }

  /** Sessions that can be resumed here. */
  get size(): number {
    return this.#locators.size;
  }

  /** A session is found by this from now on, and by what it was found by before, but no longer. */
  register(lasting: Resumable, locator: Uint8Array, epoch: number): void {
    const [name, before] = [hex(locator), this.#locators.get(lasting)?.[0]];
    this.remove(lasting);
    this.#byLocator.set(name, { lasting, epoch });
    this.#locators.set(lasting, before === undefined ? [name] : [name, before]);
    if (before !== undefined) this.#byLocator.set(before, { lasting, epoch: epoch - 1 });
  }

  /** The session is over. */
  remove(lasting: Resumable): void {
    for (const locator of this.#locators.get(lasting) ?? []) this.#byLocator.delete(locator);
    this.#locators.delete(lasting);
  }

  get counts(): ResumptionCounts {
    return { sessions: this.size, silent: this.#silent.size, pending: this.#pending.size };
  }

  /**
   * The connection, if it is for a new channel; undefined when it was taken or closed here.
   * @throws OOTO_CHANNEL_TRUNCATED (peer) when nothing comes over it.
   */
  async sift(connection: Connection): Promise<Connection | undefined> {
    const opening = new Opening(connection, this.#clock, RESUMPTION_MS);
    try {
      const resume = await this.#beginningOf(opening);
      if (!resume) return opening.handOn();
      await this.#resume(opening, resume);
    } catch (error) {
      // Whoever failed to resume learns nothing of why, and has changed nothing.
      opening.close();
      if (isOotoError(error, 'OOTO_CHANNEL_TRUNCATED')) throw error;
    }
    return undefined;
  }

  /** The `resume` that it begins with; undefined where it begins otherwise. */
  async #beginningOf(opening: Opening): Promise<Resume | undefined> {
    this.#silent.add(opening);
    if (this.#silent.size > MOST_SILENT) closeOldest(this.#silent, this.#silent);
    try {
      if ((await opening.type()) !== FRAME.resume) return undefined;
      return readResume((await opening.frame(MAX_RESUMPTION_BYTES)).rest);
    } finally {
      this.#silent.delete(opening);
    }
  }

  async #resume(opening: Opening, resume: Resume): Promise<void> {
    const known = this.#byLocator.get(hex(resume.locator));
    if (!known || !equal(resume.meshId, this.#meshId)) throw refused('a resumption of nothing known here');
    this.#pending.set(opening, known.lasting);
    const ofThis = [...this.#pending.keys()].filter((one) => this.#pending.get(one) === known.lasting);
    if (ofThis.length > MOST_PENDING_EACH) closeOldest(this.#pending, ofThis);
    else if (this.#pending.size > MOST_PENDING) closeOldest(this.#pending, this.#pending.keys());
    try {
      await known.lasting.take(resume, known.epoch, opening);
    } finally {
      this.#pending.delete(opening);
    }
  }
}

function closeOldest(all: { delete(one: Opening): boolean }, some: Iterable<Opening>): void {
  const [oldest] = some;
  all.delete(oldest);
  oldest.close();
}
