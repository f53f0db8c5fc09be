/**
 * ECDSA signatures in DER (RFC 3279 section 2.2.3). What flows through here: `SEQUENCE { INTEGER r, INTEGER s }` in its
 * one strict spelling becomes r ‖ s of fixed length, so that every engine is asked the same question.
 */
import { concat } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** Two numbers of `numberBytes` (at most 60) bytes each. @throws OOTO_CRYPTO_SIGNATURE (peer). */
export function fixedFromDer(der: Uint8Array, numberBytes: number): Uint8Array {
  if (der.length < 2 || der[0] !== SEQUENCE || der[1] !== der.length - 2)
    throw refused('the ECDSA signature is not a DER sequence');
  const first = readInteger(der, 2, numberBytes);
  const second = readInteger(der, first.end, numberBytes);
  if (second.end !== der.length) throw refused('the ECDSA signature has trailing bytes');
  return concat(first.number, second.number);
}

/** One non-negative INTEGER in its shortest form, of at most `numberBytes` bytes. */
function readInteger(der: Uint8Array, at: number, numberBytes: number): { number: Uint8Array; end: number } {
  const length = der[at + 1];
  const end = at + 2 + length;
  if (der[at] !== INTEGER || !(length >= 1) || end > der.length)
    throw refused('the ECDSA signature lacks an integer');
  const digits = der.subarray(at + 2, end);
  if (digits[0] >= 0x80) throw refused('an integer of the ECDSA signature is negative');
  const padded = length > 1 && digits[0] === 0;
  if (padded && digits[1] < 0x80)
    throw refused('an integer of the ECDSA signature is not in its shortest form');
  const magnitude = padded ? digits.subarray(1) : digits;
  if (magnitude.length > numberBytes) throw refused('an integer of the ECDSA signature is too long');
  return { number: concat(new Uint8Array(numberBytes - magnitude.length), magnitude), end };
}

function refused(message: string): OotoError {
  return new OotoError('OOTO_CRYPTO_SIGNATURE', 'peer', message);
}
