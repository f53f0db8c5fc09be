/**
 * One member's side of every ceremony. What flows through here, in order: the leader opens a run for an action that is
 * in this member's own log; this member plans the run itself, from the action and what is in force; messages of the
 * threshold machines are taken and given; the share they end with is durable before this member certifies it; a
 * successor is judged whole and stored before this member helps to sign it, and no other for the same epoch; signed, it
 * goes into this member's log; a head that names it is approved once enough logs have it; with that head the documents go
 * into force, and the new share takes the old one's place, in one commit.
 */
import type { ApprovedAction } from '../../../authority/action.ts';
import type {
  AuthorityDocuments,
  AuthorityView,
  StagedDocuments,
} from '../../../authority/authority-view.ts';
import {
  type CommitteeRecord,
  committeeMessage,
  committeeTranscript,
  requireCommitteeFollows,
} from '../../../authority/committee-record.ts';
import type { MeshHeadBody } from '../../../authority/head.ts';
import { isRescue, type TrustBundle } from '../../../authority/trust-bundle.ts';
import { concat, equal } from '../../../base/bytes.ts';
import { wipe } from '../../../base/disposal.ts';
import { OotoError } from '../../../base/errors.ts';
import { hex } from '../../../base/hex.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../../../envelope/cbor.ts';
import { bytes, bytesBetween, fields, object, oneOf, uint } from '../../../envelope/fields.ts';
import type { Clock, Store, StoreChange } from '../../../ports.ts';
import {
  decodeGenerationCertificate,
  decodeResharingCertificate,
  encodeGenerationCertificate,
  encodeResharingCertificate,
  groupKey,
  KeyGeneration,
  type KeyGenerationKey,
  type Outgoing,
  type PublicPackage,
  publicPackageDigest,
  Resharing,
  ShareRepair,
  SigningMember,
  signingSession,
  verifyGenerationCertificate,
  verifyResharingCertificate,
} from '../../../threshold/index.ts';
import { schnorrVerify } from '../../../threshold/schnorr.ts';
import type { Succession } from '../../adoption.ts';
import type { CeremonyOperation } from '../../operations.ts';
import { asOotoError } from '../../session.ts';
import {
  actionReference,
  adoptShape,
  certifyShape,
  deliverShape,
  type Heard,
  headShape,
  openShape,
  plainSuccessor,
  recordShape,
  relayMessage,
  type Said,
  type Step,
  type Successor,
  successorShape,
} from './ceremony-message.ts';
import { type CommitteeLog, requireRecordedByEnough } from './committee-log.ts';
import { type Plan, planOf } from './plan.ts';
import { ShareStore } from './share-store.ts';
import { judgeSuccessor, messageOf, nextRoot, requirePlanned, unapproved } from './successor.ts';

const SUCCESSOR_KEY = 'ceremony/successor';
const MOST_SUCCESSOR_BYTES = 1024 * 1024;
/** How long a message may be signed after it was approved. */
const SIGNING_MS = 60_000;
/** Messages that may be approved at once. */
const MOST_SIGNING = 256;

export interface ParticipantOptions {
  crypto: Crypto;
  clock: Clock;
  store: Store;
  /** This member's name. */
  name: string;
  key: KeyGenerationKey;
  authority: AuthorityView;
  /** The action of this number, if it is in this member's log. @throws (peer). */
  requireAdmitted(number: number, digest: Uint8Array): ApprovedAction;
  /** Has it in this member's own log, durably, that operators let this key in; answers with the proof. */
  logRescue?(bundle: TrustBundle, committee: CommitteeRecord): Promise<CborValue>;
  /** A share of the committee in force is stored, and is to be signed with from now on. */
  onShare(encoded: Uint8Array): void;
  /** The newest head that is known here, encoded. */
  newestHead(): Uint8Array | undefined;
  /** Puts documents into force with the head that names them, and commits {@link Participant.succession}'s part. */
  adopt(head: Uint8Array, documents: AuthorityDocuments): Promise<unknown>;
  /** What only a member has, and somebody who is to become one has not. */
  member?: {
    readonly log: CommitteeLog;
    /** The bytes of a head that names these documents, once this member may sign it. */
    admitHead(body: MeshHeadBody, documents: AuthorityDocuments): Promise<Uint8Array>;
    /** Remembers how far the log of this member was, by what `leader` shows. */
    noteShown(log: string, leader: string, checkpoint: string): void;
  };
}

