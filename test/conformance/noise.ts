/** Cacophony: both sides of every handshake and the transport messages after it. Curve448 is out of scope. */
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
