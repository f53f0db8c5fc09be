/**
 * What this program is: the files it was started from, measured. What flows through here: every script and module
 * of the built program becomes a line of the software manifest, whose digest the node attests and policy accepts.
 * A program that measures itself proves nothing once it has been changed; docs/threat-model.md says so.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createManifest, type Manifest, manifestDigest } from '../attest/manifest.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { measureInstallation } from './installation.ts';

export interface MeasuredProgram {
  manifest: Manifest;
  digest: Uint8Array;
}

/**
 * The digest that a node attests: of the program's own files, or of the whole installation where a launcher has measured
 * it before this process was.
 */
export function ownDigest(crypto: Crypto, folder: string, launched: string | undefined): Uint8Array {
  if (launched === undefined) return measureProgram(crypto, folder).digest;
  return manifestDigest(crypto, measureInstallation(crypto, dirname(folder)));
}

/** Measures the program in `folder`: its scripts and WebAssembly modules, not what lies beside them. */
export function measureProgram(crypto: Crypto, folder: string): MeasuredProgram {
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(js|wasm)$/.test(entry.name))
    .map(({ name }) => {
      const content = new Uint8Array(readFileSync(join(folder, name)));
      return { path: name, size: content.length, sha256: crypto.sha256(content) };
    });
  const manifest = createManifest(files);
  return { manifest, digest: manifestDigest(crypto, manifest) };
}
