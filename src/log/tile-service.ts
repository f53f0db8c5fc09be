/**
 * A log over plain HTTP (C2SP tlog-tiles). What flows through here: a path becomes the checkpoint, a tile or an entry
 * bundle as the log has it now; tiles and bundles never change and may be kept for ever, the checkpoint for a second.
 * Everything is public: whoever reads verifies.
 */
import { utf8 } from '../base/bytes.ts';
import { isOotoError } from '../base/errors.ts';
import type { HttpRequest, HttpResponse } from '../ports.ts';
import type { Log } from './log.ts';

export const PLAIN_TEXT = 'text/plain; charset=utf-8';
const FOR_EVER = 'public, max-age=31536000, immutable';
const FOR_A_SECOND = 'public, max-age=1';

/** Answers a reader of the log whose prefix is the root of this path. */
export function answerReader(
  log: Pick<Log, 'resource'>,
  { method, path }: Pick<HttpRequest, 'method' | 'path'>,
): HttpResponse {
  if (method !== 'GET' && method !== 'HEAD')
    return refusal(405, 'a log is read by GET', { allow: 'GET, HEAD' });
  const body = resourceOf(log, path.slice(1));
  if (!body) return refusal(404, 'this log has no such resource');
  const isCheckpoint = path === '/checkpoint';
  return {
    status: 200,
    headers: {
      'content-type': isCheckpoint ? PLAIN_TEXT : 'application/octet-stream',
      'cache-control': isCheckpoint ? FOR_A_SECOND : FOR_EVER,
      'access-control-allow-origin': '*',
    },
    body,
  };
}

/** A sentence for people; never kept by caches. */
export function refusal(status: number, text: string, headers: HttpResponse['headers'] = {}): HttpResponse {
  return {
    status,
    headers: { 'content-type': PLAIN_TEXT, 'cache-control': 'no-store', ...headers },
    body: utf8(`${text}\n`),
  };
}

function resourceOf(log: Pick<Log, 'resource'>, path: string): Uint8Array | undefined {
  try {
    return log.resource(path);
  } catch (error) {
    if (isOotoError(error, 'OOTO_LOG_PATH')) return undefined;
    throw error;
  }
}
