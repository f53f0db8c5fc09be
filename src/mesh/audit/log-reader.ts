/**
 * The log of a member, read over the mesh. What flows through here: checkpoint, tiles, entry bundles and consistency
 * proofs are asked of the member, one of them a request; nothing is believed until it leads to a signed root. A whole log
 * comes bundle by bundle and becomes one file.
 */
import type { Crypto } from '../../crypto/crypto.ts';
import { bytes, bytesBetween, list, nullable, text } from '../../envelope/fields.ts';
import {
  bundlesOf,
  type CheckpointPolicy,
  encodeExport,
  LogFollower,
  missingResource,
  type TiledLog,
  tilePath,
} from '../../log/index.ts';
import { MAX_NOTE_BYTES } from '../../log/note.ts';
import { MAX_PROOF_HASHES } from '../../log/proof.ts';
import type { MeshNode } from '../node.ts';

const MOST_RESOURCE_BYTES = 15 * 1024 * 1024;

export interface LogSource extends TiledLog {
  consistency(from: number, to: number): Promise<Uint8Array[]>;
}

/** Over the member's session. */
export function memberLog(
  node: MeshNode,
  member: { id: string; addresses: readonly string[] },
  signal?: AbortSignal,
): LogSource {
  const options = signal ? { signal } : {};
  return {
    async checkpoint() {
      return text(MAX_NOTE_BYTES)(await node.ask(member, 'log.checkpoint', null, options), 'log.checkpoint');
    },
    async resource(address) {
      const answer = await node.ask(member, 'log.resource', tilePath(address), options);
      const resource = nullable(bytesBetween(0, MOST_RESOURCE_BYTES))(answer, 'log.resource');
      if (resource === null) throw missingResource(address);
      return resource;
    },
    async consistency(from, to) {
      const answer = await node.ask(member, 'log.consistency', { from, to }, options);
      return list(bytes(32), { max: MAX_PROOF_HASHES })(answer, 'log.consistency');
    },
  };
}

/** The whole log as one file that anybody can judge, which has been judged here. @throws OOTO_LOG_* (peer). */
export async function downloadLog(
  crypto: Crypto,
  source: LogSource,
  policy: CheckpointPolicy,
): Promise<Uint8Array> {
  const follower = new LogFollower(crypto, policy);
  const next = follower.judge(await source.checkpoint());
  const entries: Uint8Array[] = [];
  for await (const bundle of bundlesOf(source, 0, next.size)) {
    follower.take(bundle);
    for (const entry of bundle) entries.push(entry);
  }
  follower.reach(next);
  return encodeExport(crypto, policy.keys, next.note, entries);
}
