/**
 * How the logs of the authority are watched. What flows through here, in order: of each member the newest checkpoint is
 * fetched and judged against the one known; the entries between lead to its root; checkpoints that others showed are held
 * against it; a certificate for a watched name with a key that its owner does not have, and a log that contradicts
 * itself, raise an alarm. A node watches for its own name; a monitor for any.
 */

import type { CommitteeRecord } from '../../authority/committee-record.ts';
import { logKeyOf } from '../../authority/credential.ts';
import type { CertificateLeaf, Leaf } from '../../authority/leaf.ts';
import { readLeaf } from '../../authority/leaf.ts';
import { isOotoError, OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import {
  bundlesOf,
  type CheckpointPolicy,
  type FollowedLog,
  ForkError,
  LogFollower,
  TileReader,
  type VerifiedCheckpoint,
  verifyCheckpoint,
} from '../../log/index.ts';
import { isPowerOfTwo } from '../../log/proof.ts';
import { requireGrowth } from '../../log/view.ts';
import type { LogSource } from './log-reader.ts';

/** What a watch finds. Digests are SHA-256 in hexadecimal. */
export type LogEvent =
  | { event: 'checkpoint'; member: string; size: number; root: string }
  | { event: 'entry'; member: string; index: number; leaf: Leaf }
  | {
      event: 'alarm';
      alarm: 'certificate';
      member: string;
      index: number;
      id: string;
      key: string;
      tbs: string;
    }
  /** The member signed two heads that contradict each other; `evidence` proves it to anybody. */
  | { event: 'alarm'; alarm: 'fork'; member: string; reason: string; evidence: ForkError['evidence'] }
  /** The member shows something that is no proof against it, and that an honest one would not. */
  | { event: 'alarm'; alarm: 'log'; member: string; code: string; reason: string };

export type LogAlarm = Extract<LogEvent, { event: 'alarm' }>;

export interface MemberWatchOptions {
  crypto: Crypto;
  committee: CommitteeRecord;
  member: string;
  source: LogSource;
  /** What was kept of the log; else `begin` says where the watch begins. */
  kept?: FollowedLog | undefined;
  begin: 'first entry' | 'newest checkpoint';
  /** SHA-256 of the keys that the holder of a watched SPIFFE id has, in hexadecimal. */
  watched: ReadonlyMap<string, ReadonlySet<string>>;
  /** Whether entries that raise no alarm are told of. */
  tellsAll?: boolean;
}

/** The watch over the log of one member. */
export class MemberWatch {
  readonly #options: MemberWatchOptions;
  readonly #policy: CheckpointPolicy;
  readonly #follower: LogFollower;

  /** @throws OOTO_LOG_STORE (environment) when what was kept does not fit, OOTO_AUTHORITY_LOG (peer) for no member. */
  constructor(options: MemberWatchOptions) {
    const { crypto, committee, member, kept } = options;
    const key = logKeyOf(committee, member);
    this.#options = options;
    this.#policy = { origin: key.name, keys: [key] };
    this.#follower = new LogFollower(crypto, this.#policy, kept);
  }

  get origin(): string {
    return this.#policy.origin;
  }

  /** What is to be kept for the next start. */
  get kept(): FollowedLog | undefined {
    return this.#follower.kept;
  }

  /** Follows the log to its newest checkpoint and holds `seen` against it. Rejects when the member cannot be reached. */
  async look(seen: readonly string[]): Promise<LogEvent[]> {
    const events: LogEvent[] = [];
    try {
      await this.#follow(events);
      for (const note of seen) await this.#hold(note);
    } catch (error) {
      events.push(this.#alarmOf(error));
    }
    return events;
  }

  async #follow(events: LogEvent[]): Promise<void> {
    const { source, begin, member } = this.#options;
    const next = this.#follower.judge(await source.checkpoint());
    const known = this.#follower.known;
    if (known?.size === next.size) return;
    if (!known && begin === 'newest checkpoint') await this.#begin(next);
    else events.push(...(await this.#read(known, next)));
    events.push({ event: 'checkpoint', member, size: next.size, root: hex(next.root) });
  }

  async #begin(next: VerifiedCheckpoint): Promise<void> {
    const { source } = this.#options;
    const tiles: Uint8Array[] = [];
    for (const address of LogFollower.edgeOf(next.size)) tiles.push(await source.resource(address));
    this.#follower.begin(next, tiles);
  }

  /** Nothing that an entry says is told before the entries lead to the signed root. */
  async #read(known: VerifiedCheckpoint | undefined, next: VerifiedCheckpoint): Promise<LogEvent[]> {
    const { source } = this.#options;
    const found: LogEvent[] = [];
    let index = known?.size ?? 0;
    for await (const entries of bundlesOf(source, index, next.size)) {
      this.#follower.take(entries);
      for (const entry of entries) found.push(...this.#judge(entry, index++));
    }
    try {
      this.#follower.reach(next);
    } catch (error) {
      if (known) await this.#requireProof(known, next);
      throw error;
    }
    return found;
  }

  #judge(entry: Uint8Array, index: number): LogEvent[] {
    const { member, tellsAll } = this.#options;
    const leaf = readLeaf(entry);
    const told: LogEvent[] = tellsAll ? [{ event: 'entry', member, index, leaf }] : [];
    return leaf.kind === 'certificate' && this.#isForeign(leaf)
      ? [...told, { event: 'alarm', alarm: 'certificate', member, index, ...namesOf(leaf) }]
      : told;
  }

  #isForeign({ id, key }: CertificateLeaf): boolean {
    const keys = this.#options.watched.get(id);
    return keys !== undefined && !keys.has(hex(key));
  }

  /** A checkpoint that others were shown stands in the log that is shown here. */
  async #hold(note: string): Promise<void> {
    const { crypto } = this.#options;
    const seen = verifyCheckpoint(crypto, note, this.#policy);
    const known = this.#follower.known;
    if (!known) return;
    if (seen.size > known.size) throw behind(seen, known);
    await this.#requireProof(seen, known);
  }

  /** @throws {@link ForkError}, OOTO_LOG_CONSISTENCY (peer). */
  async #requireProof(older: VerifiedCheckpoint, newer: VerifiedCheckpoint): Promise<void> {
    const { crypto, source } = this.#options;
    const isTrivial = older.size === 0 || older.size === newer.size;
    const proof = isTrivial ? [] : await source.consistency(older.size, newer.size);
    const isInProof = isTrivial || !isPowerOfTwo(older.size);
    const prefixRoot = isInProof ? undefined : await new TileReader(crypto, source, newer).rootAt(older.size);
    requireGrowth(crypto, older, newer, proof, prefixRoot);
  }

  /** @throws the error itself, when the member was not there or could not answer: that is no alarm. */
  #alarmOf(error: unknown): LogAlarm {
    const { member } = this.#options;
    const { message: reason } = error as Error;
    if (error instanceof ForkError)
      return { event: 'alarm', alarm: 'fork', member, reason, evidence: error.evidence };
    if (isOotoError(error) && error.code.startsWith('OOTO_LOG_'))
      return { event: 'alarm', alarm: 'log', member, code: error.code, reason };
    throw error;
  }
}

function namesOf({ id, key, tbs }: CertificateLeaf): { id: string; key: string; tbs: string } {
  return { id, key: hex(key), tbs: hex(tbs) };
}

function behind(seen: VerifiedCheckpoint, known: VerifiedCheckpoint): OotoError {
  return new OotoError(
    'OOTO_LOG_ROLLBACK',
    'peer',
    `${seen.origin} shows ${known.size} entries, and others were shown ${seen.size}`,
    { culprits: [seen.origin] },
  );
}
