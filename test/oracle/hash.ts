/** SHA-2, HMAC, HKDF, the hash chain and Merkle roots. */
import { hex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { byteList, bytes, engine, hexList, number, type Operations } from './request.ts';

export function hashOperations(crypto: Crypto): Operations {
  return {
    sha256: (request) => ({ digest: hex(crypto.sha256(bytes(request, 'msg'), engine(request))) }),
    'sha256.many': (request) => ({ digests: hexList(crypto.sha256Many(byteList(request, 'msgs'))) }),
    sha512: (request) => ({ digest: hex(crypto.sha512(bytes(request, 'msg'))) }),
    hmac256: (request) => ({ mac: hex(crypto.hmac256(bytes(request, 'key'), bytes(request, 'msg'))) }),
    hkdf256: (request) => ({
      okm: hex(
        crypto.hkdf256(
          bytes(request, 'ikm'),
          bytes(request, 'salt'),
          bytes(request, 'info'),
          number(request, 'length'),
        ),
      ),
    }),
    'chain.append': (request) => ({
      heads: hexList(crypto.chain.append(bytes(request, 'head'), byteList(request, 'records'))),
    }),
    'chain.appendBatch': (request) => ({
      head: hex(crypto.chain.appendBatch(bytes(request, 'head'), byteList(request, 'records'))),
    }),
    'merkle.root': (request) => ({ root: hex(crypto.merkle.root(byteList(request, 'leaves'))) }),
  };
}
