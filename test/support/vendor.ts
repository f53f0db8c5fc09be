/**
 * A maker of TPMs or authenticators with authorities of its own: writes certificates as told, right or wrong, and signs
 * them with node:crypto.
 */
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { unhex } from '../../src/base/hex.ts';
import {
  bits,
  generalizedTime,
  integer,
  octets,
  sequence,
  set,
  TRUE,
  tlv,
  utcTime,
} from '../unit/cert/der-builder.ts';

export interface KeyPair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}
export type Scheme = keyof typeof SCHEMES;

export const NULL = unhex('0500');
const hashAlgorithm = sequence(objectId('2.16.840.1.101.3.4.2.1'), NULL);
const mask = sequence(objectId('1.2.840.113549.1.1.8'), hashAlgorithm);
const PSS_PARAMETERS = sequence(tlv(0xa0, hashAlgorithm), tlv(0xa1, mask), tlv(0xa2, integer('20')));
export const SCHEMES = {
  rsa256: sequence(objectId('1.2.840.113549.1.1.11'), NULL),
  rsa384: sequence(objectId('1.2.840.113549.1.1.12'), NULL),
  rsaSha1: sequence(objectId('1.2.840.113549.1.1.5'), NULL),
  pss: sequence(objectId('1.2.840.113549.1.1.10'), PSS_PARAMETERS),
  ecdsa256: sequence(objectId('1.2.840.10045.4.3.2')),
  ecdsa384: sequence(objectId('1.2.840.10045.4.3.3')),
};
const HASH_OF: Readonly<Record<Scheme, string>> = {
  rsa256: 'sha256',
  rsa384: 'sha384',
  rsaSha1: 'sha1',
  pss: 'sha256',
  ecdsa256: 'sha256',
  ecdsa384: 'sha384',
};

/** OBJECT IDENTIFIER. */
export function objectId(dotted: string): Uint8Array {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const arcs = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc % 128];
    for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128))
      digits.unshift((high % 128) + 128);
    return digits;
  });
  return tlv(0x06, Uint8Array.from(arcs));
}

export function nameOf(text: string): Uint8Array {
  return sequence(set(sequence(objectId('2.5.4.3'), tlv(0x0c, utf8(text)))));
}

export function extension(dotted: string, value: Uint8Array, critical = false): Uint8Array {
  return sequence(objectId(dotted), ...(critical ? [TRUE] : []), octets(value));
}

export const constraints = (...contents: Uint8Array[]) => extension('2.5.29.19', sequence(...contents), true);
export const AUTHORITY = constraints(TRUE);
export const NO_AUTHORITY = constraints();
export const usage = (hexadecimal: string) => extension('2.5.29.15', unhex(hexadecimal), true);
/** keyCertSign. */
export const SIGNS_CERTIFICATES = usage('03020204');
export const purposes = (...dotted: string[]) => extension('2.5.29.37', sequence(...dotted.map(objectId)));

export interface CertificateRequest {
  subject: Uint8Array;
  issuer: Uint8Array;
  publicKey: KeyObject;
  signer: KeyObject;
  scheme?: Scheme;
  extensions: readonly Uint8Array[];
  notBefore?: string;
  notAfter?: string;
  serial?: string;
  version?: string;
}

export function issue({
  subject,
  issuer,
  publicKey,
  signer,
  scheme = 'rsa256',
  extensions,
  notBefore = '200101000000Z',
  notAfter = '99991231235959Z',
  serial = '05',
  version = '02',
}: CertificateRequest): Uint8Array {
  const time = (text: string) => (text.length === 13 ? utcTime(text) : generalizedTime(text));
  const tbs = sequence(
    ...[tlv(0xa0, integer(version)), integer(serial), SCHEMES[scheme], issuer],
    ...[sequence(time(notBefore), time(notAfter)), subject],
    ...[new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))],
    ...(extensions.length > 0 ? [tlv(0xa3, sequence(...extensions))] : []),
  );
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  const key = scheme === 'pss' ? { key: signer, ...padding } : signer;
  return sequence(tbs, SCHEMES[scheme], bits(new Uint8Array(sign(HASH_OF[scheme], tbs, key))));
}

export function rsaKey(modulusLength = 2048): KeyPair {
  return generateKeyPairSync('rsa', { modulusLength });
}

export function ecKey(namedCurve: 'P-256' | 'P-384' | 'P-521' = 'P-256'): KeyPair {
  return generateKeyPairSync('ec', { namedCurve });
}

/** The alternative name that the TCG's profile wants; several relative names, or all in one. */
export function tpmName(
  attributes: Readonly<Record<string, string>> = {
    '2.23.133.2.1': 'id:494E5443',
    '2.23.133.2.2': 'Model 7',
    '2.23.133.2.3': 'id:0002',
  },
  { critical = true, together = false } = {},
): Uint8Array {
  const pairs = Object.entries(attributes).map(([type, text]) =>
    sequence(objectId(type), tlv(0x0c, utf8(text))),
  );
  const relative = together ? [set(...pairs)] : pairs.map((pair) => set(pair));
  return extension('2.5.29.17', sequence(tlv(0xa4, sequence(...relative))), critical);
}

export function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

export function unpem(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64'));
}

/** Bytes with one bit changed. */
export function bent(bytes: Uint8Array, place: number, bit: number): Uint8Array {
  const changed = concat(bytes);
  changed[place % bytes.length] ^= 1 << bit;
  return changed;
}
