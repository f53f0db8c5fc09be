/** noble's FROST(Ed25519, SHA-512): three of five sign one message, each in its turn, and the sum is checked. */
import { ed25519_FROST as frost } from '@noble/curves/ed25519.js';
import { MEMBERS, THRESHOLD } from './world.ts';

/** A function that runs the two rounds for a message and returns the signature. */
export function nobleCeremony(): (message: Uint8Array) => Uint8Array {
  const identifiers = Array.from({ length: MEMBERS }, (_, i) => frost.Identifier.fromNumber(i + 1));
  const dealt = frost.trustedDealer({ min: THRESHOLD, max: MEMBERS }, identifiers);
  const signers = identifiers.slice(0, THRESHOLD);
  return (message) => {
    const rounds = signers.map((id) => ({ id, ...frost.commit(dealt.secretShares[id]) }));
    const list = rounds.map(({ commitments }) => commitments);
    const shares = rounds.map(({ id, nonces }): [string, Uint8Array] => [
      id,
      frost.signShare(dealt.secretShares[id], dealt.public, nonces, list, message),
    ]);
    const signature = frost.aggregate(dealt.public, list, message, Object.fromEntries(shares));
    if (!frost.verify(signature, message, dealt.public.commitments[0])) throw new Error('a bad signature');
    return signature;
  };
}
