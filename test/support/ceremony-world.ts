/**
 * Members of an authority who hold ceremonies in memory. What flows through here: each has a store of its own, which
 * outlives it; members are killed at a commit, and come back with what the store holds; requests go from one to the
 * other at once.
 */
import {
  type ApprovedAction,
  approveAction,
  type Change,
  proposeAction,
  readProposal,
  verifyAction,
} from '../../src/authority/action.ts';
import { AuthorityView } from '../../src/authority/authority-view.ts';
import { rootTbs } from '../../src/authority/certification.ts';
import { HEAD_LIFE_MS, HeadView, type MeshHead } from '../../src/authority/head.ts';
import type { AuthorityMember } from '../../src/authority/member.ts';
import { OotoError } from '../../src/base/errors.ts';
import { assembleCertificate } from '../../src/cert/write.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { type CborValue, decode, encode } from '../../src/envelope/cbor.ts';
import { Ed25519SigningKey, type SigningKey } from '../../src/envelope/keys.ts';
import { Adoption } from '../../src/mesh/adoption.ts';
import { Leader } from '../../src/mesh/authority/ceremonies/leading.ts';
import { Participant } from '../../src/mesh/authority/ceremonies/participant.ts';
import {
  documentsOf,
  type Rescue,
  readRescue,
  signRescue,
} from '../../src/mesh/authority/ceremonies/rescue.ts';
import { AuthorityDuty } from '../../src/mesh/authority/duty.ts';
import { SHARE_KEY } from '../../src/mesh/authority/founding.ts';
import type { CeremonyOperation } from '../../src/mesh/operations.ts';
import {
  decodeSecretShare,
  groupKey,
  KeyGenerationKey,
  SigningCoordinator,
  SigningMember,
} from '../../src/threshold/index.ts';
import { groupOf, memberOf, signAs } from './committee.ts';
import { type FoundedMesh, type FounderKeys, foundMesh } from './founders.ts';
import { ManualClock, START_WALL } from './manual-clock.ts';
import { MemoryStore } from './memory-store.ts';
import { RecordingLogger } from './recording-logger.ts';

export interface Living {
  name: string;
  authority: AuthorityView;
  head: HeadView;
  duty: AuthorityDuty;
  adoption: Adoption;
  participant: Participant;
  leader: Leader;
}

const POLICY = { version: 1, digest: new Uint8Array(32) };

/** Called before a request is answered; may throw, or change what is carried. */
export type OnRequest = (to: string, operation: CeremonyOperation, body: CborValue) => CborValue;

export class CeremonyWorld {
  readonly crypto: Crypto;
  readonly clock = new ManualClock(START_WALL);
  readonly mesh: FoundedMesh;
  readonly keys = new Map<string, FounderKeys>();
  readonly stores = new Map<string, MemoryStore>();
  readonly living = new Map<string, Living>();
  readonly actions = new Map<number, ApprovedAction>();
  readonly log = new RecordingLogger();
  /** Heads that contradict each other. */
  readonly forks: [MeshHead, MeshHead][] = [];
  onRequest: OnRequest = (_, __, body) => body;
  /** Called before a member writes into its log that operators let a key in. */
  onRescue: (name: string) => void = () => {};
  #root: Uint8Array | undefined;

  private constructor(crypto: Crypto, options: Parameters<typeof foundMesh>[1]) {
    this.crypto = crypto;
    this.mesh = foundMesh(crypto, { ...options, created: START_WALL - 60_000 });
  }

  static async create(crypto: Crypto, options: Parameters<typeof foundMesh>[1] = {}): Promise<CeremonyWorld> {
    const world = new CeremonyWorld(crypto, options);
    const { groupKey: key, meshId, draft } = world.mesh.record;
    const tbs = await rootTbs(crypto, { mesh: meshId, version: 0, groupKey: key, created: draft.created });
    world.#root = await assembleCertificate(tbs, signAs(crypto, groupOf(world.mesh), tbs));
    for (const [i, founder] of world.mesh.founders.entries()) {
      world.keys.set(founder.name, founder);
      world.stores.set(founder.name, new MemoryStore([[SHARE_KEY, world.mesh.keys[i].secretShare.encode()]]));
      world.start(founder.name);
    }
    return world;
  }

  /** Somebody who is of no committee yet. */
  newcomer(name: string): FounderKeys {
    const key = () => Ed25519SigningKey.generate(this.crypto);
    const keys = {
      ...{ name, identity: key(), log: key(), witness: key() },
      keyGeneration: KeyGenerationKey.generate(this.crypto),
    };
    this.keys.set(name, keys);
    this.stores.set(name, new MemoryStore());
    this.start(name);
    return keys;
  }

