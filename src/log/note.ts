/**
 * Signed notes (C2SP signed-note). What flows through here: a text and signature lines are written as one note;
 * a note is read strictly into both; signatures of known keys are checked and those of others are ignored, as the
 * specification demands. The id of a key covers its name, its kind and the key itself.
 */
import { concat, equal, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { base64, hex, unbase64, unhex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';

/** The signature types in use here. */
export const NOTE_TYPES = { ed25519: 0x01, cosignature: 0x04, treeCosignature: 0x06 } as const;
export type NoteType = keyof typeof NOTE_TYPES;

/** A public key as a verifier knows it. */
export interface NoteKey {
  readonly name: string;
  /** Ed25519, 32 bytes; of a witness also ML-DSA-44, 1312 bytes. */
  readonly publicKey: Uint8Array;
}

/** Holder of a secret key in memory. */
export interface NoteSigner {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** One signature line. */
export interface NoteSignature {
  readonly name: string;
  /** 4 bytes. */
  readonly id: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Note {
  /** Ends with a line feed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export const MAX_NOTE_BYTES = 65_536;
const MAX_SIGNATURES = 64;
const ID_BYTES = 4;
const PUBLIC_KEY_BYTES: Readonly<Record<NoteType, number>> = {
  ed25519: 32,
  cosignature: 32,
  treeCosignature: 1312,
};
const NAME = /^[^\p{White_Space}\p{Cc}\p{Cs}+]+$/u;
const LINE = /^\u2014 (\S+) (\S+)$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the specification forbids.
const FORBIDDEN = /[\x00-\x09\x0b-\x1f\p{Cs}]/u;

/** SHA-256(name ‖ 0x0A ‖ type ‖ key), first 4 bytes. */
export function noteKeyId(crypto: Crypto, type: NoteType, { name, publicKey }: NoteKey): Uint8Array {
  const named = concat(utf8(`${name}\n`), Uint8Array.of(NOTE_TYPES[type]), publicKey);
  return crypto.sha256(named).slice(0, ID_BYTES);
}

/** By which kind of cosignature a witness's key is meant. */
export function cosignatureTypeOf({ publicKey }: Pick<NoteKey, 'publicKey'>): NoteType {
  return publicKey.length === PUBLIC_KEY_BYTES.treeCosignature ? 'treeCosignature' : 'cosignature';
}

/** A plain Ed25519 signature over the text. */
export function signNote(crypto: Crypto, text: string, name: string, signer: NoteSigner): NoteSignature {
  const id = noteKeyId(crypto, 'ed25519', { name, publicKey: signer.publicKey });
  return { name, id, signature: signer.sign(utf8(text)) };
}

/** The note as it is published. */
export function formatNote({ text, signatures }: Note): string {
  return `${text}\n${signatures.map(formatNoteSignature).join('')}`;
}

/** One signature line with its line feed, as a witness answers. */
export function formatNoteSignature({ name, id, signature }: NoteSignature): string {
  return `\u2014 ${name} ${base64(concat(id, signature))}\n`;
}

/**
 * Reads a note strictly.
 * @throws OOTO_LOG_NOTE (peer) naming what is wrong.
 */
export function parseNote(note: string): Note {
  if (utf8(note).length > MAX_NOTE_BYTES) throw noNote('it is too long');
  if (FORBIDDEN.test(note)) throw noNote('it holds control characters');
  const blank = note.lastIndexOf('\n\n');
  if (blank < 0 || !note.endsWith('\n')) throw noNote('text and signatures are not parted by an empty line');
  const text = note.slice(0, blank + 1);
  const lines = note.slice(blank + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw noNote(`${lines.length} signatures`);
  return { text, signatures: lines.map(parseNoteSignature) };
}

/** Reads one signature line, without its line feed. @throws OOTO_LOG_NOTE (peer). */
export function parseNoteSignature(line: string): NoteSignature {
  const match = LINE.exec(line);
  if (!match || !NAME.test(match[1])) throw noNote('a signature line is malformed');
  const bytes = decoded(match[2]);
  if (bytes.length <= ID_BYTES) throw noNote('a signature is missing');
  return { name: match[1], id: bytes.slice(0, ID_BYTES), signature: bytes.slice(ID_BYTES) };
}

/** The signatures in the note that claim to be by this key. */
export function signaturesBy(crypto: Crypto, note: Note, type: NoteType, key: NoteKey): NoteSignature[] {
  const id = noteKeyId(crypto, type, key);
  return note.signatures.filter((signature) => signature.name === key.name && equal(signature.id, id));
}

/**
 * Whether the note bears a good signature of this key.
 * @throws OOTO_LOG_SIGNATURE (peer) when it bears one that does not verify: then the whole note is refused.
 */
export function isSignedBy(crypto: Crypto, note: Note, key: NoteKey): boolean {
  const claimed = signaturesBy(crypto, note, 'ed25519', key);
  for (const { signature } of claimed) requireSignature(crypto, key, utf8(note.text), signature);
  return claimed.length > 0;
}

/** @throws OOTO_LOG_SIGNATURE (peer). */
export function requireSignature(
  { ed25519, mldsa44 }: Crypto,
  key: NoteKey,
  message: Uint8Array,
  signature: Uint8Array,
): void {
  try {
    const algorithm = cosignatureTypeOf(key) === 'treeCosignature' ? mldsa44 : ed25519;
    algorithm.verify(key.publicKey, message, signature);
  } catch (cause) {
    throw new OotoError('OOTO_LOG_SIGNATURE', 'peer', `the signature of ${key.name} does not hold`, {
      culprits: [key.name],
      cause,
    });
  }
}

/** The text form of a verifier's key: name, id, type and key. */
export function formatVerifierKey(crypto: Crypto, type: NoteType, key: NoteKey): string {
  const typed = concat(Uint8Array.of(NOTE_TYPES[type]), key.publicKey);
  return `${key.name}+${hex(noteKeyId(crypto, type, key))}+${base64(typed)}`;
}

/** Reads the text form of a verifier's key. @throws OOTO_LOG_KEY (caller). */
export function parseVerifierKey(crypto: Crypto, text: string): NoteKey & { type: NoteType } {
  const [name, id, ...rest] = text.split('+');
  try {
    const typed = unbase64(rest.join('+'));
    const [type] = Object.entries(NOTE_TYPES).find(([, byte]) => byte === typed[0])!;
    const key = { name, publicKey: typed.slice(1), type: type as NoteType };
    const isWhole = key.publicKey.length === PUBLIC_KEY_BYTES[key.type] && NAME.test(name);
    if (!isWhole || !equal(noteKeyId(crypto, key.type, key), unhex(id))) throw new Error('parts do not fit');
    return key;
  } catch (cause) {
    throw new OotoError('OOTO_LOG_KEY', 'caller', 'not a verifier key of a log or witness', { cause });
  }
}

/** @throws OOTO_LOG_KEY (caller) for a name that cannot stand in a signature line. */
export function requireKeyName(name: string): string {
  if (!NAME.test(name))
    throw new OotoError('OOTO_LOG_KEY', 'caller', 'a key name without spaces or plus is needed');
  return name;
}

function decoded(text: string): Uint8Array {
  try {
    return unbase64(text);
  } catch {
    throw noNote('a signature is not canonical base64');
  }
}

function noNote(why: string): OotoError {
  return new OotoError('OOTO_LOG_NOTE', 'peer', `no signed note: ${why}`);
}
