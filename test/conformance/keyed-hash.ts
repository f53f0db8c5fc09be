/** HMAC and HKDF with SHA-256. */
import { gives, refuses, type Suite } from './vector.ts';
import { hexOf, type Judge, sizeOf, wycheproof } from './wycheproof.ts';

export const hmac: Suite = wycheproof('HMAC-SHA-256', {
  'hmac_sha256_test.json': { cases: 174, judge: judgeHmac() },
});

export const hkdf: Suite = wycheproof('HKDF-SHA-256', {
  'hkdf_sha256_test.json': { cases: 86, judge: judgeHkdf() },
});

/** The file's tags may be shortened; ours are whole, so a shortened one is compared with our beginning. */
function judgeHmac(): Judge {
  return (test, group) => async (ask) => {
    const answer = await ask('hmac256', { key: hexOf(test, 'key'), msg: hexOf(test, 'msg') });
    if (!answer.ok) throw new Error(`refused with ${answer.code}`);
    const mac = String(answer.out.mac).slice(0, sizeOf(group, 'tagSize') / 4);
    if ((mac === hexOf(test, 'tag')) !== (test.result === 'valid'))
      throw new Error(`the tag ${test.result === 'valid' ? 'differs' : 'is the modified one'}`);
  };
}

function judgeHkdf(): Judge {
  return (test) => async (ask) => {
    const [ikm, salt, info] = [hexOf(test, 'ikm'), hexOf(test, 'salt'), hexOf(test, 'info')];
    const answer = await ask('hkdf256', { ikm, salt, info, length: sizeOf(test, 'size') });
    if (test.result === 'valid') gives(answer, { okm: hexOf(test, 'okm') });
    else refuses(answer);
  };
}
