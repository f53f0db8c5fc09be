import { randomInt } from 'node:crypto';
import { AuthorityView } from '../../../../src/authority/authority-view.ts';
import { encodeCredential, readCredential, witnessName } from '../../../../src/authority/credential.ts';
import { encodeHead, headMessage } from '../../../../src/authority/head.ts';
import type { TrustBundleBody } from '../../../../src/authority/trust-bundle.ts';
import { pemDecode, pemEncode } from '../../../../src/base/pem.ts';
import { type CborValue, decode, encode } from '../../../../src/envelope/cbor.ts';
import { cosign } from '../../../../src/log/cosignature.ts';
import { exportLog } from '../../../../src/log/index.ts';
import { formatNoteSignature } from '../../../../src/log/note.ts';
import {
  type EvidenceKind,
  exportCertificate,
  exportHeadForkFile,
  exportLogFile,
  exportReceipts,
  verifyEvidence,
} from '../../../../src/mesh/audit/evidence-file.ts';
import { type MeshTrust, trustIn } from '../../../../src/mesh/identity.ts';
import type { JobResult } from '../../../../src/mesh/jobs/job.ts';
import * as assert from '../../../support/assert.ts';
import { AuthorityWorld } from '../../../support/authority.ts';
import {
  bundleBody,
  committeeBody,
  groupOf,
  newGroup,
  signAs,
  signedBundle,
  signedCommittee,
} from '../../../support/committee.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { finishedJob } from '../../../support/finished-job.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/audit/evidence-file', { timeout: 90_000 });
const crypto = testCrypto(seededRandom('evidence'));
const world = new AuthorityWorld(crypto);
const { meshId } = world.mesh.record;
/** Bytes of each file that are changed, in even steps; a run at a random offset takes others. */
const CHANGES = 700;
const files = {} as Record<EvidenceKind, string>;
let job: JobResult;
let w0: Uint8Array;

test.before(async () => {
  await world.establish();
  const node = await world.certify('worker', 'w0');
  w0 = node.credential;
  job = await finishedJob(world);
  files.certificate = exportCertificate(world.trust!, w0);
  files.receipts = exportReceipts(world.trust!, job);
  files.log = exportLogFile(world.trust!, 'a1', exportLog(world.duties.get('a1')!.log));
  const [first, second] = [1, 2].map((byte) => {
    const policy = { version: 1, digest: crypto.sha256(Uint8Array.of(byte)) };
    const body = world.headBody({ number: 7, policy });
    return encodeHead(body, signAs(crypto, groupOf(world.mesh), headMessage(body)));
  });
  files.heads = exportHeadForkFile(world.trust!, first, second);
});

const verify = (file: string, id = meshId, now = world.clock.now()) => verifyEvidence(crypto, file, id, now);

/** The mesh as it is once another group key is in force, and the members hold shares of that. */
async function rotated(changes: Partial<TrustBundleBody>): Promise<MeshTrust> {
  const authority = new AuthorityView(crypto, world.mesh.record, world.authority.firstRoot.der);
  const before = groupOf(world.mesh);
  const after = newGroup(crypto, world.mesh.founders, { epoch: 1, threshold: 2 });
  const bundle = signedBundle(crypto, await bundleBody(crypto, authority.bundle, after, changes), {
    before,
    after,
  });
  const record = signedCommittee(crypto, committeeBody(authority.committee, after), after);
  const documents = { bundles: [bundle], committees: [record], revocations: null };
  authority.accept(authority.stage(documents));
  return trustIn(authority);
}

/** What a file says of the authority. */
function authorityIn(file: string): { root: Uint8Array; documents: CborValue[] } {
  const blocks = pemDecode(file);
  return decode(blocks[blocks.length - 2].bytes, { maxBytes: 1_000_000 }) as ReturnType<typeof authorityIn>;
}

