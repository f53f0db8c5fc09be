/**
 * The page's server, on this machine alone. What flows through here: the files of build/bench/page with the headers
 * that isolate the page, without which browsers make its clock coarse; nothing else, and nothing from elsewhere.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, sep } from 'node:path';

const HOST = '127.0.0.1';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};
const HEADERS: Readonly<Record<string, string>> = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

export interface PageServer {
  readonly address: string;
  close(): Promise<void>;
}

/** Serves `folder`; port 0 takes any that is free. */
export async function servePage(folder: string, port: number): Promise<PageServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', `http://${HOST}`);
    void respond(folder, pathname, response);
  });
  await new Promise<void>((ready, failed) => {
    server.once('error', failed);
    server.listen(port, HOST, ready);
  });
  return {
    address: `http://${HOST}:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

async function respond(folder: string, pathname: string, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  const file = join(folder, pathname === '/' ? 'index.html' : pathname);
  try {
    if (!file.startsWith(folder + sep)) throw new Error('outside the folder');
    const bytes = await readFile(file);
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream').end(bytes);
  } catch {
    response.writeHead(404).end('not here\n');
  }
}
