/**
 * Where connections come in that carry a session on. What flows through here: each accepted connection is looked at;
 * one whose first frame resumes a session known here goes to that session, or is closed; every other one is handed
 * back as if nothing had been read. The key that proves a resumption is the session's own: what stands here is public.
 */

import { equal } from '../../base/bytes.ts';
import { hex } from '../../base/hex.ts';
import type { Clock, Connection } from '../../ports.ts';
import { FRAME } from '../wire.ts';
import { Opening } from './opening.ts';
import { MAX_RESUMPTION_BYTES, RESUMPTION_MS, type Resume, readResume, refused } from './resumption.ts';

/** So many resumptions may be under way; the oldest gives way. */
const MOST_PENDING = 256;

/** What can go on over another connection. */
export interface Resumable {
  /** @throws OotoError for whatever makes the connection one to be closed. */
  take(resume: Resume, epoch: number, opening: Opening): Promise<void>;
}

interface Known {
  readonly lasting: Resumable;
  readonly epoch: number;
}

export class Resumptions {
  readonly #clock: Clock;
  readonly #meshId: Uint8Array;
  readonly #byLocator = new Map<string, Known>();
  readonly #locators = new Map<Resumable, string[]>();
  readonly #pending = new Set<Opening>();

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

  /**
   * The connection, if it is for a new channel; undefined when it was taken or closed here.
   * @throws OOTO_CHANNEL_TRUNCATED (peer) when nothing comes over it.
   */
  async sift(connection: Connection): Promise<Connection | undefined> {
    const opening = new Opening(connection, this.#clock, RESUMPTION_MS);
    if ((await opening.type()) !== FRAME.resume) return opening.handOn();
    this.#pending.add(opening);
    if (this.#pending.size > MOST_PENDING) [...this.#pending][0].close();
    try {
      await this.#resume(opening);
    } catch {
      // Whoever failed to resume learns nothing of why, and has changed nothing.
      opening.close();
    } finally {
      this.#pending.delete(opening);
    }
    return undefined;
  }

  async #resume(opening: Opening): Promise<void> {
    const resume = readResume((await opening.frame(MAX_RESUMPTION_BYTES)).rest);
    const known = this.#byLocator.get(hex(resume.locator));
    if (!known || !equal(resume.meshId, this.#meshId)) throw refused('a resumption of nothing known here');
    await known.lasting.take(resume, known.epoch, opening);
  }
}
