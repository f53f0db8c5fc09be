/** Certified endorsement keys: a vendor's chain in order, everything that can be wrong with one, and OpenSSL beside it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type EndorsementPolicy, requireEndorsement } from '../../../../src/attest/tpm/endorsement.ts';
import { type PublicArea, readPublicArea } from '../../../../src/attest/tpm/public-area.ts';
import { sized } from '../../../../src/attest/tpm/wire.ts';
import { concat, u16be, u32be } from '../../../../src/base/bytes.ts';
import { isOotoError, OotoError } from '../../../../src/base/errors.ts';
import { is, match, ok, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { ENDORSEMENT, eccArea } from '../../../support/software-tpm.ts';
import { suite } from '../../../support/suite.ts';
import * as vendor from '../../../support/vendor.ts';
import { integer, sequence, tlv } from '../../cert/der-builder.ts';

const test = suite('endorsement certificates', { timeout: 60_000 });
const crypto = testCrypto();
const NOW = Date.UTC(2026, 10, 23);
const EK_PURPOSE = '2.23.133.8.1';
const [rootName, middleName, lastName] = ['Root', 'Middle', 'Last'].map(vendor.nameOf);
const EMPTY_NAME = sequence();

const jwk = (key: vendor.KeyPair, name: string) =>
  new Uint8Array(
    Buffer.from((key.publicKey.export({ format: 'jwk' }) as Record<string, string>)[name], 'base64url'),
  );

function rsaArea(key: vendor.KeyPair): PublicArea {
  const head = concat(u16be(1), u16be(0xb), u32be(ENDORSEMENT), sized(new Uint8Array(32)));
  const parameters = concat(...[6, 128, 0x43, 0x10, 2048].map(u16be), u32be(0));
  return readPublicArea(concat(head, parameters, sized(jwk(key, 'n'))));
}

function ecArea(key: vendor.KeyPair): PublicArea {
  const parameters = [6, 128, 0x43, 0x10, 3, 0x10];
  return readPublicArea(eccArea([jwk(key, 'x'), jwk(key, 'y')], { attributes: ENDORSEMENT, parameters }));
}

const [rootKey, middleKey, lastKey] = [vendor.rsaKey(3072), vendor.ecKey('P-384'), vendor.ecKey('P-256')];
const [rsaEndorsement, ecEndorsement] = [vendor.rsaKey(), vendor.ecKey()];
const authority = [vendor.AUTHORITY, vendor.SIGNS_CERTIFICATES];

type Change = Partial<vendor.CertificateRequest>;
const rootCertificate = (change: Change = {}) =>
  vendor.issue({
    ...{ subject: rootName, issuer: rootName, publicKey: rootKey.publicKey, signer: rootKey.privateKey },
    ...{ extensions: authority, ...change },
  });
const middleCertificate = (change: Change = {}) =>
  vendor.issue({
    ...{ subject: middleName, issuer: rootName, publicKey: middleKey.publicKey, signer: rootKey.privateKey },
    ...{ extensions: authority, ...change },
  });
const lastCertificate = (change: Change = {}) =>
  vendor.issue({
    ...{ subject: lastName, issuer: middleName, publicKey: lastKey.publicKey, signer: middleKey.privateKey },
    ...{ extensions: authority, scheme: 'ecdsa384', ...change },
  });
const USES = { rsa: vendor.usage('03020520'), ec: vendor.usage('03020308') };
const profile = {
  name: vendor.tpmName(),
  constraints: vendor.NO_AUTHORITY,
  purpose: vendor.purposes(EK_PURPOSE),
  usage: USES.rsa,
};
const leafCertificate = (
  change: Change = {},
  extensions: Partial<typeof profile> = {},
  more: Uint8Array[] = [],
) =>
  vendor.issue({
    ...{
      subject: EMPTY_NAME,
      issuer: lastName,
      publicKey: rsaEndorsement.publicKey,
      signer: lastKey.privateKey,
    },
    ...{ scheme: 'ecdsa256', extensions: [...Object.values({ ...profile, ...extensions }), ...more] },
    ...change,
  });

const [root, middle, last, leaf] = [
  rootCertificate(),
  middleCertificate(),
  lastCertificate(),
  leafCertificate(),
];
const key = rsaArea(rsaEndorsement);
const pinned: EndorsementPolicy = { fingerprints: [], roots: [root] };
const judge = (certificates: readonly Uint8Array[], policy = pinned, area = key, time = NOW) =>
  requireEndorsement(crypto, { key: area, certificates }, policy, time);

/** Refused, with this code underneath the one that callers see; for a path, below that one. */
function refused(
  code: string,
  certificates: readonly Uint8Array[],
  policy = pinned,
  area = key,
  time = NOW,
): void {
  const error = throwsCode(() => judge(certificates, policy, area, time), 'OOTO_ATTEST_TPM_ENDORSEMENT');
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof OotoError; cause = cause.cause) causes.push(cause.code);
  ok(causes.includes(code), `${code} is none of ${causes.join(', ')}`);
}

