/**
 * A single-writer transparency log (C2SP tlog-tiles), without I/O of its own but reading. What flows through here,
 * in order: entries are staged, which yields store changes and a signed checkpoint of the grown tree; the caller
 * commits the changes in one transaction; the stage is accepted, and only then does the log show the new head.
 * Nothing of a stage may leave the process before it is accepted. Opened again, the log checks that its store fits
 * the signed checkpoint; proofs are made from the stored tiles and checked against the signed root before they are
 * given away.
 */
import { equal, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Store, StoreChange } from '../ports.ts';
import { formatCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { MAX_ENTRY_BYTES } from './entry-bundle.ts';
import { requireRecent } from './log-recent.ts';
import { damaged, LogStore } from './log-store.ts';
import {
  formatNote,
  type NoteKey,
  type NoteSignature,
  type NoteSigner,
  parseNote,
  requireKeyName,
  signaturesBy,
  signNote,
} from './note.ts';
import { verifyConsistency, verifyInclusion } from './proof.ts';
import { parseTilePath, TILE_WIDTH } from './tile.ts';
import { TileTree } from './tile-tree.ts';
import { TreeEdge } from './tree-edge.ts';

export interface LogOptions {
  crypto: Crypto;
  store: Pick<Store, 'get'>;
  /** Before every key in the store, for example `log/`; empty when absent. */
  prefix?: string;
  /** The log's name: the first line of its checkpoints and the name of its key. */
  origin: string;
  signer: NoteSigner;
  /** A head known from elsewhere (a witness, a peer): an older store is refused. */
  anchor?: LogHead;
}

export interface LogHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** What a commit writes; it counts once it is accepted. */
export interface StagedLog extends LogHead {
  readonly changes: readonly StoreChange[];
  /** The signed note. */
  readonly checkpoint: string;
}

interface Growth {
  readonly staged: StagedLog;
  readonly edge: TreeEdge;
  readonly entries: Uint8Array[];
}

export class Log {
  readonly #crypto: Crypto;
  readonly #store: LogStore;
  readonly #signer: NoteSigner;
  readonly origin: string;
  #edge: TreeEdge;
  /** Of the unfinished bundle. */
  #entries: Uint8Array[];
  #checkpoint: string | undefined;
  #root: Uint8Array;
  #growth: Growth | undefined;
  #reader: TileTree | undefined;
  readonly #subtrees = new Map<string, Uint8Array>();

  /**
   * Opens the log that the store holds, or an empty one.
   * @throws OOTO_LOG_STORE (environment) when tiles, entries and signed checkpoint do not fit, OOTO_LOG_ROLLED_BACK
   * (environment) when the anchor is newer or another.
   */
  constructor(options: LogOptions) {
    const { crypto, store, prefix = '', origin, signer, anchor } = options;
    this.#crypto = crypto;
    this.#store = new LogStore(store, prefix);
    this.#signer = signer;
    this.origin = requireKeyName(origin);
    this.#checkpoint = this.#store.checkpoint();
    const size = this.#signedSize();
    this.#edge = this.#store.edge(crypto, size);
    this.#entries = this.#store.edgeEntries(crypto, size);
    this.#root = this.#edge.root();
    this.#requireSignedRoot();
    requireRecent(crypto, this.#store, size);
    if (anchor) this.#requireAnchor(anchor);
  }

  get size(): number {
    return this.#edge.size;
  }

  get root(): Uint8Array {
    return this.#root;
  }

  /** The signed note of the present head, with the cosignatures it was given; undefined before the first commit. */
  get checkpoint(): string | undefined {
    return this.#checkpoint;
  }

  /** The present head as this log signed it, without the lines of witnesses; undefined before the first commit. */
  get ownCheckpoint(): string | undefined {
    if (this.#checkpoint === undefined) return undefined;
    const note = parseNote(this.#checkpoint);
    return formatNote({ text: note.text, signatures: signaturesBy(this.#crypto, note, 'ed25519', this.key) });
  }

  /** The public key, as verifiers know it. */
  get key(): NoteKey {
    return { name: this.origin, publicKey: this.#signer.publicKey };
  }

  /**
   * Prepares the log grown by `entries` (none: the present head is signed anew).
   * @throws OOTO_LOG_STAGED (caller) while another stage is open, OOTO_LOG_ENTRY (caller) for an entry too long.
   */
  stage(entries: readonly Uint8Array[]): StagedLog {
    if (this.#growth) throw new OotoError('OOTO_LOG_STAGED', 'caller', 'another stage of this log is open');
    const changes: StoreChange[] = [];
    const edge = this.#edge.copy();
    const open = [...this.#entries];
    for (const entry of entries) {
      requireEntry(entry);
      open.push(entry.slice());
      const filled = edge.append(this.#crypto.merkle.leafHash(entry));
      changes.push(...filled.map((tile) => this.#store.putTile(tile)));
      if (filled.length > 0) changes.push(this.#store.putBundle(filled[0].index, open.splice(0)));
    }
    if (entries.length > 0) changes.push(...this.#edgeChanges(edge, open));
    const head = { size: edge.size, root: edge.root() };
    const checkpoint = this.#sign(head);
    changes.push(this.#store.putCheckpoint(utf8(checkpoint)));
    this.#growth = { staged: { ...head, changes, checkpoint }, edge, entries: open };
    return this.#growth.staged;
  }

  /** Takes over a stage whose changes are durable. @throws OOTO_LOG_STAGED (caller) for any but the open one. */
  accept(staged: StagedLog): void {
    const growth = this.#openGrowth(staged);
    this.#edge = growth.edge;
    this.#entries = growth.entries;
    this.#root = staged.root;
    this.#checkpoint = staged.checkpoint;
    this.#growth = undefined;
  }

  /**
   * Drops a stage that was not committed and has not left the process. When it is not known whether the commit
   * happened, open the log anew instead.
   */
  discard(staged: StagedLog): void {
    this.#openGrowth(staged);
    this.#growth = undefined;
  }

  /** Adds witnesses' lines to the present checkpoint, each in the place of an earlier one of its key; to be committed and accepted like any stage. */
  stageCosignatures(signatures: readonly NoteSignature[]): StagedLog {
    if (this.#growth || this.#checkpoint === undefined)
      throw new OotoError('OOTO_LOG_STAGED', 'caller', 'there is no settled checkpoint to cosign');
    const note = parseNote(this.#checkpoint);
    const isEarlier = (line: NoteSignature) =>
      signatures.some(({ name, id }) => name === line.name && equal(id, line.id));
    const kept = note.signatures.filter((line) => !isEarlier(line));
    const checkpoint = formatNote({ ...note, signatures: [...kept, ...signatures] });
    const changes = [this.#store.putCheckpoint(utf8(checkpoint))];
    const staged = { size: this.size, root: this.#root, changes, checkpoint };
    this.#growth = { staged, edge: this.#edge, entries: this.#entries };
    return staged;
  }

  /** @throws OOTO_LOG_RANGE (caller) for an index beyond the end, OOTO_LOG_STORE (environment) for altered bytes. */
  entry(index: number): Uint8Array {
    const proof = this.proveInclusion(index);
    const bundle = this.#store.entries(Math.floor(index / TILE_WIDTH), this.size);
    const entry = bundle[index % TILE_WIDTH];
    this.#requireSound(() => {
      const leafHash = this.#crypto.merkle.leafHash(entry);
      verifyInclusion(this.#crypto, { index, size: this.size, leafHash, root: this.#root, proof });
    });
    return entry;
  }

  /** The root that the log had at `size`. */
  rootAt(size: number): Uint8Array {
    if (size === this.size) return this.#root;
    const root = this.#tree().root(requireWithin(size, this.size));
    if (size > 0)
      this.#requireSound(() => {
        const proof = this.#tree().consistencyProof(size, this.size);
        const [size1, size2] = [size, this.size];
        verifyConsistency(this.#crypto, { size1, root1: root, size2, root2: this.#root, proof });
      });
    return root;
  }

  /** Proves that the leaf `index` is in the tree of `size`. @throws OOTO_LOG_RANGE, OOTO_LOG_STORE. */
  proveInclusion(index: number, size = this.size): Uint8Array[] {
    const tree = this.#tree();
    const proof = tree.inclusionProof(index, requireWithin(size, this.size));
    const root = this.rootAt(size);
    this.#requireSound(() =>
      verifyInclusion(this.#crypto, { index, size, leafHash: tree.leafHash(index), root, proof }),
    );
    return proof;
  }

  /** Proves that the tree of `size2` begins with that of `size1`; empty when the first is. @throws OOTO_LOG_RANGE, OOTO_LOG_STORE. */
  proveConsistency(size1: number, size2 = this.size): Uint8Array[] {
    if (requireWithin(size1, requireWithin(size2, this.size)) === 0) return [];
    const proof = this.#tree().consistencyProof(size1, size2);
    const [root1, root2] = [this.#tree().root(size1), this.rootAt(size2)];
    this.#requireSound(() => verifyConsistency(this.#crypto, { size1, root1, size2, root2, proof }));
    return proof;
  }

  /**
   * What a tlog-tiles server answers to a path below the log's prefix; undefined for what is not there.
   * @throws OOTO_LOG_PATH (peer) for what is no path.
   */
  resource(path: string): Uint8Array | undefined {
    if (path === 'checkpoint') return this.#checkpoint === undefined ? undefined : utf8(this.#checkpoint);
    return this.#store.resource(parseTilePath(path), this.size);
  }

  /** Entries from `from` on, bundle by bundle, as they lie in the store; {@link audit} judges them. */
  *entries(from = 0): Generator<Uint8Array> {
    const size = this.size;
    for (let at = from; at < size; ) {
      const bundle = this.#store.entries(Math.floor(at / TILE_WIDTH), size).slice(at % TILE_WIDTH);
      yield* bundle;
      at += bundle.length;
    }
  }

  /** Computes the whole log anew and compares every tile. @throws OOTO_LOG_STORE (environment) at the first difference. */
  audit(): void {
    const edge = new TreeEdge(this.#crypto);
    for (const entry of this.entries()) {
      for (const tile of edge.append(this.#crypto.merkle.leafHash(entry))) this.#requireTile(tile);
    }
    for (const tile of edge.tiles()) this.#requireTile(tile);
    if (!equal(edge.root(), this.#root)) throw damaged('the entries do not make the signed root');
  }

  /** Kept for as long as the log has this size: those who appended together ask for proofs together. */
  #tree(): TileTree {
    if (this.#reader?.size !== this.size)
      this.#reader = new TileTree(
        this.#crypto,
        this.size,
        (level, index) => this.#store.tile(level, index),
        this.#subtrees,
      );
    return this.#reader;
  }

  #edgeChanges(edge: TreeEdge, open: readonly Uint8Array[]): StoreChange[] {
    const changes = edge.tiles().map((tile) => this.#store.putTile(tile));
    if (open.length > 0) changes.push(this.#store.putBundle(Math.floor(edge.size / TILE_WIDTH), open));
    return changes;
  }

  #sign({ size, root }: LogHead): string {
    const text = formatCheckpoint({ origin: this.origin, size, root });
    return formatNote({ text, signatures: [signNote(this.#crypto, text, this.origin, this.#signer)] });
  }

  #openGrowth(staged: StagedLog): Growth {
    if (this.#growth?.staged !== staged)
      throw new OotoError('OOTO_LOG_STAGED', 'caller', 'this stage is not the open one');
    return this.#growth;
  }

  #signedSize(): number {
    return this.#checkpoint === undefined ? 0 : this.#signedHead(this.#checkpoint).size;
  }

  #signedHead(checkpoint: string): LogHead {
    try {
      return verifyCheckpoint(this.#crypto, checkpoint, { origin: this.origin, keys: [this.key] });
    } catch (cause) {
      throw damaged('the checkpoint is not the one this log signed', cause);
    }
  }

  #requireSignedRoot(): void {
    if (this.#checkpoint !== undefined && !equal(this.#signedHead(this.#checkpoint).root, this.#root))
      throw damaged('the tiles do not make the signed root');
  }

  #requireAnchor({ size, root }: LogHead): void {
    if (size > this.size || !equal(this.rootAt(size), root))
      throw new OotoError(
        'OOTO_LOG_ROLLED_BACK',
        'environment',
        `the store holds ${this.size} entries of ${this.origin}, but a head of ${size} is known that does not fit`,
        {
          hint: 'an older copy of the folder was restored; a log that goes on from it would contradict itself',
        },
      );
  }

  #requireTile({ level, index, hashes }: { level: number; index: number; hashes: Uint8Array }): void {
    if (!equal(this.#store.tile(level, index) ?? new Uint8Array(), hashes))
      throw damaged(`tile ${index} of level ${level} was altered`);
  }

  #requireSound(check: () => void): void {
    try {
      check();
    } catch (cause) {
      throw damaged('stored tiles or entries were altered', cause);
    }
  }
}

function requireEntry(entry: Uint8Array): void {
  if (entry.length > MAX_ENTRY_BYTES)
    throw new OotoError(
      'OOTO_LOG_ENTRY',
      'caller',
      `an entry of ${entry.length} bytes, at most 65,535 may be`,
    );
}

function requireWithin(size: number, most: number): number {
  if (!Number.isSafeInteger(size) || size < 0 || size > most)
    throw new OotoError('OOTO_LOG_RANGE', 'caller', `size ${size} of a log of ${most}`);
  return size;
}
