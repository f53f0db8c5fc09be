/** Keys certified by an authenticator: a software one writes every ceremony, right and wrong. */
import { sign } from 'node:crypto';
import fc from 'fast-check';
import { ATTRIBUTE } from '../../../src/attest/tpm/public-area.ts';
import { sized } from '../../../src/attest/tpm/wire.ts';
import {
  type AssertionResponse,
  type CertifiedKey,
  keyChallenge,
  type RegistrationResponse,
  verifyKeyAssertion,
  verifyRegistration,
} from '../../../src/attest/webauthn/authenticator-key.ts';
import { concat, u16be, u32be, utf8 } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import { unhex } from '../../../src/base/hex.ts';
import { type CborValue, encode } from '../../../src/envelope/cbor.ts';
import { bytes, is, match, ok, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { eccArea, IDENTITY } from '../../support/software-tpm.ts';
import { suite } from '../../support/suite.ts';
import * as vendor from '../../support/vendor.ts';
import { octets } from '../cert/der-builder.ts';

const test = suite('WebAuthn', { timeout: 30_000 });
const crypto = testCrypto();
const NOW = Date.UTC(2026, 10, 23);
const party = { id: 'example.org', origin: 'https://example.org' };
const aaguid = new Uint8Array(16).fill(7);
const credentialId = new Uint8Array(32).fill(9);
const challenge = new Uint8Array(32).fill(1);
const [root, attester, credential, other] = [vendor.ecKey(), vendor.ecKey(), vendor.ecKey(), vendor.ecKey()];
const [rootName, attesterName] = ['Maker', 'Attester'].map(vendor.nameOf);
const scheme = 'ecdsa256';
const rootCertificate = vendor.issue({
  ...{ subject: rootName, issuer: rootName, publicKey: root.publicKey, signer: root.privateKey },
  ...{ extensions: [vendor.AUTHORITY, vendor.SIGNS_CERTIFICATES], scheme },
});
const model = (id: Uint8Array) => vendor.extension('1.3.6.1.4.1.45724.1.1.4', octets(id));
const attesterCertificate = (extensions: Uint8Array[] = [vendor.NO_AUTHORITY, model(aaguid)]) =>
  vendor.issue({
    ...{ subject: attesterName, issuer: rootName, publicKey: attester.publicKey, signer: root.privateKey },
    ...{ extensions, scheme },
  });

const coordinates = ({ publicKey }: vendor.KeyPair) => {
  const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
  return [x, y].map((part) => new Uint8Array(Buffer.from(part, 'base64url')));
};
const signedBy = ({ privateKey }: vendor.KeyPair, content: Uint8Array) =>
  new Uint8Array(sign('sha256', content, privateKey));

interface Ceremony {
  kind?: string;
  origin?: string;
  rpId?: string;
  flags?: number;
  count?: number;
  tail?: string;
  challenge?: Uint8Array;
}

function clientData({ kind, origin = party.origin, challenge: own = challenge, tail = '}' }: Ceremony) {
  const text = Buffer.from(own).toString('base64url');
  return utf8(`{"type":"${kind}","challenge":"${text}","origin":"${origin}","crossOrigin":false${tail}`);
}

function authenticatorData({ rpId = party.id, flags, count = 1 }: Ceremony, attested?: Uint8Array) {
  const head = concat(crypto.sha256(utf8(rpId)), Uint8Array.of(flags!), u32be(count));
  return attested ? concat(head, attested) : head;
}

interface Registering extends Ceremony {
  fmt?: string;
  certificates?: readonly Uint8Array[];
  signer?: vendor.KeyPair;
  statement?: (signed: Uint8Array) => { [name: string]: CborValue };
}

function registered(change: Registering = {}): RegistrationResponse {
  const { fmt = 'packed', certificates = [attesterCertificate()], signer = attester } = change;
  const [x, y] = coordinates(credential);
  const cose = concat(unhex('a5010203262001215820'), x, unhex('225820'), y);
  const attested = concat(aaguid, u16be(credentialId.length), credentialId, cose);
  const ceremony = { kind: 'webauthn.create', flags: 0x45, ...change };
  const data = clientData(ceremony);
  const authData = authenticatorData(ceremony, attested);
  const signed = concat(authData, crypto.sha256(data));
  const attStmt = change.statement?.(signed) ?? { alg: -7, sig: signedBy(signer, signed), x5c: certificates };
  return { attestationObject: encode({ fmt, attStmt, authData }), clientData: data };
}

const admit = (response = registered(), roots = [rootCertificate]) =>
  verifyRegistration(crypto, response, { party, challenge, roots, time: NOW });
const refusedAs = (code: string, change: Registering, roots?: Uint8Array[]) =>
  throwsCode(() => admit(registered(change), roots), `OOTO_ATTEST_WEBAUTHN_${code}`);

test('an attested authenticator is admitted, by its maker’s root or by its very certificate', () => {
  const { publicKey, id, signCount, reasons } = admit();
  bytes(publicKey, concat(Uint8Array.of(4), ...coordinates(credential)));
  bytes(id, credentialId);
  is(signCount, 1);
  match(reasons.join(), /packed/);
  admit(registered({ tail: ',"other":1}' }));
  const own = attesterCertificate();
  admit(registered({ certificates: [own] }), [own]);
});

test('refused: another ceremony, challenge, origin, party, an inner page, trailing text', () => {
  refusedAs('CLIENT', { kind: 'webauthn.get' });
  refusedAs('CLIENT', { challenge: new Uint8Array(32).fill(2) });
  refusedAs('CLIENT', { origin: 'https://example.org.evil.example' });
  refusedAs('CLIENT', { origin: 'http://example.org' });
  refusedAs('CLIENT', { tail: '}}' });
  refusedAs('CLIENT', { tail: '' });
  refusedAs('PARTY', { rpId: 'evil.example' });
  const inner = registered();
  const crossed = utf8(new TextDecoder().decode(inner.clientData).replace('false', 'true'));
  throwsCode(() => admit({ ...inner, clientData: crossed }), 'OOTO_ATTEST_WEBAUTHN_CLIENT');
});

test('refused: nobody there, not verified, backed up or able to be, extensions', () => {
  for (const flags of [0x44, 0x41, 0x4d, 0x5d, 0x55]) refusedAs('FLAGS', { flags });
  for (const flags of [0xc5, 0x47, 0x65, 0x05]) refusedAs('FORM', { flags });
});

test('refused: none, self, unknown formats, other signers, makers and models', () => {
  refusedAs('FORMAT', { fmt: 'none', statement: () => ({}) });
  refusedAs('FORMAT', { statement: (signed) => ({ alg: -7, sig: signedBy(credential, signed) }) });
  refusedAs('FORMAT', { fmt: 'apple' });
  refusedAs('STATEMENT', { signer: other });
  refusedAs('STATEMENT', { certificates: [attesterCertificate([vendor.AUTHORITY])] });
  refusedAs('STATEMENT', {
    certificates: [attesterCertificate([vendor.NO_AUTHORITY, model(credentialId.slice(16))])],
  });
  refusedAs('ROOT', {}, []);
  refusedAs('ROOT', {}, [attesterCertificate([vendor.NO_AUTHORITY])]);
});

const areaOf = (pair: vendor.KeyPair, attributes?: number) =>
  eccArea(coordinates(pair), { parameters: [0x10, 0x10, 3, 0x10], ...(attributes ? { attributes } : {}) });

interface Certifying {
  extraData?: Uint8Array;
  /** The public area that is shown, and the one that is certified. */
  shown?: Uint8Array;
  certified?: Uint8Array;
  magic?: number;
  type?: number;
  purpose?: string;
}

/** A platform's TPM certifies the credential's key. */
function byTpm(change: Certifying = {}): Registering {
  const { shown = areaOf(credential), certified = areaOf(credential), purpose = '2.23.133.8.3' } = change;
  const name = concat(u16be(0xb), crypto.sha256(certified));
  const extensions = [vendor.NO_AUTHORITY, vendor.purposes(purpose), vendor.tpmName()];
  return {
    fmt: 'tpm',
    statement: (signed) => {
      const { extraData = crypto.sha256(signed), magic = 0xff544347, type = 0x8017 } = change;
      const head = concat(u32be(magic), u16be(type), sized(new Uint8Array(34)), sized(extraData));
      const certInfo = concat(head, new Uint8Array(17 + 8), sized(name), sized(name));
      const x5c = [attesterCertificate(extensions)];
      return { ver: '2.0', alg: -7, sig: signedBy(attester, certInfo), x5c, certInfo, pubArea: shown };
    },
  };
}

test('a TPM attests: the very key, for this registration, with a certificate of an attestation key', () => {
  match(admit(registered(byTpm())).reasons[0], /\(tpm\)/);
  const bad: Certifying[] = [
    { extraData: challenge },
    { shown: areaOf(other) },
    { certified: areaOf(other) },
    { shown: areaOf(other), certified: areaOf(other) },
    { magic: 0 },
    { type: 0x8018 },
    { purpose: '2.23.133.8.1' },
  ];
  for (const change of bad) refusedAs('STATEMENT', byTpm(change));
});

test('refused: a key that was brought into the TPM, or that can be taken out of it', () => {
  for (const missing of [ATTRIBUTE.fixedTPM, ATTRIBUTE.fixedParent, ATTRIBUTE.sensitiveDataOrigin]) {
    const area = areaOf(credential, IDENTITY & ~missing);
    refusedAs('STATEMENT', byTpm({ shown: area, certified: area }));
  }
});

const key: CertifiedKey = {
  meshId: new Uint8Array(32).fill(3),
  nodeId: 'spiffe://mesh/worker/page',
  key: { algorithm: 'ed25519', bytes: new Uint8Array(32).fill(4) },
  nonce: new Uint8Array(32).fill(5),
};

function asserted(change: Ceremony & { signer?: vendor.KeyPair; id?: Uint8Array } = {}): AssertionResponse {
  const { signer = credential, id = credentialId } = change;
  const ceremony = {
    kind: 'webauthn.get',
    flags: 0x05,
    count: 2,
    challenge: keyChallenge(crypto, key),
    ...change,
  };
  const [data, authData] = [clientData(ceremony), authenticatorData(ceremony)];
  const signature = signedBy(signer, concat(authData, crypto.sha256(data)));
  return { credentialId: id, authenticatorData: authData, clientData: data, signature };
}

const authenticator = admit();
const certify = (response = asserted(), certified = key, signCount = 1) =>
  verifyKeyAssertion(crypto, response, {
    party,
    authenticator: { ...authenticator, signCount },
    key: certified,
  });

test('a key is certified by an assertion over mesh, node, key and nonce', () => {
  is(certify().signCount, 2);
  is(certify(asserted({ count: 0 }), key, 0).signCount, 0, 'authenticators that do not count');
});

test('refused: another key, node, mesh or nonce; another credential, signer, party; a count that does not rise', () => {
  const others: Partial<CertifiedKey>[] = [
    { key: { algorithm: 'ed25519', bytes: new Uint8Array(32) } },
    { key: { algorithm: 'p256', bytes: key.key.bytes } },
    { nodeId: 'spiffe://mesh/worker/other' },
    { meshId: new Uint8Array(32) },
    { nonce: new Uint8Array(32) },
  ];
  for (const change of others)
    throwsCode(() => certify(asserted(), { ...key, ...change }), 'OOTO_ATTEST_WEBAUTHN_CLIENT');
  const bad: [string, Parameters<typeof asserted>[0]][] = [
    ['CREDENTIAL', { id: challenge }],
    ['SIGNATURE', { signer: other }],
    ['PARTY', { rpId: 'evil.example' }],
    ['CLIENT', { origin: 'https://evil.example' }],
    ['CLIENT', { kind: 'webauthn.create' }],
    ['FLAGS', { flags: 0x01 }],
    ['FLAGS', { flags: 0x1d }],
    ['COUNTER', { count: 1 }],
    ['COUNTER', { count: 0 }],
  ];
  for (const [code, change] of bad)
    throwsCode(() => certify(asserted(change)), `OOTO_ATTEST_WEBAUTHN_${code}`);
});

test('no changed bit of a registration or an assertion is accepted', () => {
  const [registration, assertion] = [registered(), asserted()];
  const parts = [
    [
      'attestationObject',
      (bent: Uint8Array) => admit({ ...registration, attestationObject: bent }),
      registration.attestationObject,
    ],
    [
      'clientData',
      (bent: Uint8Array) => admit({ ...registration, clientData: bent }),
      registration.clientData,
    ],
    [
      'authenticatorData',
      (bent: Uint8Array) => certify({ ...assertion, authenticatorData: bent }),
      assertion.authenticatorData,
    ],
    ['clientData', (bent: Uint8Array) => certify({ ...assertion, clientData: bent }), assertion.clientData],
    ['signature', (bent: Uint8Array) => certify({ ...assertion, signature: bent }), assertion.signature],
  ] as const;
  fc.assert(
    fc.property(fc.nat(parts.length - 1), fc.nat(), fc.nat(7), (which, place, bit) => {
      const [name, judge, whole] = parts[which];
      let refused = false;
      try {
        judge(vendor.bent(whole, place, bit));
      } catch (error) {
        refused = error instanceof OotoError;
      }
      ok(refused, `${name} at ${place % whole.length}`);
    }),
    { numRuns: 500 },
  );
});
