/**
 * The leader's side of ceremonies. What flows through here, in order: every member that takes part opens a run; what
 * one says is carried to the other, round after round; what came of it is certified by all new members, approved and
 * signed by the group, written into enough logs, and put into force by a head that the members who were in force sign (of
 * another key, who holds it); everybody takes it, the leader first. The leader holds nothing that the others do not judge
 * by themselves: it can fail to finish, and then whoever leads next finishes what any member stands for.
 */
import type { ApprovedAction } from '../../../authority/action.ts';
import type {
  AuthorityDocuments,
  AuthorityView,
  DocumentVersions,
} from '../../../authority/authority-view.ts';
import { encodeCommitteeRecord, nextCommittee } from '../../../authority/committee-record.ts';
import { type LogProof, logProof } from '../../../authority/credential.ts';
import { encodeHead, headMessage, type MeshHeadBody } from '../../../authority/head.ts';
import { encodeBundle, isRescue, nextBundle, type TrustBundleBody } from '../../../authority/trust-bundle.ts';
import { equal } from '../../../base/bytes.ts';
import { isOotoError, OotoError } from '../../../base/errors.ts';
import { assembleCertificate } from '../../../cert/write.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import type { CborValue } from '../../../envelope/cbor.ts';
import { bytes, bytesBetween, fields, nullable } from '../../../envelope/fields.ts';
import type { Clock, Logger } from '../../../ports.ts';
import {
  decodeGenerationCertificate,
  decodePublicPackage,
  decodeResharingCertificate,
  generatedPackage,
  groupKey,
  type PublicPackage,
} from '../../../threshold/index.ts';
import type { CeremonyOperation } from '../../operations.ts';
import { pause, within } from '../../patience.ts';
import { asOotoError } from '../../session.ts';
import { signWithGroup } from '../group-signature.ts';
import {
  type Heard,
  type Part,
  plainCommittee,
  plainSuccessor,
  type Said,
  type Step,
  type Successor,
  stateShape,
  stepShape,
} from './ceremony-message.ts';
import { type Plan, planOf } from './plan.ts';
import { encodeRescue } from './rescue.ts';
import { messageOf, nextRoot, retiringAfter } from './successor.ts';

const ANSWER_MS = 20_000;
/** Rounds of the longest machine, and one more. */
const MOST_ROUNDS = 4;
/** Another head may take the number meanwhile: then it is the next. */
const MOST_HEADS = 10;
const NEXT_HEAD_MS = 100;

/** Carries a request to a member, this one included, and its answer back. */
export type AskParticipant = (
  member: string,
  operation: CeremonyOperation,
  body: CborValue,
) => Promise<CborValue>;

export interface LeaderOptions {
  crypto: Crypto;
  clock: Clock;
  logger: Logger;
  /** This member's name. */
  name: string;
  authority: AuthorityView;
  ask: AskParticipant;
  /** The next head, as it names these documents. */
  nextHead(versions: DocumentVersions): MeshHeadBody;
  /** The committee has taken these documents with this head. */
  onTaken?(head: Uint8Array, documents: AuthorityDocuments): void;
  /** Members have taken documents that operators let in. */
  onRescued?(documents: AuthorityDocuments): Promise<void>;
  signal: AbortSignal;
}

export class Leader {
  readonly #options: LeaderOptions;

  constructor(options: LeaderOptions) {
    this.#options = options;
  }

  /** A committee after the one in force: refreshed, another, or under another key. */
  async change(approved: ApprovedAction): Promise<void> {
    await this.finish();
    await this.#complete(await this.#make(approved));
  }

