/**
 * Proofs of messages between programs that pin each other's keys. What flows through here: a proof that a message event
 * of a channel gave, and whose message it is said to be; out comes the message, or an error. Whoever verifies needs the
 * two public keys and trusts neither side.
 */
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { verifyMessageProof } from '../proof.ts';
import { readMessage } from '../streams/frames.ts';
import { applicationId, keyPeerId, type PublicKey, pinnedKeyVerifier } from './public-key.ts';

export interface ProofExpectation {
  readonly sender: PublicKey;
  readonly receiver: PublicKey;
  /** As both ends of the channel named it. Empty unless said. */
  readonly application?: string | undefined;
  /**
   * Milliseconds since 1970 at which the channel was: what both sides showed of their keys must be valid then, which is
   * for ten minutes. That the message was sent at this time is not proven.
   */
  readonly at: number;
}

export interface VerifiedMessage {
  readonly message: Uint8Array;
  /** 32 bytes that name the session; no other session has them. */
  readonly sessionId: Uint8Array;
  readonly epoch: number;
  /** Counter of the record of the epoch in which the message, or its first part, stood. */
  readonly counter: number;
}

/**
 * The message that `sender` sent to `receiver` on a channel, proven.
 * @throws OOTO_CHANNEL_PROOF (peer) for what is no proof of such a message; OOTO_CHANNEL_PIN, OOTO_CHANNEL_SIGNATURE,
 *   OOTO_CHANNEL_DELEGATION, OOTO_CHANNEL_CREDENTIAL and what the decoders throw (peer); OOTO_CHANNEL_KEY (caller).
 */
export function verifyProof(
  crypto: Crypto,
  proof: Uint8Array,
  { sender, receiver, application = '', at }: ProofExpectation,
): VerifiedMessage {
  const proven = verifyMessageProof(crypto, proof, {
    meshId: applicationId(crypto, application),
    verifier: pinnedKeyVerifier(crypto, [sender, receiver]),
    at: { wall: at, monotonic: 0 },
  });
  if (proven.sender.id !== keyPeerId(sender) || proven.receiver.id !== keyPeerId(receiver))
    throw badProof('is of a message between others');
  const message = readMessage(proven.message);
  if (!message) throw badProof('is of a part of a stream');
  const { sessionId, epoch, counter } = proven;
  return { message, sessionId, epoch, counter };
}

function badProof(what: string): OotoError {
  return new OotoError('OOTO_CHANNEL_PROOF', 'peer', `the proof ${what}`);
}
