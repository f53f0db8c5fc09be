import fc from 'fast-check';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { isOotoError, OotoError } from '../../../src/base/errors.ts';
import { unhex } from '../../../src/base/hex.ts';
import { type LeafTbs, readCertificate, readTbs } from '../../../src/cert/certificate.ts';
import {
  type LeafExpectations,
  type Root,
  validateCertificate,
  validateRoot,
} from '../../../src/cert/validate.ts';
import { writeTbs } from '../../../src/cert/write.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import {
  crypto,
  groupKey,
  ID,
  issue,
  issueRoot,
  leafRequest,
  NOW,
  p256Key,
  rootRequest,
  signTbs,
  TRUST_DOMAIN,
} from './chain.ts';
import * as d from './der-builder.ts';

const test = suite('cert/mutation', { timeout: 30_000 });

/** Refused although the group key has signed it. */
function refused(root: Root, tbs: Uint8Array, code: string, change: Partial<LeafExpectations> = {}): void {
  const certificate = d.assemble(tbs, signTbs(tbs));
  assert.throwsCode(
    () => validateCertificate(crypto, { certificate, root, time: NOW, expectedId: ID, ...change }),
    `OOTO_CERT_${code}`,
  );
}

test('the builder of this test and the writer make the same bytes', async () => {
  assert.bytes(d.buildTbs(), await writeTbs(crypto, leafRequest));
  const tbs = d.buildTbs();
  assert.bytes(d.assemble(tbs, signTbs(tbs)), await issue(leafRequest));
});

const offCurve = concat(Uint8Array.of(4), new Uint8Array(64).fill(1));
const smallOrder = concat(Uint8Array.of(1), new Uint8Array(31));
const nonCanonicalKey = concat(Uint8Array.of(0xee), new Uint8Array(30).fill(0xff), Uint8Array.of(0x7f));
const withKey = (publicKey: Uint8Array, key: Uint8Array) =>
  d.buildTbs({
    publicKey,
    extensions: d.tlv(
      0xa3,
      d.sequence(...Object.values({ ...d.extensions, subjectKeyIdentifier: d.identifierOf(key) })),
    ),
  });
const validity = (...times: Uint8Array[]) => d.buildTbs({ validity: d.sequence(...times) });
const [from, to] = [d.utcTime('260115110000Z'), d.utcTime('260115150000Z')];
const named = (text: string) => d.buildWith({ subjectAlternativeName: d.alternativeName(d.uri(text)) });
const { authorityKeyIdentifier, subjectKeyIdentifier, keyUsage, ...others } = d.extensions;
const listed = (...list: Uint8Array[]) => d.buildTbs({ extensions: d.tlv(0xa3, d.sequence(...list)) });
const all = Object.values(d.extensions);

