/**
 * AES-256-GCM with a choice of engine. What flows through here: a message goes to the core below the crossover
 * and to the platform's hardware from there on; both give ciphertext and tag in one array. A tag that does not
 * match becomes the one error that says so.
 */
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Core } from '../core/index.ts';
import type { PreparedKey } from '../core/key-slots.ts';
import type { Hardware } from '../ports.ts';
import { CROSSOVERS, usesHardware } from './crossover.ts';
import type { Aes256Gcm, EngineName } from './crypto.ts';

const IV_BYTES = 12;
const TAG_BYTES = 16;

export function createAes256Gcm({ core, hardware }: { core: Core; hardware: Hardware }): Aes256Gcm {
  const { aes256gcmSeal, aes256gcmOpen } = hardware;

  const sealWith = (
    key: PreparedKey,
    iv: Uint8Array,
    aad: Uint8Array,
    text: Uint8Array,
    onHardware: boolean,
  ) => {
    requireIv(iv);
    return onHardware
      ? aes256gcmSeal!(core.keys.bytesOf(key), iv, aad, text)
      : core.aes256gcm.seal(key, iv, aad, text);
  };
  const openWith = (
    key: PreparedKey,
    iv: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
    onHardware: boolean,
  ) => {
    requireIv(iv);
    const opened = onHardware
      ? aes256gcmOpen!(core.keys.bytesOf(key), iv, aad, sealed)
      : core.aes256gcm.open(key, iv, aad, sealed);
    if (opened === undefined) throw notAuthentic('the message');
    return opened;
  };
  const sealsOn = (engine: EngineName | undefined, length: number, crossover: number) =>
    usesHardware(aes256gcmSeal !== undefined, engine, length, crossover);
  const opensOn = (engine: EngineName | undefined, length: number, crossover: number) =>
    usesHardware(aes256gcmOpen !== undefined, engine, length - TAG_BYTES, crossover);

  const withKey = <T>(bytes: Uint8Array, use: (key: PreparedKey) => T): T => {
    const key = core.keys.prepare(bytes);
    try {
      return use(key);
    } finally {
      core.keys.release(key);
    }
  };

  return {
    seal: (bytes, iv, aad, plaintext, engine) =>
      withKey(bytes, (key) => {
        const onHardware = sealsOn(engine, plaintext.length, CROSSOVERS.aes256gcmSingle);
        return sealWith(key, iv, aad, plaintext, onHardware);
      }),
    open: (bytes, iv, aad, sealed, engine) =>
      withKey(bytes, (key) => {
        const onHardware = opensOn(engine, sealed.length, CROSSOVERS.aes256gcmSingle);
        return openWith(key, iv, aad, sealed, onHardware);
      }),
    sealMany: (bytes, records) =>
      withKey(bytes, (key) =>
        records.map(({ iv, aad, plaintext }) =>
          sealWith(key, iv, aad, plaintext, sealsOn('auto', plaintext.length, CROSSOVERS.aes256gcmPrepared)),
        ),
      ),
    openMany: (bytes, records) =>
      withKey(bytes, (key) =>
        allOrNone(records.length, (i) => {
          const { iv, aad, sealed } = records[i];
          return openWith(key, iv, aad, sealed, opensOn('auto', sealed.length, CROSSOVERS.aes256gcmPrepared));
        }),
      ),
  };
}

/** The results of `open` for 0 to `count`; when one throws, those before it are wiped. */
function allOrNone(count: number, open: (i: number) => Uint8Array): Uint8Array[] {
  const opened: Uint8Array[] = [];
  try {
    for (let i = 0; i < count; i++) opened.push(open(i));
  } catch (error) {
    wipe(...opened);
    throw error;
  }
  return opened;
}

/** The error of everything whose tag, or the frame around it, is not what the key's holder made. */
export function notAuthentic(what: string): OotoError {
  return new OotoError('OOTO_CRYPTO_AUTHENTICATION', 'peer', `${what} is not authentic`);
}

function requireIv(iv: Uint8Array): void {
  if (iv.length !== IV_BYTES)
    throw new OotoError('OOTO_CRYPTO_IV', 'caller', `an iv of ${iv.length} bytes, expected ${IV_BYTES}`);
}
