/**
 * The TPMs of the demonstration: one swtpm for each node, in the node's own folder. What flows through here: a missing
 * program or library is named with what to install; a TPM is made and started before its node; all of them end with
 * the demonstration. They show how it works and prove nothing: whoever runs swtpm holds its keys.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOotoError, OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { makePrivateFolder } from '../../platform/node/files.ts';
import { openTpm } from '../node-tpm.ts';

const START_MS = 10_000;
const POLL_MS = 10;
/** Ends with whoever holds the other end of standard input, however that ends. */
const WITH_PARENT = `exec 3<&0
swtpm "$@" </dev/null 3<&- &
tpm=$!
(read -r _; kill "$tpm") <&3 &
watch=$!
wait "$tpm"
kill "$watch"`;
const HINT =
  'apt-get install swtpm tpm2-tools libtss2-esys-3.0.2-0 libtss2-tctildr0 (Debian 12); without --tpm nothing of this is needed';

export class SoftwareTpms {
  readonly #children = new Map<string, ChildProcess>();
  /** Paths of sockets are short by law; those of nodes' folders may be long. */
  readonly #sockets = mkdtempSync(join(tmpdir(), 'ooto-tpm-'));

  constructor() {
    process.once('exit', this.#end);
  }

  /** @throws OOTO_CLI_TPM (environment) with what to install. */
  static requireSwtpm(): void {
    for (const program of ['swtpm', 'tpm2_pcrextend'])
      if (spawnSync(program, ['--version'], { stdio: 'ignore' }).error)
        throw new OotoError('OOTO_CLI_TPM', 'environment', `the program ${program} is not installed`, {
          hint: HINT,
        });
  }

  /** Makes or starts the TPM that keeps its state in the node's `folder`; returns where it is. */
  async start(name: string, folder: string): Promise<string> {
    const state = join(folder, 'swtpm');
    await makePrivateFolder(folder);
    await makePrivateFolder(state);
    const socket = join(this.#sockets, name);
    const words = [
      'socket',
      '--tpm2',
      '--tpmstate',
      `dir=${state}`,
      '--flags',
      'not-need-init,startup-clear',
    ];
    const places = ['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`];
    const child = spawn('sh', ['-c', WITH_PARENT, 'sh', ...words, ...places], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.stdin.on('error', () => {});
    child.unref();
    this.#children.set(name, child);
    for (let waited = 0; !existsSync(socket); waited += POLL_MS) {
      if (child.exitCode !== null || waited > START_MS)
        throw new OotoError('OOTO_CLI_TPM', 'environment', `swtpm does not start on ${state}`, {
          hint: 'its state may be of another version: remove that folder',
        });
      await sleep(POLL_MS);
    }
    return `swtpm:path=${socket}`;
  }

  /** Where that of this node is, once it was started. */
  placeOf(name: string): string | undefined {
    return this.#children.has(name) ? `swtpm:path=${join(this.#sockets, name)}` : undefined;
  }

  stop(): void {
    process.off('exit', this.#end);
    this.#end();
  }

  readonly #end = (): void => {
    for (const child of this.#children.values()) child.stdin?.end();
    rmSync(this.#sockets, { recursive: true, force: true });
  };
}

/** What these registers of a TPM hold. @throws OOTO_CLI_TPM (environment) with what to install. */
export async function readRegisters(
  crypto: Crypto,
  tcti: string,
  registers: readonly number[],
): Promise<ReadonlyMap<number, Uint8Array>> {
  const tpm = openTpm(crypto, tcti);
  try {
    return await tpm.readRegisters(registers);
  } catch (cause) {
    const message = isOotoError(cause) ? cause.message : String(cause);
    throw new OotoError('OOTO_CLI_TPM', 'environment', message, { cause, hint: HINT });
  } finally {
    await tpm.close();
  }
}
