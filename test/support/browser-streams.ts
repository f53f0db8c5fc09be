/** What a page does with the public door: it dials, asks, answers, and sends streams. Loaded as a module of the page. */
import {
  connect,
  createBrowserCrypto,
  createIdentity,
  isOotoError,
  keepConnected,
  type SecureChannel,
} from '../../src/browser.ts';

export interface PageOutcome {
  readonly greeting: string;
  readonly peerId: string;
  readonly echoedBytes: number;
  readonly isSame: boolean;
  readonly inflated: number;
  readonly parts: readonly string[];
  readonly refused: string;
  readonly aborted: string;
  readonly asked: string;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function dialled(seed: Uint8Array, address: string, peer: Uint8Array) {
  const crypto = await createBrowserCrypto({ plain: '/core.wasm', relaxed: '/core-relaxed.wasm' });
  const identity = await createIdentity(seed, { crypto });
  const handlers = { 'who are you': () => navigator.userAgent };
  const channel = await connect({ address, identity, peer, crypto, handlers });
  return { channel };
}

/** Everything once, over one channel. */
export async function tryAll(seed: number[], address: string, peer: number[]): Promise<PageOutcome> {
  const { channel } = await dialled(Uint8Array.from(seed), address, Uint8Array.from(peer));
  const body = new Uint8Array(3_000_000).map((_, i) => i * 7);
  const echoed = await channel.request('echo', body);
  const parts: string[] = [];
  for await (const part of channel.requestParts('count', ['a', 'b'])) parts.push(text(part));
  const stream = await channel.openStream({ name: 'gzip' });
  const zipping = new Blob([body])
    .stream()
    .pipeThrough(new CompressionStream('gzip'))
    .pipeTo(stream.writable as WritableStream);
  let inflated = 0;
  for await (const chunk of stream) inflated += chunk.length;
  await zipping;
  const controller = new AbortController();
  const waiting = channel.request('wait', '', { signal: controller.signal });
  controller.abort(new Error('changed my mind'));
  const outcome = {
    greeting: text(await channel.request('greet', 'page')),
    peerId: channel.peerId,
    echoedBytes: echoed.length,
    isSame: echoed.every((byte, i) => byte === body[i]),
    inflated,
    parts,
    refused: await channel.request('__proto__').then(() => 'answered', codeOf),
    aborted: await waiting.then(
      () => 'answered',
      ({ message }) => message,
    ),
    asked: text(await channel.request('ask back')),
  };
  await channel.close();
  return outcome;
}

/** The code with which a dial fails. */
export function failure(seed: number[], address: string, peer: number[]): Promise<string> {
  return dialled(Uint8Array.from(seed), address, Uint8Array.from(peer)).then(() => 'reached', codeOf);
}

/** Asks, and waits for an answer that does not come: the code, once the node has gone. */
export async function waitForEnd(seed: number[], address: string, peer: number[]): Promise<string> {
  const { channel } = await dialled(Uint8Array.from(seed), address, Uint8Array.from(peer));
  return channel.request('wait').then(() => 'answered', codeOf);
}

function codeOf(error: unknown): string {
  return isOotoError(error) ? error.code : String(error);
}

/** A request whose connection is left while it is under way; then the channel ends, and another is opened. */
export async function trySurviving(
  seed: number[],
  address: string,
  peer: number[],
): Promise<{ answer: string; changes: readonly string[] }> {
  const crypto = await createBrowserCrypto({ plain: '/core.wasm', relaxed: '/core-relaxed.wasm' });
  const identity = await createIdentity(Uint8Array.from(seed), { crypto });
  const kept = await keepConnected({
    ...{ address, identity, peer: Uint8Array.from(peer), crypto, lasting: true },
    backOff: { firstMs: 20 },
  });
  const changes: string[] = [];
  const connected = () =>
    new Promise<SecureChannel>((resolve) =>
      kept.addEventListener('connected', () => resolve(kept.current as SecureChannel), { once: true }),
    );
  const channel = await connected();
  for (const type of ['parted', 'resumed'] as const)
    channel.addEventListener(type, () => void changes.push(type));
  const resumed = new Promise((resolve) => channel.addEventListener('resumed', resolve, { once: true }));
  const body = new Uint8Array(1_000_000).map((_, i) => i * 3);
  const asked = channel.request('echo', body);
  while (!channel.isLasting) await new Promise((resolve) => setTimeout(resolve));
  channel.move();
  const [echoed] = await Promise.all([asked, resumed]);
  const isSame = echoed.every((byte, i) => byte === body[i]) && echoed.length === body.length;
  const again = connected();
  await channel.close();
  const answer = text(await (await again).request('greet', isSame ? 'page' : 'nobody'));
  kept.close();
  await kept.closed;
  return { answer, changes };
}
