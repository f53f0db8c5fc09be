/**
 * What `node.toml` says of logs over plain HTTP. What flows through here: the verifier keys of foreign logs and
 * witnesses are read; the member's own log and witness are served where it says, and nowhere when it says nothing.
 */
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type NoteKey, type NoteType, parseVerifierKey } from '../log/index.ts';
import { publishing } from '../mesh/authority/log-publishing.ts';
import type { AuthorityNode, ForeignLogs } from '../mesh/authority/member.ts';
import { nodeClock } from '../platform/node/clock.ts';
import { type HttpListener, httpClient, listenHttp } from '../platform/node/http.ts';
import type { NodeConfiguration } from './configuration.ts';

/** @throws OOTO_CLI_CONFIGURATION (caller) that names the key that is none. */
export function foreignLogs(
  crypto: Crypto,
  { witnessed_logs, witnesses }: Pick<NodeConfiguration, 'witnessed_logs' | 'witnesses'>,
): ForeignLogs {
  return {
    logs: witnessed_logs.map((key) => readKey(crypto, key, 'witnessed_logs', ['ed25519'])),
    witnesses: witnesses.map(({ url, keys }) => ({
      url: url.replace(/\/$/, ''),
      keys: keys.map((key) => readKey(crypto, key, 'witnesses', ['cosignature', 'treeCosignature'])),
    })),
    http: httpClient(),
  };
}

/** Serves the log, if the configuration says where. @throws OOTO_TRANSPORT_LISTEN (environment). */
export async function serveLog(
  authority: AuthorityNode | undefined,
  { log_http }: Pick<NodeConfiguration, 'log_http'>,
): Promise<HttpListener | undefined> {
  if (!authority || log_http === undefined) return undefined;
  return listenHttp(log_http, publishing(authority.duty, nodeClock()));
}

function readKey(crypto: Crypto, text: string, field: string, types: readonly NoteType[]): NoteKey {
  let cause: unknown;
  try {
    const { type, ...key } = parseVerifierKey(crypto, text);
    if (types.includes(type)) return key;
  } catch (error) {
    cause = error;
  }
  throw new OotoError('OOTO_CLI_CONFIGURATION', 'caller', `node.toml: ${field}: ${text} is no such key`, {
    cause,
    hint: 'write <name>+<id>+<key> as the log or witness publishes it',
  });
}
