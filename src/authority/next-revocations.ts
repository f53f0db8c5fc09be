/**
 * Which version of the revocations comes next. What flows through here: actions that operators approved become entries,
 * and with the version in force the one version that may follow it, the same on every member; without actions it is a
 * version that only says that the list is still kept, once that is due.
 */
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { ApprovedAction } from './action.ts';
import type { AuthorityView } from './authority-view.ts';
import { REVOCATIONS_LIFE_MS, type Revocation, type RevocationsBody } from './revocation.ts';

/** A version without new entries begins at a multiple of this, so that all members make the same. */
const RENEWAL_MS = REVOCATIONS_LIFE_MS / 2;
const CLOCK_TOLERANCE_MS = 60_000;

/** The entry that an action stands for. @throws OOTO_AUTHORITY_REVOCATION (peer) for an action that revokes nothing. */
export function revocationOf({ action }: ApprovedAction): Revocation {
  const { created: time } = action;
  if (action.kind === 'revoke-node') return { kind: 'node', ...action.parameters, time };
  if (action.kind === 'revoke-key') return { kind: 'key', ...action.parameters, time };
  throw new OotoError('OOTO_AUTHORITY_REVOCATION', 'peer', `an action ${action.kind} revokes nothing`);
}

/**
 * The version that these actions lead to: the same on every member that has the version before.
 * @throws OOTO_AUTHORITY_REVOCATION (peer) where one of them is revoked already.
 */
export function nextRevocations(
  crypto: Crypto,
  { revocations }: AuthorityView,
  approved: readonly ApprovedAction[],
  now: number,
): { body: RevocationsBody; entries: Revocation[] } {
  const entries = approved.map(revocationOf);
  const began = entries.length > 0 ? entries.map(({ time }) => time) : [renewalTime(revocations.body, now)];
  const time = Math.max(revocations.body.time, ...began);
  return { body: revocations.next(crypto, entries, time), entries };
}

/** Whether a version without new entries is due, so that readers of the list alone see that it is still kept. */
export function isRenewalDue({ version, next }: RevocationsBody, now: number): boolean {
  return version > 0 && next - now < RENEWAL_MS;
}

function renewalTime(body: RevocationsBody, now: number): number {
  if (!isRenewalDue(body, now + CLOCK_TOLERANCE_MS))
    throw new OotoError('OOTO_AUTHORITY_REVOCATION', 'peer', 'no version without new entries is due');
  return Math.floor(now / RENEWAL_MS) * RENEWAL_MS;
}
