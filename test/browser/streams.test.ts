/** The browser's public door in headless Chromium, against a listener of Node's: requests, parts, streams, aborts. */
import { join } from 'node:path';
import { build } from 'esbuild';
import { type ChannelListener, createIdentity, createNodeCrypto, listen } from '../../src/node.ts';
import { equal, is, match, ok } from '../support/assert.ts';
import type * as PageScript from '../support/browser-streams.ts';
import { chromiumIsInstalled, type OpenChromium, openChromium } from '../support/chromium.ts';
import { suite } from '../support/suite.ts';

interface InPage {
  product: typeof PageScript;
}

const test = suite('streams in a browser', { timeout: 60_000 });
const SCRIPT = `test/page-streams-${process.pid}.js`;
let chromium: OpenChromium;

if (chromiumIsInstalled()) declareTests();
else test.unavailable('all', 'Chromium is not installed');

function declareTests(): void {
  const crypto = createNodeCrypto();
  const seed = crypto.random.bytes(32);
  const [node, page] = [createIdentity(undefined, { crypto }), createIdentity(seed, { crypto })];
  const open = () =>
    listen({
      address: 'ws://127.0.0.1:0',
      identity: node,
      peers: [page.publicKey],
      crypto,
      lasting: true,
      handlers: {
        greet: async (request) => `hello ${await request.text()}`,
        echo: (request) => request.stream(),
        count: (request) => request.parts(),
        wait: () => new Promise(() => {}),
      },
    });

  const inPage = <T>(act: keyof typeof PageScript, listener: ChannelListener, peer = node.publicKey) =>
    chromium.page.evaluate(
      ([name, ...args]) => (globalThis as unknown as InPage).product[name](...args) as Promise<unknown>,
      [act, [...seed], listener.address, [...peer]] as [typeof act, number[], string, number[]],
    ) as Promise<T>;

  test.before(async () => {
    await build({
      entryPoints: ['test/support/browser-streams.ts'],
      outfile: join('build', SCRIPT),
      bundle: true,
      format: 'esm',
      platform: 'browser',
      logLevel: 'error',
    });
    chromium = await openChromium(SCRIPT);
  });
  test.after(() => chromium.close());

  test('a page asks, is asked, and sends streams through a node', async () => {
    const listener = await open();
    listener.handle('ask back', async () => {
      const [channel] = listener.channels;
      return channel.request('who are you');
    });
    void (async () => {
      for await (const channel of listener)
        for await (const stream of channel.incomingStreams())
          void stream.readable
            .pipeThrough(new DecompressionStream('gzip') as never)
            .pipeTo(stream.writable as never);
    })();
    const outcome = await inPage<PageScript.PageOutcome>('tryAll', listener).finally(() => listener.close());
    is(outcome.greeting, 'hello page');
    is(outcome.peerId, node.id);
    ok(outcome.isSame && outcome.echoedBytes === 3_000_000);
    is(outcome.inflated, 3_000_000);
    equal(outcome.parts, ['a', 'b']);
    is(outcome.refused, 'OOTO_STREAM_METHOD');
    is(outcome.aborted, 'changed my mind');
    match(outcome.asked, /Chrom/);
  });

  test('a page that meets another key, or whose key is not pinned, gets no channel', async () => {
    const listener = await open();
    const other = createIdentity(undefined, { crypto });
    is(await inPage('failure', listener, other.publicKey), 'OOTO_CHANNEL_PEER_ID');
    const stranger = await listen({
      address: 'ws://127.0.0.1:0',
      identity: node,
      peers: [other.publicKey],
      crypto,
    });
    is(await inPage('failure', stranger), 'OOTO_CHANNEL_TRUNCATED');
    await Promise.all([listener.close(), stranger.close()]);
    is(await inPage('failure', listener), 'OOTO_TRANSPORT_UNREACHABLE');
  });

  test('a page that waits is told when the node goes', async () => {
    const listener = await open();
    const waiting = inPage('waitForEnd', listener);
    while (listener.channels[0]?.open.others !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
    await listener.close();
    is(await waiting, 'OOTO_STREAM_CLOSED');
  });

  test('a page’s channel goes on over another connection, and is opened again when it ends', async () => {
    const listener = await open();
    const outcome = await inPage<{ answer: string; changes: string[] }>('trySurviving', listener).finally(
      () => listener.close(),
    );
    is(outcome.answer, 'hello page');
    equal(outcome.changes, ['parted', 'resumed']);
  });
}