interface Run {
  readonly session: Uint8Array;
  readonly leader: string;
  readonly plan: Plan;
  readonly machine: KeyGeneration | Resharing | ShareRepair;
  isKept: boolean;
}

const approveShape = {
  session: bytes(32),
  part: oneOf('own', 'previous', 'committee'),
  successor: object(successorShape),
} as const;

const rootShape = {
  session: bytes(32),
  action: object(actionReference),
  /** Of the run that made the key. */
  run: bytes(32),
  created: uint(),
} as const;

const knownShape = { bundle: uint(), committee: uint(), revocations: uint() } as const;

export class Participant {
  readonly shares: ShareStore;
  readonly #options: ParticipantOptions;
  #run: Run | undefined;
  /** By signing session and leader; each has approved one message. */
  readonly #signing = new Map<string, { machine: SigningMember; cancel: () => void }>();
  #busy: Promise<unknown> = Promise.resolve();

  constructor(options: ParticipantOptions) {
    this.#options = options;
    this.shares = new ShareStore(options.crypto, options.store);
  }

  /** Answers whatever a leader asks. @throws what the operation throws. */
  async answer(leader: string, operation: CeremonyOperation, body: CborValue): Promise<CborValue> {
    switch (operation) {
      case 'ceremony.open':
        return plainStep(await this.open(leader, body));
      case 'ceremony.deliver':
        return plainStep(await this.deliver(leader, body));
      case 'ceremony.certify':
        return this.certify(leader, body);
      case 'ceremony.root':
        return this.approveRoot(leader, body);
      case 'ceremony.approve':
        return this.approve(leader, body);
      case 'ceremony.record':
        return this.record(leader, body);
      case 'ceremony.head':
        return this.approveHead(leader, body);
      case 'ceremony.sign':
        return this.sign(leader, body);
      case 'ceremony.adopt':
        return this.adopt(body);
      case 'ceremony.state':
        return this.state(body);
    }
  }

