/** What the demonstration leaves behind for anybody to verify: the receipts, a log, and every node's certificate. */
import { join } from 'node:path';
import { logKeyOf } from '../../authority/credential.ts';
import { utf8 } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { exportCertificate, exportLogFile, exportReceipts } from '../../mesh/audit/evidence-file.ts';
import { downloadLog, memberLog } from '../../mesh/audit/log-reader.ts';
import { makePrivateFolder, writeFileAtomically } from '../../platform/node/files.ts';
import { AUTHORITIES, type DemoMesh } from './mesh.ts';
import type { StatisticsJob } from './statistics.ts';

export interface DemoFiles {
  receipt: string;
  log: string;
  certificates: string[];
}

export async function writeDemoFiles(mesh: DemoMesh, { result }: StatisticsJob): Promise<DemoFiles> {
  const folder = join(mesh.options.folder, 'evidence');
  await makePrivateFolder(folder);
  const { trust } = mesh.originator.open.node;
  const receipt = join(folder, 'receipts.pem');
  await writeFileAtomically(receipt, utf8(exportReceipts(trust, result)));
  const log = join(folder, 'log.pem');
  await writeFileAtomically(log, utf8(await exportFirstLog(mesh)));
  return { receipt, log, certificates: await writeCertificates(mesh, folder) };
}

/** The log of the first authority, asked of it like any member may. */
async function exportFirstLog({ originator }: DemoMesh): Promise<string> {
  const { node } = originator.open;
  const [member] = originator.upkeep.authorities;
  const key = logKeyOf(node.trust.authority.committee, AUTHORITIES[0]);
  const policy = { origin: key.name, keys: [key] };
  const exported = await downloadLog(node.options.crypto, memberLog(node, member), policy);
  return exportLogFile(node.trust, AUTHORITIES[0], exported);
}

async function writeCertificates({ originator, processes }: DemoMesh, folder: string): Promise<string[]> {
  await originator.upkeep.refresh();
  const files: string[] = [];
  for (const [name, child] of processes) {
    const id = child.status()?.id ?? '';
    const record = originator.upkeep.membership.get(id);
    if (!record) throw new OotoError('OOTO_CLI_NODE', 'environment', `${name} is not in the list of members`);
    const file = join(folder, `${name}.pem`);
    await writeFileAtomically(file, utf8(exportCertificate(originator.open.node.trust, record.credential)));
    files.push(file);
  }
  return files;
}
