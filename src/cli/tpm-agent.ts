/**
 * `ooto tpm-agent`: the process between a node and its TPM. What flows through here: where the TPM is; requests and
 * answers pass over standard input and output until the node that started it closes them.
 */
import { OotoError } from '../base/errors.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { serveTpm } from '../platform/node/tpm/agent.ts';

/** @throws OOTO_CLI_USAGE (caller) on a terminal, and as `serveTpm`. */
export async function runTpmAgent(tcti: string, signal: AbortSignal): Promise<void> {
  if (process.stdin.isTTY)
    throw new OotoError('OOTO_CLI_USAGE', 'caller', 'tpm-agent speaks CBOR to the node that starts it', {
      hint: 'to look at the TPM of this machine: ooto doctor',
    });
  signal.addEventListener('abort', () => process.stdin.destroy());
  await serveTpm(tcti, { encode, decode }, { requests: process.stdin, answers: process.stdout });
}
