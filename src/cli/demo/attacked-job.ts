/** A job for attackers to bend: genuine, signed by the originator, logged by the authority, and never run. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logProofs } from '../../authority/credential.ts';
import { utf8 } from '../../base/bytes.ts';
import { type CborValue, encode } from '../../envelope/cbor.ts';
import { coreFolder } from '../../platform/node/core-file.ts';
import { signDefinition } from '../../workload/definition.ts';
import type { Job } from '../attack/workloads.ts';
import { type DemoMesh, ORIGINATOR_KEY_NAME } from './mesh.ts';

const LIFE_MS = 600_000;

export async function defineTinyJob({ originator, originatorKey, crypto }: DemoMesh): Promise<Job> {
  const { node } = originator.open;
  const module = new Uint8Array(await readFile(join(coreFolder(), 'text-statistics.wasm')));
  const chunk = utf8('a text of seven words and no more\n');
  const envelope = signDefinition(
    {
      name: 'attacked',
      originator: ORIGINATOR_KEY_NAME,
      sequence: 1,
      expires: node.options.clock.now() + LIFE_MS,
      module: crypto.sha256(module),
      input: { bytes: chunk.length, chunkBytes: chunk.length },
      chunks: [crypto.sha256(chunk)],
      arguments: [],
      limits: { memoryBytes: 64 * 1024 * 1024, timeMs: 10_000, outputBytes: 64 * 1024 },
      requires: { tier: 'software', labels: [] },
    },
    originatorKey,
  );
  const answers = await Promise.all(
    originator.upkeep.authorities.map((member) => node.ask(member, 'definition.log', envelope)),
  );
  const proofs = encode(logProofs(answers, 'proofs') as unknown as CborValue);
  return { envelope, proofs, module, chunk };
}
