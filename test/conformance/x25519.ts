/**
 * X25519. The 254 `acceptable` cases are decided by their flags: where the shared secret is all zero (RFC 7748
 * section 6.1) we refuse; points of the twist and encodings that are not canonical are computed, as RFC 7748
 * section 5 says. A flag that is not in the list below fails its case until it is decided.
 */
import { gives, refuses, type Suite } from './vector.ts';
import { hexOf, type Judge, wycheproof } from './wycheproof.ts';

const REFUSED_FLAG = 'ZeroSharedSecret';
const DECIDED_FLAGS: ReadonlySet<string> = new Set([
  REFUSED_FLAG,
  'EdgeCaseMultiplication',
  'EdgeCaseShared',
  'Ktv',
  'LowOrderPublic',
  'NonCanonicalPublic',
  'SmallPublicKey',
  'SpecialPublicKey',
  'Twist',
]);

export const x25519: Suite = wycheproof('X25519', {
  'x25519_test.json': { cases: 518, judge: judge() },
});

function judge(): Judge {
  return (test) => async (ask) => {
    const answer = await ask('x25519', { scalar: hexOf(test, 'private'), point: hexOf(test, 'public') });
    const flags = test.flags ?? [];
    const undecided = test.result === 'acceptable' ? flags.filter((flag) => !DECIDED_FLAGS.has(flag)) : [];
    if (undecided.length > 0) throw new Error(`flags not decided: ${undecided.join(', ')}`);
    if (flags.includes(REFUSED_FLAG)) refuses(answer, 'OOTO_CRYPTO_KEY');
    else gives(answer, { shared: hexOf(test, 'shared') });
  };
}
