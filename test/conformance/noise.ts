/**
 * Noise. Cacophony: both sides of every handshake and the transport messages after it; Curve448 is out of scope.
 * The XXhfs vectors of the public repository paschal533/pq-noise-artifacts, made by another implementation: the
 * three messages, the handshake hash and, by one empty transport message each way, both transport keys.
 */
import { createCipheriv } from 'node:crypto';
import type { Fields } from '../oracle/request.ts';
import { gives, occurrences, type SkippedVector, type Suite, type Vector } from './vector.ts';

interface CacophonyVector extends Fields {
  readonly protocol_name: string;
  readonly handshake_hash: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

export const cacophony: Suite = {
  title: 'cacophony Noise',
  files: { 'noise-cacophony/cacophony.txt': 944 },
  holds: (text) => occurrences(text, '"protocol_name"'),
  read: (file) => (JSON.parse(file.texts[0].text) as { vectors: CacophonyVector[] }).vectors.map(toVector),
};

function toVector(vector: CacophonyVector): Vector | SkippedVector {
  const name = vector.protocol_name;
  if (name.split('_')[2] === '448') return { name, skip: 'Curve448 is out of scope' };
  const { handshake_hash, ...given } = vector;
  const messages = vector.messages.map(({ payload }) => ({ payload }));
  return {
    name,
    check: async (ask) =>
      gives(await ask('noise.run', { vector: { ...given, messages } }), {
        messages: vector.messages.map(({ ciphertext }) => ciphertext),
        handshakeHash: handshake_hash,
      }),
  };
}

interface HybridVector extends Fields {
  readonly description: string;
  readonly msg_a: string;
  readonly msg_b: string;
  readonly msg_c: string;
  readonly handshake_hash: string;
  readonly cs1_k: string;
  readonly cs2_k: string;
}

interface HybridFile {
  readonly protocol: string;
  readonly vectors: readonly HybridVector[];
}

export const hybrid: Suite = {
  title: 'XXhfs Noise',
  files: { 'pq-noise-artifacts/vectors/pqc-test-vectors.json': 5 },
  mayLack: 'not in the folder: see the public repository paschal533/pq-noise-artifacts',
  holds: (text) => occurrences(text, '"vector_index"'),
  read: (file) => {
    const { protocol, vectors } = JSON.parse(file.texts[0].text) as HybridFile;
    return vectors.map((vector) => toHybridVector(protocol, vector));
  },
};

/** After the handshake the responder writes first: the turns go on as the pattern has them. */
function toHybridVector(protocol: string, vector: HybridVector): Vector {
  const { description, msg_a, msg_b, msg_c, handshake_hash, cs1_k, cs2_k, ...given } = vector;
  const messages = Array.from({ length: 5 }, () => ({ payload: '' }));
  return {
    name: description,
    check: async (ask) =>
      gives(await ask('noise.run', { vector: { ...given, protocol, messages } }), {
        messages: [msg_a, msg_b, msg_c, firstTransportMessage(cs2_k), firstTransportMessage(cs1_k)],
        handshakeHash: handshake_hash,
      }),
  };
}

/** The empty message under a published transport key and nonce 0, sealed by OpenSSL. */
function firstTransportMessage(key: string): string {
  const options = { authTagLength: 16 } as const;
  const cipher = createCipheriv('chacha20-poly1305', Buffer.from(key, 'hex'), Buffer.alloc(12), options);
  cipher.final();
  return cipher.getAuthTag().toString('hex');
}
