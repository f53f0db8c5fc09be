/** The tables of the README, one for each suite: the work a user would know by name, against what the user would take instead. */
import type { Row } from '../suite.ts';
import { rateText, ratioText, tableText } from './table.ts';

interface Line {
  readonly what: string;
  readonly case: string;
  readonly size: number;
  readonly subject: string;
}

interface Table {
  readonly lines: readonly Line[];
  /** Columns, and under which names the rival of each stands in the results. */
  readonly rivals: Readonly<Record<string, readonly string[]>>;
}

const CORE: readonly Line[] = [
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

const CHANNEL: readonly Line[] = [
  { what: 'Messages of 64 B one way, each signed and verified', case: 'throughput-signed', size: 64 },
  { what: 'the same, 1 KiB', case: 'throughput-signed', size: 1024 },
  { what: 'the same, 16 KiB', case: 'throughput-signed', size: 16384 },
  { what: 'the same, 64 KiB', case: 'throughput-signed', size: 65536 },
  { what: 'the same, 1 MiB', case: 'throughput-signed', size: 1048576 },
  { what: 'Full mutual handshakes, post-quantum', case: 'handshakes', size: 1 },
  { what: 'Request and answer of 64 B, time (less is better)', case: 'request-response-p50', size: 64 },
  { what: 'the slowest in a hundred', case: 'request-response-p99-us', size: 64 },
  { what: 'Memory of an idle channel', case: 'idle-channel-bytes', size: 1 },
  {
    what: '1,000 channels that change keys each minute',
    case: 'epochs-1000-channels-core-share',
    size: 1000,
  },
].map((line) => ({ ...line, subject: 'ooto' }));

const AUTHORITY: readonly Line[] = [
  { what: 'Certificates issued by 3 of 5, logged on disk', case: 'issue-3-of-5' },
  { what: 'Certificates judged, each with three inclusion proofs', case: 'validate-certificate' },
  { what: 'Entries that a log on disk takes', case: 'log-append-durable' },
].map((line) => ({ ...line, size: 1, subject: 'ooto' }));

const ATTESTATION: readonly Line[] = [
  { what: 'Evidence of TPMs judged', case: 'appraise' },
  { what: 'Quotes of a TPM, time (less is better)', case: 'quote-through-agent' },
].map((line) => ({ ...line, size: 1, subject: 'ooto' }));

/** By the name of the suite. */
export const README_TABLES: Readonly<Record<string, Table>> = {
  core: {
    lines: CORE,
    rivals: {
      'node:crypto': ['node-crypto'],
      WebCrypto: ['webcrypto-32'],
      libsodium: ['libsodium'],
      noble: ['noble'],
    },
  },
  channel: {
    lines: CHANNEL,
    rivals: {
      'node:tls': ['tls'],
      'secret-stream': ['secret-stream'],
      'libp2p Noise': ['libp2p'],
      'plain TCP': ['tcp'],
    },
  },
  authority: { lines: AUTHORITY, rivals: { 'noble’s FROST alone': ['noble-frost'] } },
  attestation: { lines: ATTESTATION, rivals: { 'Esys_Quote in the process': ['esys-in-process'] } },
};

/** How a figure without a rival is written, by the unit that stands in the rival’s place. */
const UNITS: Readonly<Record<string, (figure: number) => string>> = {
  'per-second': (figure) => `${rateText(figure)}/s`,
  microseconds: (figure) => `${Math.round(figure)} µs`,
  bytes: (figure) => `${(figure / 1024).toFixed(1)} KiB`,
  share: (figure) => `${(figure * 100).toFixed(2)} % of a core`,
};

/** Of one suite: a line for each thing that was measured. */
export function readmeTable(suite: string, rows: readonly Row[]): string {
  const { lines, rivals } = README_TABLES[suite];
  const head = ['operation', 'measured', ...Object.keys(rivals).map((name) => `against ${name}`)];
  const cells = lines.flatMap(({ what, ...line }) => {
    const own = rows.filter(
      (row) => row.case === line.case && row.size === line.size && row.subject === line.subject,
    );
    if (own.length === 0) return [];
    const ratios = Object.values(rivals).map((names) => {
      const row = own.find(({ rival }) => names.includes(rival));
      return row ? ratioText(row) : '';
    });
    return [[what, measuredText(own[0]), ...ratios]];
  });
  return tableText(head, cells, ['operation']);
}

function measuredText({ rival, ratio, subjectOps }: Row): string {
  const unit = UNITS[rival];
  return unit ? unit(ratio) : `${rateText(subjectOps)}/s`;
}
