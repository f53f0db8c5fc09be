/**
 * What a member of the authority does as witness. What flows through here: a checkpoint comes from a peer for a log of
 * its own, from another member for its log, or over plain HTTP for these and for foreign logs that the operator named;
 * one after the other they are judged, stored and cosigned when the log only grew; and whoever has a log can ask what
 * was last seen of it.
 */
import type { AuthorityView } from '../../authority/authority-view.ts';
import { logKeyOf, witnessName } from '../../authority/credential.ts';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import { Rates } from '../../channel/rates.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../../envelope/cbor.ts';
import { text, uint } from '../../envelope/fields.ts';
import {
  answerWitness,
  type NoteKey,
  type NoteSigner,
  parseCheckpoint,
  parseNote,
  parseWitnessRequest,
  verifyCheckpoint,
  Witness,
  type WitnessRequest,
} from '../../log/index.ts';
import type { Clock, HttpRequest, HttpResponse, Store, StoreChange } from '../../ports.ts';
import { ShownCheckpoints } from './shown-checkpoints.ts';

const MOST_WITNESSED_BYTES = 128 * 1024;
/** How many logs of each node this member witnesses. */
const WITNESSED_PREFIX = 'authority/witnessed/';
const MOST_WITNESSED_LOGS = 65_536;

/** A peer that asks for a log of its own. */
export interface WitnessedPeer {
  /** `<role>/<name>/`: its logs are named under it, below the mesh id. */
  prefix: string;
  /** The key of these logs: its message key. */
  publicKey: Uint8Array;
}

export interface WitnessingOptions {
  crypto: Crypto;
  clock: Clock;
  store: Store;
  authority: Pick<AuthorityView, 'meshId' | 'committee'>;
  /** This member's name. */
  name: string;
  witnessKey: NoteSigner;
  /** ML-DSA-44; for requests over HTTP. */
  treeKey?: NoteSigner | undefined;
  /** Logs of others that are witnessed over HTTP; a log's origin is the name of its key. */
  foreignLogs?: readonly NoteKey[] | undefined;
}

export class Witnessing {
  readonly #options: WitnessingOptions;
  /** Each job has a log of receipts. */
  readonly #newLogs = new Rates({ perSecond: 1, burst: 64, most: 65_536 });
  readonly #shown = new ShownCheckpoints();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: WitnessingOptions) {
    this.#options = options;
  }

  /** The public keys, as others configure them: Ed25519, and ML-DSA-44 where there is one. */
  get keys(): NoteKey[] {
    const { authority, name, witnessKey, treeKey } = this.#options;
    const named = { name: witnessName(authority.meshId, name) };
    return [witnessKey, ...(treeKey ? [treeKey] : [])].map(({ publicKey }) => ({ ...named, publicKey }));
  }

  /**
   * Cosigns the checkpoint of a peer's own log (C2SP tlog-witness); answers with the signature line. A peer's logs
   * are named under `<mesh id>/<role>/<name>/`.
   * @throws OOTO_MESH_WITNESS, OOTO_MESH_WITNESS_RATE, OOTO_MESH_WITNESS_FULL (peer), and as {@link Witness.stage}.
   */
  async cosign(body: CborValue, peer: WitnessedPeer): Promise<string> {
    const request = parseWitnessRequest(text(MOST_WITNESSED_BYTES)(body, 'witness.cosign'));
    const { origin } = parseCheckpoint(parseNote(request.note).text);
    if (!origin.startsWith(`${hex(this.#options.authority.meshId)}/${peer.prefix}`))
      throw new OotoError('OOTO_MESH_WITNESS', 'peer', 'a node may have its own logs cosigned and no others');
    const key = { name: origin, publicKey: peer.publicKey };
    return this.#inTurn(() => this.#cosign(request, key, this.#countOrigin(origin, peer.prefix)));
  }

  /** The same for the log of a member of the authority. @throws OOTO_AUTHORITY_LOG (peer) for who is none. */
  async cosignMember(body: CborValue, member: string): Promise<string> {
    const request = parseWitnessRequest(text(MOST_WITNESSED_BYTES)(body, 'authority.cosign-log'));
    const key = logKeyOf(this.#options.authority.committee, member);
    return this.#inTurn(() => this.#cosign(request, key, []));
  }

  async #cosign(request: WitnessRequest, key: NoteKey, counted: readonly StoreChange[]): Promise<string> {
    const { store, clock } = this.#options;
    const witness = this.#witnessOf([key]);
    const staged = witness.stage(request, clock.now());
    await store.commit([...staged.changes, ...counted]);
    return witness.accept(staged);
  }

  /** A member that coordinates has shown in which logs a certificate stands. @throws OOTO_AUTHORITY_LOG, OOTO_LOG_* (peer). */
  noteShown(member: string, shower: string, checkpoint: string): void {
    const { committee } = this.#options.authority;
    this.#shown.add(logKeyOf(committee, member).name, shower, checkpoint);
  }

  /**
   * What is known of a member's log: the checkpoint that was cosigned last, with all its lines, and the newest that was
   * shown since this member was started; null before the first.
   */
  lastSeen(member: string): { cosigned: string | null; shown: string | null } {
    const { crypto, authority } = this.#options;
    const key = logKeyOf(authority.committee, member);
    const policy = { origin: key.name, keys: [key] };
    return {
      cosigned: this.#witnessOf([key]).checkpointOf(key.name) ?? null,
      shown: this.#shown.newest(key.name, (note) => verifyCheckpoint(crypto, note, policy)) ?? null,
    };
  }

  /** Answers over HTTP, for foreign logs and those of the members; `path` is what follows the prefix. */
  answer(request: HttpRequest): Promise<HttpResponse> {
    const { crypto, store, clock, authority, treeKey, foreignLogs = [] } = this.#options;
    const { committee } = authority;
    const members = committee.members.map(({ name }) => logKeyOf(committee, name));
    const witness = this.#witnessOf([...members, ...foreignLogs], treeKey);
    const commit = (changes: readonly StoreChange[]) => store.commit(changes);
    return this.#inTurn(() => answerWitness({ crypto, witness, commit, now: () => clock.now() }, request));
  }

  #witnessOf(keys: readonly NoteKey[], treeSigner?: NoteSigner): Witness {
    const { crypto, store, authority, name, witnessKey: signer } = this.#options;
    const origins = new Map<string, NoteKey[]>();
    for (const key of keys) origins.set(key.name, [...(origins.get(key.name) ?? []), key]);
    const logs = [...origins].map(([origin, keys]) => ({ origin, keys }));
    return new Witness({
      crypto,
      store,
      name: witnessName(authority.meshId, name),
      signer,
      treeSigner,
      logs,
    });
  }

  /** What is remembered of a log for ever is bounded: how many logs one node has, and how fast they come. */
  #countOrigin(origin: string, prefix: string): StoreChange[] {
    const { store, clock } = this.#options;
    if (Witness.knows(store, origin)) return [];
    const key = `${WITNESSED_PREFIX}${prefix}`;
    const stored = store.get(key);
    const count = stored ? uint()(decode(stored, { maxBytes: 9 }), key) : 0;
    if (count >= MOST_WITNESSED_LOGS)
      throw new OotoError('OOTO_MESH_WITNESS_FULL', 'peer', `${count} logs of this node are witnessed`);
    if (!this.#newLogs.take(prefix, clock.monotonic()))
      throw new OotoError('OOTO_MESH_WITNESS_RATE', 'peer', 'this node has new logs witnessed too often');
    return [{ put: key, value: encode(count + 1) }];
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(step, step);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
