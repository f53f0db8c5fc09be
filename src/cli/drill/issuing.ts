/**
 * Rows about founding and issuing. What flows through here: five processes meet, appraise each other and make a key;
 * newcomers join by `ooto join` while members are alive, dead or lying; what each got is judged anew by this process,
 * and OpenSSL's reading of the certificate beside ours.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ValidCredential } from '../../authority/credential.ts';
import { hex } from '../../base/hex.ts';
import { type Exercise, require } from './exercise.ts';
import { ALTERED_PROGRAM, type DrillMesh, MEMBERS, type Member, THRESHOLD } from './mesh.ts';

const REFUSED_WITHIN_MS = 60_000;
const MOST_TRIES = 5;

/** A founder that runs another program is refused by all others, and nothing is founded with it; then all are appraised. */
export const foundersAppraised: Exercise = {
  name: 'founders-appraised',
  async run(mesh) {
    const [changed, ...honest] = [...MEMBERS].reverse();
    const logs = honest.map((name) => mesh.logOf(name));
    mesh.startFounders(honest);
    mesh.start(changed, { env: ALTERED_PROGRAM });
    const codes = await Promise.all(
      logs.map(async (log) => {
        const isRefused = (line: object) => 'peer' in line && line.peer === changed && 'code' in line;
        const [line] = await log.until(`the refusal of ${changed}`, isRefused, REFUSED_WITHIN_MS);
        return String(line.code);
      }),
    );
    require(codes.every((code) =>
      code.startsWith('OOTO_ATTEST_'),
    ), `a founder with another program is refused, not ${codes}`);
    require(!honest.some((name) => isFounded(mesh, name)), 'nothing is founded with it');
    await mesh.process(changed).kill();
    await mesh.found();
    const pairs = MEMBERS.flatMap((name) => appraisedBy(mesh, name));
    require(pairs.length ===
      MEMBERS.length * (MEMBERS.length - 1), `all pairs appraised, not ${pairs.length}`);
    return `${codes.length} refused a changed program (${[...new Set(codes)]}); ${pairs.length} appraisals among 5 founders`;
  },
};

/** The key that five processes made: any three of them sign, no two. */
export const generate: Exercise = {
  name: 'generate-3-of-5',
  took: (mesh) => mesh.foundingMs,
  async run(mesh) {
    await mesh.found();
    const ids = new Set(MEMBERS.map((name) => mesh.process(name).status()?.mesh));
    const { authority } = await mesh.trust();
    const { threshold, members } = authority.publicPackage.committee;
    require(ids.size === 1 && ids.has(hex(authority.meshId)), 'all five are in one mesh');
    require(threshold === THRESHOLD && members.length === MEMBERS.length, 'the key is one of 3 of 5');
    return `group key ${hex(authority.groupKey).slice(0, 16)}… of 5 processes, certified by each; mesh ${hex(authority.meshId).slice(0, 16)}…`;
  },
};

export const issue: Exercise = {
  name: 'issue',
  async run(mesh) {
    await mesh.cast();
    const credential = await newcomer(mesh, 'issued');
    return said(credential);
  },
};

export const issueWithTwoDead: Exercise = {
  name: 'issue-2-dead',
  async run(mesh) {
    const dead: Member[] = ['authority-4', 'authority-5'];
    await mesh.cast({ 'authority-4': 'dead', 'authority-5': 'dead' });
    const credential = await newcomer(mesh, 'with-three');
    const logs = logsOf(credential);
    require(!logs.some((log) => (dead as string[]).includes(log)), 'no proof is of a dead member');
    return `killed ${dead.join(', ')}; ${said(credential)}`;
  },
};

/** Two members sign with what is not their share. The three others sign slowly, so that the liars are asked. */
export const issueWithTwoLying: Exercise = {
  name: 'issue-2-lying',
  async run(mesh) {
    const liars: Member[] = ['authority-4', 'authority-5'];
    await mesh.cast({
      'authority-2': 'slow',
      'authority-3': 'slow',
      'authority-4': 'wrong-shares',
      'authority-5': 'wrong-shares',
    });
    const log = mesh.logOf('authority-1');
    const named = new Set<unknown>();
    let credential: ValidCredential | undefined;
    for (let i = 1; i <= MOST_TRIES && named.size < liars.length; i++) {
      credential = await newcomer(mesh, `despite-liars-${i}`);
      for (const { message, member, why } of log.lines)
        if (message === 'a member was passed over' && why === 'bad share') named.add(member);
    }
    const culprits = [...named].sort();
    require(credential !== undefined, 'a certificate was issued');
    require(culprits.join() ===
      liars.join(), `named are ${liars.join(', ')}, not ${culprits.join(', ') || 'nobody'}`);
    return `culprits named: ${culprits.join(', ')} (bad share); ${said(credential)}`;
  },
};

/** Below the threshold nothing is issued, by name; with the same invite it goes on when enough are back. */
export const refuseThenResume: Exercise = {
  name: 'refuse-3-dead-then-resume',
  async run(mesh) {
    const dead: Member[] = ['authority-3', 'authority-4', 'authority-5'];
    await mesh.cast({ 'authority-3': 'dead', 'authority-4': 'dead', 'authority-5': 'dead' });
    const invite = await mesh.invite('worker', 'late');
    const refused = await mesh.join('late', invite);
    require(refused.code !== 0, 'a join with two members is refused');
    require(refused.stderr.includes('OOTO_AUTHORITY_UNAVAILABLE'), `it says why: ${refused.stderr}`);
    require(dead.every((name) =>
      refused.stderr.includes(name),
    ), `it names who is missing: ${refused.stderr}`);
    await mesh.cast();
    const joined = await mesh.join('late', invite);
    require(joined.code === 0, `the same invite is good when they are back: ${joined.stderr}`);
    return `refused with exit code ${refused.code}, naming ${dead.join(', ')}; then ${said(await mesh.credentialOf('late'))}`;
  },
};

/** A worker that joins by its own process; what it got is judged by this one, and by OpenSSL. */
export async function newcomer(mesh: DrillMesh, name: string): Promise<ValidCredential> {
  const joined = await mesh.join(name, await mesh.invite('worker', name));
  require(joined.code === 0, `${name} joins: ${joined.stderr}`);
  const credential = await mesh.credentialOf(name);
  const { root } = await mesh.trustOf(name);
  const read = new X509Certificate(credential.credential.certificate);
  require(read.verify(new X509Certificate(root.der).publicKey), 'OpenSSL finds the signature good');
  require(logsOf(credential).length >= THRESHOLD, 'it is proven by the logs of three members');
  return credential;
}

export function logsOf({ credential }: ValidCredential): string[] {
  return credential.proofs.map(({ log }) => log);
}

function said(credential: ValidCredential): string {
  return `certificate ${hex(credential.serial).slice(0, 16)}… proven by ${logsOf(credential).length} logs`;
}

/** Which others this member has appraised, on the channels that it has now. */
function appraisedBy(mesh: DrillMesh, name: string): string[] {
  const channels = mesh.process(name).status()?.attestation.channels ?? [];
  const others = MEMBERS.filter((other) => other !== name);
  return others.filter((other) =>
    channels.some(({ peer }) => peer === other || peer.endsWith(`/authority/${other}`)),
  );
}

function isFounded(mesh: DrillMesh, name: string): boolean {
  return existsSync(join(mesh.folderOf(name), 'genesis.record'));
}
