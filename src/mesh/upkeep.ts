/**
 * What a member does all the time. What flows through here: its delegation is renewed at half its life and its
 * certificate at a quarter of its own; the newest mesh head is fetched; its record is published to every member of
 * the authority and the list of members read back and verified. A step that fails is tried again later.
 */
import { isAhead } from '../authority/authority-view.ts';
import { nodeIdOf } from '../authority/certification.ts';
import type { ValidCredential } from '../authority/credential.ts';
import { peekHead } from '../authority/head.ts';
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { CborValue } from '../envelope/cbor.ts';
import { catchUp, mayLackDocuments } from './catching-up.ts';
import { newRequest, obtain, storedCredential } from './joining.ts';
import { createRecord, judgeRecord, listRecords, Membership } from './membership.ts';
import type { MeshNode } from './node.ts';
import { DELEGATION_LIFE_MS } from './own-credential.ts';
import { pause } from './patience.ts';
import type { Session } from './session.ts';

const REFRESH_MS = 15_000;
const EAGER_MS = 500;

type AskedOfAuthority =
  | 'head.current'
  | 'membership.list'
  | 'certificate.renew'
  | 'certificate.renew-evidence';

export interface UpkeepOptions {
  node: MeshNode;
  credential: ValidCredential;
  /** The life that is asked for a renewed certificate. */
  lifeMs: number;
  /** Where this node listens; none for one that only dials. */
  addresses: readonly string[];
  signal: AbortSignal;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly membership = new Membership();
  #credential: ValidCredential;
  #delegatedAt: number;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#credential = options.credential;
    this.#delegatedAt = options.node.options.clock.monotonic();
  }

  get credential(): ValidCredential {
    return this.#credential;
  }

  /** The members of the authority, as the committee's record has them. */
  get authorities(): { id: string; name: string; addresses: readonly string[] }[] {
    const { activeMembers, meshId } = this.#options.node.trust.authority;
    return activeMembers.map(({ name, addresses }) => ({
      id: nodeIdOf(meshId, 'authority', name),
      name,
      addresses,
    }));
  }

  /** Runs until the signal. */
  async run(): Promise<void> {
    const { signal, node } = this.#options;
    while (!signal.aborted) {
      await this.refresh();
      await pause(node.options.clock, REFRESH_MS, signal).catch(() => {});
    }
  }

  /** One round of everything that is due. */
  async refresh(): Promise<void> {
    await this.#try('delegation', () => this.#renewDelegation());
    await this.#try('head', () => this.#fetchHead());
    await this.#try('certificate', () => this.#renewCertificate());
    await this.look();
  }

  /** Reads the list of members now, for whoever is about to rely on it. */
  async look(): Promise<void> {
    await this.#try('membership', () => this.#exchangeRecords());
  }

  /** Waits until a member with this role is known. */
  async find(role: string, count = 1): Promise<{ id: string; addresses: readonly string[] }[]> {
    const { node, signal } = this.#options;
    for (;;) {
      const found = this.membership.withRole(role);
      if (found.length >= count) return found;
      await pause(node.options.clock, EAGER_MS, signal);
      await this.look();
    }
  }

  async #renewDelegation(): Promise<void> {
    const { node } = this.#options;
    const now = node.options.clock.monotonic();
    if (now - this.#delegatedAt < DELEGATION_LIFE_MS / 2) return;
    await node.renewDelegation();
    this.#delegatedAt = now;
  }

  async #fetchHead(): Promise<void> {
    const { node } = this.#options;
    const { answer: encoded, session } = await this.#askAnyOver('head.current').catch((error) =>
      this.#catchUp(error),
    );
    if (!(encoded instanceof Uint8Array)) return;
    if (peekHead(encoded).number <= (node.head.current?.number ?? 0)) return;
    await node.following.follow(encoded, session);
  }

  /** Members that cannot be judged any more may have changed while this node was away. */
  async #catchUp(cause: unknown): Promise<never> {
    const { node, signal } = this.#options;
    if (!mayLackDocuments(cause)) throw cause;
    const request = await newRequest(node, node.trust, this.#options.lifeMs);
    node.following.right = { kind: 'renewal', credential: node.own.presentation.credential };
    try {
      for (const address of this.authorities.flatMap(({ addresses }) => addresses))
        if (await catchUp(node, node.trust, request, address, signal).catch(() => false)) break;
    } finally {
      node.following.right = undefined;
    }
    throw cause;
  }

  /** At a quarter of the certificate's life, so that three quarters are left for the authority to come back. */
  async #renewCertificate(): Promise<void> {
    const { node, lifeMs } = this.#options;
    const { trust } = node;
    if (!this.#isRenewalDue()) return;
    const stored = storedCredential(node);
    if (stored) this.#credential = stored;
    if (!this.#isRenewalDue()) return;
    const request = await newRequest(node, trust, lifeMs);
    const right = { kind: 'renewal' as const, credential: node.own.presentation.credential };
    this.#credential = await obtain(node, trust, request, right, {
      challenge: (body) => this.#askAny('certificate.renew', body),
      apply: (body) => this.#askAny('certificate.renew-evidence', body),
    });
    node.options.logger.log('info', 'certificate renewed', { serial: this.#credential.serial });
  }

  /**
   * Also once its issuer is not the group key in force any more: that one retires. Members of the authority have new
   * documents before there is a head that names them; what is issued under these nobody else can judge until then.
   */
  #isRenewalDue(): boolean {
    const { node, lifeMs } = this.#options;
    const { current } = node.head;
    if (current && isAhead(node.trust.authority.versions, current)) return false;
    const { notAfter, notBefore, issuerKey } = this.#credential;
    const life = Math.min(lifeMs, notAfter - notBefore);
    const isYoung = notAfter - node.options.clock.now() > (3 / 4) * life;
    return !isYoung || !equal(issuerKey, node.trust.authority.groupKey);
  }

  async #exchangeRecords(): Promise<void> {
    const { node, addresses } = this.#options;
    const record = createRecord(node.own, addresses, node.options.clock.now());
    const others = this.authorities.filter(({ id }) => id !== node.own.presentation.id);
    await Promise.allSettled(others.map((member) => node.ask(member, 'membership.publish', record)));
    for await (const encoded of listRecords((body) => this.#askAny('membership.list', body)))
      this.#keep(encoded);
    const { revocations } = node.trust.authority;
    this.membership.forget(({ id }) => revocations.nodeRevokedAt(id) !== undefined);
  }

  #keep(encoded: Uint8Array): void {
    const { node } = this.#options;
    try {
      this.membership.keep(judgeRecord(node, encoded));
    } catch (error) {
      node.options.logger.log('debug', 'a membership record was not believed', { error });
    }
  }

  /** The answer of the first member of the authority that gives one. */
  async #askAny(operation: AskedOfAuthority, body: CborValue = null): Promise<CborValue> {
    return (await this.#askAnyOver(operation, body)).answer;
  }

  async #askAnyOver(
    operation: AskedOfAuthority,
    body: CborValue = null,
  ): Promise<{ answer: CborValue; session: Session }> {
    const { node } = this.#options;
    let failure: unknown = new OotoError(
      'OOTO_MESH_UNAVAILABLE',
      'environment',
      'there is no other member to ask',
    );
    for (const member of this.authorities) {
      if (member.id === node.own.presentation.id) continue;
      try {
        const session = await node.session(member.id, member.addresses);
        return { answer: await node.askOver(session, operation, body), session };
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async #try(what: string, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#options.node.options.logger.log('info', 'upkeep will try again', { what, error });
    }
  }
}
