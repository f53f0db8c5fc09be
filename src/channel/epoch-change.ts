/**
 * The handshake of a new epoch: `Noise_NNhfs+psk0_25519+MLKEM768_AESGCM_SHA256` inside the channel. What flows
 * through here: the psk of the running epoch and everything that names the next one go in; the initiator's offer
 * and the responder's answer, which carries its signature, go across; a Split comes out on both sides.
 */
import { concat, lengthPrefixed, u32be, utf8 } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { SigningKey } from '../envelope/keys.ts';
import { HandshakeState, type Role, type SplitResult } from '../noise/handshake-state.ts';
import type { Epoch } from './epoch.ts';
import { epochTranscriptMessage } from './transcript.ts';
import { badFrame } from './wire.ts';

export const EPOCH_PROTOCOL = 'Noise_NNhfs+psk0_25519+MLKEM768_AESGCM_SHA256';

/** Who changes the epoch, with the keys they sign with now. */
export interface EpochContext {
  readonly crypto: Crypto;
  readonly messageKey: SigningKey;
  readonly peerMessageKey: Uint8Array;
  readonly initiatorId: string;
  readonly responderId: string;
}

/** An offer under way, at the initiator. */
export class EpochOffer implements Disposable {
  /** For the peer. */
  readonly message: Uint8Array;
  readonly #context: EpochContext;
  readonly #noise: HandshakeState;
  readonly #number: number;

  constructor(context: EpochContext, current: Epoch) {
    this.#context = context;
    this.#number = current.number + 1;
    this.#noise = epochState(context, 'initiator', current);
    this.message = this.#noise.writeMessage();
  }

  /**
   * The keys of the new epoch, once the responder has proven to be the peer.
   * @throws OOTO_CHANNEL_EPOCH_SIGNATURE, OOTO_CRYPTO_AUTHENTICATION, OOTO_NOISE_LENGTH (peer).
   */
  complete(answer: Uint8Array): SplitResult {
    const { payload, transcript } = this.#noise.readMessage(answer);
    const message = epochTranscriptMessage('responder', transcript, this.#number);
    verifyEpochSignature(this.#context, message, payload);
    return this.#noise.split();
  }

  [Symbol.dispose](): void {
    this.#noise[Symbol.dispose]();
  }
}

/**
 * The responder's answer to an offer, and the keys of the new epoch.
 * @throws OOTO_CRYPTO_AUTHENTICATION, OOTO_CRYPTO_KEY, OOTO_NOISE_LENGTH, OOTO_CHANNEL_FRAME (peer).
 */
export function answerOffer(
  context: EpochContext,
  current: Epoch,
  offer: Uint8Array,
): { answer: Uint8Array; split: SplitResult } {
  const noise = epochState(context, 'responder', current);
  try {
    const { payload } = noise.readMessage(offer);
    if (payload.length > 0) throw badFrame('a payload in an epoch offer');
    const answer = noise.writeMessage((h) =>
      context.messageKey.sign(epochTranscriptMessage('responder', h, current.number + 1)),
    );
    return { answer, split: noise.split() };
  } finally {
    noise[Symbol.dispose]();
  }
}

/** @throws OOTO_CHANNEL_EPOCH_SIGNATURE (peer). */
export function verifyEpochSignature(
  { crypto, peerMessageKey }: EpochContext,
  message: Uint8Array,
  signature: Uint8Array,
): void {
  try {
    crypto.ed25519.verify(peerMessageKey, message, signature);
  } catch (cause) {
    throw new OotoError(
      'OOTO_CHANNEL_EPOCH_SIGNATURE',
      'peer',
      'the signature over the new epoch is not the peer’s',
      { cause },
    );
  }
}

function epochState(context: EpochContext, role: Role, current: Epoch): HandshakeState {
  const psk = current.copyPsk();
  try {
    return new HandshakeState(context.crypto, {
      protocolName: EPOCH_PROTOCOL,
      role,
      prologue: epochPrologue(context, current),
      psks: [psk],
    });
  } finally {
    wipe(psk);
  }
}

/** The running epoch's `h`, the next number, both ids. */
export function epochPrologue(
  { initiatorId, responderId }: Pick<EpochContext, 'initiatorId' | 'responderId'>,
  current: Pick<Epoch, 'hash' | 'number'>,
): Uint8Array {
  return concat(
    current.hash,
    u32be(current.number + 1),
    lengthPrefixed(utf8(initiatorId)),
    lengthPrefixed(utf8(responderId)),
  );
}
