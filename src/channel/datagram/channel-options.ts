/** What a datagram channel is made of, and what it tells. */
import type { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { Role } from '../../noise/handshake-state.ts';
import type { CredentialKind, CredentialVerifier, OwnCredential, Peer } from '../credential.ts';
import type { NonceAudit } from '../epoch.ts';
import type { ExportRequest } from '../exporter.ts';
import type { SignedItem } from '../signed-batch.ts';
import type { DatagramLimits } from './limits.ts';

export interface DatagramChannelOptions {
  readonly crypto: Crypto;
  readonly role: Role;
  readonly meshId: Uint8Array;
  /** What this side shows now; asked for at every handshake. */
  readonly own: () => OwnCredential;
  readonly verifier: CredentialVerifier;
  readonly expectedId: string | undefined;
  readonly accept: readonly CredentialKind[];
  readonly limits: DatagramLimits;
  readonly exports: readonly ExportRequest[];
  readonly defersSignatures: boolean;
  readonly onNonce: NonceAudit | undefined;
}

export type DatagramEvent =
  /** Once for each session: a second one follows when the peer was lost, or its session replaced. */
  | { readonly type: 'established'; readonly peer: Peer; readonly sessionId: Uint8Array }
  /** `items` vouch for the message; see proof.ts. */
  | { readonly type: 'message'; readonly message: Uint8Array; readonly items: readonly SignedItem[] }
  | { readonly type: 'epoch'; readonly epoch: number }
  | { readonly type: 'moved'; readonly address: string }
  /** The session is over, and a new handshake under way. */
  | { readonly type: 'lost'; readonly error: OotoError }
  /** Last event. Without `error` the end was agreed. */
  | { readonly type: 'closed'; readonly error?: OotoError };

export type DatagramState = 'handshake' | 'established' | 'closed';
