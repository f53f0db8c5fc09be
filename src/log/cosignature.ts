/**
 * Cosignatures (C2SP tlog-cosignature, Ed25519, `cosignature/v1`): a witness says that at a time this was the
 * largest consistent tree it had seen. What flows through here: the note's text gets two lines before it, is
 * signed, and the time goes into the signature line; a reader puts the same lines back together.
 */
import { concat, readU64be, u64be, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  type Note,
  type NoteKey,
  type NoteSignature,
  type NoteSigner,
  noteKeyId,
  requireSignature,
  signaturesBy,
} from './note.ts';

const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;

/** Cosigns the text of a checkpoint at `time`, in seconds since 1970. */
export function cosign(
  crypto: Crypto,
  text: string,
  time: number,
  name: string,
  signer: NoteSigner,
): NoteSignature {
  const id = noteKeyId(crypto, 'cosignature', { name, publicKey: signer.publicKey });
  return { name, id, signature: concat(u64be(time), signer.sign(cosignedMessage(text, time))) };
}

/**
 * The latest time at which this witness cosigned the note, in seconds; undefined when it did not.
 * @throws OOTO_LOG_SIGNATURE (peer) when a cosignature of it is malformed or does not verify.
 */
export function cosignatureTime(crypto: Crypto, note: Note, witness: NoteKey): number | undefined {
  const times = signaturesBy(crypto, note, 'cosignature', witness).map(({ signature }) => {
    const time = readTime(witness, signature);
    requireSignature(crypto, witness, cosignedMessage(note.text, time), signature.subarray(TIME_BYTES));
    return time;
  });
  return times.length === 0 ? undefined : Math.max(...times);
}

function cosignedMessage(text: string, time: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${time}\n${text}`);
}

function readTime({ name }: NoteKey, signature: Uint8Array): number {
  const time = signature.length === TIME_BYTES + SIGNATURE_BYTES ? Number(readU64be(signature)) : Number.NaN;
  if (!Number.isSafeInteger(time))
    throw new OotoError('OOTO_LOG_SIGNATURE', 'peer', `the cosignature of ${name} is malformed`, {
      culprits: [name],
    });
  return time;
}
