/**
 * What the two sides of a pool's thread say to each other. Both are this program: nothing here comes from a peer but the
 * bytes of messages and connections. Channels that this side dialled have positive numbers, those that a thread took
 * have negative ones, which each thread counts for itself.
 */
import { type Fault, isOotoError, OotoError } from '../../base/errors.ts';
import type { Signer } from '../../ports.ts';
import type { Peer } from '../credential.ts';
import type { Delivery } from '../incoming.ts';
import type { ChannelLimits } from '../limits.ts';

/** What a thread is born with. */
export interface ThreadOptions {
  readonly algorithm: Signer['algorithm'];
  readonly publicKey: Uint8Array;
  readonly application: string;
  readonly delivery: Delivery | undefined;
  readonly limits: Partial<ChannelLimits> | undefined;
}

/** An error as it crosses threads. */
export interface ErrorShape {
  readonly code: string;
  readonly fault: Fault;
  readonly message: string;
  readonly hint?: string | undefined;
}

export type Command =
  | {
      readonly type: 'connect';
      readonly channel: number;
      readonly address: string;
      readonly peer: Uint8Array;
    }
  | { readonly type: 'listen'; readonly listener: number; readonly peers: readonly Uint8Array[] }
  | { readonly type: 'unlisten'; readonly listener: number }
  | {
      readonly type: 'accept';
      readonly listener: number;
      readonly connection: number;
      readonly remoteAddress: string;
      readonly localAddress: string | undefined;
    }
  /** Bytes that came over a connection. */
  | { readonly type: 'bytes'; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly connection: number }
  /** The connection took so many bytes of what was to be written. */
  | { readonly type: 'taken'; readonly connection: number; readonly bytes: number }
  | { readonly type: 'broken'; readonly connection: number }
  | { readonly type: 'send'; readonly channel: number; readonly bundle: Uint8Array }
  | { readonly type: 'close'; readonly channel: number }
  /** So many bytes of messages were given to whoever listens. */
  | { readonly type: 'delivered'; readonly bytes: number }
  | { readonly type: 'signature'; readonly request: number; readonly answer: Uint8Array | ErrorShape }
  | { readonly type: 'stop' };

export type Report =
  | {
      readonly type: 'established';
      readonly channel: number;
      readonly peer: Peer;
      readonly listener?: number;
    }
  /** The last of a channel, which may never have been established. */
  | { readonly type: 'closed'; readonly channel: number; readonly error?: ErrorShape | undefined }
  | { readonly type: 'messages'; readonly channel: number; readonly bundle: Uint8Array }
  /** So many bytes of a channel's messages are with its connection. */
  | { readonly type: 'sent'; readonly channel: number; readonly bytes: number }
  | { readonly type: 'unlistened'; readonly listener: number }
  /** The bytes that came over a connection were taken in. */
  | { readonly type: 'read'; readonly connection: number; readonly bytes: number }
  | { readonly type: 'write'; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly type: 'hang-up'; readonly connection: number }
  | { readonly type: 'sign'; readonly request: number; readonly message: Uint8Array };

export function shapeOf(error: unknown): ErrorShape {
  const known = isOotoError(error)
    ? error
    : new OotoError('OOTO_POOL_INTERNAL', 'local', `a step of a pool failed unexpectedly: ${String(error)}`);
  const { code, fault, message, hint } = known;
  return { code, fault, message, hint };
}

export function errorOf({ code, fault, message, hint }: ErrorShape): OotoError {
  return new OotoError(code, fault, message, hint === undefined ? {} : { hint });
}
