/** A root and leaves of a mesh that exists in tests alone. */
import { generateKeyPairSync } from 'node:crypto';
import { unhex } from '../../../src/base/hex.ts';
import type { SubjectKey } from '../../../src/cert/certificate.ts';
import { formatSpiffeId } from '../../../src/cert/spiffe-id.ts';
import { type Root, validateRoot } from '../../../src/cert/validate.ts';
import {
  assembleCertificate,
  type LeafRequest,
  type RootRequest,
  writeTbs,
} from '../../../src/cert/write.ts';
import { testCrypto } from '../../support/crypto.ts';

export const crypto = testCrypto();
export const TRUST_DOMAIN = 'a1'.repeat(32);
export const ID = formatSpiffeId({ trustDomain: TRUST_DOMAIN, path: '/node/worker-1' });
export const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);
export const HOUR = 3_600_000;

export const groupSeed = new Uint8Array(32).fill(11);
export const groupKey = crypto.ed25519.publicKey(groupSeed);
export const nodeKey: SubjectKey = {
  algorithm: 'ed25519',
  bytes: crypto.ed25519.publicKey(new Uint8Array(32).fill(12)),
};

const serial = (last: number) => {
  const bytes = unhex('41000000000000000000000000000000');
  bytes[15] = last;
  return bytes;
};

export const rootRequest: RootRequest = {
  kind: 'root',
  trustDomain: TRUST_DOMAIN,
  publicKey: groupKey,
  serial: serial(1),
  notBefore: NOW - 24 * HOUR,
  notAfter: NOW + 365 * 24 * HOUR,
};

export const leafRequest: LeafRequest = {
  kind: 'leaf',
  id: ID,
  publicKey: nodeKey,
  tier: 'software',
  issuerKey: groupKey,
  serial: serial(2),
  notBefore: NOW - HOUR,
  notAfter: NOW + 3 * HOUR,
};

/** Signs whatever stands there, as an authority that has been taken over would. */
export function signTbs(tbs: Uint8Array, seed = groupSeed): Uint8Array {
  return crypto.ed25519.sign(seed, tbs);
}

export async function issue(request: RootRequest | LeafRequest, seed = groupSeed): Promise<Uint8Array> {
  const tbs = await writeTbs(crypto, request);
  return assembleCertificate(tbs, signTbs(tbs, seed));
}

export async function issueRoot(change: Partial<RootRequest> = {}): Promise<Root> {
  const certificate = await issue({ ...rootRequest, ...change });
  return validateRoot(crypto, { certificate, trustDomain: change.trustDomain ?? TRUST_DOMAIN });
}

/** A P-256 subject key as a TPM or WebCrypto would hold it. */
export function p256Key(): SubjectKey {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return { algorithm: 'p256', bytes: new Uint8Array(spki.subarray(-65)) };
}
