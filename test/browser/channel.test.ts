/**
 * A page in headless Chromium opens a channel to a node over WebSocket: the handshake, then signed messages both ways,
 * long ones too; and what a page cannot reach has its code.
 */
import { join } from 'node:path';
import { build } from 'esbuild';
import { createNodeCrypto } from '../../src/node.ts';
import { nodeClock } from '../../src/platform/node/clock.ts';
import { nodeTransport } from '../../src/platform/node/transports.ts';
import * as assert from '../support/assert.ts';
import type * as PageScript from '../support/browser-peer.ts';
import { idOf, MESH_ID, peersOf } from '../support/browser-peer.ts';
import { chromiumIsInstalled, type OpenChromium, openChromium } from '../support/chromium.ts';
import { suite } from '../support/suite.ts';

/** The page's globals: its script, and what one step leaves for the next. */
interface InPage {
  product: typeof PageScript;
  closePeers?: () => Promise<void>;
}

const test = suite('browser channel', { timeout: 60_000 });
const SCRIPT = `test/page-${process.pid}.js`;
let chromium: OpenChromium;

if (chromiumIsInstalled()) declareTests();
else test.unavailable('all', 'Chromium is not installed');

function declareTests(): void {
  test.before(async () => {
    await build({
      entryPoints: ['test/support/browser-peer.ts'],
      outfile: join('build', SCRIPT),
      bundle: true,
      format: 'esm',
      platform: 'browser',
      logLevel: 'error',
    });
    chromium = await openChromium(SCRIPT);
  });
  test.after(() => chromium.close());

  test('a page opens a channel to a node, and signed messages go both ways', async () => {
    const clock = nodeClock();
    const peers = peersOf(createNodeCrypto(), 'node', { clock, transport: nodeTransport() });
    const address = await peers.listen('ws://127.0.0.1:0');
    try {
      const inPage = chromium.page.evaluate(async (dialled) => {
        const { session, peers: pagePeers } = await (globalThis as unknown as InPage).product.dialFromPage(
          'page',
          dialled,
          'node',
        );
        const long = new Uint8Array(3_000_000).map((_, i) => i);
        const answered = (await session.request('node.ping', long)) as Uint8Array;
        const same = answered.length === long.length && answered.every((byte, i) => byte === long[i]);
        const { status } = session.channel;
        (globalThis as unknown as InPage).closePeers = () => pagePeers.close();
        return { same, suite: status.suite, sent: status.messagesSent, received: status.messagesReceived };
      }, address);
      const { same, suite: name, sent, received } = await inPage;
      assert.ok(same, 'what the page sent came back');
      assert.is(name, 'Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256');
      assert.ok(sent >= 1 && received >= 1);
      const session = peers.with(MESH_ID, idOf('page'));
      assert.ok(session, 'the node knows the page by its id');
      assert.equal(await session.request('node.ping', ['from', 'the', 'node']), ['from', 'the', 'node']);
      await chromium.page.evaluate(() => (globalThis as unknown as InPage).closePeers?.());
      for (let waited = 0; peers.sessions.length > 0 && waited < 500; waited++)
        await new Promise((resolve) => setTimeout(resolve, 20));
      assert.is(peers.sessions.length, 0, 'the node saw the end');
    } finally {
      await peers.close();
    }
  });

  test('another peer than the dialled one, and nobody at all, have their codes in the page', async () => {
    const peers = peersOf(createNodeCrypto(), 'node', { clock: nodeClock(), transport: nodeTransport() });
    const address = await peers.listen('ws://127.0.0.1:0');
    const codeOf = (dialled: string, whom: string) =>
      chromium.page.evaluate(
        ([to, expected]) =>
          (globalThis as unknown as InPage).product.dialFromPage('page', to, expected).then(
            () => 'reached',
            ({ code }) => code as string,
          ),
        [dialled, whom],
      );
    assert.is(await codeOf(address, 'somebody-else'), 'OOTO_CHANNEL_PEER_ID');
    await peers.close();
    assert.is(await codeOf(address, 'node'), 'OOTO_TRANSPORT_UNREACHABLE');
    assert.is(await codeOf('http://127.0.0.1:1', 'node'), 'OOTO_TRANSPORT_ADDRESS');
  });
}
