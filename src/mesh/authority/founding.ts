/**
 * How founders make a mesh. What flows through here, in order: each founder meets every other over a channel that
 * the genesis draft pins, both attested; the first founder of the draft opens a run of key generation; its
 * messages travel as requests; what must survive a crash is stored before it is answered; every founder ends with
 * the same genesis record and its own share. A founder that was down meanwhile asks the others for the record.
 */

import type { AuthorityView } from '../../authority/authority-view.ts';
import {
  createGenesisRecord,
  draftDigest,
  type Founder,
  founderIdentity,
  foundingCommittee,
  type GenesisDraft,
  type GenesisRecord,
  generationSession,
  readDraft,
  verifyGenesisRecord,
  verifyOperators,
} from '../../authority/genesis.ts';
import { HeadView } from '../../authority/head.ts';
import { equal } from '../../base/bytes.ts';
import { wipe } from '../../base/disposal.ts';
import { OotoError } from '../../base/errors.ts';
import type { CredentialVerifier } from '../../channel/credential.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../../envelope/cbor.ts';
import { bytes, bytesBetween, fields, list, nullable, object, text, uint } from '../../envelope/fields.ts';
import type { NamedSignature } from '../../envelope/quorum.ts';
import type { Clock, Logger, Store, StoreChange } from '../../ports.ts';
import {
  encodePublicPackage,
  KeyGeneration,
  type KeyGenerationKey,
  type Outgoing,
  type PendingKey,
} from '../../threshold/index.ts';
import { GENESIS_KEY, ROOT_KEY } from '../identity.ts';
import { pause } from '../patience.ts';
import type { Peers } from '../peers.ts';
import { asOotoError, type Session } from '../session.ts';

export const SHARE_KEY = 'authority/share';
const PENDING_KEY = 'founding/pending';
const ATTEMPT_KEY = 'founding/attempt';
const RUN_MS = 30_000;
const ASK_AGAIN_MS = 1_000;
const MEET_AGAIN_MS = 100;
/** For one try at a session with a founder, and for its word on how far it is. */
const MEET_MS = 5_000;
/** How long a founder waits to be dialled by those before it. */
const DIALLED_MS = 2_000;
const MOST_BYTES = 4 * 1024 * 1024;

/** A genesis draft with the signatures of the operators that agreed to it; public. */
export interface SignedDraft {
  draft: Uint8Array;
  operatorSignatures: NamedSignature[];
}

export function encodeSignedDraft({ draft, operatorSignatures }: SignedDraft): Uint8Array {
  return encode({
    draft,
    operatorSignatures: operatorSignatures.map(({ keyid, signature }) => ({ keyid, signature })),
  });
}

/** @throws OOTO_ENVELOPE_* (peer) unless the operators' quorum signed it. */
export function readSignedDraft(crypto: Crypto, encoded: Uint8Array): SignedDraft {
  const signed = peekSignedDraft(encoded);
  verifyOperators(crypto, readDraft(signed.draft), signed.draft, signed.operatorSignatures);
  return signed;
}

/** What is there, whose signatures nobody has checked; for operators that have yet to sign. @throws OOTO_ENVELOPE_* (peer). */
export function peekSignedDraft(encoded: Uint8Array): SignedDraft {
  return fields(
    decode(encoded, { maxBytes: MOST_BYTES }),
    {
      draft: bytesBetween(1, MOST_BYTES),
      operatorSignatures: list(object({ keyid: text(256), signature: bytes(64) }), { min: 1, max: 16 }),
    },
    'signed draft',
  );
}

/**
 * Founders are who the draft says, as long as they hold the identity key it names; once there is a mesh, who its
 * committee is, those that are revoked excepted, and whom operators bring in.
 */
export function founderVerifier(
  draft: GenesisDraft,
  digest: Uint8Array,
  authority: () => AuthorityView | undefined = () => undefined,
  newcomer: (name: string) => Founder | undefined = () => undefined,
): CredentialVerifier {
  return ({ id, kind }, now) => {
    const view = authority();
    const members = view?.members ?? draft.founders;
    const founder = members.find((candidate) => candidate.name === id) ?? newcomer(id);
    if (!founder || kind !== 'founder')
      throw new OotoError('OOTO_MESH_NOT_A_FOUNDER', 'peer', 'the genesis draft names no such founder');
    if (view?.isRevokedMember(founder))
      throw new OotoError('OOTO_AUTHORITY_REVOKED', 'peer', `${id} is revoked`, { culprits: [id] });
    return {
      id,
      kind,
      identityKey: founderIdentity(founder),
      subject: digest,
      notAfter: now.wall + 24 * 3_600_000,
    };
  };
}

export interface FoundingOptions {
  crypto: Crypto;
  clock: Clock;
  logger: Logger;
  store: Store;
  peers: Peers;
  /** This founder's name in the draft. */
  name: string;
  signed: SignedDraft;
  key: KeyGenerationKey;
  signal: AbortSignal;
}

