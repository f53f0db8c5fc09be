/** MakeCredential: published vectors of its derivations, and opening as a TPM does it, by node:crypto. */
import {
  constants,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  privateDecrypt,
} from 'node:crypto';
import { kdfa, kdfe, makeCredential } from '../../../../src/attest/tpm/credential.ts';
import { endorsementFingerprint, requireEndorsement } from '../../../../src/attest/tpm/endorsement.ts';
import { nameOf, readPublicArea } from '../../../../src/attest/tpm/public-area.ts';
import { sized } from '../../../../src/attest/tpm/wire.ts';
import { concat, equal, u16be, u32be } from '../../../../src/base/bytes.ts';
import { hex, unhex } from '../../../../src/base/hex.ts';
import { bytes, is, ok, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { ENDORSEMENT, softwareEndorsementKey, softwareKey } from '../../../support/software-tpm.ts';
import { suite } from '../../../support/suite.ts';
import vectors from '../../../vectors/tpm-kdf.json' with { type: 'json' };

const test = suite('TPM credential');
const crypto = testCrypto();
const NONE = new Uint8Array(0);

test('KDFa: published vectors', () => {
  ok(vectors.kdfa.length >= 5);
  for (const { key, label, contextU, contextV, bits, result } of vectors.kdfa)
    bytes(kdfa(crypto, unhex(key), label, unhex(contextU), unhex(contextV), bits), unhex(result));
});

test('KDFe: published vectors', () => {
  ok(vectors.kdfe.length >= 5);
  for (const { z, label, contextU, contextV, bits, result } of vectors.kdfe)
    bytes(kdfe(crypto, unhex(z), label, unhex(contextU), unhex(contextV), bits), unhex(result));
});

/** TPM2_ActivateCredential from the seed on. */
function open(credential: Uint8Array, seed: Uint8Array, name: Uint8Array): Uint8Array {
  const [mac, encrypted] = [credential.subarray(2, 34), credential.subarray(34)];
  const macKey = kdfa(crypto, seed, 'INTEGRITY', NONE, NONE, 256);
  const expected = createHmac('sha256', macKey).update(encrypted).update(name).digest();
  ok(equal(mac, expected), 'the MAC fits');
  const key = kdfa(crypto, seed, 'STORAGE', name, NONE, 128);
  const opened = createDecipheriv('aes-128-cfb', key, new Uint8Array(16)).update(encrypted);
  return new Uint8Array(opened.subarray(2));
}

test('a credential for a P-256 endorsement key opens with its private key', () => {
  const endorsement = softwareEndorsementKey();
  const attestation = softwareKey();
  const secret = crypto.random.bytes(32);
  const made = makeCredential(crypto, endorsement.publicArea, attestation.publicArea, secret);
  const [x, y] = [made.encryptedSeed.subarray(2, 34), made.encryptedSeed.subarray(36)];
  const coordinate = (value: Uint8Array) => Buffer.from(value).toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(x), y: coordinate(y) };
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  const z = diffieHellman({ publicKey, privateKey: endorsement.privateKey });
  const own = endorsement.publicArea.key.subarray(1, 33);
  const seed = createHash('sha256')
    .update(u32be(1))
    .update(z)
    .update('IDENTITY\0')
    .update(x)
    .update(own)
    .digest();
  bytes(open(made.credential, seed, nameOf(crypto, attestation.publicArea)), secret);
});

test('a credential for an RSA endorsement key opens with its private key', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { n } = publicKey.export({ format: 'jwk' }) as { n: string };
  const parameters = [6, 128, 0x43, 0x10, 2048].map(u16be);
  const head = concat(u16be(1), u16be(0xb), u32be(ENDORSEMENT), sized(new Uint8Array(32)), ...parameters);
  const area = readPublicArea(concat(head, u32be(0), sized(new Uint8Array(Buffer.from(n, 'base64url')))));
  const attestation = softwareKey();
  const secret = crypto.random.bytes(20);
  const made = makeCredential(crypto, area, attestation.publicArea, secret);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const oaepLabel = Buffer.from('IDENTITY\0');
  const key = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const seed = privateDecrypt({ key, padding, oaepHash: 'sha256', oaepLabel }, made.encryptedSeed);
  bytes(open(made.credential, seed, nameOf(crypto, attestation.publicArea)), secret);
});

test('each credential is another one', () => {
  const [endorsement, attestation] = [softwareEndorsementKey(), softwareKey()];
  const make = () =>
    makeCredential(crypto, endorsement.publicArea, attestation.publicArea, new Uint8Array(32));
  ok(!equal(make().credential, make().credential));
});

test('refused: keys that are no endorsement key, no attestation key, and secrets of no size', () => {
  const [endorsement, attestation] = [softwareEndorsementKey().publicArea, softwareKey().publicArea];
  const secret = new Uint8Array(32);
  throwsCode(() => makeCredential(crypto, attestation, attestation, secret), 'OOTO_ATTEST_TPM_ATTRIBUTES');
  throwsCode(() => makeCredential(crypto, endorsement, endorsement, secret), 'OOTO_ATTEST_TPM_ATTRIBUTES');
  const weak = softwareKey({ attributes: ENDORSEMENT, parameters: [6, 256, 0x43, 0x10, 3, 0x10] }).publicArea;
  throwsCode(() => makeCredential(crypto, weak, attestation, secret), 'OOTO_ATTEST_TPM_ALGORITHM');
  for (const length of [0, 33])
    throwsCode(
      () => makeCredential(crypto, endorsement, attestation, new Uint8Array(length)),
      'OOTO_ATTEST_INPUT',
    );
});

test('an endorsement key is admitted by its public key, whatever stands around it', () => {
  const { publicArea } = softwareEndorsementKey();
  const fingerprint = endorsementFingerprint(crypto, publicArea);
  const admit = (key: typeof publicArea, ...fingerprints: string[]) =>
    requireEndorsement(crypto, { key, certificates: [] }, { fingerprints, roots: [] }, 0);
  is(admit(publicArea, '00', fingerprint).basis, 'listed');
  const other = softwareEndorsementKey().publicArea;
  throwsCode(() => admit(other, fingerprint), 'OOTO_ATTEST_TPM_ENDORSEMENT');
  throwsCode(() => admit(publicArea), 'OOTO_ATTEST_TPM_ENDORSEMENT');
  const serial = hex(publicArea.encoded).slice(0, 64);
  throwsCode(() => admit(publicArea, serial), 'OOTO_ATTEST_TPM_ENDORSEMENT');
});
