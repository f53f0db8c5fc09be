/** An identity key in memory, behind the port that hardware has as well. */
import { wipe } from '../../base/disposal.ts';
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { Ed25519SigningKey } from '../../envelope/keys.ts';
import type { Signer } from '../../ports.ts';
import { keyPeerId } from './public-key.ts';

/** A {@link Signer} that knows its own id; disposing it wipes the key. */
export interface Identity extends Signer, Disposable {
  readonly id: string;
}

/**
 * The identity of a seed (32 bytes, which are copied), or a new one.
 * @throws OOTO_CHANNEL_KEY (caller) for a seed of another length.
 */
export function identityOf(crypto: Crypto, seed?: Uint8Array): Identity {
  if (seed && seed.length !== 32)
    throw new OotoError('OOTO_CHANNEL_KEY', 'caller', 'a seed has 32 bytes, of high quality');
  const copy = seed?.slice() ?? crypto.random.bytes(32);
  const key = new Ed25519SigningKey(crypto, copy);
  wipe(copy);
  return {
    algorithm: 'ed25519',
    publicKey: key.publicKey,
    id: keyPeerId(key.publicKey),
    async sign(message, { signal } = {}) {
      signal?.throwIfAborted();
      return key.sign(message);
    },
    [Symbol.dispose]: () => key[Symbol.dispose](),
  };
}
