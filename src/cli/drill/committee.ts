/**
 * Rows about the committee and its key. What flows through here: operators have shares dealt anew, members replaced, a
 * lost share repaired and the group key rotated, by the commands that they have; what became of it is judged by who
 * joins then, and by what a thief of shares can make of them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Founder } from '../../authority/genesis.ts';
import { equal } from '../../base/bytes.ts';
import { hex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { SHARE_KEY } from '../../mesh/authority/founding.ts';
import { writeFileAtomically } from '../../platform/node/files.ts';
import { decodeSecretShare, groupKey } from '../../threshold/index.ts';
import { freePort } from '../free-port.ts';
import { createFounder } from '../setting-up.ts';
import { type Exercise, require } from './exercise.ts';
import { logsOf, newcomer } from './issuing.ts';
import { type DrillMesh, MEMBERS, type Member } from './mesh.ts';
import { authorityNow, perform } from './operators.ts';
import { withTraffic } from './traffic.ts';

const ALL_DEAD = Object.fromEntries(MEMBERS.map((name) => [name, 'dead'])) as Record<Member, 'dead'>;
const OVERLAP_HOURS = '1';
const NEWCOMERS = ['authority-6', 'authority-7', 'authority-8', 'authority-9'];

export const refresh: Exercise = {
  name: 'refresh',
  async run(mesh) {
    await mesh.cast();
    const before = await authorityNow(mesh);
    const { epoch } = await perform(mesh, 'refresh', ['--epoch', String(before.committee.epoch)]);
    const after = await authorityNow(mesh);
    require(epoch === before.committee.epoch + 1 &&
      after.committee.epoch === epoch, 'the committee is one epoch further');
    require(equal(after.groupKey, before.groupKey), 'the group key is the same');
    const logs = logsOf(await newcomer(mesh, `refreshed-${epoch}`));
    return `epoch ${before.committee.epoch} to ${epoch}, same key ${shown(after.groupKey)}; a newcomer is proven by ${logs.length} logs`;
  },
};

/** A thief with shares of two epochs: t-1 of the old and all but one of the new make no key. */
export const oldSharesInsufficient: Exercise = {
  name: 'old-shares-insufficient',
  async run(mesh) {
    const old = await stolenShares(mesh);
    await mesh.cast();
    const { epoch } = (await authorityNow(mesh)).committee;
    await perform(mesh, 'refresh', ['--epoch', String(epoch)]);
    const fresh = await stolenShares(mesh);
    await mesh.cast();
    const { threshold, groupKey: key } = await authorityNow(mesh);
    const { crypto } = mesh;
    const makesKey = (shares: readonly Share[]) => equal(publicKeyOf(crypto, shares), key);
    for (const shares of [old, fresh])
      require(subsets(shares, threshold).every(makesKey), `any ${threshold} of one epoch make the key`);
    let tried = 0;
    for (const some of subsets(old, threshold - 1))
      for (const others of subsets(fresh, threshold - 1))
        for (const mixed of mixtures([...some, ...others], threshold)) {
          require(!makesKey(mixed), `${threshold - 1} old shares with new ones make no key`);
          tried++;
        }
    return `${tried} mixtures of ${threshold - 1} old and up to ${threshold - 1} new shares, read from 5 stores, make no key; ${threshold} of one epoch do`;
  },
};

export const repairShare: Exercise = {
  name: 'repair-share',
  async run(mesh) {
    const member: Member = 'authority-5';
    await mesh.cast({ [member]: 'dead' });
    await mesh.withStore(member, (store) => store.commit([{ delete: SHARE_KEY }]));
    await mesh.cast();
    const without = logsOf(await newcomer(mesh, 'before-repair'));
    const { epoch } = (await authorityNow(mesh)).committee;
    await perform(mesh, 'repair', ['--epoch', String(epoch), '--lost', member]);
    await mesh.cast({ 'authority-2': 'dead', 'authority-3': 'dead' });
    const logs = logsOf(await newcomer(mesh, 'after-repair'));
    require(logs.length === 3 && logs.includes(member), `${member} signs as one of three, not ${logs}`);
    const share = await mesh.withStore(member, async (store) => store.get(SHARE_KEY), true);
    require(share !== undefined, 'the share is in its store again');
    return `${member} lost its share (${without.length} logs meanwhile), got it back from the others, and signs as one of three`;
  },
};

/** Nodes meet all the while; nobody is refused because of the old key or the new. */
export const rotateGroupKey: Exercise = {
  name: 'rotate-group-key',
  async run(mesh) {
    await mesh.cast();
    const before = await authorityNow(mesh);
    const { version } = before.bundle;
    let logs: string[] = [];
    const traffic = await withTraffic(mesh, async () => {
      await perform(mesh, 'rotate', ['--bundle', String(version), '--overlap', OVERLAP_HOURS]);
      logs = logsOf(await newcomer(mesh, 'after-rotation'));
    });
    const after = await authorityNow(mesh);
    require(after.bundle.version === version + 1, 'there is one trust bundle more');
    require(!equal(after.groupKey, before.groupKey), 'the group key is another');
    const { handshakes, retiring, failed } = traffic;
    require(failed.length === 0, `no handshake fails, not ${failed.length} of ${handshakes}: ${failed}`);
    require(retiring > 0, 'certificates under the old key are taken while it retires');
    return `bundle ${version} to ${version + 1}, key ${shown(before.groupKey)} to ${shown(after.groupKey)}, under traffic: ${handshakes} handshakes, 0 failed, ${retiring} of them with a certificate under the old key after the change; a newcomer under the new key is proven by ${logs.length} logs`;
  },
};

