/**
 * The certificate of an endorsement key (TCG EK Credential Profile for TPM family 2.0, section 3). What flows through
 * here: DER, perhaps with the padding of the NV index it was read from; the certificate must be of this very key, for
 * this purpose, of no authority, and say whose TPM it is. Who signed it is judged elsewhere. Its serial number is not
 * looked at: anybody can write one.
 */
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { DerReader, TAG } from '../../cert/der.ts';
import {
  basicConstraints,
  EXTENSION,
  extendedKeyUsage,
  keyUsage,
  readVendorCertificate,
  USAGE,
  type VendorCertificate,
} from '../../cert/vendor-certificate.ts';
import type { PublicArea } from './public-area.ts';

/** tcg-kp-EKCertificate. */
export const ENDORSEMENT_PURPOSE = '2.23.133.8.1';
/** tcg-at-tpmManufacturer, -tpmModel, -tpmVersion. */
const ATTRIBUTES = { manufacturer: '2.23.133.2.1', model: '2.23.133.2.2', version: '2.23.133.2.3' } as const;
const MANUFACTURER = /^id:[0-9A-F]{8}$/i;
const VERSION = /^id:[0-9A-F]{1,8}$/i;
const MODEL = /^[\x20-\x7e]{1,64}$/;
const PRINTABLE_STRING = 0x13;
/** GeneralName (RFC 5280 section 4.2.1.6), but for the directory name. */
const OTHER_NAMES = [0xa0, 0x81, 0x82, 0xa3, 0xa5, 0x86, 0x87, 0x88];
const DIRECTORY_NAME = 0xa4;
const EMPTY_NAME_BYTES = 2;

/** What a vendor says of a TPM. */
export interface TpmMaker {
  /** TCG vendor id, such as `id:00001014`. */
  readonly manufacturer: string;
  readonly model: string;
  /** Of the firmware when it was made. */
  readonly version: string;
}

export interface EndorsementCertificate {
  readonly certificate: VendorCertificate;
  readonly maker: TpmMaker;
}

/**
 * Reads the certificate of `key`.
 * @throws OOTO_ATTEST_TPM_CERTIFICATE, and as `readVendorCertificate` (peer).
 */
export function readEndorsementCertificate(encoded: Uint8Array, key: PublicArea): EndorsementCertificate {
  const certificate = readVendorCertificate(unpadded(encoded));
  requireKey(certificate, key);
  if (basicConstraints(certificate).ca) throw refuse('it is of an authority');
  if (!extendedKeyUsage(certificate)?.includes(ENDORSEMENT_PURPOSE))
    throw refuse('it is for another purpose');
  const use = key.algorithm === 'rsa2048' ? USAGE.keyEncipherment : USAGE.keyAgreement;
  if (!keyUsage(certificate)?.has(use)) throw refuse('its key may not protect a secret');
  return { certificate, maker: readMaker(certificate) };
}

/** The value at the front, where nothing but padding of zeros or ones follows it. */
export function unpadded(encoded: Uint8Array): Uint8Array {
  const [tag, form, high, low] = encoded;
  if (tag !== TAG.sequence || form !== 0x82) return encoded;
  const end = 4 + ((high << 8) | low);
  const padding = encoded.subarray(end);
  const isPadding = [0, 0xff].some((filler) => padding.every((byte) => byte === filler));
  return isPadding ? encoded.subarray(0, end) : encoded;
}

function requireKey({ key }: VendorCertificate, { algorithm, key: presented }: PublicArea): void {
  const expected = algorithm === 'rsa2048' ? 'rsa' : algorithm;
  if (key.algorithm !== expected || !equal(key.bytes, presented))
    throw refuse('it is of another key than the TPM has');
}

/** Without a subject the alternative name is the only one, and must be critical (RFC 5280 section 4.1.2.6). */
function readMaker({ subject, extensions }: VendorCertificate): TpmMaker {
  const names = extensions.get(EXTENSION.subjectAlternativeName);
  if (!names) throw refuse('it does not name the TPM');
  if (subject.length === EMPTY_NAME_BYTES && !names.critical)
    throw refuse('it names nobody but in an extension that is not critical');
  const attributes = DerReader.whole(names.value, TAG.sequence, readDirectoryName);
  const [manufacturer, model, version] = Object.values(ATTRIBUTES).map((oid) => attributes.get(oid) ?? '');
  if (!MANUFACTURER.test(manufacturer) || !MODEL.test(model) || !VERSION.test(version))
    throw refuse('manufacturer, model and version of the TPM are not as they must be');
  return { manufacturer, model, version };
}

function readDirectoryName(names: DerReader): Map<string, string> {
  let found: Map<string, string> | undefined;
  while (names.has()) {
    const other = OTHER_NAMES.find((tag) => names.has(tag));
    if (other !== undefined) names.contents(other);
    else if (found) throw refuse('it names two TPMs');
    else found = names.within(DIRECTORY_NAME, (explicit) => explicit.within(TAG.sequence, readAttributes));
  }
  if (!found) throw refuse('it does not name the TPM');
  return found;
}

/** In one relative name or in several: vendors do both. */
function readAttributes(name: DerReader): Map<string, string> {
  const attributes = new Map<string, string>();
  while (name.has())
    name.within(TAG.set, (relative) => {
      while (relative.has())
        relative.within(TAG.sequence, (attribute) => {
          const type = attribute.objectIdentifier();
          if (attributes.has(type)) throw refuse('it names two TPMs');
          attributes.set(type, readText(attribute));
        });
    });
  return attributes;
}

function readText(attribute: DerReader): string {
  if (!attribute.has(PRINTABLE_STRING)) return attribute.utf8String();
  return String.fromCharCode(...attribute.contents(PRINTABLE_STRING));
}

function refuse(what: string): OotoError {
  return new OotoError(
    'OOTO_ATTEST_TPM_CERTIFICATE',
    'peer',
    `the endorsement certificate does not do: ${what}`,
  );
}
