/**
 * `ooto pkcs11-agent`: the process between a node and a PKCS#11 token. What flows through here: module, token, PIN and
 * label arrive with the first request over standard input, never as words of the command.
 */
import { OotoError } from '../base/errors.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { serveToken } from '../platform/node/pkcs11/agent.ts';

/** @throws OOTO_CLI_USAGE (caller) on a terminal. */
export async function runTokenAgent(signal: AbortSignal): Promise<void> {
  if (process.stdin.isTTY)
    throw new OotoError('OOTO_CLI_USAGE', 'caller', 'pkcs11-agent speaks CBOR to the node that starts it');
  signal.addEventListener('abort', () => process.stdin.destroy());
  await serveToken({ encode, decode }, { requests: process.stdin, answers: process.stdout });
}
