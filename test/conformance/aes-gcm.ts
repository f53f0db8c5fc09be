/** AES-GCM with 256-bit keys, 96-bit nonces and 128-bit tags: by every engine, alone and as a batch of one. */
import { gives, refuses, type Suite } from './vector.ts';
import { hexOf, type Judge, sizeOf, wycheproof } from './wycheproof.ts';

const AUTHENTICATION = 'OOTO_CRYPTO_AUTHENTICATION';

export const aesGcm: Suite = wycheproof('AES-256-GCM', {
  'aes_gcm_test.json': { cases: 316, judge: judge() },
});

function judge(): Judge {
  return (test, group, engines) => {
    if (sizeOf(group, 'keySize') !== 256) return 'with another key size';
    if (sizeOf(group, 'ivSize') !== 96) return 'with another nonce size';
    if (sizeOf(group, 'tagSize') !== 128) return 'with another tag size';
    const key = hexOf(test, 'key');
    const { iv, aad, pt, ct, tag } = {
      iv: hexOf(test, 'iv'),
      aad: hexOf(test, 'aad'),
      pt: hexOf(test, 'msg'),
      ct: hexOf(test, 'ct'),
      tag: hexOf(test, 'tag'),
    };
    return async (ask) => {
      const opened = await Promise.all(
        engines.map((engine) => ask('aes256gcm.open', { key, iv, aad, ct, tag, engine })),
      );
      const openedMany = await ask('record.openMany', { key, records: [{ iv, aad, ct, tag }] });
      if (test.result === 'invalid') {
        for (const answer of [...opened, openedMany]) refuses(answer, AUTHENTICATION);
        return;
      }
      for (const answer of opened) gives(answer, { pt });
      gives(openedMany, { records: [{ iv, aad, pt }] });
      for (const engine of engines)
        gives(await ask('aes256gcm.seal', { key, iv, aad, pt, engine }), { ct, tag });
      const sealedMany = await ask('record.sealMany', { key, records: [{ iv, aad, pt }] });
      gives(sealedMany, { records: [{ iv, aad, ct, tag }] });
    };
  };
}
