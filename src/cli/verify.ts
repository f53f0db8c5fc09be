/**
 * `ooto verify`. What flows through here: the file is read whole, the mesh id comes from the command line or from
 * `known_meshes`, never from the file, and the mesh room judges.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { utf8Decode } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { unhex } from '../base/hex.ts';
import { type EvidenceSummary, verifyEvidence } from '../mesh/audit/evidence-file.ts';
import { createNodeCrypto } from '../node.ts';
import { readFileLimited } from '../platform/node/files.ts';

const MOST_BYTES = 512 * 1024 * 1024;

/** @throws OOTO_VERIFY_* (exit 3), OOTO_CLI_USAGE (exit 2) without a mesh id. */
export async function verifyFile(
  file: string,
  mesh: string | undefined,
): Promise<EvidenceSummary & { schema: string }> {
  const meshId = readMeshId(mesh ?? (await knownMesh()));
  const text = readText(await readFileLimited(file === '-' ? '/dev/stdin' : file, MOST_BYTES));
  return { schema: 'ooto.verify/1', ...verifyEvidence(createNodeCrypto(), text, meshId, Date.now()) };
}

function readText(bytes: Uint8Array): string {
  try {
    return utf8Decode(bytes);
  } catch (cause) {
    throw new OotoError('OOTO_VERIFY_FORM', 'peer', 'the check "form" failed: the file is not text', {
      cause,
    });
  }
}

function readMeshId(text: string): Uint8Array {
  if (/^[0-9a-f]{64}$/.test(text)) return unhex(text);
  throw new OotoError('OOTO_CLI_USAGE', 'caller', 'a mesh id is 64 lower-case hexadecimal digits', {
    hint: 'ooto status shows the id of the mesh that a node is in',
  });
}

/** The only mesh in `known_meshes` (`<mesh id> <name>` a line), which lies in the configuration folder. */
async function knownMesh(): Promise<string> {
  const folder = process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config');
  const file = join(folder, 'ooto', 'known_meshes');
  const lines = (await readFile(file, 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line.trim() !== '');
  if (lines.length === 1) return lines[0].split(/\s+/)[0];
  throw new OotoError('OOTO_CLI_USAGE', 'caller', 'which mesh? give its id with --mesh', {
    hint: lines.length > 1 ? `${file} names several meshes` : `or put the id into ${file}`,
  });
}
