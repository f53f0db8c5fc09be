/** hash-wasm: hand-tuned WebAssembly hashes. One hasher is made once and begun anew for each message. */
import { createSHA256 } from 'hash-wasm';
import type { Engine } from '../engine.ts';
import { hashingWith } from './hashing.ts';

const hasher = await createSHA256();

export const hashWasm: Engine = {
  name: 'hash-wasm',
  ...hashingWith((message, to, at) => to.set(hasher.init().update(message).digest('binary'), at)),
};