  /**
   * Another key that the one in force does not let in. What of it there is already is taken up again.
   * @returns what the operators have to sign
   */
  async rescue(approved: ApprovedAction): Promise<Uint8Array> {
    await this.finish();
    const successor = (await this.#begun(approved)) ?? (await this.#make(approved));
    const next = decodePublicPackage(this.#options.crypto, successor.committee.publicPackage);
    const own = await this.#approved(successor, 'own', next);
    const signature = await this.#approved(successor, 'committee', next);
    const { committee, certificate } = successor;
    return encodeRescue({
      action: approved.encoded,
      bundle: successor.bundle as TrustBundleBody,
      own,
      committee: encodeCommitteeRecord(committee, { certificate, signature }),
      signatures: [],
    });
  }

  /**
   * Has everybody take a rescue that operators have signed; this member first.
   * @returns how the members of the new committee answered
   */
  async conclude(
    documents: AuthorityDocuments,
    members: readonly string[],
  ): Promise<Map<string, CborValue | OotoError>> {
    const { name, onRescued } = this.#options;
    const others = members.filter((member) => member !== name);
    const answers = new Map<string, CborValue | OotoError>();
    for (const wave of [members.filter((member) => member === name), others])
      await Promise.all(
        wave.map(async (member) => {
          const answer = this.#ask(member, 'ceremony.adopt', { head: null, documents } as never);
          answers.set(member, await answer.catch((error) => asOotoError(error)));
        }),
      );
    await onRescued?.(documents);
    return answers;
  }

  /** What members stand for since this action was led before. */
  async #begun(approved: ApprovedAction): Promise<Successor | undefined> {
    const { authority } = this.#options;
    const known = authority.known as unknown as CborValue;
    for (const { name } of planOf(approved.action, authority).members) {
      const { successor } = fields(
        await this.#ask(name, 'ceremony.state', known),
        stateShape,
        'ceremony.state',
      );
      if (successor && equal(successor.action.digest, approved.digest)) return successor;
    }
    return undefined;
  }

  async #make(approved: ApprovedAction): Promise<Successor> {
    const { authority } = this.#options;
    const plan = planOf(approved.action, authority);
    const session = this.#options.crypto.random.bytes(32);
    const dealers = plan.overlapMs !== undefined ? [] : await this.#dealers(plan);
    const names = [
      ...new Set([...namesOf(authority.publicPackage, dealers), ...plan.members.map((m) => m.name)]),
    ];
    const proof = await this.#run(approved, { session, dealers, names });
    if (!proof) throw failed('no member has the certificate', []);
    return this.#successor(approved, plan, session, proof);
  }

