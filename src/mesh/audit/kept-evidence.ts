/**
 * Proof against the authority that a node has kept, as files for anybody. What flows through here: logs that contradict
 * themselves and mesh heads that contradict each other are taken from the store; each becomes a file, and only what
 * `ooto verify` accepts is handed out.
 */
import type { Crypto } from '../../crypto/crypto.ts';
import type { Store } from '../../ports.ts';
import { HEAD_FORKS, keptHeads } from '../head-forks.ts';
import type { MeshTrust } from '../identity.ts';
import { exportForkFile, exportHeadForkFile, verifyEvidence } from './evidence-file.ts';

export const LOG_FORKS = 'evidence/log-fork/';
const AFTER_LOG_FORKS = 'evidence/log-fork0';
const DIGITS = 16;

/** The key of evidence against a member's log. `digest` is hexadecimal. */
export function logForkKey(member: string, digest: string): string {
  return `${LOG_FORKS}${member}-${digest.slice(0, DIGITS)}`;
}

/** By name; `unproven` names what is kept and would not convince a stranger who knows the mesh as this node does. */
export function evidenceFiles(
  crypto: Crypto,
  trust: MeshTrust,
  store: Pick<Store, 'range'>,
  now: number,
): { files: Map<string, string>; unproven: string[] } {
  const all = [...logForkFiles(trust, store), ...headForkFiles(trust, store)];
  const [files, unproven] = [new Map<string, string>(), [] as string[]];
  for (const [name, file] of all) {
    try {
      verifyEvidence(crypto, file, trust.genesis.meshId, now);
      files.set(name, file);
    } catch {
      unproven.push(name);
    }
  }
  return { files, unproven };
}

function logForkFiles(trust: MeshTrust, store: Pick<Store, 'range'>): [string, string][] {
  return store.range(LOG_FORKS, AFTER_LOG_FORKS).map(({ key, value }) => {
    const name = key.slice(LOG_FORKS.length);
    return [name, exportForkFile(trust, name.slice(0, -DIGITS - 1), value)];
  });
}

function headForkFiles(trust: MeshTrust, store: Pick<Store, 'range'>): [string, string][] {
  return store.range(HEAD_FORKS.from, HEAD_FORKS.to).map(({ value }) => {
    const { number, known, shown } = keptHeads(value);
    return [`head-${number}`, exportHeadForkFile(trust, known, shown)];
  });
}
