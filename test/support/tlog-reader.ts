/**
 * A reader of tiled transparency logs over HTTP, written from the C2SP specifications (signed-note, tlog-checkpoint,
 * tlog-tiles) and RFC 6962 alone: nothing of the program under test is imported. It fetches a checkpoint, checks the
 * signature, fetches every tile and bundle that the size calls for, and checks every entry and every hash.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';

export interface ReadCheckpoint {
  origin: string;
  size: number;
  root: Buffer;
  note: string;
}

export interface ReadLog extends ReadCheckpoint {
  entries: Buffer[];
  /** Every path that was fetched, with its headers. */
  fetched: Map<string, Headers>;
}

const sha256 = (...parts: readonly Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const leafHash = (entry: Uint8Array) => sha256(Buffer.of(0), entry);
const nodeHash = (left: Uint8Array, right: Uint8Array) => sha256(Buffer.of(1), left, right);

export class TlogReader {
  readonly #prefix: string;
  readonly #origin: string;
  readonly #publicKey: Uint8Array;
  readonly #fetched = new Map<string, Headers>();

  /** `prefix` without a slash at its end; the public key is raw Ed25519. */
  constructor(prefix: string, origin: string, publicKey: Uint8Array) {
    this.#prefix = prefix;
    this.#origin = origin;
    this.#publicKey = publicKey;
  }

  async checkpoint(): Promise<ReadCheckpoint> {
    const { bytes, headers } = await this.#fetch('checkpoint');
    if (headers.get('content-type') !== 'text/plain; charset=utf-8') throw new Error('checkpoint type');
    return this.readCheckpoint(bytes.toString('utf8'));
  }

  readCheckpoint(note: string): ReadCheckpoint {
    const end = note.indexOf('\n\n');
    const text = note.slice(0, end + 1);
    const [origin, size, root] = text.split('\n');
    if (origin !== this.#origin) throw new Error(`origin ${origin}`);
    if (!/^(0|[1-9][0-9]*)$/.test(size)) throw new Error(`size ${size}`);
    const lines = note
      .slice(end + 2)
      .split('\n')
      .filter((line) => line !== '');
    if (!lines.some((line) => this.#isOurs(line, text))) throw new Error('no signature of the log');
    return { origin, size: Number(size), root: Buffer.from(root, 'base64'), note };
  }

  #isOurs(line: string, text: string): boolean {
    const [dash, name, encoded] = line.split(' ');
    const bytes = Buffer.from(encoded, 'base64');
    const id = sha256(Buffer.from(`${this.#origin}\n`), Buffer.of(1), this.#publicKey).subarray(0, 4);
    if (dash !== '\u2014' || name !== this.#origin || !bytes.subarray(0, 4).equals(id)) return false;
    const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), this.#publicKey]);
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    if (!verify(null, Buffer.from(text), key, bytes.subarray(4))) throw new Error('a bad signature');
    return true;
  }

  /** Everything that a checkpoint covers, each entry and each tile checked up to the root. */
  async read(checkpoint: ReadCheckpoint): Promise<ReadLog> {
    const { size } = checkpoint;
    let level = await this.#hashesOf(0, size);
    const entries = await this.#entries(size, level);
    for (let height = 1; Math.floor(size / 256 ** height) > 0; height++) {
      const above = await this.#hashesOf(height, size);
      above.forEach((hash, i) => {
        if (!treeHash(level.slice(i * 256, (i + 1) * 256)).equals(hash))
          throw new Error(`tile ${i} of level ${height - 1}`);
      });
      level = above;
    }
    const hashes = entries.map(leafHash);
    if (!treeHash(hashes).equals(checkpoint.root)) throw new Error('the entries do not make the root');
    return { ...checkpoint, entries, fetched: this.#fetched };
  }

  /** The tree of the later checkpoint begins with that of the earlier: from the tiles of the later one. */
  async requireConsistent(earlier: ReadCheckpoint, later: ReadCheckpoint): Promise<void> {
    const leaves = await this.#hashesOf(0, later.size);
    if (!treeHash(leaves).equals(later.root)) throw new Error('the later tree');
    if (!treeHash(leaves.slice(0, earlier.size)).equals(earlier.root)) throw new Error('they contradict');
  }

  async #entries(size: number, hashes: readonly Buffer[]): Promise<Buffer[]> {
    const entries: Buffer[] = [];
    for (const path of paths('entries', size)) {
      const { bytes } = await this.#fetch(path);
      for (let at = 0; at < bytes.length; ) {
        const length = bytes.readUInt16BE(at);
        const entry = bytes.subarray(at + 2, at + 2 + length);
        if (!leafHash(entry).equals(hashes[entries.length])) throw new Error(`entry ${entries.length}`);
        entries.push(entry);
        at += 2 + length;
      }
    }
    if (entries.length !== size) throw new Error(`${entries.length} entries of ${size}`);
    return entries;
  }

  async #hashesOf(level: number, size: number): Promise<Buffer[]> {
    const count = Math.floor(size / 256 ** level);
    const hashes: Buffer[] = [];
    for (const path of paths(level, count)) {
      const { bytes } = await this.#fetch(path);
      if (bytes.length % 32 !== 0) throw new Error(`a tile of ${bytes.length} bytes`);
      for (let at = 0; at < bytes.length; at += 32) hashes.push(bytes.subarray(at, at + 32));
    }
    if (hashes.length !== count) throw new Error(`${hashes.length} hashes of ${count} at level ${level}`);
    return hashes;
  }

  async #fetch(path: string): Promise<{ bytes: Buffer; headers: Headers }> {
    const response = await fetch(`${this.#prefix}/${path}`);
    if (response.status !== 200) throw new Error(`${path}: status ${response.status}`);
    if (path !== 'checkpoint' && response.headers.get('content-type') !== 'application/octet-stream')
      throw new Error(`${path}: type`);
    this.#fetched.set(path, response.headers);
    return { bytes: Buffer.from(await response.arrayBuffer()), headers: response.headers };
  }
}

/** The paths of the tiles that hold `count` hashes of a level, or as many entries. */
function paths(level: number | 'entries', count: number): string[] {
  return Array.from({ length: Math.ceil(count / 256) }, (_, index) => {
    const width = Math.min(256, count - index * 256);
    const groups: string[] = [];
    for (let rest = index; groups.length === 0 || rest > 0; rest = Math.floor(rest / 1000))
      groups.unshift(String(rest % 1000).padStart(3, '0'));
    const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
    return `tile/${level}/${path}${width < 256 ? `.p/${width}` : ''}`;
  });
}

/** RFC 6962 section 2.1, from leaf hashes. */
function treeHash(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 0) return sha256();
  if (hashes.length === 1) return hashes[0];
  let split = 1;
  while (split * 2 < hashes.length) split *= 2;
  return nodeHash(treeHash(hashes.slice(0, split)), treeHash(hashes.slice(split)));
}
