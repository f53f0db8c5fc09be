/**
 * Attacks on the handshake by an insider: each shows a credential with one thing wrong, and gets through if the
 * victim confirms the session.
 */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeCredential, readCredential } from '../../authority/credential.ts';
import { Ed25519SigningKey } from '../../envelope/keys.ts';
import { pause } from '../../mesh/patience.ts';
import type { Attacker, Target } from './attacker.ts';
import { memberOfOtherMesh } from './other-mesh.ts';

/** A genuine certificate, logged and unexpired, of a mesh that the attacker founded. */
export async function showForeignCertificate(attacker: Attacker, target: Target): Promise<unknown> {
  const { crypto, clock, logger } = attacker.open.node.options;
  const { policy } = attacker.trust.genesis.draft;
  const folder = await mkdtemp(join(attacker.folder, 'other-mesh-'));
  const { own } = await memberOfOtherMesh({ crypto, clock, logger, folder, policy }, attacker.meshId);
  return attacker.approach(target, own);
}

/** The attacker's own certificate, a moment after it has ended. */
export async function showExpiredCertificate(attacker: Attacker, target: Target): Promise<unknown> {
  const { own, options } = attacker.open.node;
  const shown = own.forChannel();
  const left = own.presentation.notAfter - options.clock.now();
  await pause(options.clock, left + 1, attacker.signal);
  return attacker.approach(target, shown);
}

/** The attacker's own certificate with proofs from one log fewer than must have it. */
export async function hideInclusionProofs(attacker: Attacker, target: Target): Promise<unknown> {
  const own = attacker.open.node.own.forChannel();
  const { certificate, proofs, head } = readCredential(own.credential);
  const tooFew = proofs.slice(0, attacker.trust.genesis.draft.threshold - 1);
  return attacker.approach(target, {
    ...own,
    credential: encodeCredential({ certificate, proofs: tooFew, head }),
  });
}

/** All papers in order, but the transcript is signed by another key than the delegation names. */
export async function forgeTranscriptSignature(attacker: Attacker, target: Target): Promise<unknown> {
  const own = attacker.open.node.own.forChannel();
  const { publicKey } = own.messageKey;
  const other = Ed25519SigningKey.generate(attacker.open.crypto);
  const messageKey = { publicKey, sign: (message: Uint8Array) => other.sign(message) };
  return attacker.approach(target, { ...own, messageKey });
}