test('a chain through RSA, P-384 and P-256 leads to the pinned root, in whatever order it comes', () => {
  for (const others of [
    [middle, last],
    [last, middle],
    [leaf, last, root, middle],
  ]) {
    const { basis, maker, reasons } = judge([leaf, ...others]);
    is(basis, 'certified');
    is(JSON.stringify(maker), '{"manufacturer":"id:494E5443","model":"Model 7","version":"id:0002"}');
    match(reasons[1], /3 signatures/);
  }
});

test('a key on P-256, a subject, RSA-PSS and SHA-384, padding behind the certificate, attributes in one relative name', () => {
  const name = vendor.tpmName(undefined, { critical: false, together: true });
  const direct = { issuer: rootName, signer: rootKey.privateKey, subject: vendor.nameOf('unknown') };
  for (const scheme of ['rsa256', 'rsa384', 'pss'] as const) {
    const own = leafCertificate(
      { ...direct, scheme, publicKey: ecEndorsement.publicKey },
      { name, usage: USES.ec },
    );
    judge([own], pinned, ecArea(ecEndorsement));
    for (const filler of [0, 0xff])
      judge([concat(own, new Uint8Array(100).fill(filler))], pinned, ecArea(ecEndorsement));
  }
});

test('an authority in the middle can be the pinned one; a listed key needs no certificate', () => {
  match(judge([leaf], { fingerprints: [], roots: [last] }).reasons[1], /1 signatures/);
  const { fingerprint } = judge([leaf, middle, last]);
  is(judge([], { fingerprints: [fingerprint], roots: [] }).basis, 'listed');
  refused('OOTO_ATTEST_TPM_CERTIFICATE', [leaf, middle, last], { fingerprints: ['00'], roots: [] });
  refused('OOTO_ATTEST_TPM_CERTIFICATE', []);
});

test('a certificate of another key is refused, though serial number and names are the same', () => {
  const other = rsaArea(vendor.rsaKey());
  refused('OOTO_ATTEST_TPM_CERTIFICATE', [leaf, middle, last], pinned, other);
  const serial = '7465737453657269616c';
  const twins = [
    leafCertificate({ serial }),
    leafCertificate({ serial, publicKey: ecEndorsement.publicKey }),
  ];
  judge([twins[0], middle, last]);
  refused('OOTO_ATTEST_TPM_CERTIFICATE', [twins[1], middle, last]);
});

test('roots that are not pinned, or pinned under the same name with another key', () => {
  refused('OOTO_CERT_PATH', [leaf, middle, last, root], { fingerprints: [], roots: [leafCertificate()] });
  const { publicKey, privateKey: signer } = vendor.rsaKey();
  const impostor = rootCertificate({ publicKey, signer });
  refused('OOTO_CERT_SIGNATURE', [leaf, middle, last], { fingerprints: [], roots: [impostor] });
  judge([leaf, middle, last], { fingerprints: [], roots: [impostor, root] });
  refused('OOTO_CERT_PATH', [leaf, last]);
});