  /** The share of one member, computed anew by others. */
  async repair(approved: ApprovedAction): Promise<void> {
    await this.finish();
    const { authority, crypto } = this.#options;
    const plan = planOf(approved.action, authority);
    const lost = plan.lost as number;
    const helpers = (await this.#present(authority.publicPackage, [lost])).slice(0, authority.threshold);
    const names = namesOf(authority.publicPackage, [...helpers, lost]);
    await this.#run(approved, { session: crypto.random.bytes(32), dealers: helpers, names });
  }

  /** Finishes what any member stands for: a leader before may have gone away. Does nothing when there is nothing. */
  async finish(): Promise<void> {
    const { authority, name } = this.#options;
    const known = authority.known as unknown as CborValue;
    const names = [name, ...this.#others];
    const answers = await Promise.all(
      names.map((member) =>
        this.#attempt(async () =>
          fields(await this.#ask(member, 'ceremony.state', known), stateShape, 'ceremony.state'),
        ),
      ),
    );
    const states = answers.filter((state) => state !== undefined);
    for (const { head, documents } of states)
      if (documents.committees.length > 0)
        await this.#attempt(() => this.#ask(name, 'ceremony.adopt', { head, documents } as never));
    for (const { successor } of states)
      if (successor?.committee.epoch === authority.committee.epoch + 1 && !this.#isRescue(successor))
        await this.#attempt(() => this.#complete(successor));
  }

  /** It waits for the operators. */
  #isRescue({ bundle }: Successor): boolean {
    return bundle !== undefined && isRescue(bundle, this.#options.authority.bundle);
  }

  get #others(): string[] {
    const { authority, name } = this.#options;
    return authority.activeMembers.map((member) => member.name).filter((other) => other !== name);
  }

  /** As many old members as are needed; in a refresh all must be there anyway. */
  async #dealers(plan: Plan): Promise<number[]> {
    const { authority } = this.#options;
    const { publicPackage } = authority;
    const stay = new Set(plan.members.map((member) => member.name));
    const present = await this.#present(publicPackage, []);
    const { members } = publicPackage.committee;
    const isStaying = (identifier: number) =>
      stay.has(members.find((member) => member.identifier === identifier)?.name ?? '');
    const chosen = [...present.filter(isStaying), ...present.filter((id) => !isStaying(id))];
    return chosen.slice(0, authority.threshold).sort((a, b) => a - b);
  }

  /** Identifiers of the active members that answer, in order. @throws OOTO_AUTHORITY_UNAVAILABLE (environment). */
  async #present({ committee }: PublicPackage, but: readonly number[]): Promise<number[]> {
    const { authority } = this.#options;
    const active = new Set(authority.activeMembers.map((member) => member.name));
    const asked = committee.members.filter((m) => active.has(m.name) && !but.includes(m.identifier));
    const known = authority.known as unknown as CborValue;
    const answers = await Promise.all(
      asked.map(({ name }) => this.#attempt(() => this.#ask(name, 'ceremony.state', known))),
    );
    const present = asked.filter((_, i) => answers[i] !== undefined);
    if (present.length >= authority.threshold) return present.map(({ identifier }) => identifier);
    const missing = asked.filter((member) => !present.includes(member)).map(({ name }) => name);
    throw new OotoError(
      'OOTO_AUTHORITY_UNAVAILABLE',
      'environment',
      `${authority.threshold} members are needed and ${present.length} can be reached; missing: ${missing.join(', ')}`,
      { culprits: missing, hint: 'start the missing members, then try again' },
    );
  }

  /** Round after round, until nobody says anything more. Returns the certificate, where there is one. */
  async #run(
    approved: ApprovedAction,
    {
      session,
      dealers,
      names,
    }: { session: Uint8Array; dealers: readonly number[]; names: readonly string[] },
  ): Promise<Uint8Array | undefined> {
    const action = referenceTo(approved);
    const open = { action, session, dealers: [...dealers] };
    let steps = await this.#askAll(names, 'ceremony.open', () => open);
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const heard = exchanged(steps);
      if (heard.size === 0) break;
      steps = await this.#askAll([...heard.keys()], 'ceremony.deliver', (name) => ({
        session,
        heard: (heard.get(name) as Heard[]).map((message) => ({ ...message })),
      }));
    }
    return [...steps.values()].find(({ certificate }) => certificate !== null)?.certificate ?? undefined;
  }

  /** All must answer, and no machine may have ended. @throws OOTO_MESH_CEREMONY with culprits. */
  async #askAll(
    names: readonly string[],
    operation: CeremonyOperation,
    body: (name: string) => CborValue,
  ): Promise<Map<string, Step>> {
    const steps = new Map<string, Step>();
    const missing: string[] = [];
    let failure: Step['failure'] = null;
    await Promise.all(
      names.map(async (name) => {
        try {
          const step = fields(await this.#ask(name, operation, body(name)), stepShape, operation);
          steps.set(name, step);
          failure ??= step.failure;
        } catch (error) {
          this.#options.logger.log('info', 'a member did not take part', { member: name, operation, error });
          failure ??= {
            code: asOotoError(error).code,
            message: asOotoError(error).message,
            culprits: [name],
          };
          missing.push(name);
        }
      }),
    );
    if (missing.length > 0)
      throw failed(`${operation} needs all; missing: ${missing.join(', ')}`, missing, failure);
    const ended = [...steps.values()].find((step) => step.failure !== null)?.failure;
    if (ended) throw failed(ended.message, ended.culprits, ended);
    return steps;
  }

  /** All that is to be signed, certified by every new member. */
  async #successor(
    approved: ApprovedAction,
    plan: Plan,
    session: Uint8Array,
    proof: Uint8Array,
  ): Promise<Successor> {
    const { authority, clock, crypto } = this.#options;
    const { contributions } =
      plan.overlapMs !== undefined ? decodeGenerationCertificate(proof) : decodeResharingCertificate(proof);
    const publicPackage = generatedPackage(crypto, plan.committee, contributions);
    const created = Math.max(clock.now(), authority.committee.created, authority.bundle.created);
    const action = referenceTo(approved);
    const committee = nextCommittee(authority.committee, {
      created,
      members: [...plan.members],
      action: approved.digest,
      publicPackage,
    });
    const request = { action, session, committee: plainCommittee(committee), proof };
    const certificate = await Promise.all(
      plan.members.map(async ({ name }) =>
        bytes(64)(await this.#ask(name, 'ceremony.certify', request), name),
      ),
    );
    const bundle =
      plan.overlapMs !== undefined
        ? await this.#bundle(approved, plan, {
            session,
            created,
            publicPackage,
          })
        : undefined;
    return { action, ...(bundle ? { bundle } : {}), committee, certificate, proof };
  }

  async #bundle(
    approved: ApprovedAction,
    plan: Plan,
    {
      session,
      created,
      publicPackage,
    }: { session: Uint8Array; created: number; publicPackage: PublicPackage },
  ): Promise<TrustBundleBody> {
    const { authority, crypto } = this.#options;
    const key = groupKey(publicPackage);
    const tbs = await nextRoot(crypto, authority, { groupKey: key, created });
    const request = { action: referenceTo(approved), run: session, created };
    const signature = await this.#sign(publicPackage, 'ceremony.root', request, tbs);
    const root = await assembleCertificate(tbs, signature);
    const retiring = retiringAfter(authority, plan, created);
    return nextBundle(authority.bundle, { groupKey: key, created, retiring, root });
  }

  /** Has the group sign every part, the logs tell of it, a head name it, and everybody take it; this member first. */
  async #complete(successor: Successor): Promise<void> {
    const { authority, crypto, logger, onTaken } = this.#options;
    const { committee, bundle, certificate } = successor;
    const before = authority.members.map(({ name }) => name);
    const names = [...new Set([...before, ...committee.members.map(({ name }) => name)])];
    const next = decodePublicPackage(crypto, committee.publicPackage);
    const bundles: Uint8Array[] = [];
    if (bundle) {
      const signature = await this.#approved(successor, 'previous', authority.publicPackage);
      const own = await this.#approved(successor, 'own', next);
      bundles.push(encodeBundle(bundle, { own, succession: { kind: 'group', signature } }));
    }
    const signature = await this.#approved(successor, 'committee', bundle ? next : authority.publicPackage);
    const committees = [encodeCommitteeRecord(committee, { certificate, signature })];
    const documents = { bundles, committees, revocations: null };
    const proofs = await this.#record(successor, documents, { before, names });
    const head = await this.#head(documents, bundle ? next : authority.publicPackage, proofs);
    const taken = { head, documents };
    await this.#ask(this.#options.name, 'ceremony.adopt', taken);
    onTaken?.(head, documents);
    await Promise.all(
      names.map((name) =>
        this.#attempt(() => this.#ask(name, 'ceremony.adopt', taken)).then((answer) => {
          if (answer === undefined)
            logger.log('warn', 'a member has not taken the new committee yet', { member: name });
        }),
      ),
    );
  }

  /** Every member, old and new, writes the record into its log; the proofs of those that were members before. */
  async #record(
    successor: Successor,
    documents: AuthorityDocuments,
    { before, names }: { before: readonly string[]; names: readonly string[] },
  ): Promise<LogProof[]> {
    const body = { successor: plainSuccessor(successor), documents: documents as unknown as CborValue };
    const answers = await Promise.all(
      names.map((name) =>
        this.#attempt(async () => {
          const proof = nullable(logProof)(await this.#ask(name, 'ceremony.record', body), 'ceremony.record');
          return before.includes(name) ? proof : null;
        }),
      ),
    );
    return answers.filter((proof) => proof !== undefined && proof !== null);
  }

  /** The head that puts the documents into force. */
  async #head(
    documents: AuthorityDocuments,
    signers: PublicPackage,
    proofs: readonly LogProof[],
  ): Promise<Uint8Array> {
    const { authority, clock, nextHead, signal } = this.#options;
    const { versions } = authority.stage(documents);
    for (let tries = 1; ; tries++) {
      const body = nextHead(versions);
      const request = { body, documents, proofs } as unknown as Record<string, CborValue>;
      try {
        return encodeHead(body, await this.#sign(signers, 'ceremony.head', request, headMessage(body)));
      } catch (error) {
        const isTaken = isOotoError(error) && isOotoError(error.cause, 'OOTO_AUTHORITY_HEAD');
        if (tries === MOST_HEADS || !isTaken) throw error;
        await pause(clock, NEXT_HEAD_MS, signal);
      }
    }
  }

  /** One part of a successor, signed. */
  #approved(successor: Successor, part: Exclude<Part, 'root'>, signers: PublicPackage): Promise<Uint8Array> {
    const body = { part, successor: plainSuccessor(successor) };
    return this.#sign(signers, 'ceremony.approve', body, messageOf(successor, part));
  }

  /** A signature by as many members of this package as approve. */
  async #sign(
    publicPackage: PublicPackage,
    operation: 'ceremony.approve' | 'ceremony.root' | 'ceremony.head',
    body: Record<string, CborValue>,
    message: Uint8Array,
  ): Promise<Uint8Array> {
    const { crypto, clock } = this.#options;
    const session = crypto.random.bytes(32);
    const names = publicPackage.committee.members.map(({ name }) => name);
    const errors: OotoError[] = [];
    const answers = await Promise.all(
      names.map((name) =>
        this.#ask(name, operation, { ...body, session }).then(
          () => true,
          (error) => {
            errors.push(asOotoError(error));
            return false;
          },
        ),
      ),
    );
    const candidates = names.filter((_, i) => answers[i]);
    if (candidates.length < publicPackage.committee.threshold) throw tooFew(names, candidates, errors);
    const ask = async (member: string, request: Uint8Array) =>
      bytesBetween(1, 64 * 1024)(await this.#ask(member, 'ceremony.sign', { message: request }), member);
    return signWithGroup({ crypto, clock, publicPackage, session, message, candidates, ask });
  }

  #ask(member: string, operation: CeremonyOperation, body: CborValue): Promise<CborValue> {
    const { ask, clock } = this.#options;
    return within(clock, ANSWER_MS, operation, ask(member, operation, body));
  }

  async #attempt<T>(step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      this.#options.logger.log('info', 'not yet', { error });
      return undefined;
    }
  }
}