/** What an authority that has been taken over might sign; each row with the one reason for which it is refused. */
const FIELDS: Record<string, [Uint8Array, string]> = {
  'version 1, left out': [d.buildTbs({ version: new Uint8Array() }), 'DER'],
  'version 1, written out': [d.buildTbs({ version: d.tlv(0xa0, d.integer('00')) }), 'DER'],
  'version 2': [d.buildTbs({ version: d.tlv(0xa0, d.integer('01')) }), 'PROFILE'],
  'version 3 in two bytes': [d.buildTbs({ version: d.tlv(0xa0, d.integer('0002')) }), 'DER'],
  'version twice': [d.buildTbs({ version: d.tlv(0xa0, d.integer('02'), d.integer('02')) }), 'DER'],
  'serial zero': [d.buildTbs({ serial: d.integer('00') }), 'DER'],
  'serial empty': [d.buildTbs({ serial: d.integer('') }), 'DER'],
  'serial negative': [d.buildTbs({ serial: d.integer(`80${'00'.repeat(15)}`) }), 'DER'],
  'serial not minimal': [d.buildTbs({ serial: d.integer(`00${'41'.repeat(16)}`) }), 'DER'],
  'serial short': [d.buildTbs({ serial: d.integer('41'.repeat(15)) }), 'PROFILE'],
  'serial long': [d.buildTbs({ serial: d.integer('41'.repeat(21)) }), 'PROFILE'],
  'algorithm with NULL': [d.buildTbs({ algorithm: d.sequence(d.oid('2b6570'), d.NULL) }), 'PROFILE'],
  'algorithm Ed448': [d.buildTbs({ algorithm: d.sequence(d.oid('2b6571')) }), 'PROFILE'],
  'algorithm RSA': [d.buildTbs({ algorithm: d.sequence(d.oid('2a864886f70d01010b'), d.NULL) }), 'PROFILE'],
  'algorithm with an identifier behind it': [
    d.buildTbs({ algorithm: d.sequence(d.oid('2b6570'), d.oid('2b6570')) }),
    'PROFILE',
  ],
  'object identifier empty': [d.buildTbs({ algorithm: d.sequence(d.oid('')) }), 'DER'],
  'object identifier not minimal': [d.buildTbs({ algorithm: d.sequence(d.oid('2b80e570')) }), 'DER'],
  'object identifier cut short': [d.buildTbs({ algorithm: d.sequence(d.oid('2b65f0')) }), 'DER'],
  'object identifier too long': [d.buildTbs({ algorithm: d.sequence(d.oid('2b'.repeat(33))) }), 'DER'],
  'issuer empty': [d.buildTbs({ issuer: d.sequence() }), 'DER'],
  'issuer of another domain': [d.buildTbs({ issuer: d.name('b2'.repeat(32)) }), 'ISSUER'],
  'issuer by organisation': [d.buildTbs({ issuer: d.name(TRUST_DOMAIN, '55040a') }), 'PROFILE'],
  'issuer in two parts': [
    d.buildTbs({ issuer: d.sequence(...Array(2).fill(d.name(TRUST_DOMAIN).subarray(2))) }),
    'DER',
  ],
  'issuer as PrintableString': [
    d.buildTbs({
      issuer: d.sequence(d.set(d.sequence(d.oid('550403'), d.tlv(0x13, utf8(TRUST_DOMAIN))))),
    }),
    'DER',
  ],
  'issuer too long': [d.buildTbs({ issuer: d.name('a'.repeat(65)) }), 'PROFILE'],
  'issuer not UTF-8': [
    d.buildTbs({ issuer: d.sequence(d.set(d.sequence(d.oid('550403'), d.tlv(0x0c, unhex('c328'))))) }),
    'DER',
  ],
  'time without seconds': [validity(d.utcTime('2601151100Z'), to), 'DER'],
  'time with an offset': [validity(d.utcTime('260115110000+0000'), to), 'DER'],
  'time without zone': [validity(d.utcTime('260115110000'), to), 'DER'],
  'time with a fraction': [validity(from, d.generalizedTime('20510115150000.5Z')), 'DER'],
  'time of month 13': [validity(d.utcTime('261315110000Z'), to), 'DER'],
  'time of 30 February': [validity(d.utcTime('260230110000Z'), to), 'DER'],
  'time of hour 24': [validity(d.utcTime('260115240000Z'), to), 'DER'],
  'leap second': [validity(d.utcTime('260115115960Z'), to), 'DER'],
  'time that is no number': [validity(d.utcTime('26011511000xZ'), to), 'DER'],
  'GeneralizedTime before 2050': [validity(from, d.generalizedTime('20260115150000Z')), 'DER'],
  'late time that is no number': [validity(from, d.generalizedTime('2051011515000xZ')), 'DER'],
  'late time without zone': [validity(from, d.generalizedTime('20510115150000')), 'DER'],
  'time as text': [validity(from, d.utf8String('260115150000Z')), 'DER'],
  'no end': [validity(from), 'DER'],
  'three times': [validity(from, to, to), 'DER'],
  'ends before it begins': [validity(to, from), 'PROFILE'],
  'begins before its root': [validity(d.utcTime('260101000000Z'), to), 'PROFILE'],
  'ends after its root': [validity(from, d.utcTime('280101000000Z')), 'PROFILE'],
  'not yet valid': [validity(d.utcTime('260115130000Z'), to), 'NOT_YET_VALID'],
  expired: [validity(from, d.utcTime('260115115759Z')), 'EXPIRED'],
  'leaf with a subject': [d.buildTbs({ subject: d.name('worker-1') }), 'PROFILE'],
  'leaf that calls itself root': [d.buildTbs({ subject: d.name(TRUST_DOMAIN) }), 'PROFILE'],
  'RSA key': [
    d.buildTbs({
      publicKey: d.sequence(d.sequence(d.oid('2a864886f70d010101'), d.NULL), d.bits(new Uint8Array(64))),
    }),
    'PROFILE',
  ],
  'Ed25519 key of 31 bytes': [d.buildTbs({ publicKey: d.ed25519Info(new Uint8Array(31)) }), 'PROFILE'],
  'Ed25519 key with NULL': [
    d.buildTbs({
      publicKey: d.sequence(d.sequence(d.oid('2b6570'), d.NULL), d.bits(new Uint8Array(32))),
    }),
    'PROFILE',
  ],
  'key of whole bits only in part': [
    d.buildTbs({ publicKey: d.sequence(d.ED25519, d.bits(new Uint8Array(32), 1)) }),
    'DER',
  ],
  'key of no bits': [d.buildTbs({ publicKey: d.sequence(d.ED25519, d.tlv(0x03)) }), 'DER'],
  'P-256 compressed': [
    d.buildTbs({ publicKey: d.p256Info(concat(Uint8Array.of(2), new Uint8Array(32).fill(1))) }),
    'PROFILE',
  ],
  'P-256 hybrid point': [
    d.buildTbs({ publicKey: d.p256Info(concat(Uint8Array.of(6), new Uint8Array(64).fill(1))) }),
    'PROFILE',
  ],
  'P-384 curve': [
    d.buildTbs({
      publicKey: d.sequence(
        d.sequence(d.oid('2a8648ce3d0201'), d.oid('2b81040022')),
        d.bits(concat(Uint8Array.of(4), new Uint8Array(96))),
      ),
    }),
    'PROFILE',
  ],
  'P-256 point off the curve': [withKey(d.p256Info(offCurve), offCurve), 'KEY'],
  'Ed25519 key of small order': [withKey(d.ed25519Info(smallOrder), smallOrder), 'KEY'],
  'Ed25519 key not canonical': [withKey(d.ed25519Info(nonCanonicalKey), nonCanonicalKey), 'KEY'],
  'identifier of another key': [d.buildWith({ subjectKeyIdentifier: d.identifierOf(groupKey) }), 'KEY'],
  'identifier of 19 bytes': [
    d.buildWith({
      subjectKeyIdentifier: d.sequence(d.oid('551d0e'), d.octets(d.octets(new Uint8Array(19)))),
    }),
    'PROFILE',
  ],
  'identifier with a byte behind it': [
    d.buildWith({
      subjectKeyIdentifier: d.sequence(
        d.oid('551d0e'),
        d.octets(d.octets(new Uint8Array(20)), Uint8Array.of(0)),
      ),
    }),
    'DER',
  ],
  'issued by another key': [
    d.buildWith({
      authorityKeyIdentifier: d.sequence(
        d.oid('551d23'),
        d.octets(d.sequence(d.tlv(0x80, new Uint8Array(20)))),
      ),
    }),
    'ISSUER',
  ],
  'authority key by issuer and serial too': [
    d.buildWith({
      authorityKeyIdentifier: d.sequence(
        d.oid('551d23'),
        d.octets(d.sequence(d.tlv(0x80, new Uint8Array(20)), d.tlv(0x82, Uint8Array.of(1)))),
      ),
    }),
    'DER',
  ],
  'unique identifiers': [
    d.buildTbs({ publicKey: concat(d.parts.publicKey, d.tlv(0x81, unhex('00ff'))) }),
    'DER',
  ],
  'no extensions': [d.buildTbs({ extensions: new Uint8Array() }), 'DER'],
  'empty extensions': [listed(), 'PROFILE'],
  'unknown extension': [listed(...all, d.sequence(d.oid('2a0304'), d.octets(d.NULL))), 'PROFILE'],
  'unknown critical extension': [
    listed(...all, d.sequence(d.oid('2a0304'), d.TRUE, d.octets(d.NULL))),
    'PROFILE',
  ],
  'name constraints': [
    listed(...all, d.sequence(d.oid('551d1e'), d.TRUE, d.octets(d.sequence()))),
    'PROFILE',
  ],
  'extension twice': [listed(...all, keyUsage), 'PROFILE'],
  'extension left out': [listed(...all.slice(0, -1)), 'PROFILE'],
  'extensions in another order': [
    listed(subjectKeyIdentifier, authorityKeyIdentifier, keyUsage, ...Object.values(others)),
    'PROFILE',
  ],
  'a hundred extensions': [listed(...Array(100).fill(d.sequence(d.oid('2a0304'), d.octets()))), 'PROFILE'],
  'key usage with certificate signing': [
    d.buildWith({ keyUsage: d.sequence(d.oid('551d0f'), d.TRUE, d.octets(unhex('03020284'))) }),
    'PROFILE',
  ],
  'key usage with CRL signing': [
    d.buildWith({ keyUsage: d.sequence(d.oid('551d0f'), d.TRUE, d.octets(unhex('03020182'))) }),
    'PROFILE',
  ],
  'key usage without digital signature': [
    d.buildWith({ keyUsage: d.sequence(d.oid('551d0f'), d.TRUE, d.octets(unhex('03020308'))) }),
    'PROFILE',
  ],
  'key usage not critical': [
    d.buildWith({ keyUsage: d.sequence(d.oid('551d0f'), d.octets(unhex('03020780'))) }),
    'PROFILE',
  ],
  'key usage padded': [
    d.buildWith({ keyUsage: d.sequence(d.oid('551d0f'), d.TRUE, d.octets(unhex('03020080'))) }),
    'PROFILE',
  ],
  'criticality written as 01': [
    d.buildWith({ keyUsage: d.sequence(d.oid('551d0f'), unhex('010101'), d.octets(unhex('03020780'))) }),
    'DER',
  ],
  'criticality of two bytes': [
    d.buildWith({ keyUsage: d.sequence(d.oid('551d0f'), unhex('0102ffff'), d.octets(unhex('03020780'))) }),
    'DER',
  ],
  'criticality FALSE written out': [
    d.buildWith({ tier: d.sequence(d.oid('551d0f'), unhex('010100'), d.octets(unhex('03020780'))) }),
    'DER',
  ],
  'certificate authority': [
    d.buildWith({
      basicConstraints: d.sequence(d.oid('551d13'), d.TRUE, d.octets(unhex('30030101ff'))),
    }),
    'PROFILE',
  ],
  'certificate authority FALSE written out': [
    d.buildWith({
      basicConstraints: d.sequence(d.oid('551d13'), d.TRUE, d.octets(unhex('3003010100'))),
    }),
    'PROFILE',
  ],
  'path length in a leaf': [
    d.buildWith({ basicConstraints: d.sequence(d.oid('551d13'), d.TRUE, d.octets(unhex('3003020100'))) }),
    'PROFILE',
  ],
  'server authentication alone': [
    d.buildWith({
      extendedKeyUsage: d.sequence(d.oid('551d25'), d.octets(d.sequence(d.oid('2b06010505070301')))),
    }),
    'PROFILE',
  ],
  'any extended key usage': [
    d.buildWith({ extendedKeyUsage: d.sequence(d.oid('551d25'), d.octets(d.sequence(d.oid('551d2500')))) }),
    'PROFILE',
  ],
  'alternative name not critical': [
    d.buildWith({ subjectAlternativeName: d.sequence(d.oid('551d11'), d.octets(d.sequence(d.uri(ID)))) }),
    'PROFILE',
  ],
  'two names': [d.buildWith({ subjectAlternativeName: d.alternativeName(d.uri(ID), d.uri(ID)) }), 'PROFILE'],
  'a DNS name too': [
    d.buildWith({ subjectAlternativeName: d.alternativeName(d.uri(ID), d.tlv(0x82, utf8('a.org'))) }),
    'PROFILE',
  ],
  'a DNS name instead': [
    d.buildWith({ subjectAlternativeName: d.alternativeName(d.tlv(0x82, utf8('a.org'))) }),
    'PROFILE',
  ],
  'no name': [d.buildWith({ subjectAlternativeName: d.alternativeName() }), 'PROFILE'],
  'the same name as UTF8String': [
    d.buildWith({ subjectAlternativeName: d.alternativeName(d.utf8String(ID)) }),
    'PROFILE',
  ],
  'name with NUL': [named(`${ID}\0`), 'NAME'],
  'name with comma and second entry': [named(`${ID}, URI:spiffe://x/y`), 'NAME'],
  'name with upper-case scheme': [named(ID.replace('spiffe', 'SPIFFE')), 'NAME'],
  'name with upper-case domain': [named(ID.replace(TRUST_DOMAIN, TRUST_DOMAIN.toUpperCase())), 'NAME'],
  'name with percent': [named(ID.replace('worker', '%77orker')), 'NAME'],
  'name with dot segment': [named(ID.replace('/node/', '/node/../node/')), 'NAME'],
  'name with trailing slash': [named(`${ID}/`), 'NAME'],
  'name with port': [named(ID.replace(TRUST_DOMAIN, `${TRUST_DOMAIN}:1`)), 'NAME'],
  'name empty': [named(''), 'NAME'],
  'name too long': [named(`${ID}${'a'.repeat(2048)}`), 'NAME'],
  'name in Latin-1': [named(`${ID}\u00e4`), 'NAME'],
  'name of another mesh': [named(ID.replace(TRUST_DOMAIN, 'b2'.repeat(32))), 'TRUST_DOMAIN'],
  'name of a domain that begins alike': [
    named(ID.replace(TRUST_DOMAIN, `${TRUST_DOMAIN}.x`)),
    'TRUST_DOMAIN',
  ],
  'name of another node': [named(`${ID}0`), 'ID'],
  'name of the domain itself': [named(`spiffe://${TRUST_DOMAIN}`), 'ID'],
  'unknown tier': [d.buildWith({ tier: d.tierExtension('platinum') }), 'PROFILE'],
  'tier in capitals': [d.buildWith({ tier: d.tierExtension('Measured') }), 'PROFILE'],
  'tier from the prototype': [d.buildWith({ tier: d.tierExtension('toString') }), 'PROFILE'],
};

