/**
 * Checkpoints that members have signed. What flows through here: the checkpoint of a member's log stands in many
 * credentials, and in each of them at every handshake; it is verified once and found again by its every byte. Nothing
 * is kept that the log's key has not signed, and of that no more than a bound.
 */
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type Checkpoint, verifyCheckpoint } from '../log/checkpoint.ts';
import { type NoteKey, parseNote } from '../log/note.ts';

const MOST_KNOWN = 4_096;

export class KnownCheckpoints {
  readonly #crypto: Crypto;
  readonly #onVerified: (log: NoteKey, note: string) => void;
  /** By key and note, in the order of last use. */
  readonly #known = new Map<string, Checkpoint>();

  /** `onVerified` is told of each checkpoint once, as it comes. */
  constructor(crypto: Crypto, onVerified: (log: NoteKey, note: string) => void = () => {}) {
    this.#crypto = crypto;
    this.#onVerified = onVerified;
  }

  get size(): number {
    return this.#known.size;
  }

  /**
   * What the checkpoint of a log says, once it is shown to be signed by that log's key and by no other.
   * @throws OOTO_AUTHORITY_PROOFS, OOTO_LOG_* (peer).
   */
  verified(log: NoteKey, note: string): Checkpoint {
    const place = `${log.name}\n${hex(log.publicKey)}\n${note}`;
    const checkpoint = this.#known.get(place) ?? this.#verify(log, note);
    this.#known.delete(place);
    this.#known.set(place, checkpoint);
    if (this.#known.size > MOST_KNOWN) this.#known.delete(this.#known.keys().next().value as string);
    return checkpoint;
  }

  #verify(log: NoteKey, note: string): Checkpoint {
    if (parseNote(note).signatures.length !== 1)
      throw unproven('a checkpoint in a proof bears the signature of its log and no other');
    const { origin, size, root } = verifyCheckpoint(this.#crypto, note, { origin: log.name, keys: [log] });
    this.#onVerified(log, note);
    return { origin, size, root };
  }
}

export function unproven(why: string): OotoError {
  return new OotoError('OOTO_AUTHORITY_PROOFS', 'peer', `the entry is not shown to be logged: ${why}`);
}
