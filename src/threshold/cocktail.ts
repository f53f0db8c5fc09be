/**
 * COCKTAIL-DKG v0.2.1 with COCKTAIL(Ed25519, SHA-512): c2sp.org/cocktail-dkg. What flows through here, in order: a
 * setup names session and participants; each participant makes one message, in which its commitment, the proof that
 * it knows the secret behind it and a share sealed for every participant stand, and forgets what it drew; each opens
 * the shares that are for it; all make the same transcript, which they certify. Participants are counted from 1, in
 * the order of their keys.
 */
import { concat, u32be, u64be, utf8 } from '../base/bytes.ts';
import { withSecrets } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { KeyGenerationKey } from './key-generation-key.ts';
import { type Commitment, checkShare, randomScalar, SecretPolynomial } from './polynomial.ts';
import { SCHNORR_SIGNATURE_BYTES, schnorrSign, schnorrVerify } from './schnorr.ts';
import { decryptShare, encryptShare, SHARE_BYTES, type ShareRoute } from './share-encryption.ts';

export const CIPHERSUITE_ID = utf8('COCKTAIL(Ed25519, SHA-512)');
const CONTEXT = utf8('COCKTAIL-DKG-CONTEXT');
const ELEMENT_BYTES = 32;
const NOTHING = new Uint8Array();

/** What all participants of one session agree on before it begins. */
export interface CocktailSetup {
  /** Hash of session, ciphersuite and static keys ("Setup"). */
  readonly context: Uint8Array;
  readonly threshold: number;
  /** Static keys: elements of the group, all different. */
  readonly publicKeys: readonly Uint8Array[];
}

/** What of a participant's message everybody sees. */
export interface CocktailContribution {
  readonly commitment: Commitment;
  /** Of possession: under the secret behind `commitment[0]`. */
  readonly proof: Uint8Array;
  readonly ephemeralKey: Uint8Array;
}

