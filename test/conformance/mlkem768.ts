/** ML-KEM-768 (FIPS 203): key generation from seeds, encapsulation from given coins, decapsulation. */
import type { Answer } from '../oracle/answer.ts';
import { type Ask, gives, refuses, type Suite } from './vector.ts';
import { hexOf, type Judge, type WycheproofTest, wycheproof } from './wycheproof.ts';

export const mlkem768: Suite = wycheproof('ML-KEM-768', {
  'mlkem_768_test.json': { cases: 193, judge: judgeSeedAndCiphertext() },
  'mlkem_768_encaps_test.json': { cases: 265, judge: judgeEncapsulation() },
  'mlkem_768_keygen_seed_test.json': { cases: 100, judge: judgeKeyGeneration() },
  'mlkem_768_semi_expanded_decaps_test.json': { cases: 9, judge: judgeDecapsulation() },
});

/** From a seed to the key pair, and from the ciphertext to the secret. Wrong lengths are refused at their step. */
function judgeSeedAndCiphertext(): Judge {
  return (test) => async (ask) => {
    const keys = await ask('mlkem768.keygen', { seed: hexOf(test, 'seed') });
    if (test.result === 'invalid' && !keys.ok) return refuses(keys);
    gives(keys, { ek: hexOf(test, 'ek') });
    await judgeSecret(ask, test, String((keys as Answer & { ok: true }).out.dk));
  };
}

function judgeDecapsulation(): Judge {
  return (test) => (ask) => judgeSecret(ask, test, hexOf(test, 'dk'));
}

async function judgeSecret(ask: Ask, test: WycheproofTest, dk: string): Promise<void> {
  const answer = await ask('mlkem768.decaps', { dk, c: hexOf(test, 'c') });
  if (test.result === 'valid') gives(answer, { k: hexOf(test, 'K') });
  else refuses(answer, 'OOTO_CRYPTO_KEY');
}

function judgeEncapsulation(): Judge {
  return (test) => async (ask) => {
    const answer = await ask('mlkem768.encaps', { ek: hexOf(test, 'ek'), m: hexOf(test, 'm') });
    if (test.result === 'valid') gives(answer, { c: hexOf(test, 'c'), k: hexOf(test, 'K') });
    else refuses(answer, 'OOTO_CRYPTO_KEY');
  };
}

function judgeKeyGeneration(): Judge {
  return (test) => async (ask) =>
    gives(await ask('mlkem768.keygen', { seed: hexOf(test, 'seed') }), {
      ek: hexOf(test, 'ek'),
      dk: hexOf(test, 'dk'),
    });
}
