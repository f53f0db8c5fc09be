/**
 * The handshake of a channel: `Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256`. What flows through here: frames of the
 * peer in, frames for the peer out; a loaded responder answers with a cookie first; payloads 2 and 3 are
 * authenticated; at the end stand the Split and the peer. The initiator's {@link Authenticated} still awaits the
 * responder's confirmation record.
 */
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { HandshakeState, type Role, type SplitResult } from '../noise/handshake-state.ts';
import { type CookieGuard, isAdmitted, makeCookie } from './cookie.ts';
import { authenticatePeer, makePayload, type Peer, type PeerContext } from './credential.ts';
import type { Moment } from './limits.ts';
import { COOKIE_BYTES, encodePreamble, NO_COOKIE, PREAMBLE_BYTES, readPreamble } from './preamble.ts';
import { otherRole, transcriptMessage } from './transcript.ts';
import { badFrame, encodeFrame, FRAME, type Frame, MAX_HANDSHAKE_BYTES } from './wire.ts';

export const HANDSHAKE_PROTOCOL = 'Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256';

export interface HandshakeContext extends PeerContext {
  readonly cookies: CookieGuard | undefined;
}

/** The peer has proven who it is, and the keys are there. */
export interface Authenticated {
  readonly peer: Peer;
  readonly split: SplitResult;
}

export interface HandshakeStep {
  /** For the wire; may be empty. */
  readonly output: readonly Uint8Array[];
  /** Present when this side's part is done. */
  readonly result?: Authenticated;
}

/** One side's handshake. After an error it is over and its secrets are overwritten. */
export interface Handshake extends Disposable {
  /** What the length of the next frame may say: of a stranger no more is gathered than a first message has. */
  readonly longestFrame: number;
  /** The first frame of the initiator; nothing from a responder. */
  start(): HandshakeStep;
  /** @throws OotoError for whatever ends the handshake. */
  receive(frame: Frame, now: Moment): HandshakeStep;
}

export function createHandshake(context: HandshakeContext): Handshake {
  return context.role === 'initiator' ? new Initiator(context) : new Responder(context);
}

class Initiator implements Handshake {
  readonly longestFrame = MAX_HANDSHAKE_BYTES;
  readonly #context: HandshakeContext;
  #noise: HandshakeState | undefined;
  #hadCookie = false;

  constructor(context: HandshakeContext) {
    this.#context = context;
  }

  start(): HandshakeStep {
    return { output: [this.#hello(NO_COOKIE)] };
  }

  receive(frame: Frame, now: Moment): HandshakeStep {
    if (frame.type === FRAME.cookie) return { output: [this.#retry(frame.rest)] };
    if (frame.type === FRAME.reply && this.#noise) return this.#finish(this.#noise, frame.rest, now);
    throw badFrame(`a frame of type ${frame.type} where a reply is due`);
  }

  [Symbol.dispose](): void {
    this.#noise?.[Symbol.dispose]();
  }

  #hello(cookie: Uint8Array): Uint8Array {
    const { crypto, meshId } = this.#context;
    const preamble = encodePreamble(meshId, cookie);
    this.#noise = noiseState(crypto, this.#context, preamble);
    return encodeFrame(FRAME.hello, preamble, this.#noise.writeMessage());
  }

  /** A new handshake with new ephemerals, once: whoever asks again is no responder of ours. */
  #retry(cookie: Uint8Array): Uint8Array {
    if (this.#hadCookie || cookie.length !== COOKIE_BYTES)
      throw new OotoError('OOTO_CHANNEL_COOKIE', 'peer', 'the peer asks for a cookie once more', {
        hint: 'it is under load; dial again later',
      });
    this.#hadCookie = true;
    this.#noise?.[Symbol.dispose]();
    return this.#hello(cookie);
  }

  #finish(noise: HandshakeState, message: Uint8Array, now: Moment): HandshakeStep {
    const peer = readPeer(this.#context, noise, message, now);
    const finish = noise.writeMessage((h) => ownPayload(this.#context, h));
    return { output: [encodeFrame(FRAME.finish, finish)], result: { peer, split: noise.split() } };
  }
}

/** Type, preamble, ephemeral and encapsulation key. */
const HELLO_BYTES = 1 + PREAMBLE_BYTES + 32 + 1184;

class Responder implements Handshake {
  readonly #context: HandshakeContext;
  #noise: HandshakeState | undefined;
  #sentCookie = false;

  constructor(context: HandshakeContext) {
    this.#context = context;
  }

  get longestFrame(): number {
    return this.#noise ? MAX_HANDSHAKE_BYTES : HELLO_BYTES;
  }

  start(): HandshakeStep {
    return { output: [] };
  }

  receive(frame: Frame, now: Moment): HandshakeStep {
    if (frame.type === FRAME.hello && !this.#noise) return { output: [this.#reply(frame.rest)] };
    if (frame.type === FRAME.finish && this.#noise) return this.#accept(this.#noise, frame.rest, now);
    throw badFrame(`a frame of type ${frame.type} where a first or third message is due`);
  }

  [Symbol.dispose](): void {
    this.#noise?.[Symbol.dispose]();
  }

  #reply(hello: Uint8Array): Uint8Array {
    const { crypto, meshId, cookies } = this.#context;
    const preamble = hello.slice(0, PREAMBLE_BYTES);
    const cookie = readPreamble(preamble, meshId);
    if (!isAdmitted(crypto, cookies, meshId, cookie)) return this.#askForCookie(cookies!);
    this.#noise = noiseState(crypto, this.#context, preamble);
    const { payload } = this.#noise.readMessage(hello.subarray(PREAMBLE_BYTES));
    if (payload.length > 0) throw badFrame('a payload in the clear');
    return encodeFrame(
      FRAME.reply,
      this.#noise.writeMessage((h) => ownPayload(this.#context, h)),
    );
  }

  #askForCookie(guard: CookieGuard): Uint8Array {
    const { crypto, meshId } = this.#context;
    if (this.#sentCookie)
      throw new OotoError('OOTO_CHANNEL_COOKIE', 'peer', 'the first message carries no valid cookie');
    this.#sentCookie = true;
    return encodeFrame(FRAME.cookie, makeCookie(crypto, guard, meshId));
  }

  #accept(noise: HandshakeState, message: Uint8Array, now: Moment): HandshakeStep {
    const peer = readPeer(this.#context, noise, message, now);
    return { output: [], result: { peer, split: noise.split() } };
  }
}

/** The Noise state of one side. */
export function noiseState(
  crypto: Crypto,
  { role, own }: { role: Role; own: PeerContext['own'] },
  prologue: Uint8Array,
): HandshakeState {
  return new HandshakeState(crypto, {
    protocolName: HANDSHAKE_PROTOCOL,
    role,
    prologue,
    staticKey: own.noiseStatic,
  });
}

/** The payload of message 2 or 3, signed over `h`. */
export function ownPayload({ crypto, own, role }: PeerContext, h: Uint8Array): Uint8Array {
  return makePayload(crypto, own, (contentHash) => transcriptMessage(role, h, contentHash));
}

/** Reads the peer's payload; the static key that came with it is proven once its payload has opened. */
export function readPeer(context: PeerContext, noise: HandshakeState, bytes: Uint8Array, now: Moment): Peer {
  const { payload, transcript } = noise.readMessage(bytes);
  const message = (contentHash: Uint8Array) =>
    transcriptMessage(otherRole(context.role), transcript, contentHash);
  return authenticatePeer(context, { payload, message, noiseStatic: noise.remoteStatic! }, now);
}
