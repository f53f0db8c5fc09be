/** Ed25519 (Wycheproof, djb's file, speccheck) and ECDSA on P-256 (Wycheproof, both encodings). */
import { type Ask, gives, occurrences, refuses, type Suite, type Vector, type VectorFile } from './vector.ts';
import { hexOf, type Judge, type WycheproofGroup, wycheproof } from './wycheproof.ts';

const SIGNATURE = 'OOTO_CRYPTO_SIGNATURE';
/** V accepts, X refuses: the cofactored equation on canonical encodings, keys of small order refused. */
const SPECCHECK_BITMAP = 'XXVVVVXXXXXX';
/** RFC 8032 section 7.1, test 1: company for a signature that is to be judged in a batch. */
const GOOD = {
  pk: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  msg: '',
  sig:
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
    '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
};

export const ed25519: Suite = wycheproof('Ed25519', {
  'ed25519_test.json': { cases: 151, judge: judgeEd25519() },
});

export const ecdsaP256: Suite = wycheproof('ECDSA P-256', {
  'ecdsa_secp256r1_sha256_test.json': { cases: 484, judge: judgeEcdsa('der') },
  'ecdsa_secp256r1_sha256_p1363_test.json': { cases: 262, judge: judgeEcdsa('p1363') },
});

/** Each line: seed and key, key, message, signature and message, each ended by a colon. */
export const djb: Suite = {
  title: 'djb Ed25519',
  files: { 'ed25519-djb/vectors.txt': 1024 },
  holds: (text) => occurrences(text, ':\n'),
  read: (file, engines) => lines(file).map((line, i) => djbVector(line, i, engines)),
};

/** The twelve cases on which verifiers differ ("Taming the many EdDSAs"). */
export const speccheck: Suite = {
  title: 'speccheck Ed25519',
  files: { 'ed25519-speccheck/cases.json': 12 },
  holds: (text) => occurrences(text, '"pub_key"'),
  read: (file, engines) => {
    const cases = JSON.parse(file.texts[0].text) as { message: string; pub_key: string; signature: string }[];
    return cases.map((item, i) => speccheckVector(item, i, engines));
  },
  summary: (passed) =>
    [...SPECCHECK_BITMAP].map((verdict, i) => (passed.has(speccheckName(i)) ? verdict : '?')).join(''),
};

function judgeEd25519(): Judge {
  return (test, group, engines) => (ask) =>
    judgeSignature(ask, engines, test.result === 'valid', {
      pk: publicKey(group, 'pk'),
      msg: hexOf(test, 'msg'),
      sig: hexOf(test, 'sig'),
    });
}

function judgeEcdsa(encoding: 'der' | 'p1363'): Judge {
  return (test, group) => async (ask) => {
    const pk = publicKey(group, 'uncompressed');
    const request = { pk, msg: hexOf(test, 'msg'), sig: hexOf(test, 'sig'), encoding };
    const answer = await ask('p256.verify', request);
    if (test.result === 'valid') gives(answer, {});
    else refuses(answer, SIGNATURE);
  };
}

function djbVector(line: string, index: number, engines: readonly string[]): Vector {
  const [secret, pk, msg, signed] = line.split(':');
  const [seed, sig] = [secret.slice(0, 64), signed.slice(0, 128)];
  const forged = `${sig.slice(0, 126)}${flipped(sig.slice(126))}`;
  return {
    name: `vectors.txt line ${index + 1}`,
    check: async (ask) => {
      if (signed.slice(128) !== msg || secret.slice(64) !== pk)
        throw new Error('the line contradicts itself');
      gives(await ask('ed25519.sign', { seed, msg }), { pk, sig });
      await judgeSignature(ask, engines, true, { pk, msg, sig });
      await judgeSignature(ask, engines, false, { pk, msg, sig: forged });
      await judgeSignature(ask, engines, false, { pk, msg: `${msg}00`, sig });
    },
  };
}

function speccheckVector(
  item: { message: string; pub_key: string; signature: string },
  index: number,
  engines: readonly string[],
): Vector {
  const signature = { pk: item.pub_key, msg: item.message, sig: item.signature };
  return {
    name: speccheckName(index),
    check: (ask) => judgeSignature(ask, engines, SPECCHECK_BITMAP[index] === 'V', signature),
  };
}

/** One rule for all: every engine and the batch, which names the culprit, must come to the same verdict. */
async function judgeSignature(
  ask: Ask,
  engines: readonly string[],
  good: boolean,
  item: { pk: string; msg: string; sig: string },
): Promise<void> {
  for (const engine of engines) {
    const answer = await ask('ed25519.verify', { ...item, engine });
    if (good) gives(answer, {});
    else refuses(answer, SIGNATURE);
  }
  const batch = await ask('ed25519.verifyBatch', { items: [GOOD, GOOD, GOOD, item, GOOD, GOOD, GOOD] });
  gives(batch, { invalid: good ? [] : [3] });
}

function publicKey(group: WycheproofGroup, name: string): string {
  return (group.publicKey as Record<string, string>)[name];
}

function lines(file: VectorFile): string[] {
  return file.texts[0].text.split('\n').filter((line) => line !== '');
}

function flipped(byte: string): string {
  return (Number.parseInt(byte, 16) ^ 1).toString(16).padStart(2, '0');
}

function speccheckName(index: number): string {
  return `cases.json case ${index}`;
}
