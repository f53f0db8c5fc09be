/**
 * Rows about attacks on the authority and by it. What flows through here: corrupt members do their deed as processes of
 * their own; whether they were stopped is read from the logs of those who stopped them, not from what attackers say.
 */
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { encodeCredential, type LogProof } from '../../authority/credential.ts';
import { hex, unhex } from '../../base/hex.ts';
import { validateCertificate } from '../../cert/validate.ts';
import { OwnCredentials } from '../../mesh/own-credential.ts';
import { readFileLimited, writeFileAtomically } from '../../platform/node/files.ts';
import { Attacker } from '../attack/attacker.ts';
import { RefusalLog } from '../demo/refusal-log.ts';
import { fingerprintOf } from '../node-tpm.ts';
import { createMember } from '../setting-up.ts';
import { type Answers, tally, type Verdicts } from './corrupt-coordinator.ts';
import { type Exercise, require, requireAll } from './exercise.ts';
import { lostEndorsementKey } from './forged-tpm.ts';
import { newcomer } from './issuing.ts';
import { type DrillMesh, MEMBERS } from './mesh.ts';
import type { NodeLog } from './node-log.ts';

const COORDINATOR = 'authority-5';
const VICTIM = 'victim';
const ACCOMPLICES = ['authority-3', 'authority-4'] as const;

/** Every piece of evidence that is none is refused by each honest member, whoever carries it. */
export const requestWithoutEvidence: Exercise = {
  name: 'request-without-evidence',
  async run(mesh) {
    const invite = await mesh.invite('worker', 'without-evidence');
    const logs = await honestLogs(mesh);
    const folder = mesh.folderOf(COORDINATOR);
    await mesh.cast({ [COORDINATOR]: 'without-evidence' }, { [COORDINATOR]: { invite, folder } });
    const { appraisals, signatures } = await mesh.deed<Verdicts>(COORDINATOR);
    const { complete, ...lacking } = appraisals;
    const expected: Record<string, string> = {
      none: 'OOTO_ATTEST_EVIDENCE',
      'of another request': 'OOTO_ATTEST_BINDING',
      'by another key': 'OOTO_ATTEST_SIGNATURE',
      'of another program': 'OOTO_ATTEST_MANIFEST',
    };
    for (const [what, code] of Object.entries(expected))
      requireAll(Object.values(lacking[what]), 4, code, `evidence ${what}`);
    requireAll(Object.values(signatures), 4, 'OOTO_THRESHOLD_NOT_APPROVED', 'signing all the same');
    requireAll(Object.values(complete), 4, 'agreed', 'the same with evidence');
    for (const [name, log] of logs) requireLogged(name, log, 'authority.appraise', Object.values(expected));
    return `4 honest members refused evidence: ${Object.keys(expected).join(', ')}; signing: ${tally(signatures)}; with evidence all agree`;
  },
};

/** The operators invited one TPM; who names its key and does not have it is refused. */
export const fakeTpm: Exercise = {
  name: 'fake-tpm-through-coordinator',
  async run(mesh) {
    const endorsementKey = lostEndorsementKey();
    const fingerprint = unhex(fingerprintOf(mesh.crypto, { endorsementKey }));
    const invite = await mesh.invite('worker', 'fake-tpm', fingerprint);
    const logs = await honestLogs(mesh);
    const task = { invite, endorsementKey: hex(endorsementKey) };
    await mesh.cast({ [COORDINATOR]: 'fake-tpm' }, { [COORDINATOR]: task });
    const answers = await mesh.deed<Answers>(COORDINATOR);
    requireAll(Object.values(answers), 4, 'OOTO_AUTHORITY_CREDENTIAL', 'a TPM in software');
    for (const [name, log] of logs)
      requireLogged(name, log, 'authority.appraise', ['OOTO_AUTHORITY_CREDENTIAL']);
    return `quote, certification and keys in order, the endorsement key of another: ${tally(answers)}`;
  },
};

/** Three corrupt members can sign what they like; without entries in three logs nobody takes it. */
export const hiddenEntry: Exercise = {
  name: 'hidden-entry',
  async run(mesh) {
    const genuine = await newcomer(mesh, 'logged');
    await startVictim(mesh);
    const folder = await ghost(mesh);
    await conspire(mesh, 'hidden-certificate', { name: 'ghost', keyFile: join(folder, 'identity.key') });
    const deed = await mesh.deed<{ certificate: string; id: string }>(COORDINATOR);
    const certificate = unhex(deed.certificate);
    const { root } = await mesh.trust();
    validateCertificate(mesh.crypto, { certificate, root, time: Date.now(), skewMs: 0, expectedId: deed.id });
    require(new X509Certificate(certificate).verify(
      new X509Certificate(root.der).publicKey,
    ), 'its signature is good');
    const { proofs } = genuine.credential;
    const codes = [
      await shown(mesh, folder, deed.id, certificate, proofs),
      await shown(mesh, folder, deed.id, certificate, proofs.slice(0, 1)),
    ];
    requireAll(codes, 2, 'OOTO_AUTHORITY_PROOFS', 'the certificate');
    return `3 members signed in secret; OpenSSL takes the signature, the mesh refuses: ${[...new Set(codes)]}`;
  },
};

