/**
 * A witness (C2SP tlog-witness, `add-checkpoint`), without I/O of its own but reading. What flows through here, in
 * order: a log sends its new checkpoint with a proof from the size last cosigned; the witness checks signature and
 * proof against what it has stored; the new state is staged; the caller commits it; only then is the cosignature
 * given out. One origin has one stage at a time, so no answer can roll back another.
 */
import { utf8, utf8Decode } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Store, StoreChange } from '../ports.ts';
import {
  type CheckpointPolicy,
  parseCheckpoint,
  type VerifiedCheckpoint,
  verifyCheckpoint,
} from './checkpoint.ts';
import { cosign, cosignTree } from './cosignature.ts';
import { damaged } from './log-store.ts';
import {
  formatNote,
  formatNoteSignature,
  type NoteKey,
  type NoteSignature,
  type NoteSigner,
  parseNote,
  requireKeyName,
  signaturesBy,
} from './note.ts';
import { advanceView } from './view.ts';
import type { WitnessRequest } from './witness-request.ts';

export interface WitnessOptions {
  crypto: Crypto;
  store: Pick<Store, 'get'>;
  /** Before every key in the store; empty when absent. */
  prefix?: string;
  /** The witness's own key name. */
  name: string;
  /** A key for cosignatures alone, Ed25519. */
  signer: NoteSigner;
  /** A second one, ML-DSA-44; without it there are Ed25519 cosignatures alone. */
  treeSigner?: NoteSigner | undefined;
  /** The logs it watches. */
  logs: readonly Pick<CheckpointPolicy, 'origin' | 'keys'>[];
}

/** A state that becomes true once it is durable; the cosignature stays inside until then. */
export interface StagedCosignature {
  readonly origin: string;
  readonly changes: readonly StoreChange[];
}

export class Witness {
  readonly #crypto: Crypto;
  readonly #store: Pick<Store, 'get'>;
  readonly #prefix: string;
  readonly #signer: NoteSigner;
  readonly #treeSigner: NoteSigner | undefined;
  readonly name: string;
  readonly #policies: ReadonlyMap<string, CheckpointPolicy>;
  readonly #open = new Map<string, { staged: StagedCosignature; signatures: NoteSignature[] }>();

  constructor(options: WitnessOptions) {
    const { crypto, store, prefix = '', name, signer, treeSigner, logs } = options;
    this.#crypto = crypto;
    this.#store = store;
    this.#prefix = prefix;
    this.name = requireKeyName(name);
    this.#signer = signer;
    this.#treeSigner = treeSigner;
    this.#policies = new Map(logs.map((policy) => [policy.origin, policy]));
  }

  /** Whether a checkpoint of this log has been cosigned, by the witness with this prefix. */
  static knows(store: Pick<Store, 'get'>, origin: string, prefix = ''): boolean {
    return store.get(stateKey(prefix, origin)) !== undefined;
  }

