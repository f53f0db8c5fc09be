/**
 * How the mesh comes to its heads. What flows through here: the first head is made among founders, since no
 * session between members begins without one; then members take turns, the first of the committee first; each new head
 * is signed by the group, adopted here, and shown to the other members and, with the credential, to every peer.
 */
import type { AuthorityDocuments, AuthorityView, DocumentVersions } from '../../authority/authority-view.ts';
import type { MeshHeadBody } from '../../authority/head.ts';
import { isOotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { statementMessage } from '../../envelope/statement.ts';
import { policyOf } from '../identity.ts';
import type { MeshNode } from '../node.ts';
import { pause } from '../patience.ts';
import type { Session } from '../session.ts';
import type { AuthorityDuty } from './duty.ts';
import type { FellowMembers } from './fellow-members.ts';
import type { Issuing } from './issuing.ts';

/** A new head is made this often. */
const HEAD_INTERVAL_MS = 300_000;
/** How long a head says something. */
const HEAD_LIFE_MS = 3_600_000;
/** Members take turns: the next one in the committee waits this much longer. */
const TURN_MS = 10_000;
const POLL_MS = 100;
const MOST_TRIES = 10;
/** Of those that members signed who are lost: after a rescue, heads begin beyond them. */
const MOST_UNSEEN_HEADS = 500;

export type HeadParts = Pick<MeshHeadBody, 'bundle' | 'policy' | 'committee' | 'revocations'>;

/** The versions and digests that a member believes, and so the only ones it signs. */
export function headParts(crypto: Crypto, { genesis, versions }: AuthorityView): HeadParts {
  const digest = crypto.sha256(statementMessage('policy', genesis.draft.policy));
  return { ...versions, policy: { version: policyOf(genesis).version, digest } };
}

export interface HeadKeepingOptions {
  node: MeshNode;
  authority: AuthorityView;
  duty: AuthorityDuty;
  issuing: Issuing;
  fellows: FellowMembers;
  signal: AbortSignal;
}

export class HeadKeeping {
  readonly #options: HeadKeepingOptions;

  constructor(options: HeadKeepingOptions) {
    this.#options = options;
  }

  /** This member's place in the committee. */
  get #position(): number {
    const { authority, node } = this.#options;
    return authority.members.findIndex(({ name }) => name === node.options.name);
  }

  /** Makes the first head or finds it; from then on heads keep coming until the signal. */
  async establish(): Promise<void> {
    const { node, fellows, signal } = this.#options;
    while (!node.head.current) {
      await this.#attempt(async () => {
        const made = this.#position === 0 ? await this.#make() : await fellows.find('head');
        if (made) await this.adopt(made);
      });
      if (!node.head.current) await pause(node.options.clock, POLL_MS, signal);
    }
    void this.#keepComing();
  }

  /**
   * Takes a head that another member made, with what its session gives of the documents that it names, and shows it
   * from now on.
   * @throws OOTO_AUTHORITY_*, OOTO_ENVELOPE_* (peer).
   */
  async adopt(encoded: Uint8Array, session?: Session): Promise<null> {
    const { following } = this.#options.node;
    if (session) await following.follow(encoded, session);
    else await following.adopt(encoded);
    return null;
  }

  /** The next head, as it names these documents. */
  next(versions: DocumentVersions): MeshHeadBody {
    return { ...this.#body(), ...versions };
  }

  /** Sends what is in force here to everybody at once: over every session, and to members without one. */
  spread(head: Uint8Array, documents: AuthorityDocuments): void {
    const { node, fellows } = this.#options;
    node.following.announce(head, documents);
    const body = { head, documents } as unknown as CborValue;
    for (const name of fellows.names) void fellows.ask(name, 'mesh.announce', body).catch(() => undefined);
  }

  /**
   * Has the group sign a head that names these documents, which follow those in force, puts all in force here, and
   * sends it to everybody at once.
   * @throws OOTO_AUTHORITY_UNAVAILABLE (environment) below the threshold; what the members refuse with.
   */
  async publish(documents: AuthorityDocuments): Promise<void> {
    const { node, authority } = this.#options;
    const { versions } = authority.stage(documents);
    const unseen = documents.bundles.length > 0 && authority.bundle.operators ? MOST_UNSEEN_HEADS : 0;
    const encoded = await this.#sign(versions, documents, unseen);
    await node.following.adopt(encoded, documents);
    this.spread(encoded, documents);
  }

  /** Another head may take the number meanwhile: then it is the next. */
  async #sign(
    versions: DocumentVersions,
    documents: AuthorityDocuments,
    unseen: number,
  ): Promise<Uint8Array> {
    const { node, issuing } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        const body = this.next(versions);
        return await issuing.issueHead({ ...body, number: body.number + unseen }, documents);
      } catch (error) {
        const isTaken = isOotoError(error) && error.code === 'OOTO_AUTHORITY_HEAD';
        if (!isTaken || tries === MOST_TRIES) throw error;
        await pause(node.options.clock, POLL_MS, this.#options.signal);
      }
    }
  }

  #body(): MeshHeadBody {
    const { node, authority, duty } = this.#options;
    const time = node.options.clock.now();
    return {
      ...{ mesh: authority.meshId, number: duty.nextHeadNumber, time, expires: time + HEAD_LIFE_MS },
      ...headParts(node.options.crypto, authority),
    };
  }

  async #keepComing(): Promise<void> {
    const { node, signal } = this.#options;
    const { clock } = node.options;
    while (!signal.aborted) {
      const due = (node.head.current?.time ?? 0) + HEAD_INTERVAL_MS + this.#position * TURN_MS;
      if (this.#position >= 0 && clock.now() >= due) await this.#attempt(() => this.#make());
      const wait = Math.min(TURN_MS, Math.max(POLL_MS, due - clock.now()));
      await pause(clock, wait, signal).catch(() => {});
    }
  }

  async #make(): Promise<Uint8Array> {
    const { issuing, fellows } = this.#options;
    const encoded = await issuing.issueHead(this.#body());
    await this.adopt(encoded);
    for (const name of fellows.names)
      void fellows.ask(name, 'authority.adopt-head', encoded).catch(() => undefined);
    return encoded;
  }

  async #attempt(step: () => Promise<unknown>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#options.node.options.logger.log('info', 'not yet', { error });
    }
  }
}
