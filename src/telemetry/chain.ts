/**
 * The telemetry chain of this node, without I/O of its own but reading. What flows through here, in order: records
 * are staged, which yields signed frames and store changes; the caller commits the changes; the stage is accepted,
 * and only then do the frames count and leave the process. Checkpoints go the same way, each promising when the
 * next one comes. Opened again, the stored chain is followed from its first frame, and a new boot continues it.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { SigningKey } from '../envelope/keys.ts';
import type { StoreChange } from '../ports.ts';
import { ChainState, MAX_PROMISE_MS } from './chain-state.ts';
import { ChainStore, type ReadableStore } from './chain-store.ts';
import { type CredentialJudge, type Grant, judgeCredential } from './credential.ts';
import { damaged } from './errors.ts';
import { followStored } from './follower.ts';
import {
  BOOT_ID_BYTES,
  type Frame,
  MAX_FRAME_BYTES,
  MAX_LINK_BYTES,
  MAX_LINK_RECORDS,
  MAX_RECORD_BYTES,
  signCheckpoint,
  signLink,
} from './frame.ts';

export interface TelemetryChainOptions {
  crypto: Crypto;
  store: ReadableStore;
  /** Before every key in the store; `telemetry/` when absent. */
  prefix?: string;
  /** SPIFFE id of this node. */
  node: string;
  /** Sixteen fresh random bytes: this run of the node. */
  boot: Uint8Array;
  signing: ChainSigning;
  judge: CredentialJudge;
  /** Milliseconds within which a checkpoint promises the next one; at most an hour. */
  promiseMs: number;
  /** How far a collector says that this chain went: an older store is refused. */
  anchor?: ChainPosition;
}

/** The message key, and what shows others whose it is. */
export interface ChainSigning {
  key: SigningKey;
  credential: Uint8Array;
}

/** How far a chain goes. */
export interface ChainPosition {
  /** Number of the next frame. */
  readonly sequence: number;
  readonly records: number;
  readonly head: Uint8Array;
}

/** What a commit writes; it counts once it is accepted. */
export interface StagedFrames extends ChainPosition {
  readonly changes: readonly StoreChange[];
}

export class TelemetryChain {
  readonly #crypto: Crypto;
  readonly #store: ChainStore;
  readonly #judge: CredentialJudge;
  readonly #boot: Uint8Array;
  readonly #promiseMs: number;
  readonly node: string;
  #state: ChainState;
  #signing: ChainSigning;
  #grant: Grant | undefined;
  #growth: { staged: StagedFrames; state: ChainState } | undefined;
  /** Where a discarded stage would have ended: what it may have left behind is deleted by the next. */
  #discardedEnd = 0;

  /**
   * Opens the chain that the store holds, or an empty one.
   * @throws OOTO_TELEMETRY_STORE (environment) when a stored frame is missing, torn or altered;
   * OOTO_TELEMETRY_ROLLED_BACK (environment) when the anchor is newer or another.
   */
  constructor(options: TelemetryChainOptions) {
    const { crypto, store, prefix = 'telemetry/', node, boot, signing, judge, promiseMs, anchor } = options;
    if (boot.length !== BOOT_ID_BYTES || !(promiseMs > 0 && promiseMs <= MAX_PROMISE_MS))
      throw new OotoError(
        'OOTO_TELEMETRY_OPTIONS',
        'caller',
        'a boot id of another length, or no such promise',
      );
    this.#crypto = crypto;
    this.#store = new ChainStore(crypto, store, prefix, node);
    this.#judge = judge;
    this.#boot = boot.slice();
    this.#promiseMs = promiseMs;
    this.node = node;
    this.#signing = signing;
    this.#state = this.#reopened();
    if (anchor) this.#requireAnchor(anchor);
  }

  get position(): ChainPosition {
    const { sequence, records, head } = this.#state;
    return { sequence, records, head };
  }

  /** Milliseconds since 1970 before which this node has promised a checkpoint; undefined before the first. */
  get promised(): number | undefined {
    return this.#state.checkpoint?.next;
  }

  /** Signs with another key, or shows a newer credential, from the next stage on. */
  sign(signing: ChainSigning): void {
    this.#signing = signing;
    this.#grant = undefined;
  }

