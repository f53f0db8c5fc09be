/**
 * How a member has its log witnessed, and notices that it was rolled back. What flows through here, in order: every
 * other member is asked what it saw last of this log; what does not fit the log in the store ends this member, before
 * it adds anything; then the newest checkpoint goes to the members, and to the foreign witnesses that the operator
 * named, a moment after the log has grown, and their lines are put under it.
 */
import type { AuthorityView } from '../../authority/authority-view.ts';
import { logKeyOf, witnessKeysOf, witnessName } from '../../authority/credential.ts';
import { equal, utf8, utf8Decode } from '../../base/bytes.ts';
import { isOotoError, OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { fields, nullable, text } from '../../envelope/fields.ts';
import { askWitness, type NoteKey, readWitnessAnswer, verifyCheckpoint } from '../../log/index.ts';
import { MAX_NOTE_BYTES } from '../../log/note.ts';
import type { Clock, HttpClient, HttpResponse, Logger } from '../../ports.ts';
import { pause } from '../patience.ts';
import type { AuthorityDuty } from './duty.ts';
import type { FellowMembers } from './fellow-members.ts';

/** What a log grows by meanwhile shares the next request. */
const GATHER_MS = 1_000;
const AGAIN_MS = 500;
const FAILED_AGAIN_MS = 15_000;
/** Once enough have said what they saw, the others have this long to say more. */
const GRACE_MS = 1_000;
/** A witness that says a conflict is asked once more, from the size that it names. */
const TRIES = 2;

const seenShape = {
  cosigned: nullable(text(MAX_NOTE_BYTES)),
  shown: nullable(text(MAX_NOTE_BYTES)),
} as const;

/** A witness elsewhere, with its verifier keys. */
export interface ForeignWitness {
  /** The submission prefix. */
  url: string;
  keys: readonly NoteKey[];
}

export interface LogCosigningOptions {
  crypto: Crypto;
  clock: Clock;
  logger: Logger;
  /** This member. */
  name: string;
  authority: AuthorityView;
  duty: Pick<AuthorityDuty, 'log' | 'addCosignatures'>;
  fellows: Pick<FellowMembers, 'names' | 'ask'>;
  foreign: readonly ForeignWitness[];
  http?: HttpClient | undefined;
  signal: AbortSignal;
}

interface AskedWitness {
  readonly name: string;
  readonly keys: readonly NoteKey[];
  ask(body: Uint8Array): Promise<Pick<HttpResponse, 'status' | 'body'>>;
}

export class LogCosigning {
  readonly #options: LogCosigningOptions;
  /** The sizes that witnesses cosigned last; of members, all that have said so. */
  readonly #cosigned = new Map<string, number>();
  readonly #asking = new Set<string>();
  /** Enough members have said what they saw; a larger committee later takes that away no more. */
  #isHeard = false;
  #waiting: (() => void)[] = [];
  #rolledBack: OotoError | undefined;

  constructor(options: LogCosigningOptions) {
    this.#options = options;
  }

  /** Asks for as long as the signal lets it; members that join the committee are asked from then on. */
  async run(): Promise<void> {
    const { fellows, foreign, clock, signal } = this.#options;
    for (const witness of foreign) void this.#keepAsking(witness.url, () => this.#askForeign(witness));
    while (!signal.aborted && !this.#rolledBack) {
      for (const member of fellows.names.filter((name) => !this.#asking.has(name))) {
        this.#asking.add(member);
        void this.#keepAsking(member, () => this.#askMember(member)).finally(() =>
          this.#asking.delete(member),
        );
      }
      await pause(clock, FAILED_AGAIN_MS, signal).catch(() => {});
    }
  }

  /**
   * Resolves once t - 1 other members have said what they saw of this log, and it fits: without as many nothing can be
   * issued anyway. Whoever else is there is heard too.
   * @param among those that are left, where operators have said so: all of them are enough, from then on
   * @throws OOTO_LOG_ROLLED_BACK (environment).
   */
  async requireRecent(among?: readonly string[]): Promise<void> {
    while (!this.#rolledBack && !this.#hasHeard(among) && this.#options.authority.threshold > 1)
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    if (this.#rolledBack) throw this.#rolledBack;
  }

  /** Why this member must not go on, once that is found. */
  get rolledBack(): OotoError | undefined {
    return this.#rolledBack;
  }

  #noteHeard(): void {
    const { fellows, authority, clock } = this.#options;
    const heard = fellows.names.filter((name) => this.#cosigned.has(name)).length;
    if (heard === fellows.names.length) this.#begin();
    else if (heard >= authority.threshold - 1) clock.after(GRACE_MS, () => this.#begin());
  }

  #begin(): void {
    this.#isHeard = true;
    this.#wake();
  }

  #hasHeard(among: readonly string[] | undefined): boolean {
    const { name } = this.#options;
    const isHeardByAll = among?.every((other) => other === name || this.#cosigned.has(other));
    if (isHeardByAll && !this.#isHeard) this.#begin();
    return this.#isHeard;
  }

  async #keepAsking(witness: string, once: () => Promise<void>): Promise<void> {
    const { clock, logger, signal } = this.#options;
    while (!signal.aborted && !this.#rolledBack) {
      let wait = GATHER_MS;
      try {
        await once();
      } catch (error) {
        if (isOotoError(error, 'OOTO_LOG_ROLLED_BACK')) return this.#end(error);
        logger.log('debug', 'the log was not cosigned', { witness, error });
        wait = this.#isHeard ? FAILED_AGAIN_MS : AGAIN_MS;
      }
      await pause(clock, wait, signal).catch(() => {});
    }
  }

  #end(error: OotoError): void {
    this.#rolledBack = error;
    this.#options.logger.log('error', 'the log of this member was rolled back', { error });
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  async #askMember(member: string): Promise<void> {
    const { fellows, authority } = this.#options;
    if (!fellows.names.includes(member)) return;
    if (!this.#cosigned.has(member)) {
      this.#cosigned.set(member, await this.#seenBy(member));
      this.#noteHeard();
      this.#wake();
    }
    const name = witnessName(authority.meshId, member);
    const keys = witnessKeysOf(authority.committee).filter((key) => key.name === name);
    const ask = async (body: Uint8Array) => {
      try {
        const line = await fellows.ask(member, 'authority.cosign-log', utf8Decode(body));
        return { status: 200, body: utf8(text(4096)(line, 'authority.cosign-log')) };
      } catch (error) {
        if (!isOotoError(error, 'OOTO_LOG_CONFLICT')) throw error;
        return { status: 409, body: utf8(`${await this.#seenBy(member)}\n`) };
      }
    };
    await this.#haveCosigned(member, { name, keys, ask });
  }

  async #askForeign({ url, keys }: ForeignWitness): Promise<void> {
    const { http, signal } = this.#options;
    if (!http) return;
    const ask = (body: Uint8Array) => http.post(`${url}/add-checkpoint`, body, { signal });
    await this.#haveCosigned(url, { name: url, keys, ask });
  }

  /** Asks for the newest checkpoint, unless this witness has cosigned it. */
  async #haveCosigned(place: string, { name, keys, ask }: AskedWitness): Promise<void> {
    const { crypto, duty } = this.#options;
    let oldSize = this.#cosigned.get(place) ?? 0;
    for (let i = 0; i < TRIES; i++) {
      const { size, ownCheckpoint } = duty.log;
      if (ownCheckpoint === undefined || (oldSize === size && this.#cosigned.has(place))) return;
      if (oldSize > size)
        throw new OotoError('OOTO_LOG_WITNESS', 'peer', `${name} says it saw ${oldSize} entries of ${size}`);
      const asked = askWitness(duty.log, oldSize);
      const answer = readWitnessAnswer(crypto, asked, await ask(asked.body), keys);
      if (answer.kind === 'cosigned') {
        this.#cosigned.set(place, size);
        return duty.addCosignatures(answer.note, answer.signatures);
      }
      oldSize = answer.size;
    }
  }

  /**
   * The size that a member has cosigned last: what it shows is signed by the key of this log, so it was here once.
   * @throws OOTO_LOG_ROLLED_BACK (environment) when this log does not begin with it, or with what it was shown since.
   */
  async #seenBy(member: string): Promise<number> {
    const answer = await this.#options.fellows.ask(member, 'authority.log-seen', null);
    const { cosigned, shown } = fields(answer, seenShape, 'authority.log-seen');
    if (shown !== null) this.#requireKnown(member, shown);
    return cosigned === null ? 0 : this.#requireKnown(member, cosigned);
  }

  /** The size that this checkpoint is of. */
  #requireKnown(member: string, note: string): number {
    const { crypto, authority, name, duty } = this.#options;
    const key = logKeyOf(authority.committee, name);
    const seen = verifyCheckpoint(crypto, note, { origin: key.name, keys: [key] });
    const { log } = duty;
    if (seen.size <= log.size && equal(log.rootAt(seen.size), seen.root)) return seen.size;
    throw new OotoError(
      'OOTO_LOG_ROLLED_BACK',
      'environment',
      `${member} saw ${seen.size} entries of the log of ${name}, which do not fit the ${log.size} in the store`,
      {
        hint: 'an older copy of the folder was restored: restore the newest, or have the member replaced; a log that goes on would contradict itself',
      },
    );
  }
}
