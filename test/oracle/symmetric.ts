/** AES-256-GCM and records: one message, or many under one key. */
import { concat } from '../../src/base/bytes.ts';
import { hex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { bytes, engine, type Fields, malformed, type Operations, objects } from './request.ts';

const TAG_BYTES = 16;

export function symmetricOperations({ aes256gcm }: Crypto): Operations {
  return {
    'aes256gcm.seal': (request) =>
      split(
        aes256gcm.seal(
          bytes(request, 'key'),
          bytes(request, 'iv'),
          bytes(request, 'aad'),
          bytes(request, 'pt'),
          engine(request),
        ),
      ),
    'aes256gcm.open': (request) => ({
      pt: hex(
        aes256gcm.open(
          bytes(request, 'key'),
          bytes(request, 'iv'),
          bytes(request, 'aad'),
          sealedBytes(request),
          engine(request),
        ),
      ),
    }),
    'record.sealMany': (request) => {
      const records = objects(request, 'records').map((record) => ({
        iv: bytes(record, 'iv'),
        aad: bytes(record, 'aad'),
        plaintext: bytes(record, 'pt'),
      }));
      const sealed = aes256gcm.sealMany(bytes(request, 'key'), records);
      return { records: sealed.map((bytes, i) => ({ ...head(records[i]), ...split(bytes) })) };
    },
    'record.openMany': (request) => {
      const records = objects(request, 'records').map((record) => ({
        iv: bytes(record, 'iv'),
        aad: bytes(record, 'aad'),
        sealed: sealedBytes(record),
      }));
      const opened = aes256gcm.openMany(bytes(request, 'key'), records);
      return { records: opened.map((pt, i) => ({ ...head(records[i]), pt: hex(pt) })) };
    },
  };
}

function head({ iv, aad }: { iv: Uint8Array; aad: Uint8Array }): Fields {
  return { iv: hex(iv), aad: hex(aad) };
}

function split(sealed: Uint8Array): Fields {
  return { ct: hex(sealed.subarray(0, -TAG_BYTES)), tag: hex(sealed.subarray(-TAG_BYTES)) };
}

/** A tag of another length would move the border between ciphertext and tag, so it is no request at all. */
function sealedBytes(request: Fields): Uint8Array {
  const tag = bytes(request, 'tag');
  if (tag.length !== TAG_BYTES) throw malformed(`a tag has ${TAG_BYTES} bytes`);
  return concat(bytes(request, 'ct'), tag);
}
