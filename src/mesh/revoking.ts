/**
 * How the authority revokes. What flows through here, in order: operators have approved an action, and members have it
 * in their logs; what it revokes follows from it, and so does the one version that may come next; every member makes
 * that version itself before it signs; a head that names it is signed, and both are sent to everybody at once.
 */
import type { ActionOf, ApprovedAction } from '../authority/action.ts';
import { type AuthorityView, NO_DOCUMENTS } from '../authority/authority-view.ts';
import { REVOCATIONS_LIFE_MS, type Revocation, type RevocationsBody } from '../authority/revocation.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Clock } from '../ports.ts';
import type { HeadKeeping } from './head-keeping.ts';
import type { Issuing } from './issuing.ts';

/** A version without new entries begins at a multiple of this, so that all members make the same. */
const RENEWAL_MS = REVOCATIONS_LIFE_MS / 2;
const CLOCK_TOLERANCE_MS = 60_000;

/** What operators approve that revokes. */
export type RevokingAction = ActionOf<'revoke-node'> | ActionOf<'revoke-key'>;

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

export interface RevokingOptions {
  crypto: Crypto;
  clock: Clock;
  authority: AuthorityView;
  issuing: Issuing;
  heads: HeadKeeping;
}

export class Revoking {
  readonly #options: RevokingOptions;

  constructor(options: RevokingOptions) {
    this.#options = options;
  }

  /** What the authority does for the kinds of actions that revoke. */
  get performer() {
    return {
      requireDue: (action: RevokingAction) => this.#requireDue(action),
      perform: (approved: ApprovedAction) => this.propose([approved]),
    };
  }

  #requireDue(action: RevokingAction): void {
    const { revocations } = this.#options.authority;
    const at =
      action.kind === 'revoke-node'
        ? revocations.nodeRevokedAt(action.parameters.id)
        : revocations.keyRevokedAt(action.parameters.key);
    if (at !== undefined)
      throw new OotoError('OOTO_MESH_ACTION_REPLAYED', 'peer', 'what the action revokes is revoked already');
  }

  /**
   * Has the group sign the next version with what these actions revoke, then the head that names it, and sends both to
   * everybody. Rejects with OOTO_AUTHORITY_UNAVAILABLE (environment) below the threshold, or with a member's refusal.
   */
  async propose(approved: readonly ApprovedAction[]): Promise<{ version: number; revoked: number }> {
    const { crypto, clock, authority, issuing, heads } = this.#options;
    const now = clock.now();
    const { body, entries } = nextRevocations(crypto, authority, approved, now);
    const from = authority.revocations.entries.length;
    const statement = await issuing.issueRevocations(body, approved);
    await heads.publish({ ...NO_DOCUMENTS, revocations: { statement, from, entries } });
    return { version: body.version, revoked: body.count };
  }
}
