/**
 * How the authority revokes. What flows through here, in order: operators have approved an action, and members have it
 * in their logs; what it revokes follows from it, and so does the one version that may come next; every member makes
 * that version itself before it signs; a head that names it is signed, and both are sent to everybody at once.
 */
import type { ActionOf, ApprovedAction } from '../../authority/action.ts';
import { type AuthorityView, NO_DOCUMENTS } from '../../authority/authority-view.ts';
import { nextRevocations } from '../../authority/next-revocations.ts';
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { Clock } from '../../ports.ts';
import type { HeadKeeping } from './head-keeping.ts';
import type { Issuing } from './issuing.ts';

/** What operators approve that revokes. */
export type RevokingAction = ActionOf<'revoke-node'> | ActionOf<'revoke-key'>;

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
