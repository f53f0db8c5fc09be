/**
 * What a member of the authority does when asked. What flows through here, in the order of DESIGN's issuing: the
 * request is appraised by this member's own judgement; the entry goes into its own log and is durable; only then
 * is the message approved for signing, and shares are given. Heads and the root follow the same way without an
 * entry. As witness it has a room of its own beside this.
 */

import type { ApprovedAction } from '../../authority/action.ts';
import {
  type AuthorityDocuments,
  type AuthorityView,
  authorityDocuments,
} from '../../authority/authority-view.ts';
import { rootTbs } from '../../authority/certification.ts';
import { type LogProof, logOrigin } from '../../authority/credential.ts';
import { readTpmKeys } from '../../authority/device.ts';
import { HEAD_LIFE_MS, headBody, headMessage, type MeshHeadBody } from '../../authority/head.ts';
import { encodeLeaf } from '../../authority/leaf.ts';
import {
  type AppraisalContext,
  type AuthorityMember,
  applicationShape,
  type Claim,
  readClaim,
} from '../../authority/member.ts';
import { nextRevocations } from '../../authority/next-revocations.ts';
import { type EnrolmentRequest, readRequest } from '../../authority/request.ts';
import { revocationsMessage } from '../../authority/revocation.ts';
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../../envelope/cbor.ts';
import {
  boolean,
  bytes,
  bytesBetween,
  type Fields,
  fields,
  list,
  object,
  optional,
  text,
  uint,
  variant,
} from '../../envelope/fields.ts';
import type { SigningKey } from '../../envelope/keys.ts';
import {
  Log,
  type LogJudgement,
  LogWriter,
  type NoteKey,
  type NoteSignature,
  type NoteSigner,
} from '../../log/index.ts';
import type { Clock, Store } from '../../ports.ts';
import { decodeSecretShare, SigningMember } from '../../threshold/index.ts';
import { CommitteeLog } from './ceremonies/committee-log.ts';
import { Successors } from './successors.ts';
import { Witnessing } from './witnessing.ts';

const SIGNED_HEAD_KEY = 'authority/signed-head';
const HEAD_TOLERANCE_MS = 60_000;
/** Proposals that failed leave numbers out; a coordinator that leaves out more wants to use them up. */
const MOST_SKIPPED_HEADS = 1_000;
/** The index of each definition that is in the log, by its digest. */
const DEFINITION_PREFIX = 'authority/definition/';
/** Actions that one version of the revocations follows from. */
const MOST_CAUSES = 256;

const proposal = variant('kind', {
  certificate: { session: bytes(32), application: object(applicationShape), tbs: bytesBetween(1, 8 * 1024) },
  root: { session: bytes(32) },
  head: { session: bytes(32), body: headBody, documents: optional(authorityDocuments) },
  /** The version that these actions lead to. */
  revocations: {
    session: bytes(32),
    version: uint(),
    time: uint(),
    causes: list(object({ number: uint(), digest: bytes(32) }), { max: MOST_CAUSES }),
  },
});

const signedHeadShape = {
  number: uint(),
  message: bytesBetween(1, 4096),
  /** What it names. */
  bundle: optional(uint()),
  committee: optional(uint()),
} as const;

const challengeShape = {
  /** Of the request. */
  digest: bytes(32),
  tpm: optional(readTpmKeys),
  /** Of a newcomer: the invite is kept for this request from now on, for a while. */
  invited: optional(object({ request: bytesBetween(1, 8 * 1024), claim: readClaim })),
  /** The coordinator gives up for now: what was kept for the request is free again. */
  isReleased: optional(boolean),
} as const;

const signShape = {
  message: bytesBetween(1, 64 * 1024),
  /** Where what is signed stands. */
  logs: optional(list(object({ log: text(63), checkpoint: text(1024) }), { max: 64 })),
} as const;

export type Proposal = ReturnType<typeof proposal>;

