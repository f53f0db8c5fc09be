/** The page's server: isolated, on this machine alone, and of its folder alone. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { type PageServer, servePage } from '../../../bench/page/serve.ts';
import * as assert from '../../support/assert.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';

const test = suite('bench page server');
const above = temporaryFolder();
const folder = join(above, 'page');
let server: PageServer;

test.before(async () => {
  mkdirSync(folder);
  writeFileSync(join(folder, 'index.html'), '<!doctype html>');
  writeFileSync(join(folder, 'core.wasm'), 'wasm');
  writeFileSync(join(above, 'secret'), 'secret');
  server = await servePage(folder, 0);
});
test.after(() => server.close());

/** As it stands: `fetch` would tidy the path up. */
function get(path: string): Promise<IncomingMessage> {
  const { hostname, port } = new URL(server.address);
  return new Promise((answered, failed) => {
    const asked = request({ hostname, port, path }, (response) => {
      response.resume();
      answered(response);
    });
    asked.on('error', failed).end();
  });
}

test('the page is isolated, loads nothing from elsewhere, and is of this machine alone', async () => {
  const { statusCode, headers } = await get('/');
  assert.is(statusCode, 200);
  assert.is(headers['cross-origin-opener-policy'], 'same-origin');
  assert.is(headers['cross-origin-embedder-policy'], 'require-corp');
  assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self'/);
  assert.is(new URL(server.address).hostname, '127.0.0.1');
});

test('files have their types', async () => {
  assert.is((await get('/core.wasm')).headers['content-type'], 'application/wasm');
  assert.is((await get('/nothing')).statusCode, 404);
});

test('nothing above the folder is served, however the path is written', async () => {
  for (const path of [
    '/../secret',
    '/%2e%2e/secret',
    '/..%2fsecret',
    '/x/../../secret',
    '//../secret',
    '/../page',
  ])
    assert.is((await get(path)).statusCode, 404, path);
});
