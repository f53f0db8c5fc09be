/**
 * Times and amounts. What flows through here: the caller's clock readings, and the numbers that say how long a
 * key lives and how much may be asked of a peer. Defaults are those of docs/protocol.md.
 */

/** One reading of both clocks, in milliseconds. Timers run on `monotonic`, validity is judged by `wall`. */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

export interface ChannelLimits {
  /** From `start` until the channel is established. */
  handshakeMs: number;
  /** Age at which an epoch is replaced; up to a tenth earlier, at random. */
  epochMs: number;
  /** Age at which a channel whose epoch was not replaced closes. */
  epochLimitMs: number;
  /** Records in one direction after which an epoch is replaced. */
  epochRecords: number;
  /** Bytes in one direction after which an epoch is replaced. */
  epochBytes: number;
  /** Records in one direction under one key, ever. */
  keyRecords: number;
  /** After so long without sending a side gives a sign of life; up to a quarter earlier, at random. */
  keepAliveMs: number;
  /** A peer of which nothing comes for so long is given up. */
  silenceMs: number;
  /** Longest message. */
  messageBytes: number;
  /** Most bytes that may wait for {@link Channel.flush}. */
  queueBytes: number;
}

export const DEFAULT_LIMITS: Readonly<ChannelLimits> = {
  handshakeMs: 5_000,
  epochMs: 60_000,
  epochLimitMs: 90_000,
  epochRecords: 2 ** 23,
  epochBytes: 2 ** 36,
  keyRecords: 2 ** 24,
  keepAliveMs: 15_000,
  silenceMs: 45_000,
  messageBytes: 16 * 2 ** 20,
  queueBytes: 64 * 2 ** 20,
};

/** How far a peer's clock may run ahead before its statements count as not yet valid. */
export const MAX_CLOCK_SKEW_MS = 120_000;
