/** A PKCS#11 token made of software (SoftHSM), in a folder of its own; the module finds it by the environment. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { decode, encode } from '../../src/envelope/cbor.ts';
import { tokenSigner } from '../../src/platform/node/pkcs11/signer.ts';
import { testCrypto } from './crypto.ts';

export const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const UTILITY = '/usr/bin/softhsm2-util';
export const PIN = '1234';
const crypto = testCrypto();

/** What tests with tokens lack here; undefined where they can run. */
export function missingForTokens(): string | undefined {
  return existsSync(MODULE) && existsSync(UTILITY) ? undefined : 'without softhsm2';
}

export class SoftHsm {
  readonly folder = mkdtempSync(join(tmpdir(), 'ooto-softhsm-'));
  /** What the environment of whoever loads the module names as SOFTHSM2_CONF. */
  readonly configuration = join(this.folder, 'softhsm2.conf');

  constructor(label = 'ooto') {
    mkdirSync(join(this.folder, 'tokens'));
    writeFileSync(this.configuration, `directories.tokendir = ${join(this.folder, 'tokens')}\n`);
    this.initialise(label);
  }

  initialise(label: string): void {
    const words = ['--init-token', '--free', '--label', label, '--pin', PIN, '--so-pin', '5678'];
    execFileSync(UTILITY, words, {
      env: { ...process.env, SOFTHSM2_CONF: this.configuration },
      stdio: 'ignore',
    });
  }

  signer(change: Partial<Parameters<typeof tokenSigner>[0]> = {}) {
    const program = ['/usr/bin/env', `SOFTHSM2_CONF=${this.configuration}`];
    return tokenSigner({
      agent: [...program, process.execPath, resolve('build/cli.js'), 'pkcs11-agent'],
      codec: { encode, decode },
      sha256: (content) => crypto.sha256(content),
      ...{ module: MODULE, token: 'ooto', pin: PIN, key: 'identity' },
      ...change,
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
