/**
 * What a node knows of the authority of its mesh, as it is now. What flows through here: the genesis record gives the
 * first trust bundle, committee and revocations; later ones are judged one after the other, committed by the caller,
 * then accepted, and never taken back. Everything that asks for the group key, the members, the threshold or what is
 * revoked asks here, each time.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { type Root, validateRoot } from '../cert/validate.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode } from '../envelope/cbor.ts';
import { bytesBetween, list, nullable, object } from '../envelope/fields.ts';
import type { Store, StoreChange } from '../ports.ts';
import { groupKey as groupKeyOf, type PublicPackage } from '../threshold/public-package.ts';
import {
  type CommitteeRecord,
  firstCommittee,
  MOST_COMMITTEE_BYTES,
  peekCommittee,
  verifyCommittee,
} from './committee-record.ts';
import type { Founder, GenesisRecord } from './genesis.ts';
import type { MeshHeadBody } from './head.ts';
import {
  encodeRevocation,
  MOST_ENTRY_BYTES,
  RevocationSet,
  readRevocation,
  revocationsDelta,
} from './revocation.ts';
import {
  firstBundle,
  MOST_BUNDLE_BYTES,
  peekBundle,
  type TrustBundle,
  verifyBundle,
} from './trust-bundle.ts';

const BUNDLES = 'authority-view/bundle/';
const COMMITTEES = 'authority-view/committee/';
const STATEMENT_KEY = 'authority-view/revocations';
const ENTRIES = 'authority-view/revocation/';
const MOST_BUNDLES_SENT = 64;
const MOST_COMMITTEES_SENT = 16;

/** Documents as they are sent: each list goes on where the reader's own ends. */
export const authorityDocuments = object({
  bundles: list(bytesBetween(1, MOST_BUNDLE_BYTES), { max: MOST_BUNDLES_SENT }),
  committees: list(bytesBetween(1, MOST_COMMITTEE_BYTES), { max: MOST_COMMITTEES_SENT }),
  revocations: nullable(revocationsDelta),
});
export type AuthorityDocuments = ReturnType<typeof authorityDocuments>;
export const NO_DOCUMENTS: Readonly<AuthorityDocuments> = { bundles: [], committees: [], revocations: null };

/** What documents a reader has. */
export interface KnownDocuments {
  /** Version of its newest bundle. */
  bundle: number;
  /** Epoch of its newest committee record. */
  committee: number;
  /** How many entries of revocations it has. */
  revocations: number;
}

/** The parts of a mesh head that name documents. */
export type DocumentVersions = Pick<MeshHeadBody, 'bundle' | 'committee' | 'revocations'>;
export const DOCUMENT_KINDS = ['bundle', 'committee', 'revocations'] as const;

/** Whether a head names a newer document than these. */
export function isAhead(head: DocumentVersions, versions: DocumentVersions): boolean {
  return DOCUMENT_KINDS.some((kind) => head[kind].version > versions[kind].version);
}

/** A certificate's issuer, and until when certificates under it count. */
export interface Issuer {
  root: Root;
  /** Milliseconds since 1970; infinite for the key in force. */
  until: number;
}

interface State {
  /** All of them, from 0. */
  readonly bundles: readonly TrustBundle[];
  readonly committees: readonly CommitteeRecord[];
  readonly revocations: RevocationSet;
}

/** Documents that were judged; they count once they are accepted. */
export interface StagedDocuments {
  readonly state: State;
  /** To be committed before {@link AuthorityView.accept}. */
  readonly changes: StoreChange[];
  /** What the staged documents are, as a head names them. */
  readonly versions: DocumentVersions;
  /** Under which a head that names them is signed. */
  readonly groupKey: Uint8Array;
}

export class AuthorityView {
  readonly genesis: GenesisRecord;
  readonly #crypto: Crypto;
  #state: State;
  #firstRoot: Root | undefined;

