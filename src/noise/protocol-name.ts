/**
 * Protocol names (Noise revision 34, section 8). What flows through here: `Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256`
 * is split into the pattern and the names of the primitives; nothing else is accepted, so a protocol is known by
 * exactly one string.
 */
import { OotoError } from '../base/errors.ts';
import type { NoiseSuiteNames } from '../crypto/noise-suite.ts';
import { type HandshakePattern, handshakePattern } from './pattern.ts';

export interface NoiseProtocol {
  readonly name: string;
  readonly pattern: HandshakePattern;
  readonly suite: NoiseSuiteNames;
}

const NAME =
  /^Noise_([A-Za-z0-9+]{1,32})_(25519)(?:\+(MLKEM768))?_(AESGCM|ChaChaPoly)_(SHA256|SHA512|BLAKE2s|BLAKE2b)$/;

/**
 * @throws OOTO_NOISE_PROTOCOL (caller) for another form or an unknown primitive, or when a KEM is named and the
 *   pattern uses none, or the reverse; OOTO_NOISE_PATTERN (caller) for an unknown pattern.
 */
export function parseProtocolName(name: string): NoiseProtocol {
  const match = NAME.exec(name);
  if (!match) throw refused(name, 'its form or one of its primitives is not known here');
  const [, patternName, dh, kem, cipher, hash] = match;
  const pattern = handshakePattern(patternName);
  if (pattern.hybrid !== (kem !== undefined))
    throw refused(name, 'the hfs modifier and a KEM belong together');
  return { name, pattern, suite: { dh, kem, cipher, hash } as NoiseSuiteNames };
}

function refused(name: string, why: string): OotoError {
  return new OotoError('OOTO_NOISE_PROTOCOL', 'caller', `${name} is not a protocol of this engine: ${why}`, {
    hint: 'for example Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256',
  });
}