/** Two of five are replaced and two more come in; the key stays. */
export const reshare: Exercise = {
  name: 'reshare-4-of-7',
  async run(mesh) {
    await mesh.cast();
    const before = await authorityNow(mesh);
    const kept = before.members.slice(0, 3);
    const files = await Promise.all(kept.map((member) => entryFile(mesh, member)));
    for (const name of NEWCOMERS) files.push(await entryFile(mesh, await startNewcomer(mesh, name)));
    const options = ['--epoch', String(before.committee.epoch), '--threshold', '4', '--founder', ...files];
    await perform(mesh, 'reshare', options);
    await mesh.ready(NEWCOMERS);
    const after = await authorityNow(mesh);
    require(equal(after.groupKey, before.groupKey), 'the group key is the same');
    require(after.threshold === 4 && after.members.length === 7, 'four of seven sign now');
    require(equal(groupKey(after.publicPackage), before.groupKey), 'the new shares are of the same key');
    await mesh.cast({ 'authority-3': 'dead', 'authority-4': 'dead', 'authority-5': 'dead' });
    await Promise.all([mesh.process(NEWCOMERS[2]).kill(), mesh.process(NEWCOMERS[3]).kill()]);
    const logs = logsOf(await newcomer(mesh, 'reshared'));
    require(logs.length === 4, `four of seven sign: ${logs}`);
    return `authority-4 and authority-5 replaced, two more: same key ${shown(after.groupKey)}; with three of seven dead a newcomer is proven by ${logs.join(', ')}`;
  },
};

/** The beginning of a group key, for people. */
function shown(key: Uint8Array): string {
  return `${hex(key).slice(0, 16)}…`;
}

/** A process that waits to be let in. */
async function startNewcomer(mesh: DrillMesh, name: string): Promise<Founder> {
  const listen = `127.0.0.1:${await freePort()}`;
  const entry = await createFounder(mesh.crypto, mesh.folderOf(name), { name, listen });
  const draft = readFileSync(join(mesh.folderOf(MEMBERS[0]), 'genesis.draft'));
  await writeFileAtomically(join(mesh.folderOf(name), 'genesis.draft'), new Uint8Array(draft));
  mesh.start(name);
  return entry;
}

/** What `ooto authority init --json` prints of a member. */
async function entryFile(mesh: DrillMesh, { name, addresses, ...keys }: Founder): Promise<string> {
  const { identityKey, logKey, witnessKey, keyGenerationKey } = keys;
  const texts = Object.entries({ identityKey, logKey, witnessKey, keyGenerationKey });
  const entry = { schema: 'ooto.founder/1', name, addresses };
  const shown = { ...entry, ...Object.fromEntries(texts.map(([which, key]) => [which, hex(key)])) };
  const file = join(mesh.options.folder, `${name}.json`);
  await writeFileAtomically(file, new TextEncoder().encode(JSON.stringify(shown)));
  return file;
}

interface Share {
  identifier: number;
  scalar: Uint8Array;
}

/** What lies in the stores of all members; none of them runs meanwhile. */
async function stolenShares(mesh: DrillMesh): Promise<Share[]> {
  await mesh.cast(ALL_DEAD);
  const shares: Share[] = [];
  for (const name of MEMBERS) {
    const { authority } = await mesh.trustOf(name);
    const stored = await mesh.withStore(name, async (store) => store.get(SHARE_KEY));
    require(stored !== undefined, `${name} has a share`);
    const share = decodeSecretShare(mesh.crypto, authority.publicPackage, stored);
    shares.push({ identifier: share.identifier, scalar: share.use((scalar) => scalar.slice()) });
  }
  return shares;
}

/** The public key of the number at which the polynomial through these shares begins. */
function publicKeyOf({ edwards25519: group }: Crypto, shares: readonly Share[]): Uint8Array {
  const sum = shares.reduce<Uint8Array>((total, { identifier, scalar }) => {
    const others = shares.filter((other) => other.identifier !== identifier).map((other) => other.identifier);
    const numerator = others.map(scalarOf).reduce(group.scalarMultiply, scalarOf(1));
    const differences = others.map((other) => group.scalarSubtract(scalarOf(other), scalarOf(identifier)));
    const denominator = differences.reduce(group.scalarMultiply, scalarOf(1));
    const factor = group.scalarMultiply(numerator, group.scalarInvert(denominator));
    return group.scalarAdd(total, group.scalarMultiply(factor, scalar));
  }, new Uint8Array(32));
  return group.multiplyBase(sum);
}

function scalarOf(number: number): Uint8Array {
  const scalar = new Uint8Array(32);
  new DataView(scalar.buffer).setUint16(0, number, true);
  return scalar;
}

function subsets<T>(all: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return all.flatMap((first, i) => subsets(all.slice(i + 1), size - 1).map((rest) => [first, ...rest]));
}

/** As many shares as make a key, of different members, and not all of one epoch. */
function mixtures(shares: readonly Share[], size: number): Share[][] {
  return subsets(shares, size).filter(
    (some) => new Set(some.map(({ identifier }) => identifier)).size === size,
  );
}
