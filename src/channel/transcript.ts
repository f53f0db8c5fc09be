/**
 * What message keys sign while a channel comes up and while its epochs change. Each message opens with a label
 * of its own and names the signer's role, so no signature can stand in for another.
 */
import { concat, u32be, u64be } from '../base/bytes.ts';
import { label } from '../envelope/labels.ts';
import type { Role } from '../noise/handshake-state.ts';

/** As it stands in signed bytes; also the direction that a role sends in. */
export const ROLE_BYTE: Readonly<Record<Role, number>> = { initiator: 1, responder: 2 };

/** Inside payloads 2 and 3: `h` after the sender's `s` token, and the hash of the payload's content. */
export function transcriptMessage(role: Role, h: Uint8Array, contentHash: Uint8Array): Uint8Array {
  return concat(label('transcript'), roleOf(role), h, contentHash);
}

/** The responder's first record: the final `h`. */
export function confirmationMessage(role: Role, sessionId: Uint8Array): Uint8Array {
  return concat(label('confirmation'), roleOf(role), sessionId);
}

/** Inside the answer to an epoch offer: `h` after `ekem1`, and the new epoch's number. */
export function epochTranscriptMessage(role: Role, h: Uint8Array, epoch: number): Uint8Array {
  return concat(label('epoch-transcript'), roleOf(role), h, u32be(epoch));
}

/** How much a side has sent when it switches to a new epoch. */
export interface Sent {
  /** Records in the epoch that ends. */
  readonly records: number | bigint;
  /** Batches in the whole session. */
  readonly batches: number | bigint;
}

/** A side's first record of an epoch: the epoch's final `h`, its number, and what the side sent before it. */
export function epochConfirmationMessage(
  role: Role,
  h: Uint8Array,
  epoch: number,
  { records, batches }: Sent,
): Uint8Array {
  return concat(label('epoch-confirmation'), roleOf(role), h, u32be(epoch), u64be(records), u64be(batches));
}

/** A side's last record of a session: how many batches it sent in it. */
export function closeMessage(role: Role, sessionId: Uint8Array, batches: number | bigint): Uint8Array {
  return concat(label('close'), roleOf(role), sessionId, u64be(batches));
}

/** In a renewal record, by the new message key: session, epoch, and the hash of the new credential. */
export function renewalMessage(
  role: Role,
  sessionId: Uint8Array,
  epochHash: Uint8Array,
  epoch: number,
  contentHash: Uint8Array,
): Uint8Array {
  return concat(label('renewal'), roleOf(role), sessionId, epochHash, u32be(epoch), contentHash);
}

export function otherRole(role: Role): Role {
  return role === 'initiator' ? 'responder' : 'initiator';
}

function roleOf(role: Role): Uint8Array {
  return Uint8Array.of(ROLE_BYTE[role]);
}
