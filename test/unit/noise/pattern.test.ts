/** Pattern names, modifiers and protocol names: what is accepted, and what token lists come of it. */
import fc from 'fast-check';
import { BASE_PATTERNS, handshakePattern } from '../../../src/noise/pattern.ts';
import { parseProtocolName } from '../../../src/noise/protocol-name.ts';
import { equal, is, ok, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('noise patterns');

test('hfs puts e1 after the first e and ekem1 after the first ee', () => {
  equal(handshakePattern('XXhfs').messages, [
    ['e', 'e1'],
    ['e', 'ee', 'ekem1', 's', 'es'],
    ['s', 'se'],
  ]);
  equal(handshakePattern('NNhfs+psk0').messages, [
    ['psk', 'e', 'e1'],
    ['e', 'ee', 'ekem1'],
  ]);
});

test('where the first message has a DH, e1 follows it, so that the key travels encrypted', () => {
  equal(handshakePattern('NKhfs').messages[0], ['e', 'es', 'e1']);
});

test('psk modifiers begin the first message or end the one they name', () => {
  equal(handshakePattern('XXpsk3').messages[2], ['s', 'se', 'psk']);
  equal(handshakePattern('NNpsk0+psk2').messages, [
    ['psk', 'e'],
    ['e', 'ee', 'psk'],
  ]);
  is(handshakePattern('NNpsk0+psk2').pskCount, 2);
});

test('names that the table does not give are refused', () => {
  const wrong = [
    '',
    'YY',
    'xx',
    'XXpsk4',
    'XXpsk',
    'XXhfs+hfs',
    'XX+psk0',
    'Nhfs',
    'XXpsk0psk1',
    'toString',
    'XX1X',
  ];
  for (const name of wrong) throwsCode(() => handshakePattern(name), 'OOTO_NOISE_PATTERN');
});

test('protocol names have one form', () => {
  const { suite: names } = parseProtocolName('Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256');
  equal(names, { dh: '25519', kem: 'MLKEM768', cipher: 'AESGCM', hash: 'SHA256' });
  for (const wrong of [
    'Noise_XX_448_AESGCM_SHA256',
    'Noise_XXhfs_25519_AESGCM_SHA256',
    'Noise_XX_25519+MLKEM768_AESGCM_SHA256',
    'Noise_XX_25519_AESGCM_SHA256 ',
    'noise_XX_25519_AESGCM_SHA256',
    'Noise_XX_25519_AESGCM_SHA1',
  ])
    throwsCode(() => parseProtocolName(wrong), 'OOTO_NOISE_PROTOCOL');
});

test('property: no DH uses an ephemeral before it was sent', () => {
  const modifiers = ['', 'psk0', 'psk1', 'hfs', 'hfs+psk0'];
  fc.assert(
    fc.property(fc.constantFrom(...BASE_PATTERNS), fc.constantFrom(...modifiers), (base, modifier) => {
      if (modifier.includes('hfs') && base.length === 1) return;
      const sent: boolean[] = [false, false];
      handshakePattern(base + modifier).messages.forEach((tokens, i) => {
        for (const token of tokens) {
          if (token === 'e') sent[i % 2] = true;
          if (token === 'ee' || token === 'es') ok(sent[0], `${token} in ${base}`);
          if (token === 'ee' || token === 'se') ok(sent[1], `${token} in ${base}`);
        }
      });
    }),
  );
});
