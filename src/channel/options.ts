/** What a channel is made of: who this side is, whom it talks to, and how long its keys may live. */
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Role } from '../noise/handshake-state.ts';
import type { CookieGuard } from './cookie.ts';
import type { CredentialKind, CredentialVerifier, OwnCredential } from './credential.ts';
import type { NonceAudit } from './epoch.ts';
import type { ExportRequest } from './exporter.ts';
import type { Delivery } from './incoming.ts';
import { type ChannelLimits, DEFAULT_LIMITS } from './limits.ts';
import { MESH_ID_BYTES } from './preamble.ts';

export interface ChannelOptions {
  readonly crypto: Crypto;
  readonly role: Role;
  /** 32 bytes. */
  readonly meshId: Uint8Array;
  readonly own: OwnCredential;
  readonly verifier: CredentialVerifier;
  /** Who was dialled. An initiator must say; only one that enrols may leave it to its verifier. */
  readonly expectedId?: string | undefined;
  /** Kinds of peers to talk to; members alone unless said. */
  readonly accept?: readonly CredentialKind[];
  /** For responders. */
  readonly cookies?: CookieGuard | undefined;
  readonly limits?: Partial<ChannelLimits>;
  /** Values that `export` will be asked for; `attestation-exporter` unless said. */
  readonly exports?: readonly ExportRequest[];
  /** `verified` unless said. */
  readonly delivery?: Delivery;
  /**
   * Whether the owner takes signature jobs and settles them, so that those of many channels are checked together.
   * Without, a channel checks signatures itself.
   */
  readonly defersSignatures?: boolean;
  /** Whether this side's records are kept until the peer has them; see lasting/. */
  readonly lasting?: boolean;
  /** Told of every use of a key, for audits. */
  readonly onNonce?: NonceAudit;
}

export const DEFAULT_EXPORTS: readonly ExportRequest[] = [{ label: 'attestation-exporter' }];

/** @throws OOTO_CHANNEL_OPTIONS (caller) for options that do not fit together. */
export function requireSoundOptions({
  role,
  meshId,
  own,
  expectedId,
  cookies,
  limits = {},
}: ChannelOptions): void {
  if (meshId.length !== MESH_ID_BYTES) throw badOptions('a mesh id has 32 bytes');
  if (own.noiseStatic.length !== 32) throw badOptions('a Noise static key has 32 bytes');
  if (role === 'initiator' && expectedId === undefined && own.kind !== 'enrol')
    throw badOptions('an initiator must say whom it dials');
  if (role === 'initiator' && cookies) throw badOptions('only responders ask for cookies');
  if (role === 'responder' && own.kind === 'enrol') throw badOptions('an enrolling node dials');
  requireSoundLimits(limits);
}

/** A key is never used longer than docs/protocol.md says; less may be asked for. */
function requireSoundLimits({ keyRecords = 1, epochLimitMs = 1 }: Partial<ChannelLimits>): void {
  if (!(keyRecords <= DEFAULT_LIMITS.keyRecords) || !(epochLimitMs <= DEFAULT_LIMITS.epochLimitMs))
    throw badOptions('a key protects at most 2^24 records, for at most 90 s');
}

export function badOptions(why: string): OotoError {
  return new OotoError('OOTO_CHANNEL_OPTIONS', 'caller', why);
}
