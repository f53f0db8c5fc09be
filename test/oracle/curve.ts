/** X25519, ML-KEM-768, Ed25519 and P-256. */
import { hex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { bytes, engine, type Fields, malformed, type Operations, objects, text } from './request.ts';

export function curveOperations(crypto: Crypto): Operations {
  const { ed25519, mlkem768, p256, x25519 } = crypto;
  return {
    x25519: (request) => ({
      shared: hex(x25519.sharedSecret(bytes(request, 'scalar'), bytes(request, 'point'))),
    }),
    'mlkem768.keygen': (request) => hexFields(mlkem768.keygen(bytes(request, 'seed'))),
    'mlkem768.encaps': (request) => hexFields(mlkem768.encaps(bytes(request, 'ek'), bytes(request, 'm'))),
    'mlkem768.decaps': (request) => ({
      k: hex(mlkem768.decaps(bytes(request, 'dk'), bytes(request, 'c'))),
    }),
    'ed25519.sign': (request) => {
      const seed = bytes(request, 'seed');
      return hexFields({ pk: ed25519.publicKey(seed), sig: ed25519.sign(seed, bytes(request, 'msg')) });
    },
    'ed25519.verify': (request) => {
      const { publicKey, message, signature } = signed(request);
      ed25519.verify(publicKey, message, signature, engine(request));
      return {};
    },
    'ed25519.verifyBatch': (request) => ({
      invalid: ed25519.verifyBatch(objects(request, 'items').map(signed)),
    }),
    'ed25519.admitKey': (request) => {
      ed25519.admitKey(bytes(request, 'pk'));
      return {};
    },
    'p256.verify': (request) => {
      const { publicKey, message, signature } = signed(request);
      p256.verify(publicKey, message, signature, encoding(request));
      return {};
    },
  };
}

function signed(request: Fields) {
  return {
    publicKey: bytes(request, 'pk'),
    message: bytes(request, 'msg'),
    signature: bytes(request, 'sig'),
  };
}

function encoding(request: Fields): 'der' | 'p1363' {
  const name = text(request, 'encoding');
  if (name !== 'der' && name !== 'p1363') throw malformed(`encoding ${name} is neither der nor p1363`);
  return name;
}

function hexFields(values: Readonly<Record<string, Uint8Array>>): Fields {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, hex(value)]));
}
