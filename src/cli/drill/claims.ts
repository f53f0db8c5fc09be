/**
 * One invite, claimed by many at once. What flows through here: each claimant has keys and a request of its own and
 * begins at another member; all join as nodes do, with the same invite; whoever was given a certificate has won, and the
 * logs of the members say of whom they know.
 */
import { setMaxListeners } from 'node:events';
import { readInvite } from '../../authority/invite.ts';
import { readLeaf } from '../../authority/leaf.ts';
import { hex } from '../../base/hex.ts';
import { Ed25519SigningKey } from '../../envelope/keys.ts';
import { join as joinMesh } from '../../mesh/joining.ts';
import { MeshNode } from '../../mesh/node.ts';
import { asOotoError } from '../../mesh/session.ts';
import { nodeClock } from '../../platform/node/clock.ts';
import { coreFolder } from '../../platform/node/core-file.ts';
import { readSecretFile } from '../../platform/node/files.ts';
import { tcpTransport } from '../../platform/node/transport.ts';
import type { Logger, Signer, Store, StoreChange } from '../../ports.ts';
import { measureProgram } from '../program.ts';
import { type Exercise, require } from './exercise.ts';
import { type DrillMesh, MEMBERS } from './mesh.ts';

const CLAIMS = 100;
const LIFE_MS = 600_000;
const INVITE_BYTES = 4 * 1024 * 1024;
const NAME = 'claimed';

export const oneToken: Exercise = {
  name: 'one-token-100-claims',
  async run(mesh) {
    await mesh.cast();
    const file = await mesh.invite('worker', NAME);
    const invite = readInvite(await readSecretFile(file, INVITE_BYTES));
    const manifest = measureProgram(mesh.crypto, coreFolder()).digest;
    // Every claim listens while it is under way.
    setMaxListeners(0, mesh.options.signal);
    const claims = Array.from({ length: CLAIMS }, (_, i) => claim(mesh, rotated(invite, i), manifest));
    const outcomes = await Promise.all(claims);
    const winners = outcomes.filter((outcome) => outcome === 'won').length;
    const lost = [...new Set(outcomes.filter((outcome) => outcome !== 'won'))]
      .map((code) => `${outcomes.filter((each) => each === code).length} × ${code}`)
      .join(', ');
    require(winners === 1, `one claim wins, not ${winners}; ${lost}`);
    const keys = await loggedKeys(mesh);
    require(keys.size === 1, `the logs know one key for ${NAME}, not ${keys.size}`);
    return `${CLAIMS} claims at ${MEMBERS.length} members: 1 won, ${lost}`;
  },
};

/** Joins with keys of its own; `won`, or the code of what stopped it. */
async function claim(
  { crypto, options: { signal } }: DrillMesh,
  invite: ReturnType<typeof readInvite>,
  manifest: Uint8Array,
): Promise<string> {
  const identity = Ed25519SigningKey.generate(crypto);
  const signer: Signer = {
    algorithm: 'ed25519',
    publicKey: identity.publicKey,
    sign: async (message) => identity.sign(message),
  };
  const node = new MeshNode({
    ...{ crypto, clock: nodeClock(), logger: silent, store: new ShortMemory(), transport: tcpTransport() },
    ...{ signer, role: 'worker', name: NAME, manifest, versions: new Map(), epochMs: 60_000 },
  });
  try {
    await joinMesh(node, invite, LIFE_MS, signal);
    return 'won';
  } catch (error) {
    return asOotoError(error).code;
  } finally {
    await node.close();
  }
}

/** The same invite, its addresses in another order: each claimant begins at another member. */
function rotated(invite: ReturnType<typeof readInvite>, by: number): ReturnType<typeof readInvite> {
  const first = by % invite.addresses.length;
  return { ...invite, addresses: [...invite.addresses.slice(first), ...invite.addresses.slice(0, first)] };
}

/** Digests of the keys that members have logged for the name, each member's log read from its own store. */
async function loggedKeys(mesh: DrillMesh): Promise<Set<string>> {
  await mesh.cast(Object.fromEntries(MEMBERS.map((name) => [name, 'dead'])));
  const logs = await Promise.all(MEMBERS.map((name) => mesh.leavesOf(name)));
  const keys = new Set<string>();
  for (const leaf of logs.flat().map(readLeaf))
    if (leaf.kind === 'certificate' && leaf.id.endsWith(`/worker/${NAME}`)) keys.add(hex(leaf.key));
  return keys;
}

const silent: Logger = { log() {} };

/** What a claimant remembers: nothing of it outlives the claim. */
class ShortMemory implements Store {
  readonly #entries = new Map<string, Uint8Array>();

  get(key: string): Uint8Array | undefined {
    return this.#entries.get(key);
  }

  range(from: string, to: string) {
    const keys = [...this.#entries.keys()].filter((key) => key >= from && key < to).sort();
    return keys.map((key) => ({ key, value: this.#entries.get(key)! }));
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    for (const change of changes)
      if ('put' in change) this.#entries.set(change.put, change.value);
      else this.#entries.delete(change.delete);
  }

  async close(): Promise<void> {}
}
