/**
 * Event logs of real and virtual machines, from go-attestation. The values to which the bank of SHA-256 replays are those
 * that tpm2_eventlog 5.4 prints, as SHA-256 over `register value` lines; logs with SHA-1 alone are to be refused.
 */
import { createHash } from 'node:crypto';
import { hex, unbase64 } from '../../src/base/hex.ts';
import { isFields } from '../oracle/request.ts';
import { type Ask, refuses, type Suite, type VectorText } from './vector.ts';

const FOLDER = 'go-attestation/attest/testdata';
const REPLAYED: Readonly<Record<string, string>> = {
  coreos_36_shielded_vm_no_secure_boot_eventlog:
    'ee7f4767a8008706d1a7fab27b2fe0d6e088c7baebb812874e8db1602fcf5e54',
  crypto_agile_eventlog: '37567f89eac292bf82e7c6b91f301e34ffaea3f2ed56685ac5650f9165c10bb1',
  sb_cert_eventlog: '30d4c500d5503573ae77c83845ffe6df75bd2bd3a6314c3c5bbd4a9713043e9d',
  short_no_action_eventlog: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  ubuntu_2104_shielded_vm_no_secure_boot_eventlog:
    '7ef7a147d4c2d1a84e9cc69f2b47542d15e25c939e5c81d430698f33578f7b59',
};
const SHA1_ALONE = ['ebs_event_missing_eventlog', 'option_rom_eventlog', 'windows_gcp_shielded_vm.json'];

export const eventLogs: Suite = {
  title: 'go-attestation event logs',
  files: Object.fromEntries(
    [...Object.keys(REPLAYED), ...SHA1_ALONE].map((name) => [`${FOLDER}/${name}`, 1]),
  ),
  holds: () => 1,
  read: ({ texts }) => texts.map((file) => ({ name: file.path, check: (ask) => check(file, ask) })),
};

async function check(file: VectorText, ask: Ask): Promise<void> {
  const expected = REPLAYED[file.path.slice(FOLDER.length + 1)];
  const answer = await ask('eventlog.replay', { log: hex(logIn(file)), bank: 'sha256' });
  if (expected === undefined) return refuses(answer, 'OOTO_ATTEST_LOG_BANK');
  if (!answer.ok) throw new Error(`refused with ${answer.code}`);
  const { pcrs } = answer.out;
  if (!isFields(pcrs)) throw new Error('no values');
  const registers = Object.keys(pcrs).sort((a, b) => Number(a) - Number(b));
  const lines = registers.map((register) => `${register} ${pcrs[register]}\n`).join('');
  const digest = createHash('sha256').update(lines).digest('hex');
  if (digest !== expected) throw new Error(`replayed to\n${lines}`);
}

function logIn({ path, text, bytes }: VectorText): Uint8Array {
  return path.endsWith('.json') ? unbase64(JSON.parse(text).Log.Raw) : bytes;
}
