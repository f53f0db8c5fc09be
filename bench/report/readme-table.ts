/** The table of the README: the work a user would know by name, against what the user would take instead. */
import type { Row } from '../suite.ts';
import { rateText, ratioText, tableText } from './table.ts';

const LINES: readonly { what: string; case: string; size: number; subject: string }[] = [
  { what: 'AES-256-GCM seal, 64 B', case: 'gcm-seal', size: 64, subject: 'auto' },
  { what: 'AES-256-GCM seal, 256 B', case: 'gcm-seal', size: 256, subject: 'auto' },
  { what: 'AES-256-GCM seal, 16 KiB', case: 'gcm-seal', size: 16384, subject: 'auto' },
  { what: 'AES-256-GCM seal, 16 KiB, in WebAssembly alone', case: 'gcm-seal', size: 16384, subject: 'wasm' },
  { what: 'AES-256-GCM seal, 64 messages of 64 B a call', case: 'gcm-seal-many', size: 64, subject: 'wasm' },
  { what: 'SHA-256, 64 messages of 64 B a call', case: 'sha256-many', size: 64, subject: 'wasm' },
  { what: 'Hash chain, records of 256 B', case: 'hash-chain', size: 256, subject: 'wasm' },
  { what: 'Hash chain, 64 records of 256 B a link', case: 'hash-chain-batched', size: 256, subject: 'wasm' },
  { what: 'Ed25519 sign', case: 'ed25519-sign', size: 1, subject: 'wasm' },
  { what: 'Ed25519 verify', case: 'ed25519-verify', size: 1, subject: 'wasm' },
  {
    what: 'Ed25519 verify 64 signers in a batch',
    case: 'ed25519-verify-batch-distinct',
    size: 64,
    subject: 'wasm',
  },
  {
    what: 'Ed25519 verify 256 of one signer in a batch',
    case: 'ed25519-verify-batch-one-signer',
    size: 256,
    subject: 'wasm',
  },
  { what: 'X25519 shared secret', case: 'x25519', size: 1, subject: 'wasm' },
  { what: 'ML-KEM-768 encapsulate', case: 'mlkem768-encaps', size: 1, subject: 'wasm' },
  { what: 'ML-KEM-768 decapsulate', case: 'mlkem768-decaps', size: 1, subject: 'wasm' },
];
const RIVALS = {
  'node:crypto': ['node-crypto'],
  WebCrypto: ['webcrypto-32'],
  libsodium: ['libsodium'],
  noble: ['noble'],
};

export function readmeTable(rows: readonly Row[]): string {
  const head = ['operation', 'ops/s', ...Object.keys(RIVALS).map((name) => `against ${name}`)];
  const lines = LINES.map(({ what, ...line }) => {
    const own = rows.filter(
      (row) => row.case === line.case && row.size === line.size && row.subject === line.subject,
    );
    const ratios = Object.values(RIVALS).map((names) => {
      const row = own.find(({ rival }) => names.includes(rival));
      return row ? ratioText(row) : '';
    });
    return [what, own.length > 0 ? rateText(own[0].subjectOps) : '', ...ratios];
  });
  return tableText(head, lines, ['operation']);
}
