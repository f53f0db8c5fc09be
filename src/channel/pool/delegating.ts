/**
 * The identity key stays where it is. What flows through here: a thread asks for a signature over a delegation to keys
 * that it made itself; it is taken apart, and only a delegation of this identity, for this application and some minutes, is
 * signed; the signature goes back.
 */
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { decode } from '../../envelope/cbor.ts';
import { label } from '../../envelope/labels.ts';
import { encodeStatement } from '../../envelope/statement.ts';
import type { Signer } from '../../ports.ts';
import { delegationMessage, MAX_DELEGATION_BYTES, readDelegation } from '../delegation.ts';
import { DELEGATION_MS } from '../keyed/own-key.ts';
import { applicationId, keySubject, publicKey } from '../keyed/public-key.ts';
import { MAX_CLOCK_SKEW_MS } from '../limits.ts';
import { type ErrorShape, errorOf } from './protocol.ts';

const SIGNATURE_BYTES = 64;

/** What a thread may ask for. */
export interface DelegationRight {
  readonly crypto: Crypto;
  readonly identity: Signer;
  readonly application: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Signs `message` if it is a delegation of `identity` for `application` that ends as soon as those of this thread.
 * @throws OOTO_POOL_DELEGATION (local) for anything else; what the decoder and the signer throw.
 */
export async function signDelegation(
  { crypto, identity, application, now }: DelegationRight,
  message: Uint8Array,
): Promise<Uint8Array> {
  const mark = label('delegation');
  if (!equal(message.subarray(0, mark.length), mark)) throw refused();
  const body = decode(message.subarray(mark.length), { maxBytes: MAX_DELEGATION_BYTES });
  const { unverified } = readDelegation(encodeStatement(body, new Uint8Array(SIGNATURE_BYTES)));
  const key = publicKey({ algorithm: identity.algorithm, bytes: identity.publicKey });
  const isOwn =
    equal(unverified.meshId, applicationId(crypto, application)) &&
    equal(unverified.subject, keySubject(crypto, key));
  const isShort = unverified.notAfter <= now + DELEGATION_MS + MAX_CLOCK_SKEW_MS;
  if (!isOwn || !isShort) throw refused();
  return identity.sign(delegationMessage(unverified));
}

function refused(): OotoError {
  return new OotoError('OOTO_POOL_DELEGATION', 'local', 'a thread asks for a signature over no delegation');
}

/** The identity as a thread has it: each signature is asked for. */
export class RemoteSigner implements Signer {
  readonly algorithm: Signer['algorithm'];
  readonly publicKey: Uint8Array;
  readonly #ask: (request: number, message: Uint8Array) => void;
  readonly #asked = new Map<
    number,
    { resolve: (signature: Uint8Array) => void; reject: (reason: unknown) => void }
  >();
  #requests = 0;

  constructor(
    { algorithm, publicKey }: Pick<Signer, 'algorithm' | 'publicKey'>,
    ask: (request: number, message: Uint8Array) => void,
  ) {
    this.algorithm = algorithm;
    this.publicKey = publicKey;
    this.#ask = ask;
  }

  sign(message: Uint8Array): Promise<Uint8Array> {
    const request = ++this.#requests;
    return new Promise((resolve, reject) => {
      this.#asked.set(request, { resolve, reject });
      this.#ask(request, message);
    });
  }

  answered(request: number, answer: Uint8Array | ErrorShape): void {
    const asked = this.#asked.get(request);
    this.#asked.delete(request);
    if (answer instanceof Uint8Array) asked?.resolve(answer);
    else asked?.reject(errorOf(answer));
  }
}
