/** Times and amounts of datagram channels. What flows through here: numbers; docs/protocol.md has them with reasons. */
import type { Random } from '../../ports.ts';
import { type ChannelLimits, DEFAULT_LIMITS } from '../limits.ts';

export interface DatagramLimits extends ChannelLimits {
  /** Datagrams of this side at most; those of the peer may have {@link MOST_DATAGRAM_BYTES}. */
  datagramBytes: number;
  /** How long the same ephemerals are tried; up to a third of a second longer, at random. */
  attemptMs: number;
  /** After so long without an answer the initiator gives up. */
  giveUpMs: number;
  /** Whoever only receives says after this time that it is there. */
  keepAliveMs: number;
  /** Whoever sends and hears nothing for so long takes the peer for gone. */
  silenceMs: number;
  /** The epoch before the running one is open for what is late. */
  overlapMs: number;
  /** Peers that dialled, at the same time; handshakes that are half open when the last is taken may add to them. */
  guests: number;
  /** Messages that are put together from parts at the same time. */
  partedMessages: number;
  /** How long a part waits for the others. */
  partMs: number;
}

export const DEFAULT_DATAGRAM_LIMITS: Readonly<DatagramLimits> = {
  ...DEFAULT_LIMITS,
  messageBytes: 64 * 1024,
  queueBytes: 2 ** 20,
  datagramBytes: 1_200,
  attemptMs: 5_000,
  giveUpMs: 90_000,
  keepAliveMs: 10_000,
  silenceMs: 15_000,
  overlapMs: 10_000,
  guests: 4_096,
  partedMessages: 16,
  partMs: 3_000,
};

export const LEAST_SENT_DATAGRAM_BYTES = 1_200;
/** So that a proof of one message, which holds at most 300 parts, can always be made. */
export const MOST_MESSAGE_BYTES = 256 * 1024;
/** A new handshake is begun so long before the delegation of either side ends. */
export const RENEW_BEFORE_MS = 60_000;
/** And not more often than this. */
export const RENEW_PAUSE_MS = 30_000;
/** What is repeated because the peer repeated itself goes out no more often. */
export const ECHO_PAUSE_MS = 100;
/** Before the peer is taken for gone it is asked so many times, so far apart, whether it is there. */
export const PROBES = 4;
export const PROBE_PAUSE_MS = 1_200;
/** At most this is added to times of the handshake, so that nodes do not move in step. */
const JITTER_MS = 333;
const FIRST_RESEND_MS = 150;
const RESEND_GROWTH = 1.5;
const MOST_RESEND_MS = 600;

/** A time between 0 and a third of a second. */
export function jitter(random: Random): number {
  return (random.bytes(1)[0] / 256) * JITTER_MS;
}

/** How long to wait before something is sent for the `count + 1`st time. */
export function resendAfter(random: Random, count: number): number {
  return Math.min(MOST_RESEND_MS, FIRST_RESEND_MS * RESEND_GROWTH ** count) + jitter(random) / 4;
}