export class Founding {
  readonly #options: FoundingOptions;
  readonly #draft: GenesisDraft;
  readonly #digest: Uint8Array;
  #attempt: number;
  #run: KeyGeneration | undefined;
  /** The sessions over which the present run began, and when it has taken too long. */
  #opened = { until: 0, sessions: new Map<string, Session | undefined>() };
  #attemptOfOthers = 0;
  #begun = 0;
  #record: GenesisRecord | undefined;
  #settle: { resolve(record: GenesisRecord): void } = { resolve() {} };
  #busy: Promise<unknown> = Promise.resolve();

  constructor(options: FoundingOptions) {
    const { crypto, store, signed } = options;
    this.#options = options;
    this.#draft = readDraft(signed.draft);
    this.#digest = draftDigest(crypto, signed.draft);
    const stored = store.get(GENESIS_KEY);
    this.#record = stored && verifyGenesisRecord(crypto, stored);
    const attempt = store.get(ATTEMPT_KEY);
    this.#attempt = attempt ? (decode(attempt, { maxBytes: 16 }) as number) : 0;
  }

  /** The genesis record, made with all other founders, or found in the store, or at a founder that has it. */
  async run(): Promise<GenesisRecord> {
    if (this.#record) return this.#record;
    this.#begun = this.#options.clock.monotonic();
    const done = new Promise<GenesisRecord>((resolve) => {
      this.#settle = { resolve };
    });
    const failed = this.#pursue();
    return Promise.race([done, failed.then(() => done)]);
  }

  /** Answers the requests of other founders. */
  async answer(
    from: string,
    operation: 'genesis.key-generation' | 'genesis.certify',
    body: CborValue,
  ): Promise<CborValue> {
    if (operation === 'genesis.certify') {
      const { store } = this.#options;
      const [root, head] = [store.get(ROOT_KEY) ?? null, store.get(HeadView.storeKey) ?? null];
      return { record: this.#record?.encoded ?? null, attempt: this.#attempt, root, head };
    }
    const message = fields(body, { attempt: uint(1_000_000), bytes: bytesBetween(1, 256 * 1024) }, operation);
    await this.#inTurn(() => this.#receive(from, message.attempt, message.bytes));
    return null;
  }

  /** Meets the others, again when a session is lost, and asks for the record; the first of the draft opens runs. */
  async #pursue(): Promise<void> {
    const { clock, name, signal, logger } = this.#options;
    const leads = this.#draft.founders[0].name === name;
    while (!this.#record) {
      const met = await Promise.all(this.#others.map((founder) => this.#meet(founder.name)));
      await this.#askForRecord();
      if (this.#record) return;
      if (leads && met.every(Boolean) && this.#isRunDue())
        await this.#inTurn(() => this.#open(Math.max(this.#attempt, this.#attemptOfOthers) + 1)).catch(
          (error) => logger.log('warn', 'key generation failed', { attempt: this.#attempt, error }),
        );
      await pause(clock, met.every(Boolean) ? ASK_AGAIN_MS : MEET_AGAIN_MS, signal);
    }
  }

  get #others() {
    return this.#draft.founders.filter((founder) => founder.name !== this.#options.name);
  }

  /** A run that took too long is replaced, and one whose members were not there all the time: they have lost it. */
  #isRunDue(): boolean {
    const { clock, peers } = this.#options;
    if (!this.#run || this.#run.stage === 'failed') return true;
    if (clock.monotonic() >= this.#opened.until) return true;
    return this.#others.some(
      ({ name }) => peers.with(this.#digest, name) !== this.#opened.sessions.get(name),
    );
  }

  /**
   * A session with this founder, if it can be had now. Of two, the one that stands first in the draft dials, so that
   * there is one; it may have finished and dial no more, so the other does after a while.
   */
  async #meet(other: string): Promise<boolean> {
    const { peers, clock, name, signal } = this.#options;
    if (peers.with(this.#digest, other)) return true;
    const founders = this.#draft.founders;
    const isFirst = founders.findIndex((f) => f.name === name) < founders.findIndex((f) => f.name === other);
    if (!isFirst && clock.monotonic() < this.#begun + DIALLED_MS) return false;
    const address = founders.find((founder) => founder.name === other)!.addresses[0];
    const late = new AbortController();
    const cancel = clock.after(MEET_MS, () => late.abort(absent(other)));
    try {
      await peers.dial(this.#digest, address, other, { signal: AbortSignal.any([signal, late.signal]) });
      return true;
    } catch {
      return false;
    } finally {
      cancel();
    }
  }

  async #askForRecord(): Promise<void> {
    for (const { name } of this.#others) {
      const answer = await this.#ask(name, 'genesis.certify', null, MEET_MS).catch(() => undefined);
      if (answer === undefined) continue;
      const { record, attempt } = fields(answer, foundingState, 'founding state');
      if (record) return this.#inTurn(() => this.#adopt(record));
      this.#attemptOfOthers = Math.max(this.#attemptOfOthers, attempt);
    }
  }

  /** Takes the record that others finished, if it is about the key this founder has a share of. */
  async #adopt(encoded: Uint8Array): Promise<void> {
    const { crypto, store, signed } = this.#options;
    const record = verifyGenesisRecord(crypto, encoded);
    const stored = store.get(PENDING_KEY);
    const pending = stored && fields(decode(stored, { maxBytes: MOST_BYTES }), pendingShape);
    const ours = equal(record.draftBytes, signed.draft);
    if (!ours || !pending || !equal(pending.publicPackage, encodePublicPackage(record.publicPackage)))
      throw new OotoError(
        'OOTO_MESH_FOUNDING',
        'local',
        'the others finished without a share of this founder',
        {
          hint: 'the share was lost before it was stored; it must be repaired by the other members',
        },
      );
    await this.#finish(record, pending.share);
  }

  async #open(attempt: number): Promise<void> {
    const { crypto, clock, store, peers, name, signed, key } = this.#options;
    const until = clock.monotonic() + RUN_MS;
    const sessions = new Map(this.#others.map((other) => [other.name, peers.with(this.#digest, other.name)]));
    await store.commit([{ put: ATTEMPT_KEY, value: encode(attempt) }]);
    this.#run?.[Symbol.dispose]();
    this.#attempt = attempt;
    this.#opened = { until, sessions };
    this.#run = new KeyGeneration({
      crypto,
      committee: foundingCommittee(this.#draft),
      session: generationSession(crypto, signed.draft, attempt),
      name,
      key,
      deadline: until,
    });
    this.#deliver(this.#run.start());
  }

  async #receive(from: string, attempt: number, message: Uint8Array): Promise<void> {
    if (this.#record || attempt < this.#attempt) return;
    if (attempt > this.#attempt) await this.#open(attempt);
    const run = this.#run;
    if (!run) throw new OotoError('OOTO_MESH_FOUNDING', 'peer', 'no run of key generation is open here');
    const outgoing = run.receive(from, message);
    if (run.pending && outgoing.length > 0) await this.#storePending(run.pending);
    this.#deliver(outgoing);
    if (run.result) await this.#complete(run);
  }

  async #storePending({ publicPackage, secretShare }: PendingKey): Promise<void> {
    const share = secretShare.encode();
    const value = encode({ publicPackage: encodePublicPackage(publicPackage), share });
    await this.#options.store.commit([{ put: PENDING_KEY, value }]);
    wipe(share, value);
  }

  async #complete(run: KeyGeneration): Promise<void> {
    const { publicPackage, secretShare, certificate } = run.result!;
    const { crypto, signed } = this.#options;
    const { draft, operatorSignatures } = signed;
    const attempt = this.#attempt;
    const record = createGenesisRecord(crypto, {
      draft,
      operatorSignatures,
      attempt,
      publicPackage,
      certificate,
    });
    const share = secretShare.encode();
    secretShare[Symbol.dispose]();
    await this.#finish(record, share);
  }

  async #finish(record: GenesisRecord, share: Uint8Array): Promise<void> {
    const changes: StoreChange[] = [
      { put: GENESIS_KEY, value: record.encoded },
      { put: SHARE_KEY, value: share },
      { delete: PENDING_KEY },
    ];
    await this.#options.store.commit(changes);
    wipe(share);
    this.#record = record;
    this.#settle.resolve(record);
  }

  #deliver(outgoing: readonly Outgoing[]): void {
    for (const { to, bytes } of outgoing) void this.#send(to, this.#attempt, bytes);
  }

  /** Sends a message as a request, again while its founder is away; it is not needed once the run is over. */
  async #send(to: string, attempt: number, message: Uint8Array): Promise<void> {
    const { clock, logger, signal } = this.#options;
    while (!this.#record && attempt === this.#attempt && !signal.aborted) {
      try {
        await this.#ask(to, 'genesis.key-generation', { attempt, bytes: message });
        return;
      } catch (error) {
        const { code } = asOotoError(error);
        logger.log('info', 'a message of key generation was not taken', { peer: to, code, error });
        if (code === 'OOTO_MESH_FOUNDING' || code.startsWith('OOTO_THRESHOLD_')) return;
      }
      await pause(clock, MEET_AGAIN_MS, signal).catch(() => {});
    }
  }

  async #ask(
    to: string,
    operation: 'genesis.key-generation' | 'genesis.certify',
    body: CborValue,
    timeoutMs = RUN_MS,
  ): Promise<CborValue> {
    const session = this.#options.peers.with(this.#digest, to);
    if (!session) throw absent(to);
    return session.request(operation, body, { timeoutMs, signal: this.#options.signal });
  }

  /** One step after the other: the machine is not entered twice while a commit is under way. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#busy.then(step, step);
    this.#busy = turn.catch(() => {});
    return turn;
  }
}

function absent(name: string): OotoError {
  return new OotoError('OOTO_MESH_NOT_READY', 'environment', `there is no session with ${name}`);
}

/** How far another founder is. */
export const foundingState = {
  record: nullable(bytesBetween(1, MOST_BYTES)),
  attempt: uint(1_000_000),
  root: nullable(bytesBetween(1, 8 * 1024)),
  head: nullable(bytesBetween(1, 4 * 1024)),
} as const;

const pendingShape = { publicPackage: bytesBetween(1, 64 * 1024), share: bytesBetween(1, 4 * 1024) } as const;
