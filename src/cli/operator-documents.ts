/**
 * Documents that operators sign at the command line. What flows through here: a draft and the operator's folder become a
 * signed document, with the signatures that it has already; keys given as words become the quorum that must have signed.
 */
import { OotoError } from '../base/errors.ts';
import { unhex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type DocumentDraft, documentMessage, encodeDocument, withSignature } from '../envelope/document.ts';
import type { Quorum } from '../envelope/quorum.ts';
import { openOperator } from './setting-up.ts';

const KEY = /^([^=]{1,256})=([0-9a-f]{64})$/;

/** The document with the signature of the operator whose folder this is. */
export async function signedByOperator(
  crypto: Crypto,
  folder: string,
  draft: DocumentDraft,
): Promise<Uint8Array> {
  const { keyid, key } = await openOperator(crypto, folder);
  return encodeDocument(withSignature(draft, { keyid, signature: key.sign(documentMessage(draft)) }));
}

/** All of these keys, each given as name=64 hexadecimal digits, must have signed. @throws OOTO_CLI_USAGE (caller). */
export function readQuorum(words: readonly string[]): Quorum {
  const keys = words.map((word) => {
    const [, keyid, key] = KEY.exec(word) ?? [];
    if (key === undefined)
      throw new OotoError('OOTO_CLI_USAGE', 'caller', 'a key is given as name=public key in hexadecimal');
    return { keyid, publicKey: unhex(key) };
  });
  if (keys.length === 0)
    throw new OotoError('OOTO_CLI_USAGE', 'caller', 'whoever signed must be named with --key', {
      hint: 'ooto policy key --operator FOLDER prints an operator’s',
    });
  return { keys, threshold: keys.length };
}
