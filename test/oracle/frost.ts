/**
 * `frost.sign`: one vector of RFC 9591 appendix E in the JSON form of its draft. What flows through here: secret and
 * coefficients make the group key and the shares; each signer's published randomness makes its nonces and their
 * commitments; the shares are computed from these, and the signature from the shares. Nothing that the vector lists
 * as an output is read. `frost.repair`: one `repair-share.json` of the frost crates, parts and sums of which are added
 * up. `frost.refresh`: `config` and `inputs` of such a vector of signing, and `refresh: {dealers: [{identifier,
 * coefficients}]}`, the higher coefficients with which each dealer shares out its share, weighted, anew.
 */
import { hex } from '../../src/base/hex.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { generateNonce, type Nonces, SigningPackage, verifyCofactorless } from '../../src/threshold/frost.ts';
import { SecretPolynomial, sumOfCommitments } from '../../src/threshold/polynomial.ts';
import { dealerWeight } from '../../src/threshold/resharing-plan.ts';
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
  objects,
  text,
  vector,
} from './request.ts';

const NAME = 'FROST(Ed25519, SHA-512)';
const MOST_PARTICIPANTS = 1024;

interface Signer {
  readonly identifier: number;
  readonly share: Uint8Array;
  readonly nonces: Nonces;
}

export function frostOperations(crypto: Crypto): Operations {
  return {
    'frost.sign': (request) => sign(crypto, vector(request)),
    'frost.repair': (request) => repair(crypto, vector(request)),
    'frost.refresh': (request) => refresh(crypto, vector(request)),
  };
}

function sign(crypto: Crypto, fields: Fields): Fields {
  requireSuite(fields);
  const inputs = object(fields, 'inputs');
  const message = bytes(inputs, 'message');
  const { groupKey, shares } = deal(crypto, object(fields, 'config'), inputs);
  const signers = objects(object(fields, 'round_one_outputs'), 'outputs').map((entry) =>
    commit(crypto, entry, shares),
  );
  requireDistinct(signers);
  const commitments = signers.map((signer) => commitmentOf(crypto, signer));
  const signing = new SigningPackage(crypto, groupKey, commitments, message);
  const signed = signers.map(({ identifier, share, nonces }) => signing.share(identifier, share, nonces));
  const sig = signing.aggregate(signed);
  verifyCofactorless(crypto, groupKey, message, sig);
  crypto.ed25519.verify(groupKey, message, sig);
  return {
    sig: hex(sig),
    group_public_key: hex(groupKey),
    participant_shares: [...shares].map(([identifier, share]) => ({
      identifier,
      participant_share: hex(share),
    })),
    round_one_outputs: { outputs: signers.map((signer) => roundOne(crypto, signer, signing)) },
    round_two_outputs: {
      outputs: signed.map((share, i) => ({ identifier: signers[i].identifier, sig_share: hex(share) })),
    },
    final_output: { sig: hex(sig) },
  };
}

function requireSuite(fields: Fields): void {
  const name = text(object(fields, 'config'), 'name');
  if (name !== NAME) throw malformed(`the ciphersuite is ${NAME}, not ${name}`);
}

function requireDistinct(signers: readonly Signer[]): void {
  if (new Set(signers.map(({ identifier }) => identifier)).size !== signers.length)
    throw malformed('a participant signs twice');
}

/** RFC 9591 appendix C.1: the dealer with the vector's polynomial in place of a random one. */
function deal(
  crypto: Crypto,
  config: Fields,
  inputs: Fields,
): { groupKey: Uint8Array; shares: Map<number, Uint8Array> } {
  const [least, most] = [count(config, 'MIN_PARTICIPANTS'), count(config, 'MAX_PARTICIPANTS')];
  const coefficients = [
    bytes(inputs, 'group_secret_key'),
    ...byteList(inputs, 'share_polynomial_coefficients'),
  ];
  if (coefficients.length !== least) throw malformed('share_polynomial_coefficients has another length');
  for (const coefficient of coefficients) crypto.edwards25519.admitScalar(coefficient);
  const polynomial = new SecretPolynomial(crypto, coefficients);
  const shares = Array.from({ length: most }, (_, i) => [i + 1, polynomial.evaluate(i + 1)] as const);
  return { groupKey: polynomial.commitment[0], shares: new Map(shares) };
}