test('what the profile of an endorsement certificate wants', () => {
  const chain = (own: Uint8Array) => [own, middle, last];
  const code = 'OOTO_ATTEST_TPM_CERTIFICATE';
  const extensions: Partial<typeof profile>[] = [
    { purpose: vendor.purposes('1.3.6.1.5.5.7.3.1') },
    { purpose: vendor.purposes('2.5.29.37.0') },
    { usage: USES.ec },
    { usage: vendor.usage('03020780') },
    { constraints: vendor.AUTHORITY },
    { name: vendor.tpmName({ '2.23.133.2.1': 'id:494E5443', '2.23.133.2.2': 'Model 7' }) },
    { name: vendor.tpmName({ '2.23.133.2.1': 'Intel', '2.23.133.2.2': 'Model', '2.23.133.2.3': 'id:1' }) },
    { name: vendor.tpmName(undefined, { critical: false }) },
    { name: vendor.extension('2.5.29.17', sequence(tlv(0x82, Uint8Array.of(0x61))), true) },
  ];
  for (const change of extensions) refused(code, chain(leafCertificate({}, change)));
  for (const name of Object.keys(profile)) {
    const rest = Object.entries(profile).filter(([other]) => other !== name);
    const own = leafCertificate({ extensions: rest.map(([, value]) => value) });
    if (name === 'constraints') judge(chain(own));
    else refused(code, chain(own));
  }
});

test('authorities that are none, may not sign, allow nobody below them, or issue for another purpose', () => {
  const code = 'OOTO_CERT_AUTHORITY';
  const pathLength = (length: string) => [
    vendor.constraints(tlv(1, Uint8Array.of(0xff)), integer(length)),
    authority[1],
  ];
  const bad = [
    [vendor.NO_AUTHORITY, vendor.SIGNS_CERTIFICATES],
    [vendor.SIGNS_CERTIFICATES],
    [vendor.AUTHORITY, vendor.usage('03020780')],
    pathLength('00'),
    [...authority, vendor.purposes('1.3.6.1.5.5.7.3.1')],
  ];
  for (const extensions of bad) refused(code, [leaf, last, middleCertificate({ extensions })]);
  judge([leaf, last, middleCertificate({ extensions: pathLength('01') })]);
  for (const purpose of [EK_PURPOSE, '2.5.29.37.0'])
    judge([leaf, last, middleCertificate({ extensions: [...authority, vendor.purposes(purpose)] })]);
  refused(code, [leaf, last, middle], { fingerprints: [], roots: [rootCertificate({ extensions: bad[0] })] });
  refused(code, [leaf, last, middle], {
    fingerprints: [],
    roots: [rootCertificate({ extensions: pathLength('01') })],
  });
});

test('times of every certificate on the way count, the pinned root’s too', () => {
  const [before, after] = [Date.UTC(2019, 1), Date.UTC(2031, 1)];
  const notAfter = '300101000000Z';
  refused('OOTO_CERT_NOT_YET_VALID', [leaf, middle, last], pinned, key, before);
  refused('OOTO_CERT_EXPIRED', [leafCertificate({ notAfter }), middle, last], pinned, key, after);
  refused('OOTO_CERT_EXPIRED', [leaf, middleCertificate({ notAfter }), last], pinned, key, after);
  refused(
    'OOTO_CERT_EXPIRED',
    [leaf, middle, last],
    { fingerprints: [], roots: [rootCertificate({ notAfter })] },
    key,
    after,
  );
  refused('OOTO_CERT_NOT_YET_VALID', [leaf, middle, last], pinned, key, Number.NaN);
});

test('critical extensions that nobody here understands, name constraints among them', () => {
  const constraint = vendor.extension(
    '2.5.29.30',
    sequence(tlv(0xa0, sequence(tlv(0x82, new Uint8Array(0))))),
    true,
  );
  refused('OOTO_CERT_VENDOR', [leafCertificate({}, {}, [constraint]), middle, last]);
  refused('OOTO_CERT_VENDOR', [leaf, middleCertificate({ extensions: [...authority, constraint] }), last]);
  judge([leafCertificate({}, {}, [vendor.extension('1.2.3', sequence())]), middle, last]);
});