test('every field has its own reason', async () => {
  const root = await issueRoot();
  const failures: string[] = [];
  for (const [what, [tbs, code]] of Object.entries(FIELDS))
    try {
      refused(root, tbs, code);
    } catch (error) {
      failures.push(`${what}: ${(error as Error).message}`);
    }
  assert.equal(failures, []);
});

test('a rightly signed leaf below the least tier is refused', async () => {
  const root = await issueRoot();
  refused(root, d.buildTbs(), 'TIER', { minimumTier: 'authenticator' });
  const measured = d.buildWith({ tier: d.tierExtension('measured') });
  const certificate = d.assemble(measured, signTbs(measured));
  for (const minimumTier of ['software', 'authenticator', 'hardware', 'measured'] as const)
    validateCertificate(crypto, { certificate, root, time: NOW, minimumTier });
});

test('the trust domain itself is nobody, whoever is expected', async () => {
  const root = await issueRoot();
  const tbs = named(`spiffe://${TRUST_DOMAIN}`);
  const certificate = d.assemble(tbs, signTbs(tbs));
  assert.throwsCode(() => validateCertificate(crypto, { certificate, root, time: NOW }), 'OOTO_CERT_ID');
});

test('outside the signed part: algorithm, signature, what follows', async () => {
  const root = await issueRoot();
  const tbs = d.buildTbs();
  const signature = signTbs(tbs);
  const code = (certificate: Uint8Array, expected: string) =>
    assert.throwsCode(() => validateCertificate(crypto, { certificate, root, time: NOW }), expected);
  const good = d.assemble(tbs, signature);
  code(d.assemble(tbs, signature, d.sequence(d.oid('2b6571'))), 'OOTO_CERT_PROFILE');
  code(d.assemble(tbs, signature, d.sequence(d.oid('2b6570'), d.NULL)), 'OOTO_CERT_PROFILE');
  code(d.assemble(tbs, signature.subarray(1)), 'OOTO_CERT_PROFILE');
  code(d.assemble(tbs, concat(signature, Uint8Array.of(0))), 'OOTO_CERT_PROFILE');
  code(d.assemble(tbs, signTbs(tbs, new Uint8Array(32).fill(99))), 'OOTO_CERT_SIGNATURE');
  code(concat(good, Uint8Array.of(0)), 'OOTO_CERT_DER');
  code(concat(good, good), 'OOTO_CERT_DER');
  code(good.subarray(0, -1), 'OOTO_CERT_DER');
  code(new Uint8Array(), 'OOTO_CERT_DER');
  code(d.sequence(concat(tbs, d.ED25519, d.bits(signature), d.NULL)), 'OOTO_CERT_DER');
  for (const read of [readCertificate, readTbs]) {
    const error = assert.throwsCode(() => read(d.sequence(new Uint8Array(4093))), 'OOTO_CERT_DER');
    assert.match(error.message, /more than 4096 bytes/);
  }
});

