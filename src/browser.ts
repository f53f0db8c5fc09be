/** The door for browsers: the platform-neutral door, and what is wired to the browser's own parts. */
import {
  type DialOptions,
  Endpoint,
  type EndpointOptions,
  type KeepOptions,
  onlyOpening,
} from './channel/keyed/endpoint.ts';
import { type Identity, identityOf } from './channel/keyed/identity.ts';
import type { Redial } from './channel/lasting/redial.ts';
import type { SecureChannel } from './channel/streams/secure-channel.ts';
import { instantiateCore } from './core/index.ts';
import { type Crypto, createCrypto } from './crypto/index.ts';
import { Doorway } from './mesh/doorway.ts';
import { assertByAuthenticator, registerAuthenticator } from './platform/browser/authenticator.ts';
import { browserClock } from './platform/browser/clock.ts';
import { type CoreAddresses, fetchCore } from './platform/browser/core-file.ts';
import { browserRandom } from './platform/browser/random.ts';
import { webSocketTransport } from './platform/browser/web-socket.ts';
import type { Transport } from './ports.ts';

export * from './index.ts';
export { assertByAuthenticator, browserClock, type CoreAddresses, registerAuthenticator, webSocketTransport };

/**
 * The primitives, over a core of their own. A browser's WebCrypto cannot be called synchronously, so every
 * primitive is the core's. The core is fetched from beside this script unless `addresses` says otherwise; the
 * page's content security policy must allow 'wasm-unsafe-eval'.
 * @throws OOTO_CORE_MISSING (environment) when it cannot be fetched; OOTO_CORE_MODULE (environment) where it
 * cannot run.
 */
export async function createBrowserCrypto(addresses?: CoreAddresses): Promise<Crypto> {
  const wasm = await fetchCore(
    addresses ?? {
      plain: new URL('./core.wasm', import.meta.url),
      relaxed: new URL('./core-relaxed.wasm', import.meta.url),
    },
  );
  return createCrypto({ core: instantiateCore(wasm), hardware: {}, random: browserRandom() });
}

/** What a page may bring itself; whatever is absent is made. */
export interface BrowserParts {
  /** Primitives that several endpoints share. */
  readonly crypto?: Crypto | undefined;
  /** Another way than WebSocket (`ws://host:port`, `wss://…`). */
  readonly transport?: Transport | undefined;
}

/** A new identity key in memory, or that of a seed of 32 bytes. */
export async function createIdentity(seed?: Uint8Array, { crypto }: BrowserParts = {}): Promise<Identity> {
  return identityOf(crypto ?? (await createBrowserCrypto()), seed);
}

/** Where channels of one identity begin: a page dials, and cannot listen. */
export async function createEndpoint(options: EndpointOptions & BrowserParts): Promise<Endpoint> {
  const { crypto = await createBrowserCrypto(), transport = webSocketTransport() } = options;
  const clock = browserClock();
  return new Endpoint(
    {
      crypto,
      clock,
      transport,
      // A browser's own function minds what it is called on.
      soon: (callback) => queueMicrotask(callback),
      admission: () => new Doorway(crypto, clock),
    },
    options,
  );
}

/** Opens one channel; see {@link Endpoint.connect}. */
export async function connect(options: EndpointOptions & DialOptions & BrowserParts): Promise<SecureChannel> {
  return onlyOpening(await createEndpoint(options), (endpoint) => endpoint.connect(options));
}

/** Keeps one channel standing, dialling again whenever it ends; see {@link Endpoint.keepConnected}. */
export async function keepConnected(
  options: EndpointOptions & KeepOptions & BrowserParts,
): Promise<Redial<SecureChannel>> {
  return onlyOpening(await createEndpoint(options), async (endpoint) => endpoint.keepConnected(options));
}
