/** The door for browsers: the platform-neutral door, and what is wired to the browser's own parts. */
import { instantiateCore } from './core/index.ts';
import { type Crypto, createCrypto } from './crypto/index.ts';
import { browserClock } from './platform/browser/clock.ts';
import { type CoreAddresses, fetchCore } from './platform/browser/core-file.ts';
import { browserRandom } from './platform/browser/random.ts';
import { webSocketTransport } from './platform/browser/web-socket.ts';

export * from './index.ts';
export { browserClock, type CoreAddresses, webSocketTransport };

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