/** Two heads of one number: whoever sees both keeps both, signed, and says so. */
export const splitView: Exercise = {
  name: 'split-view',
  async run(mesh) {
    const victim = await startVictim(mesh);
    const log = mesh.logOf(VICTIM);
    await conspire(mesh, 'second-head', { victim });
    const deed = await mesh.deed<{ head: string; seen: string }>(COORDINATOR);
    require(deed.seen !== 'accepted', 'whoever shows the second head is not accepted');
    await log.until('the contradiction', ({ code }) => code === 'OOTO_AUTHORITY_HEAD_FORK');
    const status = await mesh
      .process(VICTIM)
      .until('showing the evidence', ({ evidence }) => evidence.headForks.length > 0, 10_000);
    const [fork] = status.evidence.headForks;
    const shown = hex(mesh.crypto.sha256(unhex(deed.head)));
    require(fork.heads.includes(shown), 'the head that was shown is kept as evidence');
    return `two heads number ${fork.number}, both signed: refused, and kept as evidence ${fork.heads.map((head) => head.slice(0, 16)).join(' / ')}`;
  },
};

/** A node that is kept on an old head begins no session, and none goes back to an older one. */
export const frozenHead: Exercise = {
  name: 'frozen-head',
  async run(mesh) {
    const { id } = await startVictim(mesh);
    const before = mesh.process(VICTIM).status()?.head?.number ?? 0;
    await mesh.process(VICTIM).kill();
    const log = mesh.logOf(VICTIM);
    await mesh.castNode(VICTIM, 'clock-ahead');
    const isStale = ({ code }: { code?: unknown }) => code === 'OOTO_AUTHORITY_HEAD_STALE';
    const refused = await log.until('the refusal of an old head', isStale);
    await mesh.castNode(VICTIM, 'honest');
    const after = mesh.process(VICTIM).status()?.head?.number ?? 0;
    require(after >= before && before > 0, `the head does not go back from ${before} to ${after}`);
    return `${id.split('/').at(-1)}, 20 minutes after head ${before}: ${refused.length} × OOTO_AUTHORITY_HEAD_STALE; never below ${before}`;
  },
};

async function honestLogs(mesh: DrillMesh): Promise<[string, NodeLog][]> {
  await mesh.cast({ [COORDINATOR]: 'dead' });
  return mesh.honest.map((name) => [name, mesh.logOf(name)]);
}

/** The member itself has logged that it refused, for each of the reasons. */
function requireLogged(name: string, log: NodeLog, operation: string, codes: readonly string[]): void {
  const refused = log.lines.filter((line) => line.message === 'refused' && line.operation === operation);
  for (const code of codes)
    require(refused.some((line) => line.code === code), `${name} has logged ${code} for ${operation}`);
}

/** A worker that runs, and takes sessions. */
async function startVictim(mesh: DrillMesh): Promise<{ id: string; address: string }> {
  const child = mesh.process(VICTIM);
  if (!child.running) {
    await mesh.cast();
    await newcomer(mesh, VICTIM);
    mesh.start(VICTIM);
    await mesh.ready([VICTIM]);
  }
  const status = child.status();
  require(status !== undefined, 'the worker runs');
  return { id: status.id, address: status.address };
}

/** Three corrupt members, who do what the ringleader is told. */
function conspire(mesh: DrillMesh, deed: 'hidden-certificate' | 'second-head', task: object): Promise<void> {
  const accomplices = [...ACCOMPLICES];
  return mesh.cast(
    { 'authority-3': 'accomplice', 'authority-4': 'accomplice', [COORDINATOR]: deed },
    { [COORDINATOR]: { ...task, accomplices } },
  );
}

/** The folder of a node that nobody invited. */
async function ghost(mesh: DrillMesh): Promise<string> {
  const folder = mesh.folderOf('ghost');
  await createMember(folder, { name: 'ghost', role: 'worker', listen: '127.0.0.1:0' });
  for (const file of ['genesis.record', 'root.der'])
    await writeFileAtomically(
      join(folder, file),
      await readFileLimited(join(mesh.folderOf(MEMBERS[0]), file)),
    );
  return folder;
}

/** Shows a certificate with these proofs to the victim; returns the code in the victim's log, or `accepted`. */
async function shown(
  mesh: DrillMesh,
  folder: string,
  id: string,
  certificate: Uint8Array,
  proofs: LogProof[],
): Promise<string> {
  const log = new RefusalLog(join(mesh.folderOf(VICTIM), 'node.log'));
  const victim = await startVictim(mesh);
  const attacker = await Attacker.open(folder, mesh.options.signal);
  try {
    const { crypto, clock, signer } = attacker.open.node.options;
    const { tbsSha256: subject, notAfter } = validateCertificate(crypto, {
      ...{ certificate, root: attacker.trust.root, time: clock.now(), skewMs: 0 },
    });
    const credential = encodeCredential({ certificate, proofs, head: null });
    const presentation = {
      kind: 'member' as const,
      id,
      meshId: attacker.meshId,
      subject,
      credential,
      notAfter,
    };
    const own = await OwnCredentials.create({ crypto, clock, signer }, presentation);
    const outcome = await attacker.approach(victim, own.forChannel()).then(
      () => 'accepted',
      () => undefined,
    );
    return outcome ?? (await refusalOf(log, attacker.line.newest?.localAddress ?? ''));
  } finally {
    await attacker.close();
  }
}

async function refusalOf(log: RefusalLog, from: string): Promise<string> {
  for (let tries = 0; tries < 150; tries++) {
    const code = log.codeFor(from);
    if (code !== null) return code;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return 'no refusal';
}