/** Round 1: `msg_1`. */
export interface CocktailMessage extends CocktailContribution {
  /** One for each participant, its maker among them. */
  readonly encryptedShares: readonly Uint8Array[];
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

/**
 * Round 1 of `participant`: its secrets are drawn, dealt and wiped.
 * @param payload goes with each share, for the application
 */
export function contribute(
  crypto: Crypto,
  setup: CocktailSetup,
  participant: number,
  key: KeyGenerationKey,
  payload: Uint8Array = NOTHING,
): CocktailMessage {
  using polynomial = SecretPolynomial.random(crypto, setup.threshold);
  const ephemeral = randomScalar(crypto);
  return withSecrets([ephemeral], () => {
    const { commitment } = polynomial;
    const ephemeralKey = crypto.edwards25519.multiplyBase(ephemeral);
    const proof = schnorrSign(crypto, polynomial.constant, possession(setup, commitment, ephemeralKey));
    const encryptedShares = setup.publicKeys.map((receiver, i) => {
      const plaintext = concat(polynomial.evaluate(i + 1), payload);
      const secrets = {
        ephemeral: crypto.edwards25519.multiply(ephemeral, receiver),
        static: key.agree(receiver),
      };
      const route = routeOf(setup, ephemeralKey, participant, i + 1);
      return withSecrets([plaintext, secrets.ephemeral, secrets.static], () =>
        encryptShare(crypto, route, secrets, plaintext),
      );
    });
    return { commitment, proof, ephemeralKey, encryptedShares };
  });
}

/**
 * Checks what a participant shows to all: as many elements as the threshold says, and the proof of possession.
 * @throws OOTO_THRESHOLD_ENCODING, OOTO_CRYPTO_KEY, OOTO_CRYPTO_SIGNATURE (peer).
 */
export function verifyContribution(
  crypto: Crypto,
  setup: CocktailSetup,
  { commitment, proof, ephemeralKey }: CocktailContribution,
): void {
  if (commitment.length !== setup.threshold)
    throw new OotoError(
      'OOTO_THRESHOLD_ENCODING',
      'peer',
      `a commitment of ${commitment.length} elements where the threshold is ${setup.threshold}`,
    );
  for (const element of [...commitment, ephemeralKey]) crypto.edwards25519.admitElement(element);
  schnorrVerify(crypto, commitment[0], possession(setup, commitment, ephemeralKey), proof);
}

/**
 * Opens the share that `sender` dealt to `receiver`, and checks it against the sender's commitment.
 * @returns the share, which is secret, and the payload that came with it
 * @throws OOTO_CRYPTO_AUTHENTICATION, OOTO_CRYPTO_KEY (peer).
 */
export function openShare(
  crypto: Crypto,
  setup: CocktailSetup,
  { sender, receiver }: { sender: number; receiver: number },
  key: KeyGenerationKey,
  { commitment, ephemeralKey }: CocktailContribution,
  encrypted: Uint8Array,
): { share: Uint8Array; payload: Uint8Array } {
  const route = routeOf(setup, ephemeralKey, sender, receiver);
  const secrets = { ephemeral: key.agree(ephemeralKey), static: key.agree(route.sender) };
  const plaintext = withSecrets([secrets.ephemeral, secrets.static], () =>
    decryptShare(crypto, route, secrets, encrypted),
  );
  return withSecrets([plaintext], () => {
    const share = plaintext.slice(0, SHARE_BYTES);
    checkShare(crypto, commitment, receiver, share);
    return { share, payload: plaintext.slice(SHARE_BYTES) };
  });
}

/** What all participants certify ("Round 3", step 1). */
export function cocktailTranscript(
  { context, threshold, publicKeys }: CocktailSetup,
  contributions: readonly CocktailContribution[],
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

export function encodeContribution({ commitment, proof, ephemeralKey }: CocktailContribution): Uint8Array {
  return concat(...commitment, proof, ephemeralKey);
}

/** Takes a contribution for this threshold off a message; {@link verifyContribution} judges it. */
export function readContribution(reader: ByteReader, threshold: number): CocktailContribution {
  const commitment = Array.from({ length: threshold }, () => reader.bytes(ELEMENT_BYTES));
  return {
    commitment,
    proof: reader.bytes(SCHNORR_SIGNATURE_BYTES),
    ephemeralKey: reader.bytes(ELEMENT_BYTES),
  };
}

/** `msg_1` ("Message Formats"). */
export function encodeCocktailMessage(message: CocktailMessage): Uint8Array {
  return concat(
    encodeContribution(message),
    ...message.encryptedShares.flatMap((encrypted) => [u64be(encrypted.length), encrypted]),
  );
}

/**
 * Takes a `msg_1` off a message.
 * @param encryptedBytes the length that each encrypted share must have
 * @throws OOTO_THRESHOLD_ENCODING or OOTO_BASE_SHORT (peer).
 */
export function readCocktailMessage(
  reader: ByteReader,
  { threshold, publicKeys }: CocktailSetup,
  encryptedBytes: number,
): CocktailMessage {
  const contribution = readContribution(reader, threshold);
  const encryptedShares = publicKeys.map(() => {
    const length = reader.u64();
    if (length !== BigInt(encryptedBytes))
      throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `an encrypted share of ${length} bytes`);
    return reader.bytes(encryptedBytes);
  });
  return { ...contribution, encryptedShares };
}

/** What the proof of possession signs. */
function possession(
  { context }: CocktailSetup,
  commitment: Commitment,
  ephemeralKey: Uint8Array,
): Uint8Array {
  return concat(context, ...commitment, ephemeralKey);
}

function routeOf(
  { context, publicKeys }: CocktailSetup,
  ephemeralKey: Uint8Array,
  sender: number,
  receiver: number,
): ShareRoute {
  return {
    context,
    ephemeralKey,
    sender: publicKeys[sender - 1],
    receiver: publicKeys[receiver - 1],
  };
}

function u32le(value: number): Uint8Array {
  return u32be(value).reverse();
}

function u64le(value: number): Uint8Array {
  return u64be(value).reverse();
}
