/** node-forge: the oldest one still widely installed. It works on binary strings, which are read out at the end. */
import forge from 'node-forge';
import type { Engine, GcmKey } from '../engine.ts';
import { hashingWith } from './hashing.ts';

const TAG_BYTES = 16;
const PIECE_BYTES = 16384;

const gcmKey = (raw: Uint8Array): GcmKey => {
  const key = binary(raw);
  return {
    seal(iv, aad, plaintext, sealed) {
      const cipher = forge.cipher.createCipher('AES-GCM', key);
      cipher.start({ iv: binary(iv), additionalData: binary(aad) });
      cipher.update(forge.util.createBuffer(plaintext));
      cipher.finish();
      write(cipher.output.getBytes(), sealed, 0);
      write(cipher.mode.tag.getBytes(), sealed, plaintext.length);
    },
    open(iv, aad, sealed, plaintext) {
      const end = sealed.length - TAG_BYTES;
      const decipher = forge.cipher.createDecipher('AES-GCM', key);
      const tag = forge.util.createBuffer(sealed.subarray(end));
      decipher.start({ iv: binary(iv), additionalData: binary(aad), tag });
      decipher.update(forge.util.createBuffer(sealed.subarray(0, end)));
      if (!decipher.finish()) throw new Error('not authentic');
      write(decipher.output.getBytes(), plaintext, 0);
    },
  };
};

export const nodeForge: Engine = {
  name: 'node-forge',
  gcm: gcmKey,
  ...hashingWith((message, to, at) =>
    write(forge.md.sha256.create().update(binary(message)).digest().getBytes(), to, at),
  ),
  ed25519Sign(seed) {
    const { privateKey } = forge.pki.ed25519.generateKeyPair({ seed });
    return (message, signature) => signature.set(forge.pki.ed25519.sign({ message, privateKey }));
  },
  ed25519Verify: (publicKey) => (message, signature) =>
    forge.pki.ed25519.verify({ publicKey, message, signature }),
};

/** In pieces: forge gives all bytes to one function call as arguments. */
function binary(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    text += forge.util.binary.raw.encode(bytes.subarray(at, at + PIECE_BYTES));
  return text;
}

function write(text: string, to: Uint8Array, at: number): void {
  for (let i = 0; i < text.length; i++) to[at + i] = text.charCodeAt(i);
}
