/**
 * AES-256-GCM with a choice of engine. What flows through here: messages under a key that stands prepared go to the
 * core below the crossover and to the platform's hardware from there on; both leave ciphertext and tag in one
 * array. A tag that does not match becomes the one error that says so. A key for one message alone lives as long as
 * the call.
 */
import { openMany, sealMany } from './aes256gcm-many.ts';
import {
  divided,
  type GcmEngines,
  notAuthentic,
  requireIv,
  requireLength,
  sealOnHardware,
  TAG_BYTES,
} from './aes256gcm-message.ts';
import { CROSSOVERS, usesHardware } from './crossover.ts';
import type { Aes256Gcm, Aes256GcmKey, EngineName } from './crypto.ts';

export function createAes256Gcm(engines: GcmEngines): Aes256Gcm {
  const withKey = <T>(
    bytes: Uint8Array,
    engine: EngineName | undefined,
    crossover: number,
    use: (key: Aes256GcmKey) => T,
  ): T => {
    const key = prepareKey(engines, bytes, engine, crossover);
    try {
      return use(key);
    } finally {
      key[Symbol.dispose]();
    }
  };
  const { aes256gcmPrepared, aes256gcmSingle } = CROSSOVERS;
  return {
    key: (bytes, engine) => prepareKey(engines, bytes, engine, aes256gcmPrepared),
    seal: (bytes, iv, aad, plaintext, engine) =>
      withKey(bytes, engine, aes256gcmSingle, (key) => key.seal(iv, aad, plaintext)),
    open: (bytes, iv, aad, sealed, engine) =>
      withKey(bytes, engine, aes256gcmSingle, (key) => key.open(iv, aad, sealed)),
    sealMany: (bytes, messages) =>
      withKey(bytes, 'auto', aes256gcmPrepared, (key) => {
        const lengths = messages.map(({ plaintext }) => plaintext.length + TAG_BYTES);
        return divided(key.sealMany(messages), lengths);
      }),
    openMany: (bytes, messages) =>
      withKey(bytes, 'auto', aes256gcmPrepared, (key) => {
        const lengths = messages.map(({ sealed }) => sealed.length - TAG_BYTES);
        return divided(key.openMany(messages), lengths);
      }),
  };
}

function prepareKey(
  engines: GcmEngines,
  bytes: Uint8Array,
  engine: EngineName | undefined,
  crossover: number,
): Aes256GcmKey {
  const { core } = engines;
  const { aes256gcmSeal, aes256gcmOpen } = engines.hardware;
  const key = core.keys.prepare(bytes);
  const sealsOn = (length: number) => usesHardware(aes256gcmSeal !== undefined, engine, length, crossover);
  const opensOn = (length: number) => usesHardware(aes256gcmOpen !== undefined, engine, length, crossover);
  return {
    seal(iv, aad, plaintext, into) {
      requireIv(iv);
      requireLength(into, plaintext.length + TAG_BYTES);
      return sealsOn(plaintext.length)
        ? sealOnHardware(engines, key, { iv, aad, text: plaintext }, into)
        : core.aes256gcm.seal(key, iv, aad, plaintext, into);
    },
    open(iv, aad, sealed, into) {
      requireIv(iv);
      const length = sealed.length - TAG_BYTES;
      if (length < 0) throw notAuthentic('the message');
      requireLength(into, length);
      const opened = opensOn(length)
        ? aes256gcmOpen!(core.keys.bytesOf(key), iv, aad, sealed, into)
        : core.aes256gcm.open(key, iv, aad, sealed, into);
      if (opened === undefined) throw notAuthentic('the message');
      return opened;
    },
    sealMany: (messages, into) => sealMany(engines, key, messages, sealsOn, into),
    openMany: (messages, into) => openMany(engines, key, messages, opensOn, into),
    [Symbol.dispose]: () => core.keys.release(key),
  };
}
