/**
 * What a suite is. What flows through here: a room of bench/ has one file, `suite.ts`, whose default export lists
 * what it compares; the runner measures its contests, or lets it measure figures of its own, and both become the
 * same rows. `suite, case, size, subject, rival` are the names that a file of targets uses.
 */
import type { Platform } from './platform.ts';

/** One line of the results. */
export interface Row {
  suite: string;
  case: string;
  /** Bytes of a message, or signatures of a batch, or leaves of a tree: the case says which. */
  size: number;
  subject: string;
  rival: string;
  /** Operations a second; null where the row is a plain figure. */
  subjectOps: number | null;
  rivalOps: number | null;
  /** Above 1 the subject is faster; in a case of `time` below 1; with a unit for a rival the plain figure. */
  ratio: number;
  /** Interquartile range of the ratio, as a part of the ratio. */
  spread: number;
}

/** One who can do the work of a contest: an engine, with its inputs made and its output waiting. */
export interface Contestant {
  readonly name: string;
  /** Does the work; when it returns (or resolves), the result stands in the caller's arrays. */
  call(): void | Promise<void>;
  /** How often one call does the work. */
  readonly operations: number;
  /** Begins again with the first nonce, the first message: before a result is compared. */
  rewind(): void;
  /** What the last call left; every contestant of a contest must leave the same after `rewind`. */
  outcome(): Uint8Array;
  /** What `outcome` must be, for a rival that does other work of the same purpose, such as another cipher. */
  readonly expected?: Uint8Array;
  /** Whether it refuses what is forged; where the work is to verify. */
  refusesForgery?(): boolean | Promise<boolean>;
}

/** Engines that do the same work on inputs of one size, each in turn. */
export interface Contest {
  readonly case: string;
  readonly size: number;
  readonly contestants: readonly Contestant[];
  readonly subjects: readonly string[];
  /** A rival that is the better of some contestants, by name. */
  readonly best?: Readonly<Record<string, readonly string[]>>;
  /** `time` turns the ratio round: the subject's time by the rival's. */
  readonly measure?: 'rate' | 'time';
}

/** A contest before its inputs are made, so that they do not pile up. */
export interface PlannedContest extends Pick<Contest, 'case' | 'size'> {
  make(): Promise<Contest>;
}

/** How a case is shown. */
export interface CaseView {
  readonly title: string;
  /** What `size` counts. */
  readonly unit: 'bytes' | 'signatures' | 'leaves' | 'items' | 'entries';
  /** Bytes that one operation works through, for throughput; absent where a rate says more. */
  readonly bytes?: (size: number) => number;
  /** It takes minutes and much of the disk: measured only where --large asks for it. */
  readonly large?: true;
}

export interface Suite {
  readonly name: string;
  /** One line for the list of suites. */
  readonly about: string;
  readonly platforms: readonly ('node' | 'browser')[];
  readonly cases: Readonly<Record<string, CaseView>>;
  /** What is measured here, contest by contest. */
  contests?(platform: Platform): readonly PlannedContest[];
  /** Rows that the suite measures itself: across processes, over sockets, by counting. Of these cases alone. */
  figures?(platform: Platform, cases: readonly string[], reporter: Reporter): Promise<readonly Row[]>;
}

/** Where a suite that measures by itself says how far it is. */
export interface Reporter {
  /** `done` of `total` steps; `doing` names the next. */
  progress(done: number, total: number, doing: string): void;
}
