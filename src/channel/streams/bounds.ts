/**
 * Amounts of streams. What flows through here: the numbers that both ends must share, and those that one end may set
 * for itself. Credit is counted in bytes, and every frame with bytes costs {@link PIECE_COST} more than they are, so that
 * small pieces cannot take more memory than was granted.
 */

/** Streams that one side may have opened and that are not over. */
export const MOST_STREAMS = 256;
/** Credit that each direction of a new stream has. */
export const INITIAL_CREDIT = 64 * 1024;
/** What a frame with bytes costs beside them. */
export const PIECE_COST = 256;
/** Bytes of one frame at most. */
export const MAX_PIECE_BYTES = 32 * 1024;
/** A name of a stream or a method. */
export const MAX_NAME_BYTES = 255;
/** A day. */
export const MAX_DEADLINE_MS = 86_400_000;
/** Credit of one direction at most. */
export const MAX_CREDIT = 2 ** 28;
/** Streams of one side over the life of a channel. */
export const MAX_STREAM_NUMBER = 2 ** 32 - 1;
/** Memory of records that the waiting pieces of a channel keep beside their own bytes. */
export const SLACK_BYTES = 4 * 2 ** 20;

export interface StreamLimits {
  /** Credit to which one direction of a stream grows whose reader keeps up. */
  creditBytes: number;
  /** What all directions together may have been granted above {@link INITIAL_CREDIT} each. */
  growthBytes: number;
  /** Streams that the peer may reset at once, ... */
  resetBurst: number;
  /** ... and in a second after that. */
  resetsPerSecond: number;
}

export const DEFAULT_STREAM_LIMITS: Readonly<StreamLimits> = {
  creditBytes: 4 * 2 ** 20,
  growthBytes: 16 * 2 ** 20,
  resetBurst: 1_000,
  resetsPerSecond: 50,
};
