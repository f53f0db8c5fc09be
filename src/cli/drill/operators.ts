/**
 * The operators of a drill: what they have the authority do. What flows through here: an action is written down, signed
 * by `ooto authority approve` and carried by `ooto authority apply` over a node that is there for nothing else; what the
 * members answered must be that it is done.
 */
import { join } from 'node:path';
import type { AuthorityView } from '../../authority/authority-view.ts';
import { require } from './exercise.ts';
import { type DrillMesh, MEMBERS } from './mesh.ts';
import { succeed } from './recovery.ts';

const CARRIER = 'carrier';

/** What came of it, by name. */
export type Facts = Readonly<Record<string, string | number>>;

const numbers = new WeakMap<DrillMesh, number>();

/** Of the next action in this mesh, whoever proposes it. */
export function nextNumber(mesh: DrillMesh): number {
  const number = (numbers.get(mesh) ?? 0) + 1;
  numbers.set(mesh, number);
  return number;
}

/** Writes down what is to be done, in the options of `ooto authority propose`, and has the operator approve it. */
export async function agree(mesh: DrillMesh, kind: string, options: readonly string[]): Promise<string> {
  const number = nextNumber(mesh);
  const file = join(mesh.options.folder, `${number}-${kind}.action`);
  const frame = ['--authority', mesh.folderOf(MEMBERS[0]), '--number', String(number), '--out', file];
  await succeed(mesh, ['authority', 'propose', kind, ...frame, ...options, '--quiet']);
  const operator = mesh.folderOf('operator');
  await succeed(mesh, ['authority', 'approve', file, '--operator', operator, '--yes', '--quiet']);
  return file;
}

/** Has the authority do this. */
export async function perform(mesh: DrillMesh, kind: string, options: readonly string[]): Promise<Facts> {
  const file = await agree(mesh, kind, options);
  const member = await carrier(mesh);
  const { facts, failure } = JSON.parse(
    await succeed(mesh, ['authority', 'apply', file, '--member', member, '--json', '--quiet']),
  ) as { facts: Facts; failure: { code: string; message: string } | null };
  require(failure === null, `${kind} is done: ${failure?.code} ${failure?.message}`);
  return facts;
}

/** The authority as the operators' node knows it, once it has looked. */
export async function authorityNow(mesh: DrillMesh): Promise<AuthorityView> {
  await carrier(mesh);
  return (await mesh.trustOf(CARRIER)).authority;
}

/** The folder of the node that carries actions. */
export async function carrier(mesh: DrillMesh): Promise<string> {
  if (!mesh.has(CARRIER))
    await succeed(mesh, mesh.joinWords(CARRIER, await mesh.invite('originator', CARRIER)));
  return mesh.folderOf(CARRIER);
}
