/**
 * The agent before a PKCS#11 token: the one process that loads its module. What flows through here: the first request
 * opens the token and names the key; each one after it is a digest to sign; answers go back in order. A crash of the
 * module takes this process and no node with it.
 */
import { randomFillSync } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { concat } from '../../../base/bytes.ts';
import { isOotoError } from '../../../base/errors.ts';
import { type Codec, frame, type Message, misfit, takeBytes, takeText, unframe } from '../agent-messages.ts';
import { TokenKey } from './token.ts';

const HASH_BYTES = 32;

/** Serves one key until `requests` end. */
export async function serveToken(
  codec: Codec,
  { requests, answers }: { requests: Readable; answers: Writable },
): Promise<void> {
  let key: TokenKey | undefined;
  let received: Uint8Array = new Uint8Array(0);
  const perform = (request: Message): Message => {
    if (takeText(request, 'task') === 'open') {
      key = openedKey(request);
      return { publicKey: key.publicKey };
    }
    if (!key) throw misfit('a signature before a key');
    return { signature: key.sign(takeBytes(request, 'digest', HASH_BYTES, HASH_BYTES)) };
  };
  for await (const chunk of requests) {
    received = concat(received, chunk);
    for (let next = unframe(codec, received); next; next = unframe(codec, received)) {
      received = received.subarray(next.taken);
      answers.write(
        frame(
          codec,
          answered(() => perform(next.message)),
        ),
      );
    }
  }
}

function openedKey(request: Message): TokenKey {
  const [module, token, pin, key] = ['module', 'token', 'pin', 'key'].map((name) => takeText(request, name));
  return new TokenKey({ module, token, pin, key }, (length) => randomFillSync(new Uint8Array(length)));
}

function answered(perform: () => Message): Message {
  try {
    return { ok: true, value: perform() };
  } catch (error) {
    if (!isOotoError(error)) throw error;
    return { ok: false, code: error.code, message: error.message, hint: error.hint ?? '' };
  }
}
