/**
 * Headless Chromium with one page. What flows through here: the folder build/ is served on localhost, a page
 * loads one script of it as a module, and the caller drives the page; closing ends browser and server.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, resolve } from 'node:path';
import { chromium, type Page } from 'playwright-core';

export const CHROMIUM = '/usr/bin/chromium';

/** Without these it looks for hosts of its maker at every start, and needs a graphics card and a user. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
};

export interface OpenChromium extends AsyncDisposable {
  readonly page: Page;
  close(): Promise<void>;
}

export function chromiumIsInstalled(): boolean {
  return existsSync(CHROMIUM);
}

/** Opens a page with `script` (a file of build/) loaded as a module. Errors of the page reject its next use. */
export async function openChromium(script: string): Promise<OpenChromium> {
  if (!chromiumIsInstalled()) throw new Error(`${CHROMIUM} is missing; install Debian's package chromium`);
  const server = await serve(script);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  const close = async () => {
    await browser.close();
    await new Promise((done) => server.close(done));
  };
  try {
    const page = await browser.newPage();
    page.on('console', (message) => console.error(`page: ${message.text()}`));
    page.on('pageerror', (error) => console.error(`page: ${error.stack ?? error.message}`));
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction('globalThis.scriptIsLoaded');
    return { page, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function serve(script: string): Promise<Server> {
  const index = `<!doctype html><title>ooto</title><link rel="icon" href="data:,">
<script type="module">
  globalThis.product = await import('./${script}');
  globalThis.scriptIsLoaded = true;
</script>`;
  const server = createServer((request, response) => void respond(request, response, index));
  await new Promise<void>((ready) => server.listen(0, 'localhost', ready));
  return server;
}

async function respond(request: IncomingMessage, response: ServerResponse, index: string): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const folder = resolve('build');
  const file = join(folder, pathname);
  if (pathname === '/') return void response.setHeader('content-type', TYPES['.html']).end(index);
  try {
    if (!file.startsWith(folder)) throw new Error('outside the folder');
    const bytes = await readFile(file);
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream').end(bytes);
  } catch {
    response.writeHead(404).end();
  }
}
