/** Merkle proofs and checkpoints. */
import { hex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import {
  type CheckpointPolicy,
  type NoteKey,
  parseVerifierKey,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
} from '../../src/log/index.ts';
import {
  byteList,
  bytes,
  type Fields,
  has,
  isFields,
  list,
  malformed,
  number,
  type Operations,
  text,
} from './request.ts';

export function logOperations(crypto: Crypto): Operations {
  return {
    'merkle.inclusion': (request) => {
      verifyInclusion(crypto, {
        index: number(request, 'index'),
        size: number(request, 'size'),
        leafHash: bytes(request, 'leafHash'),
        proof: byteList(request, 'proof'),
        root: bytes(request, 'root'),
      });
      return {};
    },
    'merkle.consistency': (request) => {
      verifyConsistency(crypto, {
        size1: number(request, 'size1'),
        size2: number(request, 'size2'),
        proof: byteList(request, 'proof'),
        root1: bytes(request, 'root1'),
        root2: bytes(request, 'root2'),
      });
      return {};
    },
    'checkpoint.verify': (request) => {
      const verified = verifyCheckpoint(crypto, text(request, 'note'), policy(crypto, request));
      const { origin, size, root, cosignatures } = verified;
      return {
        origin,
        size,
        root: hex(root),
        witnesses: cosignatures.map(({ name, time }) => ({ name, time })),
      };
    },
  };
}

/** The origin is the one asked for, or else the name of the first key: that is how logs name their keys. */
function policy(crypto: Crypto, request: Fields): CheckpointPolicy {
  const keys = noteKeys(crypto, request, 'keys');
  return {
    origin: has(request, 'origin') ? text(request, 'origin') : (keys[0]?.name ?? ''),
    keys,
    witnesses: has(request, 'witnesses') ? noteKeys(crypto, request, 'witnesses') : [],
    quorum: has(request, 'quorum') ? number(request, 'quorum') : 0,
  };
}

/** Keys as `name+id+base64`, the text form of C2SP signed-note, or as `{name, pk}`. */
function noteKeys(crypto: Crypto, request: Fields, name: string): NoteKey[] {
  return list(request, name).map((item) => {
    if (typeof item === 'string') return parseVerifierKey(crypto, item);
    if (isFields(item)) return { name: text(item, 'name'), publicKey: bytes(item, 'pk') };
    throw malformed(`a key of ${name} is neither text nor object`);
  });
}