/** What was said, by who is to hear it. */
function exchanged(steps: ReadonlyMap<string, Step>): Map<string, Heard[]> {
  const heard = new Map<string, Heard[]>();
  for (const [from, { said }] of steps)
    for (const { to, ...message } of said as Said[])
      heard.set(to, [...(heard.get(to) ?? []), { from, ...message }]);
  return heard;
}

function namesOf({ committee }: PublicPackage, identifiers: readonly number[]): string[] {
  return committee.members.filter((m) => identifiers.includes(m.identifier)).map(({ name }) => name);
}

function referenceTo({ action, digest }: ApprovedAction): { number: number; digest: Uint8Array } {
  return { number: action.number, digest };
}

function failed(message: string, culprits: readonly string[], cause?: unknown): OotoError {
  return new OotoError('OOTO_MESH_CEREMONY', 'peer', message, {
    culprits: [...culprits],
    cause,
    hint: 'nothing has changed; mend or remove who is named, then propose it again',
  });
}

function tooFew(
  names: readonly string[],
  candidates: readonly string[],
  errors: readonly OotoError[],
): OotoError {
  const missing = names.filter((name) => !candidates.includes(name));
  const why = errors.map(({ code }) => code).join(', ');
  return new OotoError(
    'OOTO_AUTHORITY_UNAVAILABLE',
    'environment',
    `too few members approve: ${missing.join(', ')} do not (${why})`,
    { culprits: missing, cause: errors[0], hint: 'it goes on when enough are back' },
  );
}
