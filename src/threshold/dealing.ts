/**
 * One member deals (COCKTAIL-DKG, "Round 1"). What flows through here, in order: a polynomial of the dealer becomes a
 * message: commitment, proof that the dealer knows the secret behind it, and a share sealed for every receiver; the
 * receivers check what all see, and each opens the share that is for it. Key generation and resharing deal alike.
 */
import { concat, u64be } from '../base/bytes.ts';
import { wipe, withSecrets } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { KeyGenerationKey } from './key-generation-key.ts';
import { type Commitment, checkShare, randomScalar, type SecretPolynomial } from './polynomial.ts';
import { SCHNORR_SIGNATURE_BYTES, schnorrSign, schnorrVerify } from './schnorr.ts';
import { decryptShare, encryptShare, SHARE_BYTES, type ShareRoute } from './share-encryption.ts';

const ELEMENT_BYTES = 32;
const NOTHING = new Uint8Array();

/** Who is dealt to. */
export interface Receiver {
  /** Where the polynomial is evaluated for it. */
  readonly identifier: number;
  /** Its static key: an element of the group. */
  readonly publicKey: Uint8Array;
}

/** What all dealers of one run have in common. */
export interface Dealing {
  /** Binds proofs and sealed shares to the run. */
  readonly context: Uint8Array;
  readonly threshold: number;
  readonly receivers: readonly Receiver[];
}

/** What of a dealer's message everybody sees. */
export interface Contribution {
  readonly commitment: Commitment;
  /** Of possession: under the secret behind `commitment[0]`. */
  readonly proof: Uint8Array;
  readonly ephemeralKey: Uint8Array;
}

export interface DealtMessage extends Contribution {
  /** One for each receiver. */
  readonly encryptedShares: readonly Uint8Array[];
}

/**
 * Deals the values of `polynomial`, which the caller disposes of.
 * @param key the dealer's static key
 * @param payload goes with each share, for the application
 */
export function deal(
  crypto: Crypto,
  { context, receivers }: Dealing,
  key: KeyGenerationKey,
  polynomial: SecretPolynomial,
  payload: Uint8Array = NOTHING,
): DealtMessage {
  const ephemeral = randomScalar(crypto);
  return withSecrets([ephemeral], () => {
    const { commitment } = polynomial;
    const ephemeralKey = crypto.edwards25519.multiplyBase(ephemeral);
    const proof = schnorrSign(crypto, polynomial.constant, possession(context, commitment, ephemeralKey));
    const encryptedShares = receivers.map(({ identifier, publicKey }) => {
      const share = polynomial.evaluate(identifier);
      const plaintext = concat(share, payload);
      wipe(share);
      const route = { context, ephemeralKey, sender: key.publicKey, receiver: publicKey };
      return withSecrets([plaintext], () => sealFor(crypto, route, { key, ephemeral }, plaintext));
    });
    return { commitment, proof, ephemeralKey, encryptedShares };
  });
}

/**
 * Checks what a dealer shows to all: as many elements as the threshold says, and the proof of possession.
 * @throws OOTO_THRESHOLD_ENCODING, OOTO_CRYPTO_KEY, OOTO_CRYPTO_SIGNATURE (peer).
 */
export function verifyContribution(
  crypto: Crypto,
  { context, threshold }: Pick<Dealing, 'context' | 'threshold'>,
  { commitment, proof, ephemeralKey }: Contribution,
): void {
  if (commitment.length !== threshold)
    throw new OotoError(
      'OOTO_THRESHOLD_ENCODING',
      'peer',
      `a commitment of ${commitment.length} elements where the threshold is ${threshold}`,
    );
  for (const element of [...commitment, ephemeralKey]) crypto.edwards25519.admitElement(element);
  schnorrVerify(crypto, commitment[0], possession(context, commitment, ephemeralKey), proof);
}

/**
 * Opens the share that the holder of `sender` dealt to `identifier`, and checks it against the dealer's commitment.
 * @param key that of the receiver
 * @returns the share, which is secret, and the payload that came with it
 * @throws OOTO_CRYPTO_AUTHENTICATION, OOTO_CRYPTO_KEY (peer).
 */
export function openDealt(
  crypto: Crypto,
  { context, sender, identifier }: { context: Uint8Array; sender: Uint8Array; identifier: number },
  key: KeyGenerationKey,
  { commitment, ephemeralKey }: Contribution,
  encrypted: Uint8Array,
): { share: Uint8Array; payload: Uint8Array } {
  const plaintext = openSealed(
    crypto,
    { context, ephemeralKey, sender, receiver: key.publicKey },
    key,
    encrypted,
  );
  return withSecrets([plaintext], () => {
    const share = plaintext.slice(0, SHARE_BYTES);
    checkShare(crypto, commitment, identifier, share);
    return { share, payload: plaintext.slice(SHARE_BYTES) };
  });
}

/** Seals `plaintext`, which stays the caller's to wipe, with the sender's keys: static, and of this message alone. */
export function sealFor(
  crypto: Crypto,
  route: ShareRoute,
  { key, ephemeral }: { key: KeyGenerationKey; ephemeral: Uint8Array },
  plaintext: Uint8Array,
): Uint8Array {
  const secrets = {
    ephemeral: crypto.edwards25519.multiply(ephemeral, route.receiver),
    static: key.agree(route.receiver),
  };
  return withSecrets([secrets.ephemeral, secrets.static], () =>
    encryptShare(crypto, route, secrets, plaintext),
  );
}

/** What was sealed for the holder of `key`; the caller wipes it. @throws OOTO_CRYPTO_AUTHENTICATION (peer). */
export function openSealed(
  crypto: Crypto,
  route: ShareRoute,
  key: KeyGenerationKey,
  encrypted: Uint8Array,
): Uint8Array {
  const secrets = { ephemeral: key.agree(route.ephemeralKey), static: key.agree(route.sender) };
  return withSecrets([secrets.ephemeral, secrets.static], () =>
    decryptShare(crypto, route, secrets, encrypted),
  );
}

export function encodeContribution({ commitment, proof, ephemeralKey }: Contribution): Uint8Array {
  return concat(...commitment, proof, ephemeralKey);
}

/** Takes a contribution for this threshold off a message; {@link verifyContribution} judges it. */
export function readContribution(reader: ByteReader, threshold: number): Contribution {
  const commitment = Array.from({ length: threshold }, () => reader.bytes(ELEMENT_BYTES));
  return {
    commitment,
    proof: reader.bytes(SCHNORR_SIGNATURE_BYTES),
    ephemeralKey: reader.bytes(ELEMENT_BYTES),
  };
}

/** `msg_1` ("Message Formats"). */
export function encodeDealtMessage(message: DealtMessage): Uint8Array {
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
export function readDealtMessage(
  reader: ByteReader,
  { threshold, receivers }: Pick<Dealing, 'threshold' | 'receivers'>,
  encryptedBytes: number,
): DealtMessage {
  const contribution = readContribution(reader, threshold);
  const encryptedShares = receivers.map(() => {
    const length = reader.u64();
    if (length !== BigInt(encryptedBytes))
      throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `an encrypted share of ${length} bytes`);
    return reader.bytes(encryptedBytes);
  });
  return { ...contribution, encryptedShares };
}

/** What the proof of possession signs. */
function possession(context: Uint8Array, commitment: Commitment, ephemeralKey: Uint8Array): Uint8Array {
  return concat(context, ...commitment, ephemeralKey);
}
