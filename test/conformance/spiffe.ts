/**
 * The X.509-SVIDs of go-spiffe. What flows through here: each certificate as it lies is none of this mesh's and is
 * refused; then what it says of usage, constraints and name is put, one after the other, into a leaf or a root that is
 * right in everything else and rightly signed, so that a refusal has one possible reason; what is right must pass.
 */
import 'reflect-metadata';
import { X509Certificate } from '@peculiar/x509';
import { hex, unbase64, unhex } from '../../src/base/hex.ts';
import { ID, issue, NOW, rootRequest, signTbs } from '../unit/cert/chain.ts';
import { assemble, buildRoot, buildWith, octets, oid, sequence, TRUE } from '../unit/cert/der-builder.ts';
import { type Ask, gives, refuses, type Suite, type VectorText } from './vector.ts';

const FOLDER = 'spiffe/svid/x509svid/testdata';
const OIDS = { keyUsage: '551d0f', basicConstraints: '551d13', subjectAlternativeName: '551d11' } as const;
const DOTTED = { keyUsage: '2.5.29.15', basicConstraints: '2.5.29.19', subjectAlternativeName: '2.5.29.17' };
type Property = keyof typeof OIDS;

/** What is wrong with the leaf, and with the certificate that signed it. */
interface Verdict {
  readonly leaf?: Property;
  readonly signing?: Property;
}

const FILES: Readonly<Record<string, Verdict | 'unreadable'>> = {
  'good-leaf-only.pem': {},
  // Key encipherment and agreement: SPIFFE lets them pass, here a leaf may sign and nothing else.
  'good-leaf-and-intermediate.pem': { leaf: 'keyUsage' },
  'wrong-intermediate-no-ca.pem': { signing: 'basicConstraints' },
  'wrong-intermediate-no-key-cert-sign.pem': { signing: 'keyUsage' },
  'wrong-leaf-ca-true.pem': { leaf: 'basicConstraints' },
  'wrong-leaf-cert-sign.pem': { leaf: 'keyUsage' },
  'wrong-leaf-crl-sign.pem': { leaf: 'keyUsage' },
  'wrong-leaf-empty-id.pem': { leaf: 'subjectAlternativeName' },
  'wrong-leaf-no-digital-signature.pem': { leaf: 'keyUsage' },
  'corrupt-cert.pem': 'unreadable',
  'not-pem': 'unreadable',
};

export const spiffe: Suite = {
  title: 'SPIFFE X.509-SVIDs',
  files: Object.fromEntries(Object.keys(FILES).map((name) => [`${FOLDER}/${name}`, 1])),
  holds: () => 1,
  read: ({ texts }) => texts.map((file) => ({ name: file.path, check: (ask) => check(file, ask) })),
};

async function check({ path, text }: VectorText, ask: Ask): Promise<void> {
  const verdict = FILES[path.slice(FOLDER.length + 1)];
  const root = hex(await issue(rootRequest));
  const judge = (certificate: Uint8Array, under = root) =>
    ask('cert.validate', { certificate: hex(certificate), root: under, time, requireProofs: false });
  const certificates = blocksOf(text);
  for (const certificate of certificates) refuses(await judge(certificate));
  if (verdict === 'unreadable')
    return refuses(await judge(certificates[0] ?? new TextEncoder().encode(text)), 'OOTO_CERT_DER');
  const [leaf, signing] = certificates;
  for (const property of Object.keys(OIDS) as Property[])
    requireLeaf(await judge(signed(leafWith(leaf, property))), property, verdict.leaf === property);
  const good = signed(buildWith({}));
  gives(await judge(good, hex(signed(buildRoot()))), { id: ID });
  if (verdict.signing)
    refuses(await judge(good, hex(signed(rootWith(signing, verdict.signing)))), 'OOTO_CERT_PROFILE');
}

const time = new Date(NOW).toISOString();

/** A right name is read and found to be of another trust domain. */
function requireLeaf(answer: Awaited<ReturnType<Ask>>, property: Property, isWrong: boolean): void {
  if (isWrong) refuses(answer, 'OOTO_CERT_PROFILE');
  else if (property === 'subjectAlternativeName') refuses(answer, 'OOTO_CERT_TRUST_DOMAIN');
  else gives(answer, { id: ID });
}

function leafWith(certificate: Uint8Array, property: Property): Uint8Array {
  const value = extensionOf(certificate, property);
  return buildWith({
    [property]: value ? sequence(oid(OIDS[property]), TRUE, octets(value)) : new Uint8Array(),
  });
}

function rootWith(certificate: Uint8Array, property: Property): Uint8Array {
  const value = hex(extensionOf(certificate, property) ?? unhex(''));
  return buildRoot(property === 'keyUsage' ? { usage: value } : { constraints: value });
}

function extensionOf(certificate: Uint8Array, property: Property): Uint8Array | undefined {
  const extension = new X509Certificate(certificate.slice()).getExtension(DOTTED[property]);
  return extension ? new Uint8Array(extension.value) : undefined;
}

function signed(tbs: Uint8Array): Uint8Array {
  return assemble(tbs, signTbs(tbs));
}

function blocksOf(text: string): Uint8Array[] {
  const blocks = text.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g);
  return [...blocks].map(([, body]) => unbase64(body.replaceAll('\n', '')));
}

const BUNDLES = 'spiffe/bundle/spiffebundle/testdata';
/** How many authorities for X.509 each holds; nothing where it is no bundle. */
const AUTHORITIES: Readonly<Record<string, number | undefined>> = {
  'spiffebundle_valid_1.json': 1,
  'spiffebundle_valid_2.json': 1,
  'spiffebundle_valid_with_wit.json': 1,
  'spiffebundle_multiple_x509.json': undefined,
  'spiffebundle_missing_kid.json': undefined,
  'spiffebundle_no_keys.json': undefined,
};

export const spiffeBundles: Suite = {
  title: 'SPIFFE bundles',
  files: Object.fromEntries(Object.keys(AUTHORITIES).map((name) => [`${BUNDLES}/${name}`, 1])),
  holds: () => 1,
  read: ({ texts }) =>
    texts.map(({ path, text }) => ({
      name: path,
      check: async (ask) => {
        const answer = await ask('spiffe.bundle', { bundle: text });
        const authorities = AUTHORITIES[path.slice(BUNDLES.length + 1)];
        if (authorities === undefined) refuses(answer, 'OOTO_CERT_BUNDLE');
        else if (!answer.ok) throw new Error(`refused with ${answer.code}`);
        else if ((answer.out.authorities as unknown[]).length !== authorities)
          throw new Error('holds another number of authorities');
      },
    })),
};
