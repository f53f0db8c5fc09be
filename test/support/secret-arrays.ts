/**
 * Every array that holds a secret on its way through a handshake or an epoch. What flows through here: a Crypto whose
 * primitives note the arrays of secrets that they are given and give; whoever is done must have overwritten them all.
 */
import type { Crypto } from '../../src/crypto/crypto.ts';

export interface SecretArrays {
  readonly crypto: Crypto;
  /** What was noted and still holds anything, with the name of the primitive that saw it. */
  left(): string[];
}

const SECRET_BYTES = 32;

/** Keys and values of HMAC, HKDF, X25519, ML-KEM and the ciphers; arrays shorter than 32 bytes are none. */
export function notingSecrets(crypto: Crypto): SecretArrays {
  const noted: { name: string; array: Uint8Array }[] = [];
  const note = <T extends Uint8Array>(name: string, array: T): T => {
    if (array.length >= SECRET_BYTES) noted.push({ name, array });
    return array;
  };
  const noting: Crypto = {
    ...crypto,
    random: { bytes: (length) => note('random', crypto.random.bytes(length)) },
    hmac256(key, ...parts) {
      for (const part of parts) note('hmac message', part);
      return note('hmac', crypto.hmac256(note('hmac key', key), ...parts));
    },
    hkdf256Expand: (prk, info, length) =>
      note('expanded', crypto.hkdf256Expand(note('secret to expand', prk), info, length)),
    recordCipher: (key) => crypto.recordCipher(note('record key', key)),
    keystream: (key) => crypto.keystream(note('salt key', key)),
    x25519: {
      ...crypto.x25519,
      sharedSecret: (scalar, point) => note('DH', crypto.x25519.sharedSecret(note('scalar', scalar), point)),
    },
    mlkem768: {
      keygen(seed) {
        const pair = crypto.mlkem768.keygen(note('KEM seed', seed));
        note('decapsulation key', pair.dk);
        return pair;
      },
      encaps(ek, coins) {
        const result = crypto.mlkem768.encaps(ek, note('coins', coins));
        note('encapsulated', result.k);
        return result;
      },
      decaps: (dk, c) => note('decapsulated', crypto.mlkem768.decaps(note('decapsulation key', dk), c)),
    },
    aes256gcm: {
      ...crypto.aes256gcm,
      seal: (key, ...rest) => crypto.aes256gcm.seal(note('cipher key', key), ...rest),
      open: (key, ...rest) => crypto.aes256gcm.open(note('cipher key', key), ...rest),
    },
  };
  const left = () =>
    noted
      .filter(({ array }) => array.some((byte) => byte !== 0))
      .map(({ name, array }) => `${name} (${array.length})`);
  return { crypto: noting, left };
}
