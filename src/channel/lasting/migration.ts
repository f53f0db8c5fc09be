/**
 * One session and the connections that carry it, one after the other, as a machine without I/O. What flows through
 * here: what is sent is kept until the peer has it; either side may begin a resumption; of two resumptions the later
 * one wins, and never one that is not later than the connection in use; then what the peer lacks is sent again, byte
 * for byte.
 */
import type { Crypto } from '../../crypto/crypto.ts';
import type { Role } from '../../noise/handshake-state.ts';
import type { Channel } from '../channel.ts';
import { otherRole } from '../transcript.ts';
import {
  KEY_CONTEXT,
  LOCATOR_CONTEXT,
  type Resume,
  ResumptionAnswer,
  ResumptionAttempt,
  refused,
} from './resumption.ts';
import type { Retained } from './retained.ts';

/** Which connection of a session: the higher generation is later, of two that are equal the initiator's. */
export interface Place {
  readonly generation: number;
  readonly dialler: Role;
}

export interface MigrationOptions {
  readonly channel: Channel;
  readonly crypto: Crypto;
  readonly meshId: Uint8Array;
  readonly role: Role;
  /** What was sent. */
  readonly retained: Retained;
}

export class Migration {
  readonly #options: MigrationOptions;
  #place: Place = { generation: 0, dialler: 'initiator' };
  /** Generations are not used twice, even by attempts that came to nothing. */
  #attempted = 0;

  constructor(options: MigrationOptions) {
    this.#options = options;
  }

  /** Whether the session can go on over another connection. */
  get isPossible(): boolean {
    const { channel } = this.#options;
    return channel.state === 'established' && channel.isLasting;
  }

  /** What a peer finds this session by, in the running epoch and in the one before. */
  locator(epoch: number): Uint8Array {
    return this.#options.channel.export('resumption', LOCATOR_CONTEXT, epoch);
  }

  /** Lets go of what the peer has. */
  settle(): void {
    const { retained, channel } = this.#options;
    retained.acknowledge(channel.acknowledged);
  }

  /** Begins to resume over a new connection. */
  begin(): ResumptionAttempt {
    const { meshId, channel } = this.#options;
    const { epoch, recordsReceived } = channel.status;
    const generation = Math.max(this.#place.generation, this.#attempted) + 1;
    this.#attempted = generation;
    const locator = this.locator(epoch);
    const context = this.#contextOf(epoch);
    return new ResumptionAttempt(context, { meshId, locator, generation, received: recordsReceived });
  }

  /**
   * The answer to a peer that resumes.
   * @throws OOTO_CHANNEL_RESUMPTION (peer) unless the peer's resumption is authentic and later than what there is.
   */
  answer(resume: Resume, epoch: number): ResumptionAnswer {
    const place = this.#peersPlace(resume);
    if (!isLater(place, this.#place)) throw refused('a resumption that comes too late');
    const { recordsReceived } = this.#options.channel.status;
    return new ResumptionAnswer(this.#contextOf(epoch), resume, recordsReceived);
  }

  /** Where a resumption that the peer began would lead. */
  #peersPlace({ generation }: Resume): Place {
    return { generation, dialler: otherRole(this.#options.role) };
  }

  /**
   * The peer has answered or confirmed: the session goes on over the new connection. Returns what to send on it first.
   * @param received records that the peer said it has
   * @throws OOTO_CHANNEL_RESUMPTION: (peer) when another connection was faster, (environment) when records are gone.
   */
  switchTo(by: ResumptionAttempt | ResumptionAnswer, received: number): readonly Uint8Array[] {
    const { channel, role, retained } = this.#options;
    const place =
      by instanceof ResumptionAttempt
        ? { generation: by.generation, dialler: role }
        : this.#peersPlace(by.resume);
    if (!isLater(place, this.#place)) throw refused('another connection came first');
    const missing = retained.from(received, channel.acknowledged);
    this.#place = place;
    channel.reconnected();
    return missing;
  }

  #contextOf(epoch: number) {
    const { channel, crypto, role } = this.#options;
    return { crypto, role, key: channel.export('resumption', KEY_CONTEXT, epoch) };
  }
}

function isLater(place: Place, than: Place): boolean {
  if (place.generation !== than.generation) return place.generation > than.generation;
  return place.dialler === 'initiator' && than.dialler === 'responder';
}
