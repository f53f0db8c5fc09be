/** Nodes of a mesh that exists in tests alone: keys, software, and a channel between two of them. */

import type { AppraisalPolicy } from '../../../src/attest/appraisal.ts';
import { Attestation, type AttestationOptions, type Moment } from '../../../src/attest/attestation.ts';
import { answerChallenges, type SoftwareClaims } from '../../../src/attest/evidence.ts';
import { createManifest, manifestDigest } from '../../../src/attest/manifest.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { testCrypto } from '../../support/crypto.ts';

export const crypto = testCrypto();
export const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);
export const MINUTE = 60_000;
export const meshId = crypto.sha256(utf8('mesh'));

const program = ['cli.js', 'core.wasm', 'node.js'];
export const manifest = createManifest(
  program.map((path) => ({ path, size: path.length, sha256: crypto.sha256(utf8(path)) })),
);
export const digest = manifestDigest(crypto, manifest);
export const policy: AppraisalPolicy = {
  manifests: [hex(digest)],
  minimumTier: 'software',
  maximumAgeMs: 10 * MINUTE,
};

export interface TestNode {
  id: string;
  key: Ed25519SigningKey;
  /** SHA-256 of its TBS. */
  subject: Uint8Array;
  claims: SoftwareClaims;
}

export function node(name: string, change: Partial<SoftwareClaims> = {}): TestNode {
  const id = `spiffe://${hex(meshId)}/node/${name}`;
  return {
    id,
    key: new Ed25519SigningKey(crypto, crypto.sha256(utf8(`key ${name}`))),
    subject: crypto.sha256(utf8(`tbs ${name}`)),
    claims: {
      mesh: meshId,
      node: id,
      manifest: digest,
      versions: new Map([['ooto', '0.1.0']]),
      time: NOW,
      ...change,
    },
  };
}

export function expected(peer: TestNode) {
  const key = { algorithm: 'ed25519' as const, bytes: peer.key.publicKey };
  return { meshId, nodeId: peer.id, tier: 'software' as const, key, subject: peer.subject };
}

/** Both ends of a channel export the same; epochs before `oldest` are over. */
export function binding(name: string, epoch = { now: 0, oldest: 0 }) {
  return {
    epoch: () => epoch.now,
    exporter: (number: number) => {
      if (number < epoch.oldest || number > epoch.now) throw new Error('no such epoch');
      return crypto.sha256(utf8(`${name} ${number}`));
    },
  };
}

export function at(ms: number): Moment {
  return { wall: NOW + ms, monotonic: 1_000_000 + ms };
}

export function machine(
  own: TestNode,
  peer: TestNode,
  change: Partial<AttestationOptions> = {},
): Attestation {
  return new Attestation(crypto, {
    binding: binding(`${[own.id, peer.id].sort()}`),
    ownSubject: own.subject,
    peer: expected(peer),
    policy,
    intervalMs: 5 * MINUTE,
    ...change,
  });
}

/** Does the jobs that stand in the events of `attestation`; returns the messages for the peer. */
export function doJobs(attestation: Attestation, own: TestNode, time = NOW): Uint8Array[] {
  return attestation.takeEvents().flatMap((event) => {
    if (event.type !== 'needsEvidence') return [];
    const [evidence] = answerChallenges(crypto, { ...own.claims, time }, [event.leaf], own.key);
    return [attestation.answer(event.id, evidence)];
  });
}