test('a root names its trust domain everywhere, and signs for itself', async () => {
  const good = await writeTbs(crypto, rootRequest);
  assert.bytes(d.buildRoot(), good);
  const judge = (tbs: Uint8Array) => () =>
    validateRoot(crypto, { certificate: d.assemble(tbs, signTbs(tbs)), trustDomain: TRUST_DOMAIN });
  judge(good)();
  const other = d.name('b2'.repeat(32));
  const rows: [Parameters<typeof d.buildRoot>[0], string][] = [
    [{ subject: other }, 'PROFILE'],
    [{ issuer: other }, 'PROFILE'],
    [{ issuer: other, subject: other }, 'PROFILE'],
    [{ uri: `spiffe://${TRUST_DOMAIN}/node/x` }, 'PROFILE'],
    [{ uri: `spiffe://${'b2'.repeat(32)}` }, 'PROFILE'],
    [{ uri: `spiffe://${'b2'.repeat(32)}`, subject: other, issuer: other }, 'TRUST_DOMAIN'],
    [{ constraints: '3003' + '0101ff' }, 'PROFILE'],
    [{ constraints: '30060101ff020101' }, 'PROFILE'],
    [{ constraints: '3000' }, 'PROFILE'],
    [{ usage: '03020780' }, 'PROFILE'],
    [{ usage: '03020106' }, 'PROFILE'],
    [{ publicKey: d.p256Info(p256Key().bytes) }, 'KEY'],
  ];
  for (const [change, code] of rows) assert.throwsCode(judge(d.buildRoot(change)), `OOTO_CERT_${code}`);
  const { bytes } = p256Key();
  const p256Root = d.buildRoot({ publicKey: d.p256Info(bytes), identifier: d.identifierOf(bytes) });
  assert.throwsCode(judge(p256Root), 'OOTO_CERT_PROFILE');
});

