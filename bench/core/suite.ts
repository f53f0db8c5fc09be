/** The core: every primitive at every size that matters, against everything that a user could take instead. */
import type { Random } from '../../src/ports.ts';
import type { Engine } from '../engine.ts';
import type { Platform } from '../platform.ts';
import type { CaseView, Contest, Suite } from '../suite.ts';
import { type Assign, contestantsOf } from './contest.ts';
import { opening, openingMany, sealing, sealingMany } from './gcm.ts';
import { chaining, chainingBatched, growing, hashing, hashingMany, LEAF_BYTES } from './hashing.ts';
import { agreeing, decapsulating, encapsulating, generatingKeys } from './key-agreement.ts';
import { signing, verifying, verifyingBatch } from './signatures.ts';
import { createSubjects } from './subjects.ts';

interface Case extends CaseView {
  sizes: readonly number[];
  assign(random: Random, size: number): Assign;
  /** Whether `auto` is measured beside `wasm`, and against the better engine. */
  choosing?: boolean;
}

const MESSAGE_SIZES = [16, 64, 128, 256, 512, 1024, 4096, 16384, 65536, 1048576];
const bytes = (size: number) => size;

const CASES: Readonly<Record<string, Case>> = {
  'gcm-seal': {
    title: 'AES-256-GCM, seal one message',
    unit: 'bytes',
    bytes,
    sizes: MESSAGE_SIZES,
    assign: sealing,
    choosing: true,
  },
  'gcm-open': {
    title: 'AES-256-GCM, open one message',
    unit: 'bytes',
    bytes,
    sizes: MESSAGE_SIZES,
    assign: opening,
    choosing: true,
  },
  'gcm-seal-many': {
    title: 'AES-256-GCM, seal 64 messages a call',
    unit: 'bytes',
    bytes,
    sizes: [64, 256, 1024],
    assign: sealingMany,
    choosing: true,
  },
  'gcm-open-many': {
    title: 'AES-256-GCM, open 64 messages a call',
    unit: 'bytes',
    bytes,
    sizes: [64, 256, 1024],
    assign: openingMany,
    choosing: true,
  },
  sha256: {
    title: 'SHA-256, one message',
    unit: 'bytes',
    bytes,
    sizes: [64, 256, 1024, 4096, 16384, 65536, 1048576],
    assign: hashing,
    choosing: true,
  },
  'sha256-many': {
    title: 'SHA-256, 64 messages a call',
    unit: 'bytes',
    bytes,
    sizes: [64, 256, 1024, 4096],
    assign: hashingMany,
    choosing: true,
  },
  'hash-chain': {
    title: 'Hash chain, 64 records a call',
    unit: 'bytes',
    bytes,
    sizes: [64, 256, 1024],
    assign: chaining,
  },
  'hash-chain-batched': {
    title: 'Hash chain, one link for 64 records',
    unit: 'bytes',
    bytes,
    sizes: [64, 256, 1024],
    assign: chainingBatched,
  },
  'merkle-root': {
    title: 'Merkle root of leaves of 256 bytes',
    unit: 'leaves',
    bytes: () => LEAF_BYTES,
    sizes: [16, 256, 4096],
    assign: growing,
  },
  'ed25519-sign': { title: 'Ed25519, sign', unit: 'signatures', sizes: [1], assign: signing },
  'ed25519-verify': { title: 'Ed25519, verify one', unit: 'signatures', sizes: [1], assign: verifying },
  'ed25519-verify-batch-distinct': {
    title: 'Ed25519, verify a batch of different signers',
    unit: 'signatures',
    sizes: [8, 64, 256],
    assign: (random, size) => verifyingBatch(random, size, false),
  },
  'ed25519-verify-batch-one-signer': {
    title: 'Ed25519, verify a batch of one signer',
    unit: 'signatures',
    sizes: [64, 256],
    assign: (random, size) => verifyingBatch(random, size, true),
  },
  x25519: { title: 'X25519, shared secret', unit: 'items', sizes: [1], assign: agreeing },
  'mlkem768-keygen': { title: 'ML-KEM-768, key pair', unit: 'items', sizes: [1], assign: generatingKeys },
  'mlkem768-encaps': { title: 'ML-KEM-768, encapsulate', unit: 'items', sizes: [1], assign: encapsulating },
  'mlkem768-decaps': { title: 'ML-KEM-768, decapsulate', unit: 'items', sizes: [1], assign: decapsulating },
};

const suite: Suite = {
  name: 'core',
  about: 'every primitive of the core against node:crypto, WebCrypto and the libraries of the field',
  platforms: ['node', 'browser'],
  cases: CASES,
  contests(platform) {
    let subjects: Promise<Engine[]> | undefined;
    return Object.entries(CASES).flatMap(([name, { sizes }]) =>
      sizes.map((size) => ({
        case: name,
        size,
        make: async () => {
          subjects ??= createSubjects(platform);
          return contest(platform, name, size, await subjects);
        },
      })),
    );
  },
};

export default suite;

async function contest(
  { hardware, random, rivals }: Platform,
  name: string,
  size: number,
  [wasm, auto]: readonly Engine[],
): Promise<Contest> {
  const { assign } = CASES[name];
  // Without hardware there is nothing to choose.
  const choosing = CASES[name].choosing && Object.keys(hardware).length > 0;
  const engines = [...rivals, wasm, ...(choosing ? [auto] : [])];
  return {
    case: name,
    size,
    contestants: await contestantsOf(engines, assign(random, size)),
    subjects: choosing ? ['wasm', 'auto'] : ['wasm'],
    ...(choosing && { best: { 'best-engine': ['wasm', 'node-crypto'] } }),
  };
}
