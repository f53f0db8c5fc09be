/**
 * Datagram channels between programs that pin each other's keys. What flows through here: an identity and a bound
 * socket; out come peers that were dialled and peers that dialled; what this side shows of itself is renewed in time
 * for the next handshake.
 */
import type { Crypto } from '../../crypto/crypto.ts';
import type { Clock, DatagramSocket, Signer } from '../../ports.ts';
import type { OwnCredential } from '../credential.ts';
import { DatagramEndpoint, type DatagramPeer } from '../datagram/endpoint.ts';
import type { DatagramLimits } from '../datagram/limits.ts';
import { SignatureVerifier } from '../signature-verifier.ts';
import { OwnKey } from './own-key.ts';
import {
  datagramApplicationId,
  keyPeerId,
  type PinnedKeys,
  type PublicKey,
  pinnedKeyVerifier,
} from './public-key.ts';

export interface DatagramsOptions {
  /** The identity key of this side. */
  readonly identity: Signer;
  /** Who may dial, and be dialled. */
  readonly peers: PinnedKeys;
  /** Takes peers that dialled; without, nobody may. */
  readonly onPeer?: ((peer: DatagramPeer) => void) | undefined;
  /** Name of what both ends are: channels of different applications do not come about. Empty unless said. */
  readonly application?: string | undefined;
  readonly limits?: Partial<DatagramLimits> | undefined;
}

export interface DatagramSurroundings {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly socket: DatagramSocket;
  /** Calls back once the input at hand was taken in; see {@link SignatureVerifier}. */
  readonly soon: (callback: () => void) => void;
}

export class Datagrams implements AsyncDisposable {
  readonly #endpoint: DatagramEndpoint;
  readonly #clock: Clock;
  readonly #ownKey: OwnKey;
  #own: OwnCredential;
  #cancelRenewal = () => {};
  #letGoOfSignal = () => {};
  #isClosed = false;

  private constructor(
    { crypto, clock, socket, soon }: DatagramSurroundings,
    { peers, onPeer, application = '', limits }: DatagramsOptions,
    ownKey: OwnKey,
    own: OwnCredential,
  ) {
    this.#clock = clock;
    this.#ownKey = ownKey;
    this.#own = own;
    this.#endpoint = new DatagramEndpoint({
      ...{ crypto, clock, socket, soon, meshId: datagramApplicationId(crypto, application) },
      ...{ own: () => this.#own, verifier: pinnedKeyVerifier(crypto, peers), listens: onPeer !== undefined },
      ...{ verifierOfSignatures: new SignatureVerifier(crypto, soon), ...(limits && { limits }) },
    });
    if (onPeer) this.#endpoint.onPeer = onPeer;
    this.#renewLater();
  }

  /**
   * Takes the socket, which is closed when this fails. An aborted `signal` closes all, as {@link close} does.
   * @throws OOTO_CHANNEL_OPTIONS (caller); what the identity's signer throws; the signal's reason.
   */
  static async over(
    surroundings: DatagramSurroundings,
    options: DatagramsOptions,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Datagrams> {
    const { crypto, clock, socket } = surroundings;
    const meshId = datagramApplicationId(crypto, options.application ?? '');
    const ownKey = new OwnKey({ crypto, clock, identity: options.identity, meshId });
    try {
      const own = await ownKey.credential();
      signal?.throwIfAborted();
      const datagrams = new Datagrams(surroundings, options, ownKey, own);
      if (signal) datagrams.#closeBy(signal);
      return datagrams;
    } catch (error) {
      ownKey[Symbol.dispose]();
      await socket.close();
      throw error;
    }
  }

  /** Where others dial. */
  get address(): string {
    return this.#endpoint.address;
  }

  /** Counts of channels, strangers and datagrams. */
  get status(): DatagramEndpoint['status'] {
    return this.#endpoint.status;
  }

  /**
   * A channel with `peer` at `host:port`, once it is established; it begins anew by itself when the peer was gone.
   * @throws OOTO_CHANNEL_PEER_ID, OOTO_CHANNEL_PIN (peer) when somebody else answers; see {@link DatagramEndpoint.dial}.
   */
  dial(address: string, peer: PublicKey, options: { signal?: AbortSignal } = {}): Promise<DatagramPeer> {
    return this.#endpoint.dial(address, keyPeerId(peer), options);
  }

  /** Ends all channels, closes the socket and wipes the keys in memory. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelRenewal();
    this.#letGoOfSignal();
    await this.#endpoint.close();
    this.#ownKey[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #closeBy(signal: AbortSignal): void {
    const close = () => void this.close();
    signal.addEventListener('abort', close, { once: true });
    this.#letGoOfSignal = () => signal.removeEventListener('abort', close);
  }

  #renewLater(): void {
    this.#cancelRenewal = this.#clock.after(this.#ownKey.renewsInMs, () => void this.#renew());
  }

  /** A signer that fails is asked again later: what is shown now holds for a while. */
  async #renew(): Promise<void> {
    const own = await this.#ownKey.credential().catch(() => undefined);
    if (this.#isClosed) return;
    this.#own = own ?? this.#own;
    this.#renewLater();
  }
}