test('no changed byte of a good certificate is accepted', async () => {
  const root = await issueRoot();
  const good = await issue(leafRequest);
  const codes = new Set<string>();
  for (let at = 0; at < good.length; at++) {
    const certificate = good.slice();
    certificate[at] ^= 1 << (at & 7);
    try {
      validateCertificate(crypto, { certificate, root, time: NOW, expectedId: ID });
    } catch (error) {
      if (!isOotoError(error)) throw error;
      codes.add(error.code);
      continue;
    }
    throw new Error(`byte ${at} went unnoticed`);
  }
  for (const code of ['DER', 'PROFILE', 'NAME', 'TRUST_DOMAIN', 'ISSUER', 'SIGNATURE'])
    assert.ok(codes.has(`OOTO_CERT_${code}`), code);
});

/** The one spelling of what a TBS claims. */
async function rewritten(tbs: Uint8Array): Promise<Uint8Array> {
  const claims = readTbs(tbs) as LeafTbs;
  return writeTbs(crypto, { ...claims, issuerKey: groupKey });
}

test('what the reader accepts of changed and signed-anew bytes is what the writer writes for it', async () => {
  const good = d.buildTbs();
  let [read, same] = [0, 0];
  for (let bit = 0; bit < good.length * 8; bit++) {
    const tbs = good.slice();
    tbs[bit >> 3] ^= 1 << (bit & 7);
    let claims: LeafTbs;
    try {
      claims = readTbs(tbs) as LeafTbs;
    } catch (error) {
      assert.instance(error, OotoError);
      continue;
    }
    read++;
    // Identifiers and names that do not fit the keys are for validation; the writer derives them.
    const { authorityKeyIdentifier: a, subjectKeyIdentifier: s, issuer, publicKey } = claims;
    const before = readTbs(good) as LeafTbs;
    const derived =
      concat(a, s, utf8(issuer), publicKey.bytes).join() ===
      concat(
        before.authorityKeyIdentifier,
        before.subjectKeyIdentifier,
        utf8(before.issuer),
        before.publicKey.bytes,
      ).join();
    if (!derived || claims.trustDomain !== before.trustDomain) continue;
    assert.bytes(await rewritten(tbs), tbs);
    same++;
  }
  assert.ok(read > 500 && same > 100, `${read} read, ${same} rewritten`);
});

