/**
 * An identity key that the browser keeps: P-256 in WebCrypto, which no script can read. What flows through here: messages
 * go in, signatures come out. It is software all the same; an authenticator may certify it. A page that is to come back
 * as the same node keeps the key pair itself, in IndexedDB.
 */
import type { Signer } from '../../ports.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const;

export function newKeyPair(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
}

export async function keyPairSigner({ publicKey, privateKey }: CryptoKeyPair): Promise<Signer> {
  return {
    algorithm: 'p256',
    publicKey: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)),
    async sign(message, { signal } = {}) {
      signal?.throwIfAborted();
      return new Uint8Array(await crypto.subtle.sign(SIGNATURE, privateKey, new Uint8Array(message)));
    },
  };
}