export interface AuthorityDutyOptions {
  crypto: Crypto;
  clock: Clock;
  store: Store;
  authority: AuthorityView;
  /** This member's name in the committee. */
  name: string;
  member: AuthorityMember;
  /** Of the committee in force; absent while this member has lost its own, or has none. */
  secretShare: Uint8Array | undefined;
  logKey: SigningKey;
  witnessKey: SigningKey;
  /** ML-DSA-44, for cosignatures over HTTP. */
  witnessTreeKey?: NoteSigner | undefined;
  /** Logs of others that this member witnesses over HTTP. */
  foreignLogs?: readonly NoteKey[] | undefined;
  /**
   * Resolves once others have shown that they saw no more of this log than there is; nothing is added or approved before,
   * but the root. `among` are all that are left, where fewer are than must sign.
   */
  requireRecent?: ((among?: readonly string[]) => Promise<void>) | undefined;
  /** The parts of a head that this member believes. */
  headParts(): Pick<MeshHeadBody, 'bundle' | 'policy' | 'committee' | 'revocations'>;
  /** The number of the newest head that this member has seen; 0 before the first. */
  newestHead(): number;
  /** What operators approved, if this member has it in its own log; throws where it has not. */
  admittedAction?(number: number, digest: Uint8Array): ApprovedAction;
}

export class AuthorityDuty {
  readonly #options: AuthorityDutyOptions;
  #signing: { epoch: number; machine: SigningMember } | undefined;
  readonly log: Log;
  readonly witnessing: Witnessing;
  /** For every document of which there is one in each version. */
  readonly successors: Successors;
  readonly committees: CommitteeLog;
  readonly #writer: LogWriter;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: AuthorityDutyOptions) {
    const { crypto, store, authority, name, secretShare, logKey } = options;
    this.#options = options;
    this.#signing = secretShare && this.#signingWith(secretShare);
    this.successors = new Successors(crypto, store);
    this.committees = new CommitteeLog({ crypto, store, append: (judge) => this.#append(judge) });
    this.log = new Log({
      crypto,
      store,
      prefix: 'log/',
      origin: logOrigin(authority.meshId, name),
      signer: logKey,
    });
    this.#writer = new LogWriter({ log: this.log, store });
    this.witnessing = new Witnessing({ ...options, treeKey: options.witnessTreeKey });
  }

  /** This member's nonce for a request that `coordinator` carries, and for a TPM a challenge that only it answers. */
  challenge(coordinator: string, body: CborValue): CborValue {
    const { member, clock, crypto } = this.#options;
    const { digest, tpm, invited, isReleased } = fields(body, challengeShape, 'authority.challenge');
    if (isReleased) {
      member.release(digest, coordinator);
      return null;
    }
    if (invited) {
      const request = readRequest(crypto, invited.request);
      if (!equal(request.digest, digest))
        throw new OotoError('OOTO_MESH_ENROLMENT', 'peer', 'the claim is of another request');
      member.reserve(request, invited.claim, coordinator, this.#contextOver(this.#options.store));
    }
    const nonce = member.challenge(digest, clock.now(), coordinator);
    return tpm ? { nonce, ...member.challengeTpm(digest, tpm) } : nonce;
  }

  /** Whether this right lets anybody ask for this request. @throws as {@link AuthorityMember.requireRight}. */
  requireRight(request: EnrolmentRequest, right: Claim): void {
    this.#options.member.requireRight(request, right, this.#contextOver(this.#options.store));
  }

  /** Appraises, logs and approves what `coordinator` proposes; answers with the proof that it is logged. */
  async appraise(coordinator: string, body: CborValue): Promise<LogProof | null> {
    const proposed = proposal(body, 'authority.appraise');
    if (proposed.kind === 'certificate') return this.#appraiseCertificate(coordinator, proposed);
    if (proposed.kind !== 'root') await this.#options.requireRecent?.();
    const message = await this.#messageOf(proposed);
    this.#approve(coordinator, proposed.session, message);
    return null;
  }

  /** Signs with this share from now on: that of the committee in force. What was open under another is forgotten. */
  takeShare(secretShare: Uint8Array): void {
    const before = this.#signing;
    if (before?.epoch === this.#options.authority.committee.epoch) return;
    this.#signing = this.#signingWith(secretShare);
    before?.machine[Symbol.dispose]();
  }

  #signingWith(encoded: Uint8Array): { epoch: number; machine: SigningMember } {
    const { crypto, authority } = this.#options;
    const { publicPackage, committee } = authority;
    const secretShare = decodeSecretShare(crypto, publicPackage, encoded);
    return {
      epoch: committee.epoch,
      machine: new SigningMember({ crypto, publicPackage, secretShare }),
    };
  }

  /** Members sign in the newest committee that they know, and in no other. */
  get #machine(): SigningMember {
    const { epoch } = this.#options.authority.committee;
    if (this.#signing?.epoch === epoch) return this.#signing.machine;
    throw new OotoError(
      'OOTO_AUTHORITY_EPOCH',
      'local',
      `this member has no share of the committee in force, of epoch ${epoch}`,
      { hint: 'it takes part again once the others have repaired its share' },
    );
  }

  /** Answers one message of the signing protocol. */
  sign(coordinator: string, body: CborValue): Uint8Array {
    const { message, logs = [] } = fields(body, signShape, 'authority.sign');
    for (const { log, checkpoint } of logs) this.witnessing.noteShown(log, coordinator, checkpoint);
    return this.#machine.receive(coordinator, message, this.#options.clock.monotonic());
  }

  /** Logs a workload definition that the caller has verified; one that is logged already is proven again. */
  logDefinition(digest: Uint8Array, originator: string): Promise<LogProof> {
    const key = `${DEFINITION_PREFIX}${hex(digest)}`;
    const leaf = encodeLeaf({ kind: 'definition', digest, originator });
    return this.#append((state, index) => {
      const logged = state.get(key);
      if (logged) return uint()(decode(logged, { maxBytes: 9 }), key);
      return { leaf, changes: [{ put: key, value: encode(index) }] };
    });
  }

