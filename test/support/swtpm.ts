/**
 * A software TPM for one test: swtpm in a folder of its own, on a unix socket. It can be stopped, killed and started
 * again with its state, and given endorsement certificates of an authority that lives in the same folder.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { decode, encode } from '../../src/envelope/cbor.ts';
import { nodeRandom } from '../../src/platform/node/random.ts';
import { tpmClient } from '../../src/platform/node/tpm/client.ts';
import type { Tpm } from '../../src/ports.ts';

const run = promisify(execFile);
const POLL_MS = 5;
const LIBRARY_FOLDERS = ['/usr/lib', '/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'];

/** What live TPM tests lack here; undefined where they can run. */
export function missingForTpm(): string | undefined {
  const programs = ['swtpm', 'swtpm_setup', 'tpm2_quote'].filter((name) => !existsSync(`/usr/bin/${name}`));
  const library = ['libtss2-esys.so.0', 'libtss2-tctildr.so.0'].filter(
    (name) => !LIBRARY_FOLDERS.some((folder) => existsSync(join(folder, name))),
  );
  const missing = [...programs, ...library];
  return missing.length > 0 ? `without ${missing.join(', ')}` : undefined;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Swtpm {
  readonly folder = mkdtempSync(join(tmpdir(), 'ooto-swtpm-'));
  #process: ChildProcess | undefined;

  get socket(): string {
    return join(this.folder, 'tpm');
  }

  get tcti(): string {
    return `swtpm:path=${this.socket}`;
  }

  /** Starts one that was never used; with `certificates`, one with an RSA endorsement certificate. */
  static async start({ certificates = false } = {}): Promise<Swtpm> {
    const swtpm = new Swtpm();
    mkdirSync(join(swtpm.folder, 'state'));
    if (certificates) await swtpm.#certify();
    await swtpm.start();
    return swtpm;
  }

  async start(): Promise<void> {
    rmSync(this.socket, { force: true });
    const { folder, socket } = this;
    this.#process = spawn(
      'swtpm',
      [
        ...['socket', '--tpm2', '--tpmstate', `dir=${join(folder, 'state')}`],
        ...['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`],
        ...['--flags', 'not-need-init,startup-clear'],
      ],
      { stdio: 'ignore' },
    );
    this.#process.unref();
    running.add(this.#process);
    while (!existsSync(socket)) {
      if (this.#process.exitCode !== null) throw new Error(`swtpm ended with ${this.#process.exitCode}`);
      await sleep(POLL_MS);
    }
  }

  /** SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** The agent in front of it. */
  client({ deadlineMs = 5_000 } = {}): Tpm {
    const agent = [process.execPath, resolve('build/cli.js'), 'tpm-agent', '--tcti', this.tcti];
    return tpmClient({ agent, codec: { encode, decode }, random: nodeRandom(), deadlineMs });
  }

  /** Runs a program of tpm2-tools on it. */
  async tools(name: string, ...words: readonly string[]): Promise<string> {
    const env = { ...process.env, TPM2TOOLS_TCTI: this.tcti };
    const { stdout } = await run(name, words, { cwd: this.folder, env });
    return stdout;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The root of its certificates is swtpm-localca-rootca-cert.pem in `ca`. */
  async #certify(): Promise<void> {
    const at = (...names: string[]) => join(this.folder, ...names);
    mkdirSync(at('ca'));
    writeFileSync(
      at('localca.conf'),
      `statedir = ${at('ca')}\nsigningkey = ${at('ca', 'key.pem')}\nissuercert = ${at('ca', 'issuer.pem')}\ncertserial = ${at('ca', 'serial')}\n`,
    );
    writeFileSync(
      at('options'),
      '--platform-manufacturer ooto\n--platform-version 1\n--platform-model test\n',
    );
    writeFileSync(
      at('setup.conf'),
      `create_certs_tool=/usr/bin/swtpm_localca\ncreate_certs_tool_config=${at('localca.conf')}\ncreate_certs_tool_options=${at('options')}\n`,
    );
    const words = ['--tpm2', '--tpm-state', at('state'), '--create-ek-cert', '--config', at('setup.conf')];
    await run('swtpm_setup', [...words, '--pcr-banks', 'sha256']);
  }
}