  /**
   * Prepares the chain grown by `records`: one is a link of its own, several are links of as many as fit.
   * `now` in milliseconds since 1970.
   * @throws OOTO_TELEMETRY_STAGED (caller) while another stage is open, OOTO_TELEMETRY_LIMIT (caller) for an empty
   * record or one too long, OOTO_TELEMETRY_SIGNER when the credential is not good now.
   */
  stage(records: readonly Uint8Array[], now: number): StagedFrames {
    requireRecords(records);
    return this.#staged(now, (writer) => {
      for (let from = 0; from < records.length; ) {
        const to = linkEnd(records, from);
        writer.link(records.slice(from, to));
        from = to;
      }
    });
  }

  /** Prepares a checkpoint over all records so far. @throws as {@link stage}. */
  stageCheckpoint(now: number): StagedFrames {
    return this.#staged(now, (writer) => writer.checkpoint(this.#promiseMs));
  }

  /** Takes over a stage whose changes are durable. @throws OOTO_TELEMETRY_STAGED (caller) for any but the open one. */
  accept(staged: StagedFrames): void {
    this.#state = this.#openGrowth(staged).state;
    this.#growth = undefined;
    this.#discardedEnd = 0;
  }

  /**
   * Drops a stage whose commit failed, whether or not something of it was written: nothing of it has left the
   * process, and the next stage takes its place in the store.
   */
  discard(staged: StagedFrames): void {
    const { state } = this.#openGrowth(staged);
    this.#discardedEnd = Math.max(this.#discardedEnd, state.sequence);
    this.#growth = undefined;
  }

  /** Encoded frames from number `from` on: as many as fit in `maxBytes`, and at least one where there is one. */
  frames(from: number, maxBytes: number = MAX_FRAME_BYTES): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let room = maxBytes;
    for (let sequence = from; sequence < this.#state.sequence; sequence++) {
      const encoded = this.#store.encoded(sequence);
      if (!encoded) throw damaged(this.node, `frame ${sequence} is missing`);
      room -= encoded.length;
      if (room < 0 && frames.length > 0) break;
      frames.push(encoded);
    }
    return frames;
  }

  #reopened(): ChainState {
    const state = new ChainState(this.#crypto, this.node);
    followStored(this.#crypto, this.#judge, state, this.#store);
    return state;
  }

  #staged(now: number, write: (writer: FrameWriter) => void): StagedFrames {
    if (this.#growth)
      throw new OotoError('OOTO_TELEMETRY_STAGED', 'caller', 'another stage of this chain is open');
    const state = this.#state.copy();
    const time = Math.max(now, state.time);
    const writer = new FrameWriter(this.#crypto, state, this.#signing.key, this.#grantAt(time), {
      boot: this.#boot,
      time,
    });
    write(writer);
    const { sequence, records, head } = state;
    const changes = writer.frames.map((frame) => this.#store.put(frame));
    for (let left = sequence; left < this.#discardedEnd; left++) changes.push(this.#store.delete(left));
    this.#growth = { staged: { sequence, records, head, changes }, state };
    return this.#growth.staged;
  }

  /** What the own credential says, so that nothing is signed that others would have to refuse. */
  #grantAt(time: number): Grant {
    const { key, credential } = this.#signing;
    this.#grant ??= judgeCredential(this.#crypto, this.#judge, credential, { node: this.node, time });
    const { publicKey, notBefore, notAfter } = this.#grant;
    if (!equal(publicKey, key.publicKey) || time < notBefore || time >= notAfter)
      throw new OotoError(
        'OOTO_TELEMETRY_SIGNER',
        'local',
        'the credential of this node does not give its message key now',
        {
          hint: 'renew the delegation and hand it to the chain; after a clock was set back, wait until it has caught up',
        },
      );
    return this.#grant;
  }

  #openGrowth(staged: StagedFrames): { state: ChainState } {
    if (this.#growth?.staged !== staged)
      throw new OotoError('OOTO_TELEMETRY_STAGED', 'caller', 'this stage is not the open one');
    return this.#growth;
  }

  #requireAnchor({ sequence, head }: ChainPosition): void {
    if (sequence <= this.#state.sequence && equal(this.#headAt(sequence), head)) return;
    throw new OotoError(
      'OOTO_TELEMETRY_ROLLED_BACK',
      'environment',
      `the store holds ${this.#state.sequence} frames of ${this.node}, but ${sequence} are known elsewhere that do not fit`,
      {
        hint: 'an older copy of the folder was restored; this chain cannot go on without contradicting itself',
      },
    );
  }

  #headAt(sequence: number): Uint8Array {
    const statement = sequence === 0 ? undefined : this.#store.statement(sequence - 1);
    return statement ? statement.body.head : new ChainState(this.#crypto, this.node).head;
  }
}

/** Writes frames at the end of a chain. */
class FrameWriter {
  readonly #crypto: Crypto;
  readonly #state: ChainState;
  readonly #key: SigningKey;
  readonly #grant: Grant;
  readonly #moment: { boot: Uint8Array; time: number };
  readonly frames: Frame[] = [];

  constructor(
    crypto: Crypto,
    state: ChainState,
    key: SigningKey,
    grant: Grant,
    moment: { boot: Uint8Array; time: number },
  ) {
    this.#crypto = crypto;
    this.#state = state;
    this.#key = key;
    this.#grant = grant;
    this.#moment = moment;
  }

  link(records: Uint8Array[]): void {
    const leafHashes = this.#crypto.merkle.leafHashes(records);
    const head = this.#state.headAfter(leafHashes);
    const body = { ...this.#common(), head, before: this.#state.records, count: records.length };
    this.#write(signLink(this.#key, body, records), leafHashes);
  }

  checkpoint(promiseMs: number): void {
    const { records, head } = this.#state;
    const next = this.#moment.time + promiseMs;
    const body = { ...this.#common(), head, records, root: this.#state.root(), next };
    this.#write(signCheckpoint(this.#key, body), []);
  }

  #common() {
    const { node, sequence } = this.#state;
    return { node, sequence, ...this.#moment, credential: this.#grant.digest };
  }

  #write(frame: Frame, leafHashes: readonly Uint8Array[]): void {
    const { grant } = this.#state;
    const shows = !grant || !equal(grant.digest, this.#grant.digest);
    this.#state.advance(frame, this.#grant, leafHashes);
    this.frames.push(shows ? { ...frame, credential: this.#grant.credential } : frame);
  }
}

function requireRecords(records: readonly Uint8Array[]): void {
  for (const { length } of records)
    if (length === 0 || length > MAX_RECORD_BYTES)
      throw new OotoError(
        'OOTO_TELEMETRY_LIMIT',
        'caller',
        `a record of ${length} bytes, where 1 to ${MAX_RECORD_BYTES} may be`,
      );
}

/** The end of the link that begins with record `from`. */
function linkEnd(records: readonly Uint8Array[], from: number): number {
  const most = Math.min(records.length, from + MAX_LINK_RECORDS);
  let [to, room] = [from, MAX_LINK_BYTES];
  while (to < most && records[to].length <= room) room -= records[to++].length;
  return to;
}
