/**
 * Cosignatures (C2SP tlog-cosignature): a witness says that at a time this was the largest consistent tree it had
 * seen. What flows through here: for Ed25519 (`cosignature/v1`) the note's text gets two lines before it, for ML-DSA-44
 * (`subtree/v1`) origin, size and root go into a structure with the witness's name; that is signed, and the time goes
 * into the signature line; a reader puts the same message back together.
 */
import { concat, readU64be, u64be, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  cosignatureTypeOf,
  type Note,
  type NoteKey,
  type NoteSignature,
  type NoteSigner,
  noteKeyId,
  requireSignature,
  signaturesBy,
} from './note.ts';

const TIME_BYTES = 8;
const SIGNATURE_BYTES = { ed25519: 64, mldsa44: 2420 } as const;
const TREE_LABEL = utf8('subtree/v1\n\0');

/** What a checkpoint says, for the witness that signs no text. */
export interface TreeHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Cosigns the text of a checkpoint with Ed25519 at `time`, in seconds since 1970. */
export function cosign(
  crypto: Crypto,
  text: string,
  time: number,
  name: string,
  signer: NoteSigner,
): NoteSignature {
  const id = noteKeyId(crypto, 'cosignature', { name, publicKey: signer.publicKey });
  return { name, id, signature: concat(u64be(time), signer.sign(textMessage(text, time))) };
}

/** Cosigns a tree with ML-DSA-44 at `time`, in seconds since 1970. */
export function cosignTree(
  crypto: Crypto,
  head: TreeHead,
  time: number,
  name: string,
  signer: NoteSigner,
): NoteSignature {
  const id = noteKeyId(crypto, 'treeCosignature', { name, publicKey: signer.publicKey });
  return { name, id, signature: concat(u64be(time), signer.sign(treeMessage(head, time, name))) };
}

/**
 * The latest time at which this witness cosigned the note, in seconds; undefined when it did not. `head` is what the
 * note's text says.
 * @throws OOTO_LOG_SIGNATURE (peer) when a cosignature of it is malformed or does not verify.
 */
export function cosignatureTime(
  crypto: Crypto,
  note: Note,
  head: TreeHead,
  witness: NoteKey,
): number | undefined {
  const type = cosignatureTypeOf(witness);
  const times = signaturesBy(crypto, note, type, witness).map(({ signature }) => {
    const length = type === 'treeCosignature' ? SIGNATURE_BYTES.mldsa44 : SIGNATURE_BYTES.ed25519;
    const time = readTime(witness, signature, length);
    const message =
      type === 'treeCosignature' ? treeMessage(head, time, witness.name) : textMessage(note.text, time);
    requireSignature(crypto, witness, message, signature.subarray(TIME_BYTES));
    return time;
  });
  return times.length === 0 ? undefined : Math.max(...times);
}

function textMessage(text: string, time: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${time}\n${text}`);
}

/** The whole tree: from leaf 0 to its size. @throws OOTO_LOG_CHECKPOINT (caller) for names of more than 255 bytes. */
function treeMessage({ origin, size, root }: TreeHead, time: number, name: string): Uint8Array {
  return concat(TREE_LABEL, shortText(name), u64be(time), shortText(origin), u64be(0), u64be(size), root);
}

function shortText(text: string): Uint8Array {
  const bytes = utf8(text);
  if (bytes.length === 0 || bytes.length > 255)
    throw new OotoError('OOTO_LOG_CHECKPOINT', 'caller', 'a name of 1 to 255 bytes is needed to cosign');
  return concat(Uint8Array.of(bytes.length), bytes);
}

function readTime({ name }: NoteKey, signature: Uint8Array, length: number): number {
  const time = signature.length === TIME_BYTES + length ? Number(readU64be(signature)) : Number.NaN;
  if (!Number.isSafeInteger(time))
    throw new OotoError('OOTO_LOG_SIGNATURE', 'peer', `the cosignature of ${name} is malformed`, {
      culprits: [name],
    });
  return time;
}
