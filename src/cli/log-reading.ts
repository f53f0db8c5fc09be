/**
 * `ooto log show`, `verify` and `prove`. What flows through here: a place gives a checkpoint, which is judged by the keys
 * of the mesh or those that were named; entries are shown only once they lead to its root; a whole log is computed anew;
 * an entry becomes a proof that is judged later without asking anybody.
 */
import { type Leaf, readLeaf } from '../authority/leaf.ts';
import { utf8, utf8Decode } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import {
  type Checkpoint,
  formatEntryProof,
  formatVerifierKey,
  type NoteKey,
  parseCheckpoint,
  parseEntryProof,
  parseNote,
  TileReader,
  type VerifiedCheckpoint,
  verifyCheckpoint,
  verifyEntryProof,
} from '../log/index.ts';
import { cosignatureTypeOf, MAX_NOTE_BYTES } from '../log/note.ts';
import { createNodeCrypto } from '../node.ts';
import { readFileLimited, writeFileAtomically } from '../platform/node/files.ts';
import { type LogTrust, openLogPlace, readLogTrust, type TrustWords } from './log-place.ts';
import type { Terminal } from './terminal.ts';

const MOST_PROOF_BYTES = 512 * 1024;
const MOST_SHOWN = 256;

export interface ReadingWords extends TrustWords {
  quorum?: string;
}

/** What a signed head says, and who signed it. */
export interface ShownHead {
  origin: string;
  size: number;
  root: string;
  cosignatures: { name: string; time: string }[];
}

/** An entry as people read it; bytes are hexadecimal. */
export type ShownEntry = { index: number; kind: string } & Record<string, unknown>;

export interface ShownLog extends ShownHead {
  schema: 'ooto.log-show/1';
  /** The log's key, and those of the witnesses that are known, as others configure them. */
  key: string;
  witnessKeys: string[];
  entries: ShownEntry[];
}

/** The head of a log, and the entries asked for, each shown to be in it. */
export async function showLog(
  place: string,
  words: ReadingWords & { index?: string; count?: string; save?: string },
): Promise<ShownLog> {
  return withLog(place, words, async ({ trust, reader, head }) => {
    const { crypto, witnesses } = trust;
    const entries: ShownEntry[] = [];
    if (words.index !== undefined) {
      const first = readCount(words.index, 'index');
      const count = Math.min(readCount(words.count ?? '1', 'count'), MOST_SHOWN);
      for (let index = first; index < Math.min(first + count, Math.max(head.size, first + 1)); index++)
        entries.push(describeEntry(index, (await reader.entry(index)).entry));
    }
    if (words.save !== undefined) await writeFileAtomically(words.save, utf8(head.note));
    return {
      ...{ schema: 'ooto.log-show/1', ...shownHead(head) },
      key: formatVerifierKey(crypto, 'ed25519', signerOf(trust, head)),
      witnessKeys: witnesses.map((key) => formatVerifierKey(crypto, cosignatureTypeOf(key), key)),
      entries,
    };
  });
}

export interface VerifiedLog extends ShownHead {
  schema: 'ooto.log-verify/1';
  /** How many entries of each kind; `other` of those that no member of an authority writes. */
  kinds: Record<string, number>;
  /** Sizes of the checkpoints that were held against it. */
  consistentWith: number[];
}

/** Computes the whole log anew, and holds older checkpoints against it. @throws OOTO_VERIFY_PUBLISHED_LOG (peer). */
export async function verifyLog(
  place: string,
  words: ReadingWords & { checkpoint: string[] },
  terminal: Terminal,
): Promise<VerifiedLog> {
  return withLog(place, words, async ({ trust, reader, head }) => {
    const consistentWith: number[] = [];
    for (const file of words.checkpoint) {
      const other = judge(trust, await readText(file, MAX_NOTE_BYTES), 0);
      requireSameLog(other, head);
      await reader.requireGrownFrom(other);
      consistentWith.push(other.size);
    }
    const kinds: Record<string, number> = {};
    let done = 0;
    await reader.audit((entries) => {
      for (const entry of entries) {
        const { kind } = describeEntry(0, entry);
        kinds[kind] = (kinds[kind] ?? 0) + 1;
      }
      done += entries.length;
      terminal.progress('entries', done, head.size);
    });
    return { schema: 'ooto.log-verify/1', ...shownHead(head), kinds, consistentWith };
  });
}

export interface MadeProof extends ShownHead {
  schema: 'ooto.log-prove/1';
  entry: ShownEntry;
  /** The proof itself (C2SP tlog-proof). */
  proof: string;
}

/** Proof for anybody that an entry is in the log; to a file, where one is named. */
export async function proveEntry(
  place: string,
  words: ReadingWords & { index: string; out?: string },
): Promise<MadeProof> {
  return withLog(place, words, async ({ reader, head }) => {
    const proven = await reader.entry(readCount(words.index, 'index'));
    const proof = formatEntryProof({ ...proven, checkpoint: head.note });
    if (words.out !== undefined) await writeFileAtomically(words.out, utf8(proof));
    const entry = describeEntry(proven.index, proven.entry);
    return { schema: 'ooto.log-prove/1', ...shownHead(head), entry, proof };
  });
}

