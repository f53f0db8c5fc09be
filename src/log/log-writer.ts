/**
 * All who append to one log at the same time. What flows through here, in order: an entry is judged as soon as it
 * comes, over a state in which all before it are stored already; what waits while a commit is under way shares the
 * next one, with one checkpoint; once that is durable, and the log shows it, each learns its place. Nothing waits for
 * company. When a commit fails, what was judged on top of it fails with it.
 */
import { OotoError } from '../base/errors.ts';
import type { Store, StoreChange } from '../ports.ts';
import type { Log, StagedLog } from './log.ts';
import type { NoteSignature } from './note.ts';

/** Entries whose commit is awaited, at the most; the memory of a member is not its callers' to fill. */
const MOST_WAITING = 65_536;
/** Entries of one commit: as many as sixteen bundles hold. */
const MOST_TOGETHER = 4_096;

/** An entry, and what is stored with it, all or nothing. */
export interface LogAddition {
  readonly leaf: Uint8Array;
  readonly changes: readonly StoreChange[];
}

/**
 * Decides on an entry over `state`, which holds what all entries before it brought; `index` is its place. Returns the
 * place of an entry that is there already instead of adding it again, or throws.
 */
export type LogJudgement = (state: Pick<Store, 'get'>, index: number) => LogAddition | number;

interface Waiting {
  readonly index: number;
  readonly addition: LogAddition | undefined;
  resolve(index: number): void;
  reject(error: unknown): void;
}

export class LogWriter {
  readonly #log: Log;
  readonly #store: Store;
  /** In the order of their places; those of the running commit are not here any more. */
  #waiting: Waiting[] = [];
  /** Entries beyond the log's end: of the running commit, and waiting. */
  #beyond = 0;
  /** What the running commit and those that wait change; an undefined value is a deletion. */
  readonly #unstored = new Map<string, { value: Uint8Array | undefined; users: number }>();
  /** Lines of witnesses that wait for their place under the checkpoint. */
  #cosigned: { note: string; signatures: readonly NoteSignature[] }[] = [];
  #isRunning = false;

  constructor({ log, store }: { log: Log; store: Store }) {
    this.#log = log;
    this.#store = store;
  }

  /**
   * Adds an entry; resolves to its place once it is durable and the log's checkpoint covers it.
   * @throws what `judge` throws, and what the store throws; OOTO_LOG_BUSY (environment) while too many wait.
   */
  append(judge: LogJudgement): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#requireRoom();
      const next = this.#log.size + this.#beyond;
      const judged = judge(this.#state, next);
      if (typeof judged !== 'number') this.#enqueue({ index: next, addition: judged, resolve, reject });
      else if (judged < this.#log.size) resolve(judged);
      else this.#enqueue({ index: judged, addition: undefined, resolve, reject });
    });
  }

  readonly #state: Pick<Store, 'get'> = {
    get: (key) => {
      const unstored = this.#unstored.get(key);
      return unstored ? unstored.value : this.#store.get(key);
    },
  };

  #requireRoom(): void {
    if (this.#waiting.length >= MOST_WAITING)
      throw new OotoError('OOTO_LOG_BUSY', 'environment', `${MOST_WAITING} entries of this log are waiting`);
  }

  /** What comes before promises have had their turn shares the first commit too. */
  #enqueue(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (waiting.addition) {
      this.#beyond++;
      this.#note(waiting.addition.changes, 1);
    }
    this.#begin();
  }

  /** Puts witnesses' lines under the checkpoint that they are of, unless the log has grown beyond it meanwhile. */
  addCosignatures(note: string, signatures: readonly NoteSignature[]): void {
    this.#cosigned.push({ note, signatures });
    this.#begin();
  }

  #begin(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 || this.#cosigned.length > 0) {
      await this.#writeCosignatures(this.#cosigned.splice(0));
      await this.#writeNext(this.#waiting.splice(0, MOST_TOGETHER));
    }
    this.#isRunning = false;
  }

  /** What cannot be stored is lost: witnesses cosign the next checkpoint again. */
  async #writeCosignatures(cosigned: readonly { note: string; signatures: readonly NoteSignature[] }[]) {
    const current = cosigned.filter(({ note }) => note === this.#log.ownCheckpoint);
    if (current.length === 0) return;
    const staged = this.#log.stageCosignatures(current.flatMap(({ signatures }) => signatures));
    try {
      await this.#store.commit(staged.changes);
    } catch {
      this.#log.discard(staged);
      return;
    }
    this.#log.accept(staged);
  }

  async #writeNext(batch: readonly Waiting[]): Promise<void> {
    if (batch.length === 0) return;
    const additions = batch.flatMap(({ addition }) => (addition ? [addition] : []));
    const changes = additions.flatMap((addition) => addition.changes);
    let staged: StagedLog | undefined;
    try {
      if (additions.length > 0) {
        staged = this.#log.stage(additions.map(({ leaf }) => leaf));
        await this.#store.commit([...changes, ...staged.changes]);
      }
    } catch (error) {
      if (staged) this.#log.discard(staged);
      this.#fail([...batch, ...this.#waiting.splice(0)], error);
      return;
    }
    if (staged) this.#log.accept(staged);
    this.#beyond -= additions.length;
    this.#note(changes, -1);
    for (const { index, resolve } of batch) resolve(index);
  }

  #fail(batch: readonly Waiting[], error: unknown): void {
    this.#beyond = 0;
    this.#unstored.clear();
    for (const { reject } of batch) reject(error);
  }

  /** Of a key that several change, the last value counts until the last of them is stored. */
  #note(changes: readonly StoreChange[], by: 1 | -1): void {
    for (const change of changes) {
      const key = 'put' in change ? change.put : change.delete;
      const noted = this.#unstored.get(key);
      const users = (noted?.users ?? 0) + by;
      const value = by > 0 ? ('put' in change ? change.value : undefined) : noted?.value;
      if (users > 0) this.#unstored.set(key, { value, users });
      else this.#unstored.delete(key);
    }
  }
}
