/**
 * Plain HTTP, for what anybody may read and for witnesses. What flows through here: a request of bounded size, on one
 * of a bounded number of connections, is read whole and answered by the handler; what is long is compressed for those
 * who ask for it. Nothing here is secret, and nothing is believed because of where it came from.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { concat, utf8 } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { HttpClient, HttpHandler, HttpReader, HttpResponse } from '../../ports.ts';
import { formatAddress, parseAddress } from './address.ts';
import { startListening } from './listening.ts';
import { systemError } from './system-error.ts';

const REQUEST_BYTES_MOST = 96 * 1024;
const HEADER_BYTES_MOST = 8 * 1024;
const CONNECTIONS_MOST = 256;
const REQUESTS_EACH = 4_096;
const REQUEST_MS = 10_000;
const IDLE_MS = 5_000;
const COMPRESSED_FROM = 1_024;
const ANSWER_BYTES_MOST = 64 * 1024;
const ANSWER_MS = 10_000;
const compress = promisify(gzip);

export interface HttpListener {
  /** Where it listens, `host:port`. */
  readonly address: string;
  close(): Promise<void>;
}

/** @throws OOTO_TRANSPORT_ADDRESS (caller), OOTO_TRANSPORT_LISTEN (environment). */
export async function listenHttp(address: string, handler: HttpHandler): Promise<HttpListener> {
  const endpoint = parseAddress(address);
  const server = createServer(
    {
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: HEADER_BYTES_MOST,
    },
    (request, response) => void answer(request, response, handler),
  );
  server.maxConnections = CONNECTIONS_MOST;
  server.maxRequestsPerSocket = REQUESTS_EACH;
  await startListening(server, endpoint, address);
  const bound = server.address() as AddressInfo;
  return {
    address: formatAddress({ host: bound.address, port: bound.port }),
    close: () => closeServer(server),
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handler: HttpHandler,
): Promise<void> {
  try {
    const body = await readBody(request);
    if (!body) return send(request, response, plainAnswer(413, 'the request is too long'), true);
    const { method = '', url = '' } = request;
    const path = url.split('?', 1)[0];
    const remoteAddress = `${request.socket.remoteAddress ?? ''}:${request.socket.remotePort ?? 0}`;
    const answered = await handler({ method, path, body, remoteAddress });
    await send(request, response, answered, false);
  } catch {
    // The handler says what it refuses; what is left are broken connections and this node's own failures.
    if (response.headersSent) response.destroy();
    else await send(request, response, plainAnswer(500, 'the node could not answer'), true).catch(() => {});
  }
}

/** The whole body; undefined when it is too long. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > REQUEST_BYTES_MOST) return undefined;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > REQUEST_BYTES_MOST) return undefined;
    chunks.push(chunk);
  }
  return concat(...chunks);
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: HttpResponse,
  isLast: boolean,
): Promise<void> {
  const compressed = body.length >= COMPRESSED_FROM && acceptsGzip(request);
  const bytes = compressed ? await compress(body, { level: constants.Z_BEST_SPEED }) : body;
  response.writeHead(status, {
    ...headers,
    'content-length': bytes.length,
    'x-content-type-options': 'nosniff',
    ...(body.length >= COMPRESSED_FROM ? { vary: 'accept-encoding' } : {}),
    ...(compressed ? { 'content-encoding': 'gzip' } : {}),
    ...(isLast ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

function acceptsGzip({ headers }: IncomingMessage): boolean {
  return /(?:^|,)\s*gzip\s*(?:,|$)/.test(String(headers['accept-encoding'] ?? ''));
}

function plainAnswer(status: number, text: string): HttpResponse {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
  return { status, headers, body: utf8(`${text}\n`) };
}

/** @throws OOTO_TRANSPORT_UNREACHABLE (environment) from each, also for a redirect and an answer that is too long. */
export function httpClient(): HttpClient & HttpReader {
  return {
    post: (url, body, { signal } = {}) =>
      ask(url, { method: 'POST', body: Uint8Array.from(body) }, ANSWER_BYTES_MOST, signal),
    get: (url, { mostBytes, signal }) => ask(url, {}, mostBytes, signal),
  };
}

async function ask(
  url: string,
  request: RequestInit,
  mostBytes: number,
  signal: AbortSignal | undefined,
): Promise<HttpResponse> {
  const limit = AbortSignal.timeout(ANSWER_MS);
  try {
    const response = await fetch(url, {
      ...request,
      redirect: 'error',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    const headers = Object.fromEntries(response.headers);
    return { status: response.status, headers, body: await readAnswer(response, mostBytes) };
  } catch (cause) {
    throw systemError('OOTO_TRANSPORT_UNREACHABLE', `no answer from ${url}`, cause);
  }
}

async function readAnswer(response: Response, mostBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > mostBytes)
      throw new OotoError('OOTO_TRANSPORT_UNREACHABLE', 'peer', 'the answer is too long');
    chunks.push(chunk);
  }
  return concat(...chunks);
}
