/**
 * `frost.sign`: one vector of RFC 9591 appendix E in the JSON form of its draft. What flows through here: secret
 * and coefficients make the group key and the shares; each signer's published randomness makes its nonces and
 * their commitments; the shares are computed from these, and the signature from the shares. Nothing that the
 * vector lists as an output is read. Binding factors have no place in the product's interface: they are heard by
 * a second instance of the same suite, whose hash tells what it is given, and whose shares must be the same.
 */
import { createFROST } from '@noble/curves/abstract/frost.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { equal, utf8 } from '../../src/base/bytes.ts';
import { isOotoError, OotoError } from '../../src/base/errors.ts';
import { hex, unhex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import {
  type FROST,
  type FrostPublic,
  frost,
  type NonceCommitments,
  verifyCofactorless,
} from '../../src/crypto/frost.ts';
import { NoncePair } from '../../src/threshold/nonce-pair.ts';
import { SecretShare } from '../../src/threshold/secret-share.ts';
import { frostCommitments, type NonceCommitment } from '../../src/threshold/signing-message.ts';
import {
  byteList,
  bytes,
  type Fields,
  malformed,
  number,
  type Operations,
  object,
  objects,
  text,
  vector,
} from './request.ts';

const SUITE = 'FROST-ED25519-SHA512-v1';
const NAME = 'FROST(Ed25519, SHA-512)';
const SCALARS = frost.utils.Fn;

interface Signer {
  readonly identifier: number;
  readonly share: SecretShare;
  readonly nonces: NoncePair;
}

/** One signer's second round. */
interface Signed {
  readonly hidingNonce: Uint8Array;
  readonly bindingNonce: Uint8Array;
  readonly factorInput: Uint8Array;
  readonly factor: Uint8Array;
  readonly share: Uint8Array;
}

export function frostOperations(crypto: Crypto): Operations {
  return { 'frost.sign': (request) => refusingOddVectors(() => run(crypto, vector(request))) };
}

/** The library says without a code what it does not take: scalars out of range, a signer named twice, too few. */
function refusingOddVectors(body: () => Fields): Fields {
  try {
    return body();
  } catch (error) {
    throw isOotoError(error) ? error : malformed('the vector describes no signing', error);
  }
}

function run(crypto: Crypto, fields: Fields): Fields {
  requireSuite(fields);
  const inputs = object(fields, 'inputs');
  const message = bytes(inputs, 'message');
  const { publicKeys, shares } = deal(object(fields, 'config'), inputs);
  const signers = objects(object(fields, 'round_one_outputs'), 'outputs').map((entry) =>
    commit(crypto, entry, shares),
  );
  const commitments = signers.map(({ nonces }) => nonces.commitment);
  const signed = signers.map((signer) => sign(signer, publicKeys, commitments, message));
  const sig = aggregate(crypto, publicKeys, signers, signed, message);
  return {
    sig: hex(sig),
    group_public_key: hex(publicKeys.commitments[0]),
    participant_shares: [...shares].map(([identifier, share]) => ({
      identifier,
      participant_share: hex(share),
    })),
    round_one_outputs: { outputs: signers.map((signer, i) => roundOne(signer, signed[i])) },
    round_two_outputs: {
      outputs: signed.map(({ share }, i) => ({ identifier: signers[i].identifier, sig_share: hex(share) })),
    },
    final_output: { sig: hex(sig) },
  };
}

function requireSuite(fields: Fields): void {
  const name = text(object(fields, 'config'), 'name');
  if (name !== NAME) throw malformed(`the ciphersuite is ${NAME}, not ${name}`);
}

/** RFC 9591 appendix C.1: the dealer with the vector's polynomial in place of a random one. */
function deal(config: Fields, inputs: Fields): { publicKeys: FrostPublic; shares: Map<number, Uint8Array> } {
  const signers = { min: count(config, 'MIN_PARTICIPANTS'), max: count(config, 'MAX_PARTICIPANTS') };
  const coefficients = [...byteList(inputs, 'share_polynomial_coefficients')];
  const drawCoefficient = (length?: number) => preimage(coefficients.shift(), length ?? 48);
  const identifiers = Array.from({ length: signers.max }, (_, i) => frost.Identifier.fromNumber(i + 1));
  const secret = bytes(inputs, 'group_secret_key');
  const dealt = frost.trustedDealer(signers, identifiers, secret as never, drawCoefficient as never);
  const shares = identifiers.map(
    (id, i) => [i + 1, dealt.secretShares[id].signingShare as Uint8Array] as const,
  );
  return { publicKeys: dealt.public as FrostPublic, shares: new Map(shares) };
}

function count(config: Fields, name: string): number {
  const value = Number(text(config, name));
  if (!Number.isInteger(value) || value < 2 || value > 64)
    throw malformed(`${name} is no number of participants`);
  return value;
}

/** The bytes that the library, drawing a scalar as 1 + n mod (order − 1), turns into this scalar. */
function preimage(scalar: Uint8Array | undefined, length: number): Uint8Array {
  if (!scalar) throw malformed('share_polynomial_coefficients is too short');
  const drawn = new Uint8Array(length);
  drawn.set(SCALARS.toBytes(SCALARS.sub(SCALARS.fromBytes(scalar as never), 1n)));
  return drawn;
}

/** Round one, with the vector's randomness: hiding first, then binding. */
function commit(crypto: Crypto, entry: Fields, shares: ReadonlyMap<number, Uint8Array>): Signer {
  const identifier = number(entry, 'identifier');
  const scalar = shares.get(identifier);
  if (!scalar) throw malformed(`there is no participant ${identifier}`);
  const drawn = [bytes(entry, 'hiding_nonce_randomness'), bytes(entry, 'binding_nonce_randomness')];
  const random = { bytes: () => drawn.shift()! };
  const share = new SecretShare(identifier, new Uint8Array(32), scalar.slice());
  return { identifier, share, nonces: new NoncePair({ ...crypto, random }, share) };
}

/** Round two. The nonces are gone after it, so they are copied out before. */
function sign(
  { share, nonces }: Signer,
  publicKeys: FrostPublic,
  commitments: readonly NonceCommitment[],
  message: Uint8Array,
): Signed {
  const list = frostCommitments(commitments);
  return share.use((secret) =>
    nonces.spend((pair) => {
      const hidingNonce = pair.hiding.slice();
      const bindingNonce = pair.binding.slice();
      const copy = { hiding: hidingNonce.slice(), binding: bindingNonce.slice() };
      const signatureShare = frost.signShare(secret, publicKeys, pair, list, message);
      const heard = listen((listening) =>
        listening.signShare(secret, publicKeys, copy as never, list, message),
      );
      if (!equal(heard.share, signatureShare)) throw differing();
      const { input, factor } = heard.factors.get(SCALARS.fromBytes(unhex(secret.identifier) as never))!;
      return { hidingNonce, bindingNonce, factorInput: input, factor, share: signatureShare };
    }),
  );
}

/** The suite of the product once more, with a hash that writes down the inputs and outputs of H1. */
function listen(compute: (suite: FROST) => Uint8Array) {
  const prefix = utf8(`${SUITE}rho`);
  const factors = new Map<bigint, { input: Uint8Array; factor: Uint8Array }>();
  const hash = (data: Uint8Array) => {
    const digest = sha512(data);
    if (equal(data.subarray(0, prefix.length), prefix)) {
      const input = data.slice(prefix.length);
      const factor = SCALARS.toBytes(SCALARS.create(littleEndian(digest)));
      factors.set(SCALARS.fromBytes(input.slice(-32) as never), { input, factor });
    }
    return digest;
  };
  const suite = createFROST({ name: SUITE, Point: ed25519.Point, hash: hash as never, H2: '' });
  return { share: compute(suite as FROST), factors };
}

function aggregate(
  crypto: Crypto,
  publicKeys: FrostPublic,
  signers: readonly Signer[],
  signed: readonly Signed[],
  message: Uint8Array,
): Uint8Array {
  const list: NonceCommitments[] = frostCommitments(signers.map(({ nonces }) => nonces.commitment));
  const shares = Object.fromEntries(list.map(({ identifier }, i) => [identifier, signed[i].share]));
  const signature = frost.aggregate(publicKeys, list, message, shares as never) as Uint8Array;
  verifyCofactorless(publicKeys.commitments[0], message, signature);
  crypto.ed25519.verify(publicKeys.commitments[0], message, signature);
  return signature;
}

function roundOne({ identifier, nonces }: Signer, signed: Signed): Fields {
  return {
    identifier,
    hiding_nonce: hex(signed.hidingNonce),
    binding_nonce: hex(signed.bindingNonce),
    hiding_nonce_commitment: hex(nonces.commitment.hiding),
    binding_nonce_commitment: hex(nonces.commitment.binding),
    binding_factor_input: hex(signed.factorInput),
    binding_factor: hex(signed.factor),
  };
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes.slice().reverse())}`);
}

function differing(): OotoError {
  return new OotoError('OOTO_ORACLE_SIDES_DIFFER', 'local', 'two instances of one suite do not agree');
}