test('every bent node of the tree is refused', async () => {
  const root = await issueRoot();
  const [tree] = d.parseTree(d.buildTbs());
  assert.bytes(d.formatTree(tree), d.buildTbs());
  let tried = 0;
  const attempt = () => {
    const tbs = d.formatTree(tree);
    const certificate = d.assemble(tbs, signTbs(tbs));
    try {
      validateCertificate(crypto, { certificate, root, time: NOW, expectedId: ID });
    } catch (error) {
      assert.instance(error, OotoError);
      tried++;
      return;
    }
    throw new Error(`accepted: ${tbs}`);
  };
  const bend = (node: d.Node) => {
    const { tag, body } = node;
    for (const other of [tag ^ 0x20, tag ^ 0x80, 0x05]) {
      node.tag = other;
      attempt();
    }
    node.tag = tag;
    if (body instanceof Uint8Array) {
      for (const changed of [
        concat(body, Uint8Array.of(0)),
        concat(Uint8Array.of(0), body),
        new Uint8Array(),
      ]) {
        if (changed.length === body.length) continue;
        node.body = changed;
        attempt();
      }
    } else {
      const nothing = { tag: 5, body: new Uint8Array() };
      node.body = [...body, nothing];
      attempt();
      node.body = [nothing, ...body];
      attempt();
      body.forEach((_, i) => {
        node.body = body.toSpliced(i, 1);
        attempt();
        node.body = body.toSpliced(i, 0, body[i]);
        attempt();
      });
    }
    node.body = body;
    if (!(body instanceof Uint8Array)) body.forEach(bend);
  };
  bend(tree);
  assert.ok(tried > 200, `${tried} tried`);
});