  /** Knows the genesis record alone; `root` is the certificate of its group key, DER, once there is one. */
  constructor(crypto: Crypto, genesis: GenesisRecord, root?: Uint8Array) {
    this.#crypto = crypto;
    this.genesis = genesis;
    this.#state = {
      bundles: [firstBundle(crypto, genesis)],
      committees: [firstCommittee(crypto, genesis)],
      revocations: RevocationSet.empty(crypto, genesis),
    };
    if (root) this.admitRoot(root);
  }

  /** Knows what is in the store besides, which is judged again. @throws as {@link stage} throws. */
  static open(
    crypto: Crypto,
    genesis: GenesisRecord,
    store: Pick<Store, 'get' | 'range'>,
    root?: Uint8Array,
  ): AuthorityView {
    const view = new AuthorityView(crypto, genesis, root);
    view.accept(view.stage(storedDocuments(store)));
    return view;
  }

  get meshId(): Uint8Array {
    return this.genesis.meshId;
  }

  /** The key in force: certificates, heads and documents are signed under it. */
  get groupKey(): Uint8Array {
    return this.bundle.groupKey;
  }

  /** That of the trust bundle of this version, where it is known. */
  groupKeyOf(version: number): Uint8Array | undefined {
    return this.#state.bundles[version]?.groupKey;
  }

  get bundle(): TrustBundle {
    return last(this.#state.bundles);
  }

  get committee(): CommitteeRecord {
    return last(this.#state.committees);
  }

  get revocations(): RevocationSet {
    return this.#state.revocations;
  }

  get publicPackage(): PublicPackage {
    return this.committee.publicPackage;
  }

  get threshold(): number {
    return this.committee.threshold;
  }

  /** The members of the committee, those that are revoked among them. */
  get members(): readonly Founder[] {
    return this.committee.members;
  }

  /** The members whose word counts. */
  get activeMembers(): readonly Founder[] {
    return this.members.filter((member) => !this.isRevokedMember(member));
  }

  /** The member of this name, now. */
  memberNamed(name: string): Founder | undefined {
    return this.members.find((member) => member.name === name);
  }

  /** The committee in force, and the one that was when something was issued: proofs from the logs of either count. */
  committeesSince(issued: number): CommitteeRecord[] {
    const { committees } = this.#state;
    const then = committees.findLast(({ created }) => created <= issued) ?? committees[0];
    return then === this.committee ? [then] : [this.committee, then];
  }

  /** Every committee that there was, the first at first. */
  get committees(): readonly CommitteeRecord[] {
    return this.#state.committees;
  }

  /** What a head names that knows no more than this view. */
  get versions(): DocumentVersions {
    return versionsOf(this.#state);
  }

  get known(): KnownDocuments {
    const { bundle, committee, revocations } = this;
    return { bundle: bundle.version, committee: committee.epoch, revocations: revocations.entries.length };
  }

  /** Takes the certificate of the first group key. @throws OOTO_CERT_*, OOTO_AUTHORITY_ROOT (peer) for another's. */
  admitRoot(certificate: Uint8Array): void {
    const { meshId, groupKey } = this.genesis;
    const root = validateRoot(this.#crypto, { certificate, trustDomain: hex(meshId) });
    if (!equal(root.publicKey, groupKey))
      throw new OotoError('OOTO_AUTHORITY_ROOT', 'peer', 'the root certificate is not that of the group key');
    this.#firstRoot = root;
  }

  get hasRoot(): boolean {
    return this.bundle.version > 0 || this.#firstRoot !== undefined;
  }

  /** The certificate of the group key in force. @throws OOTO_AUTHORITY_ROOT (local) before there is one. */
  get root(): Root {
    return this.#rootOf(this.bundle);
  }

  /** The certificate of the first group key, which travels with the genesis record. */
  get firstRoot(): Root {
    return this.#rootOf(this.#state.bundles[0]);
  }

  /** The keys under which a certificate may stand at `time` (milliseconds since 1970), the one in force first. */
  issuersAt(time: number): Issuer[] {
    const { retiring } = this.bundle;
    const old = retiring
      .filter(({ until }) => time <= until)
      .map(({ groupKey, until }) => ({ root: this.#rootOf(this.#bundleOf(groupKey)), until }));
    return [{ root: this.root, until: Number.POSITIVE_INFINITY }, ...old];
  }

  /** Whether certificates under this key count at `time` (milliseconds since 1970). */
  isIssuerAt(groupKey: Uint8Array, time: number): boolean {
    if (equal(this.groupKey, groupKey)) return true;
    return this.bundle.retiring.some((key) => equal(key.groupKey, groupKey) && time <= key.until);
  }

  /**
   * The time at which a certificate under this key must have been valid that may be renewed at `time` though it has ended;
   * undefined where none may: only operators let them come back. Milliseconds since 1970.
   */
  returningSince(groupKey: Uint8Array, time: number): number | undefined {
    return this.bundle.retiring.find((key) => equal(key.groupKey, groupKey) && time <= key.until)?.since;
  }

  /** Every key that ever was in force; for what is judged at a time that is past. */
  get issuersEver(): Issuer[] {
    return [...this.#state.bundles]
      .reverse()
      .map((bundle) => ({ root: this.#rootOf(bundle), until: Number.POSITIVE_INFINITY }));
  }

  /**
   * Whether this node, or its key, is revoked, at `time` (milliseconds since 1970) or at all.
   * @param key the public key
   * @throws OOTO_AUTHORITY_REVOKED (peer).
   */
  requireNotRevoked(subject: { id: string; key: Uint8Array }, time = Number.POSITIVE_INFINITY): void {
    if (this.isRevoked(subject, time))
      throw new OotoError('OOTO_AUTHORITY_REVOKED', 'peer', `${subject.id} is revoked`, {
        culprits: [subject.id],
      });
  }

  isRevoked({ id, key }: { id: string; key: Uint8Array }, time = Number.POSITIVE_INFINITY): boolean {
    const { revocations } = this;
    if (revocations.entries.length === 0) return false;
    const ends = [revocations.nodeRevokedAt(id), revocations.keyRevokedAt(this.#crypto.sha256(key))];
    return ends.some((end) => end !== undefined && end <= time);
  }

  isRevokedMember({ name, identityKey }: Founder, time = Number.POSITIVE_INFINITY): boolean {
    const id = `spiffe://${hex(this.meshId)}/authority/${name}`;
    return this.isRevoked({ id, key: identityKey }, time);
  }

  /**
   * Judges documents that follow those known, one after the other; those that are known already are passed over.
   * @throws OOTO_AUTHORITY_DOCUMENTS_FORK (peer) for one that contradicts a known one; OOTO_AUTHORITY_*,
   * OOTO_ENVELOPE_*, OOTO_CERT_*, OOTO_THRESHOLD_*, OOTO_CRYPTO_* (peer).
   */
  stage(documents: AuthorityDocuments): StagedDocuments {
    const before = this.#state;
    const bundles = documents.bundles.reduce((all, bundle) => this.#withBundle(all, bundle), before.bundles);
    const committees = documents.committees.reduce(
      (all, record) => this.#withCommittee(all, record, bundles),
      before.committees,
    );
    const state = { bundles, committees, revocations: this.#revocationsAfter(documents, bundles) };
    return {
      state,
      changes: changesOf(before, state),
      versions: versionsOf(state),
      groupKey: last(bundles).groupKey,
    };
  }

  /** Goes by staged documents from now on. */
  accept({ state }: StagedDocuments): void {
    const isOlder =
      state.bundles.length < this.#state.bundles.length ||
      state.committees.length < this.#state.committees.length ||
      state.revocations.version < this.#state.revocations.version;
    if (isOlder)
      throw new OotoError('OOTO_AUTHORITY_DOCUMENTS', 'caller', 'newer documents were accepted meanwhile');
    this.#state = state;
  }

  /** What a reader lacks that has these, or the beginning of it where that is too much for one message. */
  documentsAfter({ bundle, committee, revocations }: KnownDocuments): AuthorityDocuments {
    const { bundles, committees } = this.#state;
    return {
      bundles: bundles.slice(bundle + 1, bundle + 1 + MOST_BUNDLES_SENT).map(encodedOf),
      committees: committees.slice(committee + 1, committee + 1 + MOST_COMMITTEES_SENT).map(encodedOf),
      revocations: this.revocations.deltaFrom(revocations) ?? null,
    };
  }

  /** All that followed the genesis record, in portions: bundles, then committees, then what is revoked. */
  documentsSinceGenesis(): AuthorityDocuments[] {
    const { bundles, committees, revocations } = this.#state;
    const { statement, entries } = revocations;
    const none: AuthorityDocuments = { bundles: [], committees: [], revocations: null };
    return [
      ...portionsOf(bundles.slice(1), MOST_BUNDLES_SENT).map((portion) => ({ ...none, bundles: portion })),
      ...portionsOf(committees.slice(1), MOST_COMMITTEES_SENT).map((portion) => ({
        ...none,
        committees: portion,
      })),
      ...(statement ? [{ ...none, revocations: { statement, from: 0, entries: [...entries] } }] : []),
    ];
  }

  #withBundle(bundles: readonly TrustBundle[], encoded: Uint8Array): readonly TrustBundle[] {
    if (bundles.some((known) => known.encoded && equal(known.encoded, encoded))) return bundles;
    const { version } = peekBundle(encoded);
    const known = version > 0 ? bundles[version] : undefined;
    const previous = known ? bundles[version - 1] : last(bundles);
    const next = verifyBundle(this.#crypto, this.genesis, previous, encoded);
    if (known) return requireSame(bundles, known, next, `trust bundle ${version}`);
    if (bundles.some(({ groupKey }) => equal(groupKey, next.groupKey)))
      throw new OotoError('OOTO_AUTHORITY_BUNDLE', 'peer', 'no trust bundle: a group key comes back');
    return [...bundles, next];
  }

  #withCommittee(
    committees: readonly CommitteeRecord[],
    encoded: Uint8Array,
    bundles: readonly TrustBundle[],
  ): readonly CommitteeRecord[] {
    if (committees.some((known) => known.encoded && equal(known.encoded, encoded))) return committees;
    const { epoch } = peekCommittee(encoded);
    const known = epoch > 0 ? committees[epoch] : undefined;
    const previous = known ? committees[epoch - 1] : last(committees);
    const groupKeys = keysSince(bundles, groupKeyOf(previous.publicPackage));
    const next = verifyCommittee(this.#crypto, { previous, groupKeys }, encoded);
    if (known) return requireSame(committees, known, next, `committee record ${epoch}`);
    return [...committees, next];
  }

  /** The statement may be older than the bundle in force; that it still counts, the head says. */
  #revocationsAfter(
    { revocations: delta }: AuthorityDocuments,
    bundles: readonly TrustBundle[],
  ): RevocationSet {
    const known = this.revocations;
    if (!delta || (known.statement && equal(known.statement, delta.statement))) return known;
    return known.followedBy(
      this.#crypto,
      bundles.map(({ groupKey }) => groupKey),
      delta,
    );
  }

  #bundleOf(groupKey: Uint8Array): TrustBundle {
    return this.#state.bundles.find((bundle) => equal(bundle.groupKey, groupKey)) as TrustBundle;
  }

  #rootOf({ version, root }: TrustBundle): Root {
    const found = version === 0 ? this.#firstRoot : root;
    if (!found) throw new OotoError('OOTO_AUTHORITY_ROOT', 'local', 'the group key has no certificate yet');
    return found;
  }
}

function keysSince(bundles: readonly TrustBundle[], key: Uint8Array): Uint8Array[] {
  const since = bundles.findIndex(({ groupKey }) => equal(groupKey, key));
  return bundles.slice(since).map(({ groupKey }) => groupKey);
}

/** The same once more changes nothing; another under its number is proof against the authority. */
function requireSame<T extends { digest: Uint8Array }>(all: readonly T[], known: T, shown: T, name: string) {
  if (equal(known.digest, shown.digest)) return all;
  throw new OotoError(
    'OOTO_AUTHORITY_DOCUMENTS_FORK',
    'peer',
    `there are two of ${name}: the authority is compromised`,
  );
}

function versionsOf({ bundles, committees, revocations }: State): DocumentVersions {
  const [bundle, committee] = [last(bundles), last(committees)];
  return {
    bundle: { version: bundle.version, digest: bundle.digest },
    committee: { version: committee.epoch, digest: committee.digest },
    revocations: { version: revocations.version, digest: revocations.digest },
  };
}

function changesOf(before: State, after: State): StoreChange[] {
  const added = <T extends { encoded?: Uint8Array }>(prefix: string, old: readonly T[], all: readonly T[]) =>
    all.slice(old.length).map(
      (document, i): StoreChange => ({
        put: `${prefix}${place(old.length + i)}`,
        value: encodedOf(document),
      }),
    );
  const { entries, statement } = after.revocations;
  const known = before.revocations.entries.length;
  return [
    ...added(BUNDLES, before.bundles, after.bundles),
    ...added(COMMITTEES, before.committees, after.committees),
    ...entries.slice(known).map(
      (entry, i): StoreChange => ({
        put: `${ENTRIES}${place(known + i)}`,
        value: encodeRevocation(entry),
      }),
    ),
    ...(statement && before.revocations !== after.revocations
      ? [{ put: STATEMENT_KEY, value: statement }]
      : []),
  ];
}

function storedDocuments(store: Pick<Store, 'get' | 'range'>): AuthorityDocuments {
  const all = (prefix: string) => store.range(prefix, afterAll(prefix)).map(({ value }) => value);
  const statement = store.get(STATEMENT_KEY);
  const entries = all(ENTRIES).map((entry) =>
    readRevocation(decode(entry, { maxBytes: MOST_ENTRY_BYTES }), 'revocation'),
  );
  return {
    bundles: all(BUNDLES),
    committees: all(COMMITTEES),
    revocations: statement ? { statement, from: 0, entries } : null,
  };
}

/** In the order of their places. */
function place(at: number): string {
  return String(at).padStart(10, '0');
}

function afterAll(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}

function portionsOf(documents: readonly { encoded?: Uint8Array }[], most: number): Uint8Array[][] {
  const encoded = documents.map(encodedOf);
  return Array.from({ length: Math.ceil(encoded.length / most) }, (_, i) =>
    encoded.slice(i * most, (i + 1) * most),
  );
}

function encodedOf({ encoded }: { encoded?: Uint8Array }): Uint8Array {
  return encoded as Uint8Array;
}

function last<T>(all: readonly T[]): T {
  return all[all.length - 1];
}