  /** Begins a run, in the place of any other; answers with what this member says first. */
  open(leader: string, body: CborValue): Promise<Step> {
    const { action, session, dealers } = fields(body, openShape, 'ceremony.open');
    return this.#inTurn(async () => {
      this.#requireMember(leader);
      const approved = this.#options.requireAdmitted(action.number, action.digest);
      const plan = planOf(approved.action, this.#options.authority);
      if (this.shares.pendingPackage(session))
        throw refuse('OOTO_MESH_CEREMONY_SESSION', 'this run has been held');
      this.#endRun();
      const machine = this.#machine(plan, sessionOf(this.#options.crypto, approved, session), dealers);
      this.#run = { session, leader, plan, machine, isKept: false };
      return this.#step(this.#run, () => machine.start());
    });
  }

  /** Takes what others said; answers with what this member says next, once what must survive a crash is stored. */
  deliver(leader: string, body: CborValue): Promise<Step> {
    const { session, heard } = fields(body, deliverShape, 'ceremony.deliver');
    return this.#inTurn(() => {
      const run = this.#requireRun(leader, session);
      for (const message of heard) this.#requireSender(run, message);
      return this.#step(run, () => heard.flatMap(({ from, bytes: said }) => run.machine.receive(from, said)));
    });
  }

  /** This member holds a share of this package, durably: its signature over the committee that it will be of. */
  certify(leader: string, body: CborValue): Promise<Uint8Array> {
    const { action, session, committee, proof } = fields(body, certifyShape, 'ceremony.certify');
    return this.#inTurn(async () => {
      this.#requireMember(leader);
      const { crypto, authority, key } = this.#options;
      const approved = this.#options.requireAdmitted(action.number, action.digest);
      if (!equal(committee.action, approved.digest)) throw unapproved('it names another action');
      const kept = this.shares.pendingPackage(session);
      if (!kept) throw refuse('OOTO_MESH_CEREMONY_SHARE', 'this member has no share of this run');
      const publicPackage = requireCommitteeFollows(crypto, {
        body: committee,
        previous: authority.committee,
        groupKeys: [authority.groupKey, groupKey(kept)],
      });
      if (!equal(publicPackageDigest(crypto, publicPackage), publicPackageDigest(crypto, kept)))
        throw unapproved('its package is not that of this run');
      const plan = planOf(approved.action, authority);
      requirePlanned(crypto, plan, committee.members, publicPackage);
      this.#requireProof(plan, publicPackage, proof);
      return key.sign(committeeTranscript(committee));
    });
  }

  /** Stands for a whole successor, durably, and for no other of its epoch; then helps to sign one part of it. */
  approve(leader: string, body: CborValue): Promise<null> {
    const { session, part, successor } = fields(body, approveShape, 'ceremony.approve');
    return this.#inTurn(async () => {
      this.#requireMember(leader);
      const { authority } = this.#options;
      if (part === 'previous' && this.#isRescue(successor)) throw unapproved('operators let a rescue in');
      const publicPackage = await this.#standFor(successor);
      const signers = part === 'previous' || !successor.bundle ? authority.publicPackage : publicPackage;
      this.#approveMessage(leader, session, signers, messageOf(successor, part));
      return null;
    });
  }

  /** The certificate of the new group key, which the bundle holds. */
  approveRoot(leader: string, body: CborValue): Promise<null> {
    const { session, action, run, created } = fields(body, rootShape, 'ceremony.root');
    return this.#inTurn(async () => {
      this.#requireMember(leader);
      const { crypto, authority } = this.#options;
      const approved = this.#options.requireAdmitted(action.number, action.digest);
      if (planOf(approved.action, authority).overlapMs === undefined)
        throw unapproved('it needs no certificate');
      const kept = this.shares.pendingPackage(run);
      if (!kept) throw refuse('OOTO_MESH_CEREMONY_SHARE', 'this member has no share of this run');
      const message = await nextRoot(crypto, authority, { groupKey: groupKey(kept), created });
      this.#approveMessage(leader, session, kept, message);
      return null;
    });
  }

  /** Answers one message of the signing protocol. */
  sign(leader: string, body: CborValue): Uint8Array {
    const { message } = fields(body, { message: bytesBetween(1, 64 * 1024) }, 'ceremony.sign');
    const key = `${leader} ${hex(signingSession(message))}`;
    const machine = this.#signing.get(key)?.machine;
    if (!machine) throw refuse('OOTO_MESH_CEREMONY_SESSION', 'nothing is to be signed in this session');
    return machine.receive(leader, message, this.#options.clock.monotonic());
  }

  /** Writes a successor that the group has signed into this member's log; answers with the proof, if it has a log. */
  record(leader: string, body: CborValue): Promise<CborValue> {
    const { successor, documents } = fields(body, recordShape, 'ceremony.record');
    return this.#inTurn(async () => {
      this.#requireMember(leader);
      const { crypto, clock, authority, requireAdmitted, member } = this.#options;
      const approved = requireAdmitted(successor.action.number, successor.action.digest);
      const record = this.#successorIn(authority.stage(documents));
      judgeSuccessor(crypto, authority, approved, successor, clock.now());
      if (!equal(crypto.sha256(committeeMessage(successor.committee)), record.digest))
        throw unapproved('what was signed is another record');
      const proof = await member?.log.write(record, successor.proof);
      return (proof ?? null) as unknown as CborValue;
    });
  }

  /** A head that puts the documents into force: not before the logs have the record, this member's own among them. */
  approveHead(leader: string, body: CborValue): Promise<null> {
    const { session, body: head, documents, proofs } = fields(body, headShape, 'ceremony.head');
    return this.#inTurn(async () => {
      this.#requireMember(leader);
      const { crypto, authority, member } = this.#options;
      const staged = authority.stage(documents);
      const record = this.#successorIn(staged);
      if (!member?.log.has(record))
        throw refuse('OOTO_MESH_CEREMONY_RECORD', 'the committee record is not in the log of this member');
      requireRecordedByEnough(crypto, authority.committee, record, proofs);
      for (const { log, checkpoint } of proofs) member.noteShown(log, leader, checkpoint);
      const message = await member.admitHead(head, documents);
      const isSameKey = equal(staged.groupKey, authority.groupKey);
      const signers = isSameKey ? authority.publicPackage : record.publicPackage;
      this.#approveMessage(leader, session, signers, message);
      return null;
    });
  }

  /** Takes what the group has signed and put into force, and with it the share that belongs to it. */
  adopt(body: CborValue): Promise<CborValue> {
    const { head, documents } = fields(body, adoptShape, 'ceremony.adopt');
    return this.#inTurn(async () => {
      const staged = this.#options.authority.stage(documents);
      if (this.#rescuesIn(staged).length > 0) return this.#adoptRescue(staged);
      if (!head) throw refuse('OOTO_MESH_CEREMONY_HEAD', 'no head names these documents');
      await this.#options.adopt(head, documents);
      return null;
    });
  }

  /** No head can name what operators let in where the key in force is lost: their signatures are in its place. */
  async #adoptRescue(staged: StagedDocuments): Promise<CborValue> {
    const { authority, store } = this.#options;
    const proof = await this.#logRescues(staged);
    await store.commit([...staged.changes, ...this.#succession(staged)]);
    authority.accept(staged);
    this.succession.onCommittee();
    return proof;
  }

  /** Bundles that operators let in, and that are not known yet. */
  #rescuesIn({ state: { bundles } }: StagedDocuments): readonly TrustBundle[] {
    return bundles.slice(this.#options.authority.bundle.version + 1).filter(({ operators }) => operators);
  }

  /** What of this member changes when another committee goes into force, whichever way that came. */
  get succession(): Succession {
    return {
      changesFor: (staged) => this.#succession(staged),
      onCommittee: () => {
        this[Symbol.dispose]();
        this.#announce();
      },
    };
  }

  /** What whoever asks lacks, and the successor that this member stands for. */
  state(body: CborValue): CborValue {
    const { authority } = this.#options;
    const documents = authority.documentsAfter(fields(body, knownShape, 'ceremony.state'));
    const successor = this.successor;
    return {
      head: this.#options.newestHead() ?? null,
      documents: documents as unknown as CborValue,
      successor: successor ? plainSuccessor(successor) : null,
    };
  }

  /** The successor that this member stands for, as long as it may still come. */
  get successor(): Successor | undefined {
    const stored = this.#options.store.get(SUCCESSOR_KEY);
    if (!stored) return undefined;
    const successor = fields(decode(stored, { maxBytes: MOST_SUCCESSOR_BYTES }), successorShape);
    return successor.committee.epoch > this.#options.authority.committee.epoch ? successor : undefined;
  }

  /** What operators let in is in this member's own log before it goes by it. Returns the last proof. */
  async #logRescues(staged: StagedDocuments): Promise<CborValue> {
    const { name, logRescue } = this.#options;
    const { committees } = staged.state;
    let proof: CborValue = null;
    for (const bundle of this.#rescuesIn(staged)) {
      const record = committees.find((each) => equal(groupKey(each.publicPackage), bundle.groupKey));
      if (record?.members.some((member) => member.name === name))
        proof = (await logRescue?.(bundle, record)) ?? null;
    }
    return proof;
  }

  /**
   * Signs with the share of the committee in force, if this member has it, and keeps nothing that led to it; erases the one
   * before once the record is in this member's log, where it is written if the ceremony went by without this member.
   * Resolves to whether it has one.
   */
  async settle(): Promise<boolean> {
    this.#announce();
    const { authority, store, member } = this.#options;
    const { committee } = authority;
    if (member && !member.log.has(committee) && !authority.bundle.operators)
      await member.log.write(committee, null);
    return this.#inTurn(async () => {
      const { name, logRescue } = this.#options;
      await this.shares.settle(authority);
      if (store.get(SUCCESSOR_KEY) && !this.successor) await store.commit([{ delete: SUCCESSOR_KEY }]);
      const isMember = authority.memberNamed(name) !== undefined;
      if (authority.bundle.operators && isMember) await logRescue?.(authority.bundle, committee);
      const share = this.shares.encodedFor(authority.publicPackage);
      wipe(share);
      return share !== undefined;
    });
  }

  [Symbol.dispose](): void {
    this.#endRun();
    for (const name of [...this.#signing.keys()]) this.#forget(name);
  }

  #announce(): void {
    const { authority, onShare } = this.#options;
    const encoded = this.shares.encodedFor(authority.publicPackage);
    if (encoded) onShare(encoded);
  }

  /** Without the record in its log, or the operators' word, a member keeps its old share, until {@link settle}. */
  #succession(staged: StagedDocuments): StoreChange[] {
    const { authority, member } = this.#options;
    const { committees } = staged.state;
    const newest = committees[committees.length - 1];
    if (newest.epoch === authority.committee.epoch) return [];
    if (member && !member.log.has(newest) && this.#rescuesIn(staged).length === 0) return [];
    return [...this.shares.succession(newest.publicPackage), { delete: SUCCESSOR_KEY }];
  }

  /** @throws OOTO_MESH_CEREMONY_EPOCH (peer) unless the documents are exactly what follows. */
  #successorIn({ state: { committees } }: StagedDocuments): CommitteeRecord {
    const { epoch } = this.#options.authority.committee;
    const newest = committees[committees.length - 1];
    if (newest.epoch === epoch + 1) return newest;
    throw refuse('OOTO_MESH_CEREMONY_EPOCH', `no committee record of epoch ${epoch + 1} is among them`);
  }

  #machine(plan: Plan, session: Uint8Array, dealers: readonly number[]): Run['machine'] {
    const { crypto, name, key, authority } = this.#options;
    const previous = authority.publicPackage;
    const { committee, lost } = plan;
    if (plan.overlapMs !== undefined) return new KeyGeneration({ crypto, committee, session, name, key });
    const self = previous.committee.members.find((member) => member.name === name);
    const secretShare = self && dealers.includes(self.identifier) ? this.shares.held(previous) : undefined;
    if (lost !== undefined) {
      const repair = { publicPackage: previous, lost, helpers: dealers, session };
      return new ShareRepair({ crypto, plan: repair, name, key, secretShare });
    }
    const resharing = { previous, next: committee, dealers, session };
    return new Resharing({ crypto, plan: resharing, name, key, secretShare });
  }

  /** A machine's refusal goes to the leader as an answer: it names culprits. */
  async #step(run: Run, advance: () => Outgoing[]): Promise<Step> {
    let outgoing: Outgoing[];
    try {
      outgoing = advance();
    } catch (cause) {
      const { code, message, culprits } = asOotoError(cause);
      this.#endRun();
      return { said: [], certificate: null, failure: { code, message, culprits: [...culprits] } };
    }
    await this.#keep(run);
    const said = outgoing.map((message) => this.#signed(run, message));
    return { said, certificate: certificateOf(run.machine), failure: null };
  }

  /** What the machine has come to is durable before anybody hears of it. */
  async #keep(run: Run): Promise<void> {
    const { machine, session, isKept } = run;
    if (isKept) return;
    if (machine instanceof ShareRepair) {
      if (!machine.result) return;
      const { crypto, authority } = this.#options;
      if (!equal(machine.result.publicDigest, publicPackageDigest(crypto, authority.publicPackage)))
        throw refuse('OOTO_MESH_CEREMONY_EPOCH', 'the committee changed meanwhile');
      await this.shares.keepRepaired(machine.result);
      machine.result[Symbol.dispose]();
      this.#announce();
    } else {
      if (!machine.pending) return;
      const { publicPackage, secretShare } = machine.pending;
      await this.shares.keepPending(session, publicPackage, secretShare);
    }
    run.isKept = true;
  }

  #signed({ session }: Run, { to, bytes: said }: Outgoing): Said {
    const { name, key } = this.#options;
    return { to, bytes: said, signature: key.sign(relayMessage({ session, from: name, to, bytes: said })) };
  }

  /** @throws OOTO_MESH_CEREMONY_RELAY (peer), which blames the leader: the sender did not say this to this member. */
  #requireSender({ session, plan, leader }: Run, { from, bytes: said, signature }: Heard): void {
    const { crypto, name, authority } = this.#options;
    const { members } = authority.publicPackage.committee;
    const sender = [...members, ...plan.committee.members].find((member) => member.name === from);
    try {
      if (!sender) throw new Error('nobody of that name takes part');
      const message = relayMessage({ session, from, to: name, bytes: said });
      schnorrVerify(crypto, sender.publicKey, message, signature);
    } catch (cause) {
      throw new OotoError('OOTO_MESH_CEREMONY_RELAY', 'peer', `${leader} carried what ${from} did not say`, {
        culprits: [leader],
        cause,
      });
    }
  }

  #requireProof(plan: Plan, publicPackage: PublicPackage, proof: Uint8Array): void {
    const { crypto, authority } = this.#options;
    if (plan.overlapMs !== undefined)
      verifyGenerationCertificate(crypto, publicPackage, decodeGenerationCertificate(proof));
    else
      verifyResharingCertificate(
        crypto,
        authority.publicPackage,
        publicPackage,
        decodeResharingCertificate(proof),
      );
  }

  async #standFor(successor: Successor): Promise<PublicPackage> {
    const { crypto, clock, store, authority, requireAdmitted } = this.#options;
    const { number, digest } = successor.action;
    const approved = requireAdmitted(number, digest);
    const encoded = encode(plainSuccessor(successor));
    const publicPackage = judgeSuccessor(crypto, authority, approved, successor, clock.now());
    const known = this.successor;
    const isKnown = known !== undefined && equal(encode(plainSuccessor(known)), encoded);
    if (known && !isKnown && !this.#mayReplace(known, approved))
      throw refuse('OOTO_MESH_CEREMONY_TAKEN', 'this member stands for another successor of this epoch');
    if (!isKnown) await store.commit([{ put: SUCCESSOR_KEY, value: encoded }]);
    return publicPackage;
  }

  /** Where the key is lost nothing that was begun under it ends; and operators may change their minds. */
  #mayReplace(known: Successor, { action }: ApprovedAction): boolean {
    return action.kind === 'rescue' && (!this.#isRescue(known) || known.action.number < action.number);
  }

  #isRescue({ bundle }: Successor): boolean {
    return bundle !== undefined && isRescue(bundle, this.#options.authority.bundle);
  }

  #approveMessage(leader: string, session: Uint8Array, signers: PublicPackage, message: Uint8Array): void {
    const { crypto, clock } = this.#options;
    const secretShare = this.shares.held(signers);
    if (!secretShare) throw refuse('OOTO_MESH_CEREMONY_SHARE', 'this member has no share to sign with');
    const machine = new SigningMember({ crypto, publicPackage: signers, secretShare });
    const name = `${leader} ${hex(session)}`;
    this.#forget(name);
    if (this.#signing.size >= MOST_SIGNING) {
      machine[Symbol.dispose]();
      throw new OotoError('OOTO_MESH_CEREMONY_BUSY', 'environment', 'too many messages are to be signed');
    }
    machine.approve({ session, message, coordinator: leader }, clock.monotonic());
    const cancel = clock.after(SIGNING_MS, () => this.#forget(name));
    this.#signing.set(name, { machine, cancel });
  }

  #forget(name: string): void {
    const open = this.#signing.get(name);
    this.#signing.delete(name);
    open?.cancel();
    open?.machine[Symbol.dispose]();
  }

  #requireMember(leader: string): void {
    const { authority } = this.#options;
    if (!authority.activeMembers.some(({ name }) => name === leader))
      throw refuse('OOTO_MESH_CEREMONY_MEMBER', 'a ceremony is led by a member of the committee');
  }

  #requireRun(leader: string, session: Uint8Array): Run {
    const run = this.#run;
    if (run?.leader !== leader || !equal(run.session, session))
      throw refuse('OOTO_MESH_CEREMONY_SESSION', 'no such run is open here');
    return run;
  }

  #endRun(): void {
    const run = this.#run;
    this.#run = undefined;
    run?.machine[Symbol.dispose]();
    if (run && !(run.machine instanceof ShareRepair)) run.machine.result?.secretShare[Symbol.dispose]();
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#busy.then(step, step);
    this.#busy = turn.catch(() => {});
    return turn;
  }
}

/** The machines' session is that of the run and of the action: what is said for one action serves no other. */
function sessionOf(crypto: Crypto, { digest }: ApprovedAction, session: Uint8Array): Uint8Array {
  return crypto.sha256(concat(digest, session));
}

function certificateOf(machine: Run['machine']): Uint8Array | null {
  if (machine instanceof ShareRepair) return null;
  if (machine instanceof Resharing)
    return machine.reshared ? encodeResharingCertificate(machine.reshared.certificate) : null;
  return machine.result ? encodeGenerationCertificate(machine.result.certificate) : null;
}

function plainStep(step: Step): CborValue {
  return step as unknown as CborValue;
}

function refuse(code: string, message: string): OotoError {
  return new OotoError(code, 'peer', message);
}