export interface VerifiedProof extends ShownHead {
  schema: 'ooto.log-proof/1';
  entry: ShownEntry;
}

/** Judges such a proof by the keys alone. @throws OOTO_VERIFY_LOG_PROOF (peer). */
export async function verifyProofFile(file: string, words: ReadingWords): Promise<VerifiedProof> {
  const trust = await readLogTrust(createNodeCrypto(), words);
  const text = await readText(file, MOST_PROOF_BYTES);
  return judged('OOTO_VERIFY_LOG_PROOF', async () => {
    const policy = policyFor(trust, parseEntryProof(text).checkpoint, quorumOf(words));
    const { index, entry, checkpoint } = verifyEntryProof(trust.crypto, text, policy);
    return { schema: 'ooto.log-proof/1', ...shownHead(checkpoint), entry: describeEntry(index, entry) };
  });
}

/** For people. */
export function wordsOfHead({ origin, size, root, cosignatures }: ShownHead): string[] {
  return [
    `${origin}: ${size} entries, root ${root}`,
    ...cosignatures.map(({ name, time }) => `cosigned by ${name} at ${time}`),
  ];
}

export function wordsOfEntry({ index, kind, ...said }: ShownEntry): string[] {
  const values = Object.entries(said).map(([name, value]) =>
    typeof value === 'object' ? `  ${name}: ${JSON.stringify(value)}` : `  ${name}: ${value}`,
  );
  return [`entry ${index}: ${kind}`, ...values];
}

interface OpenLog {
  trust: LogTrust;
  reader: TileReader;
  head: VerifiedCheckpoint;
}

async function withLog<T>(
  place: string,
  words: ReadingWords,
  use: (open: OpenLog) => Promise<T>,
): Promise<T> {
  const trust = await readLogTrust(createNodeCrypto(), words, place);
  const { log, close } = await openLogPlace(place);
  try {
    return await judged('OOTO_VERIFY_PUBLISHED_LOG', async () => {
      const head = judge(trust, await log.checkpoint(), quorumOf(words));
      return use({ trust, head, reader: new TileReader(trust.crypto, log, head) });
    });
  } finally {
    await close();
  }
}

/** What a log shows that it should not ends the command as a verification that failed. */
async function judged<T>(code: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isOotoError(cause) || cause.fault !== 'peer' || cause.code.startsWith('OOTO_TRANSPORT_'))
      throw cause;
    throw new OotoError(code, 'peer', `${cause.message} (${cause.code})`, {
      cause,
      hint: 'keep what was shown, compare it with what others are shown, and do not rely on this log',
    });
  }
}

function judge(trust: LogTrust, note: string, quorum: number): VerifiedCheckpoint {
  return verifyCheckpoint(trust.crypto, note, policyFor(trust, note, quorum));
}

/** The note says whose log it is, and must be signed by that log's key. */
function policyFor({ logs, witnesses }: LogTrust, note: string, quorum: number) {
  const { origin } = parseCheckpoint(parseNote(note).text);
  const keys = logs.filter(({ name }) => name === origin);
  return { origin, keys, witnesses, quorum };
}

function signerOf({ logs }: LogTrust, { origin }: Checkpoint): NoteKey {
  return logs.find(({ name }) => name === origin)!;
}

function requireSameLog(other: Checkpoint, { origin }: Checkpoint): void {
  if (other.origin !== origin)
    throw new OotoError('OOTO_LOG_ORIGIN', 'peer', `a checkpoint of ${other.origin}, not of ${origin}`);
}

function shownHead({ origin, size, root, cosignatures }: VerifiedCheckpoint): ShownHead {
  return {
    ...{ origin, size, root: hex(root) },
    cosignatures: cosignatures.map(({ name, time }) => ({ name, time: new Date(1000 * time).toISOString() })),
  };
}

/** What members of an authority write is taken apart; of others' entries the bytes are shown. */
function describeEntry(index: number, entry: Uint8Array): ShownEntry {
  let leaf: Leaf;
  try {
    leaf = readLeaf(entry);
  } catch {
    return { index, kind: 'other', bytes: hex(entry) };
  }
  return { index, ...(plain(leaf) as { kind: string }) };
}

/** Bytes become hexadecimal text. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([name, each]) => [name, plain(each)]),
  );
}

function quorumOf({ quorum = '0' }: ReadingWords): number {
  return readCount(quorum, 'quorum');
}

function readCount(word: string, name: string): number {
  if (/^(?:0|[1-9][0-9]{0,14})$/.test(word)) return Number(word);
  throw new OotoError('OOTO_CLI_USAGE', 'caller', `--${name} takes a number, not ${JSON.stringify(word)}`);
}

async function readText(file: string, mostBytes: number): Promise<string> {
  const bytes = await readFileLimited(file, mostBytes);
  try {
    return utf8Decode(bytes);
  } catch (cause) {
    throw new OotoError('OOTO_VERIFY_FORM', 'peer', `${file} is not text`, { cause });
  }
}
