/**
 * A mesh that was off for too long. What flows through here: a mesh of its own is founded and put to sleep until
 * everything that it signed has ended, two members are gone for good and a third has lost its share; those that are
 * left make another key by the commands of the operators, whose signatures let it in; who was away comes back with the
 * key that it had, and who was revoked does not.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ValidCredential } from '../../authority/credential.ts';
import type { GenesisRecord } from '../../authority/genesis.ts';
import { HeadView } from '../../authority/head.ts';
import { equal } from '../../base/bytes.ts';
import { hex } from '../../base/hex.ts';
import { readCertificate } from '../../cert/certificate.ts';
import { SHARE_KEY } from '../../mesh/authority/founding.ts';
import { asOotoError } from '../../mesh/session.ts';
import { decodeSecretShare, type PublicPackage } from '../../threshold/index.ts';
import { type Exercise, require } from './exercise.ts';
import { logsOf, newcomer } from './issuing.ts';
import { DrillMesh, type Member } from './mesh.ts';
import { agree, carrier, nextNumber } from './operators.ts';
import { succeed } from './recovery.ts';

/** Longer than any certificate. */
const ASLEEP_MS = 5 * 3_600_000;
const LEFT: readonly Member[] = ['authority-1', 'authority-2', 'authority-3'];
const [LEADER, ...OTHERS] = LEFT;
const WITHOUT_SHARE: Member = 'authority-3';
const [AWAY, REVOKED] = ['away', 'revoked'];
const ENDED_MS = 30_000;
const POLL_MS = 50;

export const rescueAfterExpiry: Exercise = {
  name: 'rescue-after-expiry',
  async run({ options }) {
    const mesh = new DrillMesh({ ...options, folder: join(options.folder, 'expired') });
    try {
      await mesh.prepare();
      await mesh.found();
      return await rescued(mesh);
    } finally {
      await mesh.stop();
    }
  },
};

async function rescued(mesh: DrillMesh): Promise<string> {
  const before = await newcomer(mesh, AWAY);
  await revoke(mesh, await newcomer(mesh, REVOKED));
  const { genesis } = await mesh.trust();
  const since = new Date(mesh.now).toISOString();
  await mesh.sleepThrough(ASLEEP_MS);
  await mesh.withStore(WITHOUT_SHARE, (store) => store.commit([{ delete: SHARE_KEY }]));
  await requireAllOver(mesh);

  const toSign = await makeKey(mesh, since);
  const early = await mesh.run(applied(mesh, toSign));
  require(early.code !== 0 &&
    early.stderr.includes('OOTO_CLI_APPROVALS'), `not without operators: ${early.stderr}`);
  await succeed(mesh, ['authority', 'sign', toSign, '--operator', mesh.folderOf('operator'), '--yes']);
  const facts = await done(mesh, applied(mesh, toSign));
  require(facts.bundle === 1 && facts.threshold === 2, 'the new key is in force, and two of three sign');
  mesh.startFounders([LEADER]);
  await mesh.ready(LEFT);

  const after = await comesBack(mesh, before);
  const words = await ended(mesh, REVOKED);
  require(words.includes('OOTO_AUTHORITY_REVOKED'), `whoever was revoked stays out: ${words}`);
  const logs = logsOf(await newcomer(mesh, 'after-rescue'));
  await requireNoShares(mesh, genesis);
  return `${ASLEEP_MS / 3_600_000} h later, with 2 of 5 members and a share lost: ${LEFT.join(', ')} made key ${hex(after.issuerKey).slice(0, 16)}…, let in by ${genesis.draft.operatorQuorum} operator, not before it signed; ${AWAY} is back with its key, ${REVOKED} is not; no share of the old key is left with them; a newcomer is proven by ${logs.length} logs`;
}

async function revoke(mesh: DrillMesh, { id }: ValidCredential): Promise<void> {
  nextNumber(mesh);
  const words = ['revoke', id, '--operator', mesh.folderOf('operator'), '--member', await carrier(mesh)];
  await succeed(mesh, [...words, '--reason', 'game day', '--yes', '--quiet']);
}

