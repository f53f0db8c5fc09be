/**
 * A second, tiny writer of certificates: builds the profile's TBS from named parts, so that tests can exchange
 * any one of them; and takes DER apart into a tree whose nodes can be bent. It checks nothing.
 */
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { unhex } from '../../../src/base/hex.ts';
import { keyIdentifier } from '../../../src/cert/key-identifier.ts';
import { crypto, groupKey, leafRequest, nodeKey, TRUST_DOMAIN } from './chain.ts';

export function tlv(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const body = concat(...contents);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return concat(Uint8Array.of(tag, ...length), body);
}

export const sequence = (...contents: Uint8Array[]) => tlv(0x30, ...contents);
export const set = (...contents: Uint8Array[]) => tlv(0x31, ...contents);
export const oid = (hexadecimal: string) => tlv(0x06, unhex(hexadecimal));
export const octets = (...contents: Uint8Array[]) => tlv(0x04, ...contents);
export const bits = (contents: Uint8Array, unused = 0) => tlv(0x03, Uint8Array.of(unused), contents);
export const integer = (hexadecimal: string) => tlv(0x02, unhex(hexadecimal));
export const utf8String = (text: string) => tlv(0x0c, utf8(text));
export const utcTime = (text: string) => tlv(0x17, utf8(text));
export const generalizedTime = (text: string) => tlv(0x18, utf8(text));
export const uri = (text: string) =>
  tlv(
    0x86,
    Uint8Array.from(text, (c) => c.charCodeAt(0)),
  );
export const TRUE = unhex('0101ff');
export const NULL = unhex('0500');

export const ED25519 = sequence(oid('2b6570'));
export const name = (text: string, type = '550403') => sequence(set(sequence(oid(type), utf8String(text))));
export const ed25519Info = (key: Uint8Array) => sequence(ED25519, bits(key));
export const p256Info = (point: Uint8Array) =>
  sequence(sequence(oid('2a8648ce3d0201'), oid('2a8648ce3d030107')), bits(point));

export const extensions = {
  authorityKeyIdentifier: sequence(
    oid('551d23'),
    octets(sequence(tlv(0x80, keyIdentifier(crypto, groupKey)))),
  ),
  subjectKeyIdentifier: sequence(oid('551d0e'), octets(octets(keyIdentifier(crypto, nodeKey.bytes)))),
  keyUsage: sequence(oid('551d0f'), TRUE, octets(unhex('03020780'))),
  basicConstraints: sequence(oid('551d13'), TRUE, octets(sequence())),
  extendedKeyUsage: sequence(
    oid('551d25'),
    octets(sequence(oid('2b06010505070301'), oid('2b06010505070302'))),
  ),
  subjectAlternativeName: alternativeName(uri(leafRequest.id)),
  tier: tierExtension('software'),
};

export function alternativeName(...names: Uint8Array[]): Uint8Array {
  return sequence(oid('551d11'), TRUE, octets(sequence(...names)));
}

export function tierExtension(tier: string): Uint8Array {
  return sequence(oid('6983d1f6abfcb898da9c9788bed9e9f1a3e3ba4701'), octets(utf8String(tier)));
}

export function identifierOf(key: Uint8Array): Uint8Array {
  return sequence(oid('551d0e'), octets(octets(keyIdentifier(crypto, key))));
}

export const parts = {
  version: tlv(0xa0, integer('02')),
  serial: integer('41000000000000000000000000000002'),
  algorithm: ED25519,
  issuer: name(TRUST_DOMAIN),
  validity: sequence(utcTime('260115110000Z'), utcTime('260115150000Z')),
  subject: sequence(),
  publicKey: ed25519Info(nodeKey.bytes),
  extensions: tlv(0xa3, sequence(...Object.values(extensions))),
};

/** The leaf of chain.ts with some parts exchanged; extra parts come last. */
export function buildTbs(change: Partial<typeof parts> & Record<string, Uint8Array> = {}): Uint8Array {
  return sequence(...Object.values({ ...parts, ...change }));
}

/** The leaf with some of its extensions exchanged, in the order of the profile. */
export function buildWith(change: Partial<typeof extensions> & Record<string, Uint8Array>): Uint8Array {
  return buildTbs({ extensions: tlv(0xa3, sequence(...Object.values({ ...extensions, ...change }))) });
}

/** The root of chain.ts with some of what it says exchanged. */
export function buildRoot({
  issuer = name(TRUST_DOMAIN),
  subject = name(TRUST_DOMAIN),
  publicKey = ed25519Info(groupKey),
  identifier = identifierOf(groupKey),
  usage = '03020204',
  constraints = '30060101ff020100',
  uri: text = `spiffe://${TRUST_DOMAIN}`,
} = {}): Uint8Array {
  const list = [
    identifier,
    sequence(oid('551d0f'), TRUE, octets(unhex(usage))),
    sequence(oid('551d13'), TRUE, octets(unhex(constraints))),
    sequence(oid('551d11'), octets(sequence(uri(text)))),
  ];
  return buildTbs({
    serial: integer('41000000000000000000000000000001'),
    issuer,
    validity: sequence(utcTime('260114120000Z'), utcTime('270115120000Z')),
    subject,
    publicKey,
    extensions: tlv(0xa3, sequence(...list)),
  });
}

export function assemble(tbs: Uint8Array, signature: Uint8Array, algorithm = ED25519): Uint8Array {
  return sequence(tbs, algorithm, bits(signature));
}

export interface Node {
  tag: number;
  /** Children of a constructed value, or contents of a primitive one. */
  body: Node[] | Uint8Array;
}

export function parseTree(der: Uint8Array): Node[] {
  const nodes: Node[] = [];
  for (let at = 0; at < der.length; ) {
    const tag = der[at++];
    let length = der[at++];
    if (length >= 0x80) {
      const count = length & 0x7f;
      length = der.subarray(at, at + count).reduce((sum, byte) => sum * 256 + byte, 0);
      at += count;
    }
    const contents = der.subarray(at, at + length);
    nodes.push({ tag, body: tag & 0x20 ? parseTree(contents) : contents });
    at += length;
  }
  return nodes;
}

export function formatTree({ tag, body }: Node): Uint8Array {
  return tlv(tag, body instanceof Uint8Array ? body : concat(...body.map(formatTree)));
}
