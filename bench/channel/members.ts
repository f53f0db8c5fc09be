/**
 * The two nodes between which channels are measured: members of a mesh that was made for the run, with a delegation
 * of their own, who verify each other as the product does.
 */
import { readCredential } from '../../src/authority/credential.ts';
import { HeadView } from '../../src/authority/head.ts';
import { unhex } from '../../src/base/hex.ts';
import { readCertificate } from '../../src/cert/certificate.ts';
import type { CredentialVerifier, OwnCredential } from '../../src/channel/credential.ts';
import { delegationMessage, encodeDelegation } from '../../src/channel/delegation.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import { memberVerifier, readTrust } from '../../src/mesh/identity.ts';
import { type BenchMesh, type BenchNode, LIFE_MS } from './mesh.ts';

export interface Members {
  readonly meshId: Uint8Array;
  readonly left: OwnCredential;
  readonly right: OwnCredential;
  readonly verifier: CredentialVerifier;
}

export function membersOf(crypto: Crypto, { genesis, root, head, nodes }: BenchMesh): Members {
  const trust = readTrust(crypto, unhex(genesis), unhex(root));
  const { meshId } = trust.genesis;
  const heads = new HeadView(crypto, trust.genesis, unhex(head));
  return {
    meshId,
    left: delegated(crypto, meshId, nodes.left),
    right: delegated(crypto, meshId, nodes.right),
    verifier: memberVerifier(crypto, trust, heads, () => {}),
  };
}

function delegated(crypto: Crypto, meshId: Uint8Array, node: BenchNode): OwnCredential {
  const identity = new Ed25519SigningKey(crypto, unhex(node.identity));
  const messageKey = Ed25519SigningKey.generate(crypto);
  const noiseStatic = crypto.random.bytes(32);
  const credential = unhex(node.credential);
  const { tbs } = readCertificate(readCredential(credential).certificate);
  const delegation = {
    meshId,
    subject: crypto.sha256(tbs),
    messageKey: messageKey.publicKey,
    noiseStatic: crypto.x25519.publicKey(noiseStatic),
    notBefore: Date.now(),
    notAfter: Date.now() + LIFE_MS / 2,
  };
  const encoded = encodeDelegation(delegation, identity.sign(delegationMessage(delegation)));
  return { kind: 'member', id: node.id, credential, delegation: encoded, noiseStatic, messageKey };
}
