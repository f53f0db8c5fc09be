/**
 * The member of the authority whose folder it is, for as long as its operator has something to bring or to ask. What
 * flows through here: the member takes its place among the others as founders do, for which no certificate need be
 * valid any more; what operators have approved is led by it; then it is closed again.
 */
import { setMaxListeners } from 'node:events';
import { isOotoError, OotoError } from '../base/errors.ts';
import type { AuthorityNode } from '../mesh/authority/member.ts';
import { readConfiguration } from './configuration.ts';
import { closeNode, openNode } from './node-folder.ts';
import { standAuthority } from './running-node.ts';

/** Whether this is the folder of a member of the authority. */
export function isMemberFolder(folder: string): boolean {
  return readConfiguration(folder).role === 'authority';
}

/** @throws OOTO_FILES_LOCKED (caller) while the member runs. */
export async function withMember<T>(
  folder: string,
  outer: AbortSignal,
  use: (member: AuthorityNode) => Promise<T>,
): Promise<T> {
  const open = await openNode(folder).catch(explainLocked);
  const life = new AbortController();
  const signal = AbortSignal.any([outer, life.signal]);
  // Every request and pause in flight listens, and stops listening when it is over.
  setMaxListeners(0, signal);
  try {
    await open.node.peers.listen(open.configuration.listen);
    return await use(await standAuthority(open, signal));
  } finally {
    life.abort(new OotoError('OOTO_MESH_CLOSED', 'local', 'the member was stopped'));
    await closeNode(open);
  }
}

function explainLocked(error: unknown): never {
  if (!isOotoError(error, 'OOTO_FILES_LOCKED')) throw error;
  throw new OotoError(error.code, error.fault, error.message, {
    cause: error,
    hint: 'stop the member of this folder first, and start it again when the command has ended',
  });
}
