/**
 * `dkg.cocktail`: one vector of COCKTAIL-DKG in its public JSON form. What flows through here: the static keys come
 * from the vector, all other secrets from the stream that its specification derives from a seed (appendix B); the
 * participants' messages, shares, transcript, signatures and keys are computed from these. Nothing that the vector
 * lists as an output is read.
 */
import { concat, u32be, u64be, utf8 } from '../../src/base/bytes.ts';
import { hex, unhex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import {
  CIPHERSUITE_ID,
  type CocktailSetup,
  cocktailSetup,
  cocktailTranscript,
  contribute,
  openShare,
} from '../../src/threshold/cocktail.ts';
import { type DealtMessage, verifyContribution } from '../../src/threshold/dealing.ts';
import { KeyGenerationKey } from '../../src/threshold/key-generation-key.ts';
import { evaluateCommitment, sumOfCommitments } from '../../src/threshold/polynomial.ts';
import { schnorrVerify } from '../../src/threshold/schnorr.ts';
import { sumOfShares } from '../../src/threshold/secret-share.ts';
import {
  byteList,
  bytes,
  type Fields,
  has,
  malformed,
  number,
  type Operations,
  object,
  vector,
} from './request.ts';

const SEED = unhex('b171b6992cc6db1f40b18dd8b1361d642f013e4b1208a735259a516af60dcb68');
const [NONCE, CHALLENGE] = ['NONCE', 'H7'].map((name) => utf8(`COCKTAIL-DKG-Ed25519-SHA512-${name}`));
const NOTHING = new Uint8Array();

/** The participants of one vector, who have all been dealt to. */
interface Run {
  readonly setup: CocktailSetup;
  readonly keys: readonly KeyGenerationKey[];
  readonly messages: readonly DealtMessage[];
  /** Of each: the constant coefficient, in a copy. */
  readonly constants: readonly Uint8Array[];
  readonly payloads: readonly Uint8Array[];
}

export function cocktailOperations(crypto: Crypto): Operations {
  return { 'dkg.cocktail': (request) => generate(crypto, vector(request)) };
}

function generate(crypto: Crypto, fields: Fields): Fields {
  const run = roundOne(crypto, fields);
  const { setup, keys, messages, payloads } = run;
  for (const message of messages) verifyContribution(crypto, setup, message);
  const commitment = sumOfCommitments(
    crypto,
    messages.map((message) => message.commitment),
  );
  const shares = keys.map((_, i) => combined(crypto, run, i + 1));
  const extension = payloads.length === 0 ? NOTHING : payloadExtension(crypto, payloads);
  const transcript = cocktailTranscript(setup, messages, extension);
  const round2 = shares.map((share, i) => ({
    participant_id: i + 1,
    secret_share: hex(share),
    verification_share: hex(evaluateCommitment(crypto, commitment, i + 1)),
  }));
  return {
    context: hex(setup.context),
    extension: hex(extension),
    static_public_keys: setup.publicKeys.map(hex),
    round1: messages.map((message, i) => publicPart(crypto, run, message, i)),
    round2,
    round3: {
      transcript_hash: hex(crypto.sha512(transcript)),
      signatures: keys.map((key, i) => ({
        signer_id: i + 1,
        signature: hex(certify(crypto, key, transcript)),
      })),
    },
    group_public_key: hex(commitment[0]),
    recovery: {
      participant_id: 1,
      ciphertexts: messages.map(({ encryptedShares }) => hex(encryptedShares[0])),
      recovered_secret_share: round2[0].secret_share,
      recovered_verification_share: round2[0].verification_share,
    },
  };
}

function roundOne(crypto: Crypto, fields: Fields): Run {
  const [n, t] = [number(fields, 'n'), number(fields, 't')];
  const secrets = byteList(object(fields, 'config'), 'static_secret_keys');
  if (secrets.length !== n || !(t >= 1 && t <= n)) throw malformed('n, t and static_secret_keys do not fit');
  for (const secret of secrets) crypto.edwards25519.admitScalar(secret);
  const keys = secrets.map((secret) => new KeyGenerationKey(crypto, secret));
  const publicKeys = keys.map(({ publicKey }) => publicKey);
  const setup = cocktailSetup(crypto, bytes(fields, 'session_tag'), t, publicKeys);
  const payloads = has(fields, 'payloads') ? byteList(fields, 'payloads') : [];
  const streams = keys.map((_, i) => (j: number) => {
    const label = utf8(`round1_participant_${i + 1}`);
    return crypto.sha512(concat(SEED, CIPHERSUITE_ID, u32le(t), u32le(n), label, u64be(j).reverse()));
  });
  const messages = keys.map((key, i) => {
    let drawn = 0;
    const random = { bytes: () => streams[i](drawn++) };
    return contribute({ ...crypto, random }, setup, key, payloads[i]);
  });
  const constants = streams.map((stream) => crypto.edwards25519.scalarReduce(stream(0)));
  return { setup, keys, messages, constants, payloads };
}

/** All that a participant was dealt, opened and summed; the payloads must be those that were sent. */
function combined(crypto: Crypto, { setup, keys, messages, payloads }: Run, receiver: number): Uint8Array {
  const opened = messages.map((message, i) => {
    const encrypted = message.encryptedShares[receiver - 1];
    return openShare(crypto, setup, { sender: i + 1, receiver }, keys[receiver - 1], message, encrypted);
  });
  if (opened.some(({ payload }, i) => hex(payload) !== hex(payloads[i] ?? NOTHING)))
    throw malformed('a payload came out as another');
  return sumOfShares(
    crypto,
    opened.map(({ share }) => share),
  );
}

function publicPart(crypto: Crypto, { setup, constants }: Run, message: DealtMessage, i: number): Fields {
  return {
    participant_id: i + 1,
    ephemeral_public_key: hex(message.ephemeralKey),
    vss_commitment: message.commitment.map(hex),
    pop: hex(message.proof),
    pop_intermediate: possession(crypto, setup, message, constants[i]),
    encrypted_shares: message.encryptedShares.map(hex),
  };
}

/** What the proof of possession is made of; its commitment is the one that the product published. */
function possession(
  crypto: Crypto,
  { context }: CocktailSetup,
  { commitment, ephemeralKey, proof }: DealtMessage,
  constant: Uint8Array,
): Fields {
  const toScalar = (input: Uint8Array) => crypto.edwards25519.scalarReduce(crypto.sha512(input));
  const message = concat(context, ...commitment, ephemeralKey);
  const nonceInput = concat(NONCE, constant, message);
  const challengeInput = concat(CHALLENGE, proof.subarray(0, 32), commitment[0], message);
  return {
    message: hex(message),
    nonce_input: hex(nonceInput),
    nonce: hex(toScalar(nonceInput)),
    nonce_commitment: hex(proof.subarray(0, 32)),
    challenge_input: hex(challengeInput),
    challenge: hex(toScalar(challengeInput)),
  };
}

function certify(crypto: Crypto, key: KeyGenerationKey, transcript: Uint8Array): Uint8Array {
  const signature = key.sign(transcript);
  schnorrVerify(crypto, key.publicKey, transcript, signature);
  return signature;
}

/** "Deriving Extensions from Payloads". */
function payloadExtension(crypto: Crypto, payloads: readonly Uint8Array[]): Uint8Array {
  const u64le = (value: number) => u64be(value).reverse();
  const framed = payloads.flatMap((payload) => [u64le(payload.length), payload]);
  return crypto.sha512(concat(u64le(payloads.length), ...framed));
}

function u32le(value: number): Uint8Array {
  return u32be(value).reverse();
}
