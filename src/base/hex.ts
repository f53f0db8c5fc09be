/**
 * Text forms of bytes: lower-case hexadecimal and base64. Decoders accept exactly what the encoders write,
 * so a value has one text form and a changed character is always noticed.
 */
import { OotoError } from './errors.ts';

const DIGITS = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
const HEX = /^(?:[0-9a-f]{2})*$/;

/** Lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += DIGITS[bytes[i]];
  return text;
}

/**
 * Bytes of lower-case hexadecimal text.
 * @throws OOTO_BASE_HEX (peer) for odd lengths, upper case or other characters.
 */
export function unhex(text: string): Uint8Array {
  if (!HEX.test(text)) throw new OotoError('OOTO_BASE_HEX', 'peer', 'not lower-case hexadecimal');
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Standard base64 with padding (RFC 4648 section 4). */
export function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(binary);
}

/**
 * Bytes of canonical base64: padded, no white space, no stray low bits.
 * @throws OOTO_BASE_BASE64 (peer) for every other spelling.
 */
export function unbase64(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch (cause) {
    throw new OotoError('OOTO_BASE_BASE64', 'peer', 'not base64', { cause });
  }
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  if (base64(bytes) !== text) throw new OotoError('OOTO_BASE_BASE64', 'peer', 'not canonical base64');
  return bytes;
}
