/** A batch for those who know single signatures only: one after the other. */
import type { Engine } from '../engine.ts';

export function verifyEach(
  verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean,
): NonNullable<Engine['ed25519VerifyBatch']> {
  return (publicKeys) => (messages, signatures, verdicts) => {
    for (let i = 0; i < publicKeys.length; i++)
      verdicts[i] = verify(publicKeys[i], messages[i], signatures[i]) ? 1 : 0;
  };
}
