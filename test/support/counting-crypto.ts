/** A Crypto that counts what strangers must not be able to cause. */
import type { Crypto } from '../../src/crypto/crypto.ts';

/** Counts Diffie-Hellmans and everything of ML-KEM. */
export function countingAgreements(crypto: Crypto): { crypto: Crypto; work: () => number } {
  let work = 0;
  const count = <T extends object>(room: T): T =>
    new Proxy(room, {
      get: (target, name) => {
        const member = target[name as keyof T];
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          work++;
          return member.apply(target, args);
        };
      },
    });
  return {
    crypto: { ...crypto, x25519: count(crypto.x25519), mlkem768: count(crypto.mlkem768) },
    work: () => work,
  };
}
