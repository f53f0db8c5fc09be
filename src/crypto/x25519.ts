/** X25519 (RFC 7748), always in the core: the platform offers it through key objects that cost more than they save. */
import { OotoError } from '../base/errors.ts';
import type { Core } from '../core/index.ts';
import type { X25519 } from './crypto.ts';

export function createX25519({ core }: { core: Core }): X25519 {
  return {
    publicKey: (scalar) => core.x25519.publicKey(scalar),
    sharedSecret(scalar, point) {
      const secret = core.x25519.multiply(scalar, point);
      if (secret === undefined)
        throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'the X25519 public key is of small order', {
          hint: 'RFC 7748 section 6.1: an all-zero shared secret is refused.',
        });
      return secret;
    },
  };
}