  /** The public key, as verifiers know it. */
  get key(): NoteKey {
    return { name: this.name, publicKey: this.#signer.publicKey };
  }

  /** The size last cosigned of this log; 0 before the first. A 409 answer holds it. */
  sizeOf(origin: string): number {
    return this.#known(this.#policyOf(origin))?.size ?? 0;
  }

  /** The checkpoint last cosigned of this log, with its signature and the cosignatures; undefined before the first. */
  checkpointOf(origin: string): string | undefined {
    return this.#known(this.#policyOf(origin))?.note;
  }

  /** The logs that are watched. */
  get origins(): string[] {
    return [...this.#policies.keys()];
  }

  /**
   * Judges a new checkpoint (`now` in milliseconds since 1970).
   * @throws OOTO_LOG_ORIGIN for a log that is not watched (404), OOTO_LOG_SIGNATURE (403), OOTO_LOG_RANGE for an
   * old size above the new (400), OOTO_LOG_CONFLICT when the old size is not the one last cosigned (409),
   * OOTO_LOG_CONSISTENCY (422), `ForkError` with evidence for a contradiction (409 or 422), OOTO_LOG_BUSY
   * (environment) while a stage of this log is open, OOTO_LOG_STORE (environment) when its own state was altered.
   */
  stage({ oldSize, proof, note }: WitnessRequest, now: number): StagedCosignature {
    const { origin } = parseCheckpoint(parseNote(note).text);
    const policy = this.#policyOf(origin);
    if (this.#open.has(origin))
      throw new OotoError('OOTO_LOG_BUSY', 'environment', `a checkpoint of ${origin} is being stored`);
    const submitted = verifyCheckpoint(this.#crypto, note, policy);
    const known = this.#known(policy);
    requireOldSize(oldSize, submitted, known);
    const next = advanceView(this.#crypto, policy, known, note, proof);
    const signatures = this.#cosign(next, Math.floor(now / 1000));
    const staged = { origin, changes: [this.#put(next, policy, signatures)] };
    this.#open.set(origin, { staged, signatures });
    return staged;
  }

  #cosign(next: VerifiedCheckpoint, time: number): NoteSignature[] {
    const { text } = parseNote(next.note);
    const first = cosign(this.#crypto, text, time, this.name, this.#signer);
    if (!this.#treeSigner) return [first];
    return [first, cosignTree(this.#crypto, next, time, this.name, this.#treeSigner)];
  }

  /** The signature lines, each with its line feed, that of Ed25519 first; call it once the changes are durable. @throws OOTO_LOG_STAGED (caller). */
  accept(staged: StagedCosignature): string {
    return this.#close(staged).map(formatNoteSignature).join('');
  }

  /** Drops a stage whose commit failed; its cosignature never existed. */
  discard(staged: StagedCosignature): void {
    this.#close(staged);
  }

  #close(staged: StagedCosignature): NoteSignature[] {
    const open = this.#open.get(staged.origin);
    if (open?.staged !== staged)
      throw new OotoError('OOTO_LOG_STAGED', 'caller', 'this stage is not the open one');
    this.#open.delete(staged.origin);
    return open.signatures;
  }

  #policyOf(origin: string): CheckpointPolicy {
    const policy = this.#policies.get(origin);
    if (!policy) throw new OotoError('OOTO_LOG_ORIGIN', 'peer', `${origin} is not watched here`);
    return policy;
  }

  /** What was cosigned last; it bears the witness's own cosignature, so an altered state is noticed. */
  #known({ origin, keys }: CheckpointPolicy): VerifiedCheckpoint | undefined {
    const bytes = this.#store.get(this.#key(origin));
    if (!bytes) return undefined;
    try {
      const policy = { origin, keys, witnesses: [this.key], quorum: 1 };
      return verifyCheckpoint(this.#crypto, utf8Decode(bytes), policy);
    } catch (cause) {
      throw damaged(`the state of ${origin} was altered`, cause);
    }
  }

  /** The log's text, one of its signatures, and the cosignatures. */
  #put(
    { note, origin }: VerifiedCheckpoint,
    { keys }: CheckpointPolicy,
    cosignatures: readonly NoteSignature[],
  ): StoreChange {
    const parsed = parseNote(note);
    const [ofLog] = keys.flatMap((key) => signaturesBy(this.#crypto, parsed, 'ed25519', key));
    const value = utf8(formatNote({ text: parsed.text, signatures: [ofLog, ...cosignatures] }));
    return { put: this.#key(origin), value };
  }

  #key(origin: string): string {
    return stateKey(this.#prefix, origin);
  }
}

function stateKey(prefix: string, origin: string): string {
  return `${prefix}witness/${origin}`;
}

function requireOldSize(
  oldSize: number,
  submitted: VerifiedCheckpoint,
  known: VerifiedCheckpoint | undefined,
): void {
  if (oldSize > submitted.size)
    throw new OotoError('OOTO_LOG_RANGE', 'peer', `old size ${oldSize} above the new size ${submitted.size}`);
  const size = known?.size ?? 0;
  if (oldSize !== size)
    throw new OotoError('OOTO_LOG_CONFLICT', 'peer', `old size ${oldSize}, but ${size} was cosigned last`);
}