  /**
   * Logs what operators approved, or proves it again where `judge` finds it logged.
   * @param among where not as many members as must sign are left: those that are
   */
  logAction(judge: LogJudgement, among?: readonly string[]): Promise<LogProof> {
    return this.#append(judge, among);
  }

  /** The proof of an entry that is in the log. */
  prove(index: number): LogProof {
    return this.#prove(this.log.entry(index), index);
  }

  /** Puts witnesses' lines under the checkpoint `note`, if it is still the newest. */
  addCosignatures(note: string, signatures: readonly NoteSignature[]): void {
    this.#writer.addCosignatures(note, signatures);
  }

  /** For a reader of this log. @throws OOTO_MESH_LOG_RANGE (peer) for sizes that the log did not have. */
  proveConsistency(from: number, to: number): Uint8Array[] {
    if (from > to || to > this.log.size)
      throw new OotoError('OOTO_MESH_LOG_RANGE', 'peer', `this log has ${this.log.size} entries`);
    return this.log.proveConsistency(from, to);
  }

  async #appraiseCertificate(
    coordinator: string,
    { session, application, tbs }: Extract<Proposal, { kind: 'certificate' }>,
  ): Promise<LogProof> {
    const { member } = this.#options;
    const proof = await this.#append((state) => member.appraise(application, tbs, this.#contextOver(state)));
    this.#approve(coordinator, session, tbs);
    return proof;
  }

  #contextOver(state: Pick<Store, 'get'>): AppraisalContext {
    return { now: this.#options.clock.now(), bound: (key) => state.get(key) };
  }

  /** One entry and what belongs to it, durable before anybody hears of it. */
  async #append(judge: LogJudgement, among?: readonly string[]): Promise<LogProof> {
    await this.#options.requireRecent?.(among);
    let leaf: Uint8Array | undefined;
    const index = await this.#writer.append((state, next) => {
      const judged = judge(state, next);
      if (typeof judged !== 'number') leaf = judged.leaf;
      return judged;
    });
    return this.#prove(leaf ?? this.log.entry(index), index);
  }

  #prove(leaf: Uint8Array, index: number): LogProof {
    const { ownCheckpoint: checkpoint } = this.log;
    if (checkpoint === undefined) throw new OotoError('OOTO_MESH_LOG', 'local', 'the log has no checkpoint');
    return { log: this.#options.name, leaf, index, path: this.log.proveInclusion(index), checkpoint };
  }

  #messageOf(proposed: Exclude<Proposal, { kind: 'certificate' }>): Promise<Uint8Array> {
    if (proposed.kind === 'revocations') return this.#revocationsMessage(proposed);
    if (proposed.kind === 'head') return this.admitHead(proposed.body, proposed.documents);
    return rootTbs(this.#options.crypto, this.#options.authority.bundle);
  }

  /** What the actions in this member's own log lead to from the version it has, and nothing else. */
  async #revocationsMessage({
    version,
    time,
    causes,
  }: Extract<Proposal, { kind: 'revocations' }>): Promise<Uint8Array> {
    const { crypto, clock, authority, admittedAction } = this.#options;
    const approved = causes.map(({ number, digest }) => {
      if (!admittedAction)
        throw new OotoError('OOTO_AUTHORITY_REVOCATION', 'local', 'this member has no log of actions');
      return admittedAction(number, digest);
    });
    const { body } = nextRevocations(crypto, authority, approved, clock.now());
    if (version !== body.version || time !== body.time)
      throw new OotoError(
        'OOTO_AUTHORITY_REVOCATION',
        'peer',
        `version ${body.version} of the revocations comes next here, and not this one`,
      );
    const message = revocationsMessage(body);
    await this.successors.admit('revocations', version, message);
    return message;
  }

  /**
   * The bytes of a head that this member may sign: its parts are ours, or those of documents that come with it and follow
   * ours, its time is now, and its number is new; each number once, and none with an older bundle or committee than a
   * head before it: that one may be in force somewhere.
   * @throws OOTO_AUTHORITY_HEAD (peer), and what speaks against the documents.
   */
  async admitHead(body: MeshHeadBody, documents?: AuthorityDocuments): Promise<Uint8Array> {
    const { authority, clock, store, headParts } = this.#options;
    const { bundle, policy, committee, revocations } = body;
    const parts = { ...headParts(), ...(documents ? authority.stage(documents).versions : {}) };
    if (!equal(body.mesh, authority.meshId)) throw refuse('the head is for another mesh');
    if (!equal(encode(plain({ bundle, policy, committee, revocations })), encode(plain(parts))))
      throw refuse('the head names versions that this member does not have');
    if (Math.abs(body.time - clock.now()) > HEAD_TOLERANCE_MS)
      throw refuse('the time of the head is not now');
    if (body.expires !== body.time + HEAD_LIFE_MS) throw refuse('the head ends too early or too late');
    return this.#inTurn(async () => {
      const message = headMessage(body);
      this.#requireNumber(body, message);
      await store.commit([
        {
          put: SIGNED_HEAD_KEY,
          value: encode({
            number: body.number,
            message,
            bundle: bundle.version,
            committee: committee.version,
          }),
        },
      ]);
      return message;
    });
  }

  /** Each number once, none below one that is known, and none far above. */
  #requireNumber({ number, bundle, committee }: MeshHeadBody, message: Uint8Array): void {
    const signed = this.#signedHead;
    if (number === signed?.number && equal(signed.message, message)) return;
    if (bundle.version < (signed?.bundle ?? 0) || committee.version < (signed?.committee ?? 0))
      throw refuse('this member has signed a head that names a newer bundle or committee');
    const newest = Math.max(signed?.number ?? 0, this.#options.newestHead());
    if (number <= newest) throw refuse(`head ${newest} is known, another ${number} is not signed`);
    if (number > newest + MOST_SKIPPED_HEADS) throw refuse(`head ${number} does not follow head ${newest}`);
  }

  /** The newest head that this member has approved. */
  get #signedHead(): Fields<typeof signedHeadShape> | undefined {
    const stored = this.#options.store.get(SIGNED_HEAD_KEY);
    if (!stored) return undefined;
    return fields(decode(stored, { maxBytes: 8 * 1024 }), signedHeadShape);
  }

  /** The number that a new head of this member's making may have. */
  get nextHeadNumber(): number {
    return 1 + Math.max(this.#signedHead?.number ?? 0, this.#options.newestHead());
  }

  #approve(coordinator: string, session: Uint8Array, message: Uint8Array): void {
    this.#machine.approve({ session, message, coordinator }, this.#options.clock.monotonic());
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#writing.then(step, step);
    this.#writing = turn.catch(() => {});
    return turn;
  }
}

function plain(parts: Pick<MeshHeadBody, 'bundle' | 'policy' | 'committee' | 'revocations'>): CborValue {
  return parts as unknown as CborValue;
}

function refuse(message: string): OotoError {
  return new OotoError('OOTO_AUTHORITY_HEAD', 'peer', message);
}