/** No certificate and no head counts any more, a worker is refused, and members do not get going by themselves. */
async function requireAllOver(mesh: DrillMesh): Promise<void> {
  const refused = await mesh.credentialOf(AWAY).catch((error) => asOotoError(error).code);
  require(refused === 'OOTO_CERT_EXPIRED', `the certificate has ended, not ${refused}`);
  const { authority } = await mesh.trustOf(AWAY);
  const stored = await mesh.withStore(AWAY, async (store) => store.get(HeadView.storeKey));
  const head = new HeadView(mesh.crypto, authority, stored);
  require(mesh.now > (head.current?.expires ?? 0), 'the mesh head has ended');
  const logs = OTHERS.map((name) => mesh.logOf(name));
  mesh.startFounders(OTHERS);
  await Promise.all(logs.map((log) => log.until('no certificate', ({ message }) => message === 'not yet')));
  await ended(mesh, AWAY);
  require(OTHERS.every((name) => mesh.process(name).status() === undefined), 'no member is ready by itself');
}

/** The first half: those that are left make a key; returns the file that operators sign. */
async function makeKey(mesh: DrillMesh, since: string): Promise<string> {
  const left = ['--bundle', '0', '--members', ...LEFT, '--threshold', '2'];
  const action = await agree(mesh, 'rescue', [...left, '--since', since, '--overlap', '24']);
  const toSign = join(mesh.options.folder, 'rescue.pem');
  await done(mesh, [...applied(mesh, action), '--out', toSign]);
  return toSign;
}

/** Over a member's own folder: no other node has a certificate that counts. */
function applied(mesh: DrillMesh, file: string): string[] {
  return ['authority', 'apply', file, '--member', mesh.folderOf(LEADER), '--json', '--quiet'];
}

async function done(mesh: DrillMesh, words: readonly string[]): Promise<Record<string, unknown>> {
  const { facts, failure, logged } = JSON.parse(await succeed(mesh, words));
  require(failure === null, `it is done: ${failure?.code} ${failure?.message}`);
  require(logged.length === LEFT.length, `all that are left have it in their logs, not ${logged}`);
  return facts;
}

async function comesBack(mesh: DrillMesh, before: ValidCredential): Promise<ValidCredential> {
  mesh.start(AWAY);
  await mesh.ready([AWAY]);
  await mesh.process(AWAY).stop();
  const after = await mesh.credentialOf(AWAY);
  const { authority } = await mesh.trustOf(AWAY);
  require(equal(after.publicKey.bytes, before.publicKey.bytes), 'it has the key that it had');
  require(equal(after.issuerKey, authority.groupKey), 'its certificate is of the new group key');
  require(authority.bundle.version === 1 &&
    authority.bundle.operators?.length === 1, 'by an operator’s word');
  const { claims } = readCertificate(before.credential.certificate);
  require(claims.notAfter < mesh.now, 'the certificate that it came back with had ended');
  return after;
}

/** The node of this name is started, and must end by itself; its last words. */
async function ended(mesh: DrillMesh, name: string): Promise<string> {
  const child = mesh.process(name);
  mesh.start(name);
  for (const until = performance.now() + ENDED_MS; child.running; await sleep(POLL_MS))
    require(performance.now() < until, `${name} is refused, and ends`);
  require(child.exitCode !== 0, `${name} is refused`);
  return child.lastWords;
}

/** Nobody who is in the mesh can sign with the old group key; its members are stopped for that. */
async function requireNoShares(mesh: DrillMesh, { publicPackage }: Pick<GenesisRecord, 'publicPackage'>) {
  await Promise.all(LEFT.map((name) => mesh.process(name).kill()));
  for (const name of LEFT) {
    const share = await mesh.withStore(name, async (store) => store.get(SHARE_KEY));
    require(share !== undefined, `${name} has a share`);
    require(!isShareOf(mesh, publicPackage, share), `${name} has no share of the old key any more`);
  }
}

function isShareOf(mesh: DrillMesh, publicPackage: PublicPackage, share: Uint8Array): boolean {
  try {
    decodeSecretShare(mesh.crypto, publicPackage, share)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}
