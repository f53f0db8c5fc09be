/**
 * The other members of the authority, and how to reach them. What flows through here: a request goes over a
 * member's session when both sides have certificates that are valid and a young head, else over the channel that the genesis draft
 * pins, on which founders meet before there is a mesh and again when no head is young enough.
 */
import { nodeIdOf } from '../../authority/certification.ts';
import type { Founder } from '../../authority/genesis.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { fields } from '../../envelope/fields.ts';
import type { MeshNode } from '../node.ts';
import type { CeremonyOperation } from '../operations.ts';
import { pause } from '../patience.ts';
import type { Session } from '../session.ts';
import { foundingState } from './founding.ts';

const ANSWER_MS = 5_000;
/** A newcomer may have been started a moment ago. */
const NEWCOMER_TRIES = 20;
const NEWCOMER_AGAIN_MS = 500;

export type MemberOperation =
  | 'authority.challenge'
  | 'authority.appraise'
  | 'authority.sign'
  | 'authority.adopt-head'
  | 'authority.admit'
  | 'authority.actions'
  | 'mesh.announce'
  | 'authority.cosign-log'
  | 'authority.log-seen'
  | CeremonyOperation
  | 'genesis.certify';

export class FellowMembers {
  readonly #node: MeshNode;
  readonly #members: () => readonly Founder[];
  readonly #digest: Uint8Array;
  readonly #signal: AbortSignal;
  #meshId: Uint8Array | undefined;

  /** `members` are those of the committee in force, `digest` that of the genesis draft. */
  constructor(node: MeshNode, members: () => readonly Founder[], digest: Uint8Array, signal: AbortSignal) {
    this.#node = node;
    this.#members = members;
    this.#digest = digest;
    this.#signal = signal;
  }

  get names(): string[] {
    return this.#members()
      .map(({ name }) => name)
      .filter((name) => name !== this.#node.options.name);
  }

  /** The mesh has been founded: from now on members may meet as members. */
  founded(meshId: Uint8Array): void {
    this.#meshId = meshId;
  }

  /** Asks one of the others. Rejects with its refusal, or when it cannot be reached in time. */
  async ask(
    member: string,
    operation: MemberOperation,
    body: CborValue,
    timeoutMs: number = ANSWER_MS,
  ): Promise<CborValue> {
    const session = this.#live(member, operation) ?? (await this.#dial(member));
    return session.request(operation, body, { timeoutMs, signal: this.#signal });
  }

  /** Asks whom operators bring in, over the channel on which founders meet; `introduction` is what it must know first. */
  async askNewcomer(
    newcomer: Founder,
    introduction: Iterable<CborValue>,
    operation: CeremonyOperation,
    body: CborValue,
    timeoutMs: number,
  ): Promise<CborValue> {
    const session = this.#node.peers.with(this.#digest, newcomer.name) ?? (await this.#meet(newcomer));
    const options = { timeoutMs, signal: this.#signal };
    for (const page of introduction) await session.request('ceremony.introduce', page, options);
    return session.request(operation, body, options);
  }

  async #meet({ name, addresses: [address] }: Founder): Promise<Session> {
    for (let left = NEWCOMER_TRIES; ; left--)
      try {
        return await this.#node.peers.dial(this.#digest, address, name, { signal: this.#signal });
      } catch (error) {
        if (left === 1) throw error;
        await pause(this.#node.options.clock, NEWCOMER_AGAIN_MS, this.#signal);
      }
  }

  /** What the first founder that has it gives of the mesh's beginning. */
  async find(what: 'root' | 'head'): Promise<Uint8Array | undefined> {
    for (const name of this.names) {
      const answer = await this.ask(name, 'genesis.certify', null).catch(() => undefined);
      const found = answer === undefined ? null : fields(answer, foundingState, 'founding state')[what];
      if (found) return found;
    }
    return undefined;
  }

  #live(member: string, operation: MemberOperation): Session | undefined {
    const { peers } = this.#node;
    const asFounder = peers.with(this.#digest, member);
    if (operation === 'genesis.certify' || !this.#meshId) return asFounder;
    return peers.with(this.#meshId, nodeIdOf(this.#meshId, 'authority', member)) ?? asFounder;
  }

  #dial(member: string): Promise<Session> {
    const { addresses } = this.#members().find(({ name }) => name === member) ?? { addresses: [] };
    if (this.#meshId && this.#canMeetMembers)
      return this.#node.session(nodeIdOf(this.#meshId, 'authority', member), addresses, this.#signal);
    return this.#node.peers.dial(this.#digest, addresses[0], member, { signal: this.#signal });
  }

  /** Members meet under a young head alone; when it is too old, it is as founders that they make the next. */
  get #canMeetMembers(): boolean {
    const { isMember, options } = this.#node;
    if (!isMember || this.#node.own.presentation.notAfter <= options.clock.now()) return false;
    try {
      this.#node.head.requireFresh(this.#node.options.clock.now(), this.#node.policy.headMaximumAgeMs);
      return true;
    } catch {
      return false;
    }
  }
}
