/**
 * Published vectors (cacophony, as in mcginty/snow tests/vectors; the whole file runs in the conformance suite).
 * The handshake hash covers every handshake message, the last ciphertext the transport keys and nonces.
 */

import { handshakePattern } from '../../../src/noise/pattern.ts';
import { parseProtocolName } from '../../../src/noise/protocol-name.ts';
import { is } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { type CacophonyVector, runNoiseVector } from '../../support/noise-vectors.ts';
import { suite } from '../../support/suite.ts';

const test = suite('noise vectors');

const VECTORS = [
  {
    name: 'Noise_N_25519_ChaChaPoly_BLAKE2s',
    handshakeHash: '39a2ce8290b63e1e7c94fb9244cea84c645161c0dced1b3f5d0672cf4c6ee4e8',
    last: '5631105c749b9550b27d7926dec0c5b83d4bf207688deccd51b50dd7fc9d5e337bba9c3177',
  },
  {
    name: 'Noise_XX_25519_AESGCM_SHA256',
    handshakeHash: '1b7aefb1125762aa21a252890d00af54519638b76437444538f9a52f21e2e0dc',
    last: '449d4d433b3cdc3d02bf6fc881774b9df54366ebcffb9689bb13f14709822cd7ef42bcdb4d',
  },
  {
    name: 'Noise_NNpsk0_25519_AESGCM_BLAKE2b',
    handshakeHash:
      'd73c5533886889dde8746bfcd5d0eb738dcc2321bcc0e05981cff516b7e8da25effe1be1e0168075ea4df017c8e636f6012c55f726b466a5ae61bafdf6542ef2',
    last: 'f9291acf81dab96f88793a2885461fdf2b313fb54b9fbff07d695e0f5280646a75ff8a86ba',
  },
  {
    name: 'Noise_IKpsk2_25519_ChaChaPoly_SHA512',
    handshakeHash:
      '2dc8ebd73d335420672519a6814c094547106de806c69a00aeac5271a261040a1f5af61714e7b0439d4281152f79326f2ff6fbe353a46fda11dfb988b6637f74',
    last: '3c387c65c5982f28bbd78d9fa8f80cd343b6d483373b2e5406be2c18c38ddbc8f86f5f30ea',
  },
  {
    name: 'Noise_X1X1_25519_AESGCM_SHA256',
    handshakeHash: '1381bccfb75f051d7b0c91396055590d962db48e3e46ca66395b3e97d7e982e2',
    last: '59ec9d1b0b378235d1d92d2966ce6f0fdad0e6114aedbed28d98d154af8445a3e7d10c27a2',
  },
  {
    name: 'Noise_KK1_25519_ChaChaPoly_BLAKE2b',
    handshakeHash:
      '1a92289aea1d31f03bf32a15081e7a480f554befbed321883a1838e87f7a247ebbce2619b451bc53ad1387ffe5bfcf23a7827b7f24eadc704da03901cbd8ae7a',
    last: 'fba6b7edca80001bed2b01e538ec0a8bef50cebeeff4837a263b62581273c63125a4d2906d',
  },
];
const PROLOGUE = '4a6f686e2047616c74';
const PSK = '54686973206973206d7920417573747269616e20706572737065637469766521';
const INITIATOR = {
  static: 'e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1',
  publicKey: '6bc3822a2aa7f4e6981d6538692b3cdf3e6df9eea6ed269eb41d93c22757b75a',
  ephemeral: '893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a',
};
const RESPONDER = {
  static: '4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893',
  publicKey: '31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62',
  ephemeral: 'bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b',
};
const PAYLOADS = [
  '4c756477696720766f6e204d69736573',
  '4d757272617920526f746862617264',
  '462e20412e20486179656b',
  '4361726c204d656e676572',
  '4a65616e2d426170746973746520536179',
  '457567656e2042f6686d20766f6e2042617765726b',
];

function vectorOf(name: string): CacophonyVector {
  const { pattern } = parseProtocolName(name);
  const sends = (first: number) =>
    pattern.messages.some((tokens, i) => i % 2 === first && tokens.includes('s'));
  const psks = Array.from({ length: pattern.pskCount }, () => PSK);
  return {
    protocol_name: name,
    init_prologue: PROLOGUE,
    resp_prologue: PROLOGUE,
    init_ephemeral: INITIATOR.ephemeral,
    resp_ephemeral: RESPONDER.ephemeral,
    ...(pattern.initiatorKnown || sends(0) ? { init_static: INITIATOR.static } : {}),
    ...(pattern.responderKnown || sends(1) ? { resp_static: RESPONDER.static } : {}),
    ...(pattern.responderKnown ? { init_remote_static: RESPONDER.publicKey } : {}),
    ...(pattern.initiatorKnown ? { resp_remote_static: INITIATOR.publicKey } : {}),
    init_psks: psks,
    resp_psks: psks,
    messages: PAYLOADS.map((payload) => ({ payload })),
  };
}

for (const { name, handshakeHash, last } of VECTORS)
  test(name, () => {
    const run = runNoiseVector(testCrypto(), vectorOf(name));
    is(run.handshakeHash, handshakeHash);
    is(run.messages.at(-1), last);
  });

/** Every pattern name of the file. */
const NAMES =
  'NN KN NK KK NX KX XN IN XK IK XX IX N K X NNpsk0 NNpsk2 NKpsk0 NKpsk2 NXpsk2 XNpsk3 XKpsk3 XXpsk3 KNpsk0 ' +
  'KNpsk2 KKpsk0 KKpsk2 KXpsk2 INpsk1 INpsk2 IKpsk1 IKpsk2 IXpsk2 Npsk0 Kpsk0 Xpsk1 NK1 NX1 X1N X1K XK1 X1K1 ' +
  'X1X XX1 X1X1 K1N K1K KK1 K1K1 K1X KX1 K1X1 I1N I1K IK1 I1K1 I1X IX1 I1X1';

test('all 59 patterns of the file are known', () => {
  const names = NAMES.split(' ');
  is(names.length, 59);
  for (const name of names) is(handshakePattern(name).name, name);
});