  /** With what its store holds. */
  start(name: string): Living {
    const { crypto, clock } = this;
    const store = this.stores.get(name)!.reopened();
    this.stores.set(name, store);
    const authority = AuthorityView.open(crypto, this.mesh.record, store, this.#root);
    const onFork = (known: MeshHead, shown: MeshHead) => void this.forks.push([known, shown]);
    const head = new HeadView(crypto, authority, store.get(HeadView.storeKey), onFork);
    const node = { options: { clock, store }, trust: { authority }, head, headForks: { keep: onFork } };
    const adoption = new Adoption(node);
    const keys = this.keys.get(name)!;
    const duty = new AuthorityDuty({
      ...{ crypto, clock, store, authority, name, member: {} as AuthorityMember, secretShare: undefined },
      ...{ logKey: keys.log, witnessKey: keys.witness },
      headParts: () => ({ ...authority.versions, policy: POLICY }),
      newestHead: () => head.current?.number ?? 0,
    });
    const participant = new Participant({
      ...{ crypto, clock, store, name, authority },
      key: keys.keyGeneration,
      newestHead: () => head.current?.encoded,
      adopt: (encoded, documents) => adoption.adopt(encoded, documents),
      member: {
        log: duty.committees,
        admitHead: (body, documents) => duty.admitHead(body, documents),
        noteShown: (log, leader, checkpoint) => duty.witnessing.noteShown(log, leader, checkpoint),
      },
      requireAdmitted: (number) => {
        const approved = this.actions.get(number);
        if (approved) return approved;
        throw new OotoError('OOTO_MESH_ACTION_UNKNOWN', 'peer', 'no such action');
      },
      logRescue: async ({ version, encoded }) => {
        this.onRescue(name);
        await store.commit([{ put: `rescues/${version}`, value: crypto.sha256(encoded!) }]);
        return null;
      },
      onShare: () => {},
    });
    adoption.succession = participant.succession;
    const leader = new Leader({
      ...{ crypto, clock, name, authority, logger: this.log, signal: new AbortController().signal },
      nextHead: (versions) => {
        const time = clock.now();
        const { meshId: mesh } = authority;
        const frame = { mesh, number: duty.nextHeadNumber, time, expires: time + HEAD_LIFE_MS };
        return { ...frame, ...versions, policy: POLICY };
      },
      ask: (member, operation, body) => this.ask(name, member, operation, body),
    });
    const living = { name, authority, head, duty, adoption, participant, leader };
    this.living.set(name, living);
    return living;
  }

  /** The process is gone; its store stays. */
  kill(name: string): void {
    this.living.delete(name);
    const store = this.stores.get(name)!.reopened();
    this.stores.set(name, store);
  }

  async ask(from: string, to: string, operation: CeremonyOperation, body: CborValue): Promise<CborValue> {
    if (!this.living.has(from)) throw gone(from);
    const carried = this.onRequest(to, operation, decode(encode(body), { maxBytes: 2 ** 24 }));
    const member = this.living.get(to);
    if (!member) throw gone(to);
    const answer = await answerOf(member.participant, from, operation, carried);
    if (this.living.get(to) !== member || !this.living.has(from)) throw gone(to);
    return decode(encode(answer), { maxBytes: 2 ** 24 });
  }

  approve(change: Change): ApprovedAction {
    const { crypto, mesh, clock } = this;
    const number = this.actions.size + 1;
    const now = clock.now();
    const frame = { mesh: mesh.record.meshId, number, created: now, expires: now + 3_600_000 };
    const encoded = mesh.operators.reduce(
      (proposed, { key }) => approveAction(readProposal(crypto, proposed), mesh.draft, key),
      proposeAction(change, frame),
    );
    const approved = verifyAction(crypto, mesh.record, encoded);
    this.actions.set(number, approved);
    return approved;
  }

  /** What the members that this action names have made, without signatures of operators. */
  async rescue(leader: string, approved: ApprovedAction): Promise<Rescue> {
    return readRescue(await this.member(leader).leader.rescue(approved));
  }

  /** With the signatures of these operators, all where none is named. */
  signed(rescue: Rescue, operators: readonly { key: SigningKey }[] = this.mesh.operators): Rescue {
    const genesis = this.mesh.record;
    return operators.reduce((signed, { key }) => signRescue({ genesis }, signed, key), rescue);
  }

  /** Has members take it. */
  conclude(leader: string, rescue: Rescue, members: readonly string[]) {
    return this.member(leader).leader.conclude(documentsOf(rescue), members);
  }

  member(name: string): Living {
    return this.living.get(name)!;
  }

  founderOf(name: string) {
    return memberOf(this.keys.get(name)!);
  }

  /** A signature that the members of the committee in force make with the shares in their stores. */
  sign(message: Uint8Array, ...names: string[]): Uint8Array | undefined {
    const { crypto } = this;
    const { publicPackage } = this.member(names[0]).authority;
    const session = crypto.random.bytes(32);
    const members = new Map(
      names.map((name) => {
        const secretShare = decodeSecretShare(crypto, publicPackage, this.stores.get(name)!.get(SHARE_KEY)!);
        const member = new SigningMember({ crypto, publicPackage, secretShare });
        member.approve({ session, message, coordinator: 'test' }, 0);
        return [name, member];
      }),
    );
    const coordinator = new SigningCoordinator({
      crypto,
      publicPackage,
      session,
      message,
      candidates: names,
    });
    const queue = coordinator.start(0);
    for (let next = queue.shift(); next; next = queue.shift())
      queue.push(...coordinator.receive(next.to, members.get(next.to)!.receive('test', next.bytes, 0), 0));
    if (coordinator.signature) crypto.ed25519.verify(groupKey(publicPackage), message, coordinator.signature);
    return coordinator.signature;
  }
}

async function answerOf(
  participant: Participant,
  from: string,
  operation: CeremonyOperation,
  body: CborValue,
): Promise<CborValue> {
  return (await participant.answer(from, operation, body)) as CborValue;
}

function gone(name: string): OotoError {
  return new OotoError('OOTO_MESH_NOT_READY', 'environment', `there is no session with ${name}`);
}
