/**
 * The arithmetic of FROST and COCKTAIL-DKG against implementations nobody here wrote: noble's FROST on the same keys
 * and nonces, and the published values of one key generation.
 */
import { ed25519_FROST } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { unhex } from '../../../src/base/hex.ts';
import {
  generateNonce,
  interpolatingValue,
  SigningPackage,
  scalarOf,
  verifyCofactorless,
} from '../../../src/threshold/frost.ts';
import { evaluateCommitment, randomScalar, SecretPolynomial } from '../../../src/threshold/polynomial.ts';
import { schnorrSign, schnorrVerify } from '../../../src/threshold/schnorr.ts';
import { cocktailOperations } from '../../oracle/cocktail.ts';
import { bytes, is, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { crypto } from './ceremony.ts';

const test = suite('FROST arithmetic', { timeout: 30_000 });
const noble = ed25519_FROST;
const idOf = (identifier: number) => noble.Identifier.fromNumber(identifier);

/** Who signs, some of 5 with rising identifiers, at least as many as the threshold. */
const signers = fc
  .tuple(
    fc.integer({ min: 2, max: 4 }),
    fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { minLength: 4, maxLength: 5 }),
  )
  .map(([threshold, identifiers]) => ({ threshold, identifiers: identifiers.sort((a, b) => a - b) }));

test('shares and signatures are those of noble, whoever signs', () => {
  fc.assert(
    fc.property(signers, fc.uint8Array({ maxLength: 200 }), ({ threshold, identifiers }, message) => {
      using polynomial = SecretPolynomial.random(crypto, threshold);
      const { commitment } = polynomial;
      const members = identifiers.map((identifier) => {
        const share = polynomial.evaluate(identifier);
        const nonces = { hiding: generateNonce(crypto, share), binding: generateNonce(crypto, share) };
        const { multiplyBase } = crypto.edwards25519;
        const hiding = multiplyBase(nonces.hiding);
        return { identifier, share, nonces, hiding, binding: multiplyBase(nonces.binding) };
      });
      const ours = new SigningPackage(crypto, commitment[0], members, message);
      const publicKeys = {
        signers: { min: threshold, max: identifiers.length },
        commitments: commitment.map((element) => element.slice()),
        verifyingShares: Object.fromEntries(
          identifiers.map((id) => [idOf(id), evaluateCommitment(crypto, commitment, id)]),
        ),
      };
      const list = members.map(({ identifier, hiding, binding }) => ({
        identifier: idOf(identifier),
        hiding,
        binding,
      }));
      const shares = members.map(({ identifier, share, nonces }) => {
        const made = ours.share(identifier, share, nonces);
        const secret = { identifier: idOf(identifier), signingShare: share.slice() };
        const copy = { hiding: nonces.hiding.slice(), binding: nonces.binding.slice() };
        bytes(
          made,
          noble.signShare(
            secret as never,
            publicKeys as never,
            copy as never,
            list as never,
            message as never,
          ),
        );
        ours.verifyShare(identifier, publicKeys.verifyingShares[idOf(identifier)], made);
        return made;
      });
      const signature = ours.aggregate(shares);
      verifyCofactorless(crypto, commitment[0], message, signature);
      is(noble.verify(signature as never, message as never, commitment[0] as never), true);
      const bad = shares.map((share, i) =>
        i === 0 ? crypto.edwards25519.scalarAdd(share, scalarOf(1)) : share,
      );
      throwsCode(
        () => ours.verifyShare(identifiers[0], publicKeys.verifyingShares[idOf(identifiers[0])], bad[0]),
        'OOTO_CRYPTO_SIGNATURE',
      );
      throwsCode(
        () => verifyCofactorless(crypto, commitment[0], message, ours.aggregate(bad)),
        'OOTO_CRYPTO_SIGNATURE',
      );
    }),
    { numRuns: 25 },
  );
});

test('interpolation at any point gives the value of the polynomial there', () => {
  fc.assert(
    fc.property(signers, fc.integer({ min: 0, max: 65_535 }), ({ identifiers }, at) => {
      using polynomial = SecretPolynomial.random(crypto, identifiers.length);
      const { scalarMultiplyAdd } = crypto.edwards25519;
      const value = identifiers.reduce<Uint8Array>(
        (sum, id) =>
          scalarMultiplyAdd(interpolatingValue(crypto, identifiers, id, at), polynomial.evaluate(id), sum),
        new Uint8Array(32),
      );
      bytes(value, at === 0 ? polynomial.constant : polynomial.evaluate(at));
    }),
    { numRuns: 25 },
  );
});

test('a Schnorr signature with one changed bit, or of another message or key, is refused', () => {
  const secret = randomScalar(crypto);
  const publicKey = crypto.edwards25519.multiplyBase(secret);
  const message = crypto.random.bytes(40);
  const signature = schnorrSign(crypto, secret, message);
  schnorrVerify(crypto, publicKey, message, signature);
  const refused = (key: Uint8Array, text: Uint8Array, changed: Uint8Array) =>
    throwsCode(() => schnorrVerify(crypto, key, text, changed), 'OOTO_CRYPTO_SIGNATURE');
  for (let bit = 0; bit < 512; bit += 7)
    refused(
      publicKey,
      message,
      signature.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)),
    );
  refused(publicKey, message.subarray(1), signature);
  refused(crypto.edwards25519.multiplyBase(randomScalar(crypto)), message, signature);
  refused(publicKey, message, signature.subarray(0, 63));
  throwsCode(() => crypto.ed25519.verify(publicKey, message, signature), 'OOTO_CRYPTO_SIGNATURE');
});

test('the published 2 of 3 key generation comes out, with its shares and its transcript', async () => {
  const config = {
    static_secret_keys: [
      '976f8781ac89edb9b14f00b42915f36add6fb01f795ad7048e88a7246ab35304',
      'b00aff74021d100b0eb587ca406fd4c1af2ffef9146454a4c35f547f709e8403',
      '5d3df9bdd5e6ff1e43f07d2d81791cda76e44e6fdbba980b1231a9ff39e1ee02',
    ],
  };
  const session_tag = '434f434b5441494c2d444b472d544553542d564543544f522d322d4f462d33';
  const vector = { n: 3, t: 2, session_tag, config };
  const made = await cocktailOperations(crypto)['dkg.cocktail']({ vector });
  const { round2, round3, recovery } = made as never as {
    round2: { secret_share: string }[];
    round3: { transcript_hash: string };
    recovery: { ciphertexts: string[] };
  };
  is(round2[0].secret_share, 'c11e69ce202b5f0edb662e870c506269016bf9113f5b66af4cc01fdf1482860c');
  is(
    round3.transcript_hash,
    'd99fb2fd0fe11ac40c202b7f511ef7d1a79923aa51007cc83389244bb9bdc9cc58e9ddb5769b2e74226e02448ba1d2aa2a002a5a6bec230ebc6207d0cd95f35b',
  );
  is(
    recovery.ciphertexts[0],
    'de650ddfa42b58510091a9feb061a609b3023d67fc5d5cd1d9b84941cc9dfb188db36ff74907c8f8e4d64c35aec05f15',
  );
  is(unhex(recovery.ciphertexts[0]).length, 48);
});