/** The code of the check that refused a file; `passed` when none did. */
function outcome(file: string): string {
  try {
    verify(file);
    return 'passed';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const kinds: EvidenceKind[] = ['certificate', 'receipts', 'log'];

test('each file verifies from its text, the mesh id and the time alone', () => {
  const certificate = verify(files.certificate);
  assert.is(certificate.kind, 'certificate');
  assert.is(certificate.facts.id, world.id('worker', 'w0'));
  const receipts = verify(files.receipts);
  assert.is(`${receipts.facts.receipts} ${receipts.facts.nodes}`, '3 2');
  const log = verify(files.log);
  assert.is(log.facts.size, world.duties.get('a1')!.log.size);
});

test('files of a mesh whose group key and members have changed since verify, and each by what was then', async () => {
  const created = world.clock.now();
  const changed = await rotated({ created });
  const certificate = exportCertificate(changed, w0);
  assert.not.equal(certificate, files.certificate);
  assert.is(verify(certificate).facts.id, world.id('worker', 'w0'));
  assert.is(outcome(exportReceipts(changed, job)), 'passed');
  assert.is(outcome(exportLogFile(changed, 'a1', exportLog(world.duties.get('a1')!.log))), 'passed');
  const over = await rotated({ created, retiring: [] });
  assert.is(outcome(exportCertificate(over, w0)), 'OOTO_VERIFY_CERTIFICATE', 'its key counts no more');
  assert.is(outcome(exportReceipts(over, job)), 'passed', 'what was signed under it stands');
});

test('documents that do not follow, or are there in another form, are refused', async () => {
  const changed = await rotated({ created: world.clock.now() });
  const { root, documents } = authorityIn(exportCertificate(changed, w0));
  const withDocuments = (...portions: CborValue[]) => {
    const blocks = pemDecode(files.certificate);
    blocks[blocks.length - 2].bytes = encode({ root, documents: portions });
    return outcome(pemEncode(blocks));
  };
  assert.is(withDocuments(...documents), 'passed');
  for (const portions of [documents.slice(1), [...documents].reverse(), [...documents, documents[0]]])
    assert.is(withDocuments(...portions), 'OOTO_VERIFY_AUTHORITY');
});

test('receipts and logs are judged by their own time, a certificate by the reader’s', () => {
  const later = world.clock.now() + 365 * 24 * 3_600_000;
  assert.is(verify(files.receipts, meshId, later).kind, 'receipts');
  assert.is(verify(files.log, meshId, later).kind, 'log');
  assert.throwsCode(() => verify(files.certificate, meshId, later), 'OOTO_VERIFY_CERTIFICATE');
});

test('another mesh id is refused by the check of the genesis record', () => {
  for (const kind of kinds)
    assert.throwsCode(() => verify(files[kind], new Uint8Array(32)), 'OOTO_VERIFY_GENESIS');
});

for (const kind of kinds)
  test(`no changed byte of a ${kind} file passes, and each refusal names its check`, () => {
    const file = files[kind];
    const step = Math.max(1, Math.floor(file.length / CHANGES));
    const from = randomInt(step);
    console.error(`${kind}: ${file.length} bytes, every ${step}th from ${from}`);
    for (let at = from; at < file.length; at += step)
      for (const bit of at % 3 === 0 ? [1, 0x20] : [1]) {
        const changed = String.fromCharCode(file.charCodeAt(at) ^ bit);
        const code = outcome(file.slice(0, at) + changed + file.slice(at + 1));
        assert.match(code, /^OOTO_VERIFY_[A-Z_]+$/, `byte ${at} ^ ${bit}: ${code}`);
      }
  });

for (const kind of kinds)
  test(`no changed byte inside a block of a ${kind} file passes`, () => {
    const blocks = pemDecode(files[kind]);
    const total = blocks.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const step = Math.max(1, Math.floor(total / CHANGES));
    const from = randomInt(step);
    console.error(`${kind}: ${total} bytes in blocks, every ${step}th from ${from}`);
    for (const [i, { label, bytes }] of blocks.entries())
      for (let at = from; at < bytes.length; at += step) {
        const changed = bytes.slice();
        changed[at] ^= 1;
        const code = outcome(pemEncode(blocks.with(i, { label, bytes: changed })));
        assert.match(code, /^OOTO_VERIFY_[A-Z_]+$/, `${label} byte ${at}: ${code}`);
      }
  });

test('dropped, repeated, exchanged and added blocks are refused', () => {
  for (const kind of kinds) {
    const blocks = pemDecode(files[kind]);
    for (const [i, block] of blocks.entries()) {
      assert.is(outcome(pemEncode(blocks.toSpliced(i, 1))), 'OOTO_VERIFY_FORM');
      assert.is(outcome(pemEncode(blocks.toSpliced(i, 0, block))), 'OOTO_VERIFY_FORM');
      const last = blocks.length - 1;
      const swapped = blocks.with(i, blocks[last]).with(last, block);
      if (i < last) assert.match(outcome(pemEncode(swapped)), /^OOTO_VERIFY_/);
      const grown = blocks.with(i, { ...block, bytes: Uint8Array.of(...block.bytes, 0) });
      assert.match(outcome(pemEncode(grown)), /^OOTO_VERIFY_/);
      const cut = blocks.with(i, { ...block, bytes: block.bytes.slice(0, -1) });
      assert.match(outcome(pemEncode(cut)), /^OOTO_VERIFY_/);
    }
  }
});

test('bytes around the blocks, other line ends, cut and empty files are refused', () => {
  for (const kind of kinds) {
    const file = files[kind];
    for (const wrong of [
      `${file}\n`,
      `\n${file}`,
      `${file}x`,
      ` ${file}`,
      `\ufeff${file}`,
      file.replaceAll('\n', '\r\n'),
      file.replace('\n', '\r\n'),
      file.slice(0, -1),
      file.slice(0, file.length >> 1),
      file + file,
      '',
    ])
      assert.is(outcome(wrong), 'OOTO_VERIFY_FORM');
  }
});

test('blocks of one file do not serve in another', async () => {
  const other = exportCertificate(world.trust!, (await world.certify('worker', 'w5')).credential);
  const [one, two] = [pemDecode(files.certificate), pemDecode(other)];
  assert.is(outcome(pemEncode(one.with(0, two[0]))), 'OOTO_VERIFY_CERTIFICATE');
  assert.is(outcome(pemEncode(one.with(2, two[2]))), 'OOTO_VERIFY_CERTIFICATE');
});

test('receipts that do not belong together are refused by the check that finds it', () => {
  const refused = (changes: Partial<JobResult>, code: string) =>
    assert.is(outcome(exportReceipts(world.trust!, { ...job, ...changes })), code);
  const [originator, scheduler, ...workers] = job.parties;
  refused({ records: job.records.slice(1) }, 'OOTO_VERIFY_COSIGNATURES');
  refused({ records: [...job.records].reverse() }, 'OOTO_VERIFY_COSIGNATURES');
  refused({ proofs: job.proofs.slice(2) }, 'OOTO_VERIFY_DEFINITION_LOG');
  refused({ proofs: [job.proofs[0], job.proofs[0]] }, 'OOTO_VERIFY_DEFINITION_LOG');
  refused({ parties: [originator, ...workers] }, 'OOTO_VERIFY_RECEIPTS');
  refused({ parties: [originator, scheduler] }, 'OOTO_VERIFY_RECEIPTS');
  refused({ parties: [scheduler, originator, ...workers] }, 'OOTO_VERIFY_COSIGNATURES');
  refused({ parties: [...job.parties, scheduler] }, 'OOTO_VERIFY_PARTIES');
  const impostor = { ...workers[0], credential: workers[1].credential };
  refused({ parties: [originator, scheduler, impostor, workers[1]] }, 'OOTO_VERIFY_PARTIES');
  const lines = job.checkpoint.trimEnd().split('\n');
  const onlyOne = `${lines.slice(0, -2).join('\n')}\n`;
  refused({ checkpoint: onlyOne }, 'OOTO_VERIFY_COSIGNATURES');
  refused({ checkpoint: `${job.checkpoint}${lines[lines.length - 1]}\n` }, 'OOTO_VERIFY_COSIGNATURES');
  const { certificate, proofs } = readCredential(workers[0].credential);
  const thin = {
    ...workers[0],
    credential: encodeCredential({ certificate, proofs: [proofs[0]], head: null }),
  };
  refused({ parties: [originator, scheduler, thin, workers[1]] }, 'OOTO_VERIFY_PARTIES');
});

test('a witness that lies about the time cannot bring keys back that have ended, nor ones that were not yet there', () => {
  const [text, lines] = job.checkpoint.split('\n\n');
  const [own] = lines.split('\n');
  const cosignedBy = (position: number, ms: number) => {
    const { name, witness } = world.mesh.founders[position];
    const time = Math.floor(ms / 1000);
    return formatNoteSignature(
      cosign(crypto, `${text}\n`, time, witnessName(meshId, name), witness),
    ).trimEnd();
  };
  const file = (...times: number[]) => {
    const signatures = [own, ...times.map((time, position) => cosignedBy(position, time))];
    return exportReceipts(world.trust!, { ...job, checkpoint: `${text}\n\n${signatures.join('\n')}\n` });
  };
  const then = world.clock.now();
  const after = then + 2 * 3_600_000;
  const before = then - 2 * 3_600_000;
  assert.is(outcome(file(then, then)), 'passed');
  for (const times of [
    [then, after],
    [after, then],
    [then, then, after],
    [before, then],
    [then, before, then],
  ])
    assert.is(outcome(file(...times)), 'OOTO_VERIFY_PARTIES', times.join());
});