test('keys and signatures that are too weak or of unknown kinds, and forms that are not lawful', () => {
  const direct = { issuer: rootName, signer: rootKey.privateKey };
  refused('OOTO_CERT_ALGORITHM', [leafCertificate({ ...direct, scheme: 'rsaSha1' })]);
  refused('OOTO_CERT_ALGORITHM', [
    leaf,
    last,
    middleCertificate({ publicKey: vendor.ecKey('P-521').publicKey }),
  ]);
  refused('OOTO_CERT_VENDOR', [leafCertificate({ ...direct, scheme: 'rsa256', version: '01' })]);
  refused('OOTO_CERT_VENDOR', [leafCertificate({}, {}, [profile.purpose]), middle, last]);
  refused('OOTO_CERT_DER', [leafCertificate({ serial: '00' }), middle, last]);
  refused('OOTO_CERT_DER', [concat(leaf, Uint8Array.of(1)), middle, last]);
  refused('OOTO_CERT_DER', [concat(leaf, new Uint8Array(8192)).fill(1, leaf.length), middle, last]);
  const weak = vendor.issue({
    ...{ subject: lastName, issuer: rootName, publicKey: vendor.rsaKey(1024).publicKey },
    ...{ signer: rootKey.privateKey, extensions: authority },
  });
  refused('OOTO_CERT_PATH', [leaf, weak]);
});

test('one changed bit in any certificate of the chain is refused', () => {
  const chain = [leaf, middle, last];
  fc.assert(
    fc.property(fc.nat(2), fc.nat(), fc.nat(7), (which, place, bit) => {
      const changed = chain.map((der, i) => (i === which ? vendor.bent(der, place, bit) : der));
      throwsCode(() => judge(changed), 'OOTO_ATTEST_TPM_ENDORSEMENT');
    }),
    { numRuns: 400 },
  );
});

test('chains made to cost: circles, many keys under one name, too many, too long', () => {
  const loop = [
    vendor.issue({ ...circular(lastName, middleName), publicKey: lastKey.publicKey }),
    vendor.issue({ ...circular(middleName, lastName), publicKey: lastKey.publicKey }),
  ];
  const started = performance.now();
  refused('OOTO_CERT_PATH', [leaf, ...loop]);
  const many = Array.from({ length: 8 }, (_, i) =>
    vendor.issue({ ...circular(lastName, lastName), publicKey: lastKey.publicKey, serial: `0${i + 1}` }),
  );
  refused('OOTO_CERT_BUDGET', [leaf, ...many]);
  refused('OOTO_CERT_BUDGET', [leaf, ...many, middle]);
  ok(performance.now() - started < 5_000, 'bounded');
});

function circular(subject: Uint8Array, issuer: Uint8Array) {
  return { subject, issuer, signer: lastKey.privateKey, scheme: 'ecdsa256', extensions: authority } as const;
}

test('whatever is accepted here, OpenSSL accepts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ooto-endorsement-'));
  const opensslAccepts = (own: Uint8Array, others: readonly Uint8Array[]) => {
    const files = { root: [root], others, own: [own] };
    for (const [name, list] of Object.entries(files))
      writeFileSync(join(folder, name), list.map(vendor.pem).join(''));
    const words = ['verify', '-no-CAfile', '-no-CApath', '-ignore_critical', '-attime', String(NOW / 1000)];
    const paths = [
      '-CAfile',
      join(folder, 'root'),
      '-untrusted',
      join(folder, 'others'),
      join(folder, 'own'),
    ];
    try {
      execFileSync('openssl', [...words, ...paths], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  const chains: Uint8Array[][] = [
    [leaf, middle, last],
    [leaf, last],
    [leaf, middleCertificate({ extensions: [vendor.NO_AUTHORITY] }), last],
    [leafCertificate({ signer: middleKey.privateKey, scheme: 'ecdsa384' }), middle, last],
    [leafCertificate({ notAfter: '250101000000Z' }), middle, last],
  ];
  const accepts = (chain: readonly Uint8Array[]) => {
    try {
      return judge(chain).basis === 'certified';
    } catch (error) {
      ok(isOotoError(error));
      return false;
    }
  };
  try {
    for (const [own, ...others] of chains)
      is(accepts([own, ...others]), opensslAccepts(own, others), 'same verdict');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