test('lengths have one spelling', async () => {
  const root = await issueRoot();
  const tbs = d.buildTbs();
  const [contents, signature] = [tbs.subarray(4), signTbs(tbs)];
  const headers = ['3080', '30830001', '3084000001', '30ff', '308100', '3082007f', '30'];
  for (const header of headers) {
    const certificate = d.sequence(concat(unhex(header), contents), d.ED25519, d.bits(signature));
    assert.throwsCode(() => validateCertificate(crypto, { certificate, root, time: NOW }), 'OOTO_CERT_DER');
  }
  for (const length of ['8105', '820005', '8300000005', '80']) {
    const algorithm = concat(unhex(`30${length}`), unhex('06032b6570'));
    refused(root, d.buildTbs({ algorithm }), 'DER');
  }
});

test('arbitrary and spliced bytes throw an OotoError, quickly', async () => {
  const good = await issue(leafRequest);
  const splice = fc.record({
    at: fc.nat(good.length),
    cut: fc.nat(40),
    put: fc.uint8Array({ maxLength: 40 }),
  });
  const spliced = fc
    .array(splice, { minLength: 1, maxLength: 4 })
    .map((splices) =>
      splices.reduce(
        (der, { at, cut, put }) => concat(der.subarray(0, at), put, der.subarray(at + cut)),
        good,
      ),
    );
  const nested = fc
    .array(fc.constantFrom(0x30, 0x31, 0xa0, 0xa3, 0x80, 0x02, 0x06, 0x82, 0x0c), { maxLength: 4096 })
    .map((list) => Uint8Array.from(list));
  const [runs, before] = [5000, process.cpuUsage()];
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 4096 }), spliced, nested), (der) => {
      try {
        readCertificate(der);
      } catch (error) {
        assert.instance(error, OotoError);
      }
    }),
    { numRuns: runs },
  );
  const { user, system } = process.cpuUsage(before);
  assert.ok((user + system) / 1000 < 10 * runs, `${(user + system) / 1000} ms of CPU for ${runs} inputs`);
});