function count(config: Fields, name: string): number {
  const value = Number(text(config, name));
  if (!Number.isInteger(value) || value < 2 || value > MOST_PARTICIPANTS)
    throw malformed(`${name} is no number of participants`);
  return value;
}

/** Round one, with the vector's randomness: hiding first, then binding. */
function commit(crypto: Crypto, entry: Fields, shares: ReadonlyMap<number, Uint8Array>): Signer {
  const identifier = number(entry, 'identifier');
  const share = shares.get(identifier);
  if (!share) throw malformed(`there is no participant ${identifier}`);
  const nonce = (name: string) =>
    generateNonce({ ...crypto, random: { bytes: () => bytes(entry, name) } }, share);
  const nonces = { hiding: nonce('hiding_nonce_randomness'), binding: nonce('binding_nonce_randomness') };
  return { identifier, share, nonces };
}

function commitmentOf({ edwards25519 }: Crypto, { identifier, nonces }: Signer) {
  const { multiplyBase } = edwards25519;
  return { identifier, hiding: multiplyBase(nonces.hiding), binding: multiplyBase(nonces.binding) };
}

function roundOne(crypto: Crypto, signer: Signer, signing: SigningPackage): Fields {
  const { identifier, nonces } = signer;
  const { hiding, binding } = commitmentOf(crypto, signer);
  return {
    identifier,
    hiding_nonce: hex(nonces.hiding),
    binding_nonce: hex(nonces.binding),
    hiding_nonce_commitment: hex(hiding),
    binding_nonce_commitment: hex(binding),
    binding_factor_input: hex(signing.bindingFactorInputs.get(identifier)!),
    binding_factor: hex(signing.bindingFactors.get(identifier)!),
  };
}

/** The parts that one helper gets become what it sends; what all helpers send becomes the share. */
function repair(crypto: Crypto, fields: Fields): Fields {
  const sum = (of: string, prefix: string) => {
    const given = object(fields, of);
    const scalars: Uint8Array[] = [];
    for (let i = 1; has(given, `${prefix}_${i}`); i++) scalars.push(bytes(given, `${prefix}_${i}`));
    if (scalars.length < 2) throw malformed(`${of} holds too few`);
    for (const scalar of scalars) crypto.edwards25519.admitScalar(scalar);
    return hex(sumOfShares(crypto, scalars));
  };
  return {
    scalar_generation: { random_scalar_sum: sum('scalar_generation', 'random_scalar') },
    sigma_generation: { sigma_sum: sum('sigma_generation', 'sigma') },
  };
}

function refresh(crypto: Crypto, fields: Fields): Fields {
  requireSuite(fields);
  const { shares } = deal(crypto, object(fields, 'config'), object(fields, 'inputs'));
  const entries = objects(object(fields, 'refresh'), 'dealers');
  const dealers = entries.map((entry) => number(entry, 'identifier'));
  const polynomials = entries.map((entry, i) => {
    const share = shares.get(dealers[i]);
    if (!share) throw malformed(`there is no participant ${dealers[i]}`);
    const weight = dealerWeight(crypto, dealers, dealers[i]);
    const constant = crypto.edwards25519.scalarMultiply(share, weight);
    return new SecretPolynomial(crypto, [constant, ...byteList(entry, 'coefficients')]);
  });
  const commitments = polynomials.map(({ commitment }) => commitment);
  return {
    group_public_key: hex(sumOfCommitments(crypto, commitments)[0]),
    participant_shares: [...shares.keys()].map((identifier) => ({
      identifier,
      participant_share: hex(
        sumOfShares(
          crypto,
          polynomials.map((polynomial) => polynomial.evaluate(identifier)),
        ),
      ),
    })),
  };
}
