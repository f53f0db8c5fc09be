/**
 * Whose key it is that signs a chain. What flows through here: the credential that a frame brings, opaque to this
 * room, goes to the injected judge, which says whose message key it gives and for how long; frames are held to
 * the credential that is in force where they stand. A chain outlives its keys: each frame is judged at its time.
 */
import { equal } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { refusal } from './errors.ts';
import type { Statement } from './frame.ts';

/** What a judged credential says. */
export interface MessageKeyGrant {
  /** Ed25519, 32 bytes. */
  publicKey: Uint8Array;
  /** Milliseconds since 1970. */
  notBefore: number;
  /** Milliseconds since 1970; void from then on. */
  notAfter: number;
}

/**
 * Judges a credential (in a mesh: certificate, proofs and delegation): returns the message key it gives to `node`,
 * or throws. `time`, in milliseconds since 1970, is when the key signed.
 */
export type CredentialJudge = (
  credential: Uint8Array,
  claim: { node: string; time: number },
) => MessageKeyGrant;

/** A credential under which frames may be signed. */
export interface Grant extends MessageKeyGrant {
  /** SHA-256 of the credential. */
  digest: Uint8Array;
  credential: Uint8Array;
}

/** @throws OOTO_TELEMETRY_SIGNER (peer) when the judge refuses. */
export function judgeCredential(
  crypto: Crypto,
  judge: CredentialJudge,
  credential: Uint8Array,
  claim: { node: string; time: number },
): Grant {
  try {
    return { ...judge(credential, claim), digest: crypto.sha256(credential), credential };
  } catch (cause) {
    throw refusal('OOTO_TELEMETRY_SIGNER', claim.node, 'its credential is refused', cause);
  }
}

/**
 * The grant that a statement is to be held to: its own, or the one in force before it.
 * @throws OOTO_TELEMETRY_SIGNER (peer) when it names another, brings one for nothing, or was signed outside its time.
 */
export function grantOf(
  crypto: Crypto,
  judge: CredentialJudge,
  statement: Statement,
  inForce: Grant | undefined,
): Grant {
  const { node, time, credential: digest } = statement.body;
  const grant = statement.credential
    ? judgeCredential(crypto, judge, statement.credential, { node, time })
    : inForce;
  if (!grant || !equal(grant.digest, digest))
    throw refusal('OOTO_TELEMETRY_SIGNER', node, 'a statement under a credential that it does not show');
  if (statement.credential && inForce && equal(inForce.digest, digest))
    throw refusal('OOTO_TELEMETRY_SIGNER', node, 'a credential shown twice');
  if (time < grant.notBefore || time >= grant.notAfter)
    throw refusal('OOTO_TELEMETRY_SIGNER', node, 'a statement made outside of its credential’s time');
  return grant;
}

/** What of a frame goes into a proof: the statement and the credential it stands under. */
export function shown({ frame, grant }: { frame: Statement; grant: Grant }): Statement {
  const { kind, body, signature } = frame;
  return { kind, body, signature, credential: grant.credential } as Statement;
}
