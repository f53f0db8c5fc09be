/** What both directions of a session share, and where a batch of either direction stands. */
import type { Crypto } from '../crypto/crypto.ts';
import type { Role } from '../noise/handshake-state.ts';
import type { BatchPlace } from './batch.ts';
import type { Epoch } from './epoch.ts';
import type { EpochKeeper } from './epoch-keeper.ts';
import type { ChannelLimits } from './limits.ts';
import type { Parties } from './parties.ts';
import { otherRole, ROLE_BYTE } from './transcript.ts';

export interface SessionContext {
  readonly crypto: Crypto;
  readonly meshId: Uint8Array;
  readonly role: Role;
  /** The final `h` of the handshake. */
  readonly sessionId: Uint8Array;
  readonly limits: ChannelLimits;
  readonly parties: Parties;
  readonly epochs: EpochKeeper;
}

/** What names a session, its parties and this side's role among them. */
export type SessionNames = Pick<SessionContext, 'meshId' | 'sessionId' | 'role' | 'parties'>;

/** The place of the batches that this side sends in `epoch`. */
export function sendingPlace(context: SessionNames, epoch: Epoch): BatchPlace {
  return { ...placeOf(context, epoch), direction: ROLE_BYTE[context.role], ...context.parties.sending };
}

/** The place that batches of the peer must have in `epoch`. */
export function receivingPlace(context: SessionNames, epoch: Epoch): BatchPlace {
  const direction = ROLE_BYTE[otherRole(context.role)];
  return { ...placeOf(context, epoch), direction, ...context.parties.receiving };
}

function placeOf({ meshId, sessionId }: SessionNames, epoch: Epoch) {
  return { meshId, sessionId, epochHash: epoch.hash, epoch: epoch.number };
}
