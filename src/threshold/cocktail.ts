/**
 * COCKTAIL-DKG v0.2.1 with COCKTAIL(Ed25519, SHA-512): c2sp.org/cocktail-dkg. What flows through here, in order: a
 * setup names session and participants; each participant makes one message, in which its commitment, the proof that
 * it knows the secret behind it and a share sealed for every participant stand, and forgets what it drew; each opens
 * the shares that are for it; all make the same transcript, which they certify. Participants are counted from 1, in
 * the order of their keys.
 */
import { concat, u32be, u64be, utf8 } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type Contribution, type Dealing, type DealtMessage, deal, openDealt } from './dealing.ts';
import type { KeyGenerationKey } from './key-generation-key.ts';
import { SecretPolynomial } from './polynomial.ts';

export const CIPHERSUITE_ID = utf8('COCKTAIL(Ed25519, SHA-512)');
const CONTEXT = utf8('COCKTAIL-DKG-CONTEXT');

/** What all participants of one session agree on before it begins. */
export interface CocktailSetup {
  /** Hash of session, ciphersuite and static keys ("Setup"). */
  readonly context: Uint8Array;
  readonly threshold: number;
  /** Static keys: elements of the group, all different. */
  readonly publicKeys: readonly Uint8Array[];
}

/** @param sessionId never used before */
export function cocktailSetup(
  crypto: Crypto,
  sessionId: Uint8Array,
  threshold: number,
  publicKeys: readonly Uint8Array[],
): CocktailSetup {
  const input = concat(
    CONTEXT,
    u64be(sessionId.length),
    sessionId,
    u64be(CIPHERSUITE_ID.length),
    CIPHERSUITE_ID,
    u32le(publicKeys.length),
    ...publicKeys,
  );
  return { context: crypto.sha512(input), threshold, publicKeys };
}

/** Every participant is dealt to. */
export function cocktailDealing({ context, threshold, publicKeys }: CocktailSetup): Dealing {
  const receivers = publicKeys.map((publicKey, i) => ({ identifier: i + 1, publicKey }));
  return { context, threshold, receivers };
}

/**
 * Round 1 of a participant: its secrets are drawn, dealt and wiped.
 * @param payload goes with each share, for the application
 */
export function contribute(
  crypto: Crypto,
  setup: CocktailSetup,
  key: KeyGenerationKey,
  payload?: Uint8Array,
): DealtMessage {
  using polynomial = SecretPolynomial.random(crypto, setup.threshold);
  return deal(crypto, cocktailDealing(setup), key, polynomial, payload);
}

/**
 * Opens the share that `sender` dealt to `receiver`, and checks it against the sender's commitment.
 * @returns the share, which is secret, and the payload that came with it
 * @throws OOTO_CRYPTO_AUTHENTICATION, OOTO_CRYPTO_KEY (peer).
 */
export function openShare(
  crypto: Crypto,
  { context, publicKeys }: CocktailSetup,
  { sender, receiver }: { sender: number; receiver: number },
  key: KeyGenerationKey,
  contribution: Contribution,
  encrypted: Uint8Array,
): { share: Uint8Array; payload: Uint8Array } {
  const from = { context, sender: publicKeys[sender - 1], identifier: receiver };
  return openDealt(crypto, from, key, contribution, encrypted);
}

/** What all participants certify ("Round 3", step 1). */
export function cocktailTranscript(
  { context, threshold, publicKeys }: CocktailSetup,
  contributions: readonly Contribution[],
  extension: Uint8Array,
): Uint8Array {
  return concat(
    u64le(CIPHERSUITE_ID.length),
    CIPHERSUITE_ID,
    u64le(context.length),
    context,
    u32le(publicKeys.length),
    u32le(threshold),
    ...publicKeys,
    ...contributions.flatMap(({ commitment }) => commitment),
    ...contributions.map(({ proof }) => proof),
    ...contributions.map(({ ephemeralKey }) => ephemeralKey),
    u64le(extension.length),
    extension,
  );
}

function u32le(value: number): Uint8Array {
  return u32be(value).reverse();
}

function u64le(value: number): Uint8Array {
  return u64be(value).reverse();
}
