/**
 * `ooto tpm-agent`: the process between a node and its TPM. What flows through here: where the TPM is; requests and
 * answers pass over standard input and output until the node that started it closes them, or a signal ends it.
 */
import { readSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { OotoError } from '../base/errors.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { serveTpm } from '../platform/node/tpm/agent.ts';

const [INPUT, OUTPUT] = [0, 1];
const WAIT_MS = 1;

/** @throws OOTO_CLI_USAGE (caller) on a terminal, and as `serveTpm`. */
export function runTpmAgent(tcti: string): void {
  if (isatty(INPUT))
    throw new OotoError('OOTO_CLI_USAGE', 'caller', 'tpm-agent speaks CBOR to the node that starts it', {
      hint: 'to look at the TPM of this machine: ooto doctor',
    });
  // (process.stdin would make the pipe one that does not block.) While it reads nothing here could answer them.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.removeAllListeners(name);
  serveTpm(
    tcti,
    { encode, decode },
    {
      read: (into) => whenReady(() => readSync(INPUT, into)),
      write(bytes) {
        for (let at = 0; at < bytes.length; ) at += whenReady(() => writeSync(OUTPUT, bytes, at));
      },
    },
  );
}

/** Whoever started this may have given it pipes that do not block. */
function whenReady(transfer: () => number): number {
  for (;;) {
    try {
      return transfer();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
    }
  }
}
