/**
 * A whole log as one file for third parties. What flows through here: the checkpoint note and all entries are
 * written one after the other; a verifier reads them strictly, computes the tree anew, compares it with the signed
 * root, and refuses any signature line that it cannot check: no byte of the file goes unjudged.
 */
import { concat, equal, lengthPrefixed, readU64be, u64be, utf8, utf8Decode } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CheckpointPolicy, type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { encodeBundle } from './entry-bundle.ts';
import type { Log } from './log.ts';
import {
  cosignatureTypeOf,
  formatNote,
  MAX_NOTE_BYTES,
  type Note,
  type NoteKey,
  parseNote,
  signaturesBy,
} from './note.ts';
import { TILE_WIDTH } from './tile.ts';
import { TreeEdge } from './tree-edge.ts';

const LABEL = utf8('ooto/1 log-export\0');

/** Every entry of the log under its newest checkpoint. @throws OOTO_LOG_STAGED (caller) before the first commit. */
export function exportLog(log: Log): Uint8Array {
  const { checkpoint } = log;
  if (checkpoint === undefined)
    throw new OotoError('OOTO_LOG_STAGED', 'caller', 'this log has no checkpoint yet');
  return encode(checkpoint, [...log.entries()]);
}

/** The same from what a reader has verified; lines of others than the log are left out, which no verifier could check. */
export function encodeExport(
  crypto: Crypto,
  keys: readonly NoteKey[],
  checkpoint: string,
  entries: readonly Uint8Array[],
): Uint8Array {
  const note = parseNote(checkpoint);
  const signatures = keys.flatMap((key) => signaturesBy(crypto, note, 'ed25519', key));
  return encode(formatNote({ text: note.text, signatures }), entries);
}

function encode(checkpoint: string, entries: readonly Uint8Array[]): Uint8Array {
  const bundles = Array.from({ length: Math.ceil(entries.length / TILE_WIDTH) }, (_, i) =>
    encodeBundle(entries.slice(i * TILE_WIDTH, (i + 1) * TILE_WIDTH)),
  );
  return concat(LABEL, lengthPrefixed(utf8(checkpoint)), u64be(entries.length), ...bundles);
}

export interface ExportedLog {
  readonly checkpoint: VerifiedCheckpoint;
  readonly entries: readonly Uint8Array[];
}

/**
 * Judges an exported log in full.
 * @throws OOTO_LOG_EXPORT (peer) for bytes of another form, entries that do not make the signed root, or signature
 * lines of unknown keys; the errors of {@link verifyCheckpoint}; OOTO_BASE_ errors for cut or trailing bytes.
 */
export function verifyExportedLog(crypto: Crypto, bytes: Uint8Array, policy: CheckpointPolicy): ExportedLog {
  const reader = new ByteReader(bytes);
  if (!equal(reader.bytes(LABEL.length), LABEL)) throw notAsExported('these bytes are no exported log');
  const note = utf8Decode(reader.prefixed(MAX_NOTE_BYTES));
  const checkpoint = verifyCheckpoint(crypto, note, policy);
  requireKnownSigners(crypto, parseNote(note), policy);
  if (readU64be(reader.bytes(8)) !== BigInt(checkpoint.size))
    throw notAsExported('another number of entries');
  const entries: Uint8Array[] = [];
  const edge = new TreeEdge(crypto);
  while (entries.length < checkpoint.size) {
    const entry = reader.bytes(reader.u16());
    entries.push(entry);
    edge.append(crypto.merkle.leafHash(entry));
  }
  reader.end();
  if (!equal(edge.root(), checkpoint.root)) throw notAsExported('the entries do not make the signed root');
  return { checkpoint, entries };
}

/** Lines that a reader would ignore could be changed unseen; here they are refused, and so are repeated ones. */
function requireKnownSigners(crypto: Crypto, note: Note, { keys, witnesses = [] }: CheckpointPolicy): void {
  const ofLog = keys.map((key) => signaturesBy(crypto, note, 'ed25519', key));
  const ofWitnesses = witnesses.map((key) => signaturesBy(crypto, note, cosignatureTypeOf(key), key));
  const claims = [...ofLog, ...ofWitnesses];
  const known = new Set(claims.flat());
  if (known.size !== note.signatures.length || claims.some((claim) => claim.length > 1))
    throw notAsExported('it bears signatures of unknown keys, or one key twice');
}

function notAsExported(why: string): OotoError {
  return new OotoError('OOTO_LOG_EXPORT', 'peer', `not an exported log: ${why}`);
}
