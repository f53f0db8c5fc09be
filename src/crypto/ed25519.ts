/**
 * Ed25519 under the mesh's one rule (docs/protocol.md), whichever engine computes. What flows through here: short
 * messages are signed and judged in the core. For long ones the platform's hash is worth the way: its accept is
 * final once our own checks on the bytes have passed, because it satisfies the stricter equation; its reject is
 * decided again by the core, whose equation has the cofactor.
 */
import { OotoError } from '../base/errors.ts';
import { COEFFICIENT_BYTES, type SignedMessage } from '../core/ed25519.ts';
import type { Core } from '../core/index.ts';
import type { Hardware, Random } from '../ports.ts';
import { CROSSOVERS, usesHardware } from './crossover.ts';
import type { Ed25519, EngineName } from './crypto.ts';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Fewer signatures are judged faster one by one (docs/performance.md): a batch begins with 130 µs. */
const LEAST_BATCH = 6;
/** L = 2^252 + 27742317777372353535851937790883648493, big-endian. */
const ORDER = Uint8Array.of(
  ...[0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58, 0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed],
);

export interface Ed25519Parts {
  core: Core;
  hardware: Hardware;
  random: Random;
}

export function createEd25519({ core, hardware, random }: Ed25519Parts): Ed25519 {
  const signsInHardware = (length: number) =>
    usesHardware(hardware.ed25519Sign !== undefined, 'auto', length, CROSSOVERS.ed25519Sign);
  const verifiesInHardware = (length: number, engine: EngineName | undefined) =>
    usesHardware(hardware.ed25519Verify !== undefined, engine, length, CROSSOVERS.ed25519Verify);

  const accepts = (item: SignedMessage, engine?: EngineName): boolean =>
    (verifiesInHardware(item.message.length, engine) && hardwareAccepts(core, hardware, item)) ||
    core.ed25519.accepts(item);

  return {
    publicKey: (seed) => core.ed25519.publicKey(seed),
    sign: (seed, message) =>
      seed.length === KEY_BYTES && signsInHardware(message.length)
        ? hardware.ed25519Sign!(seed, message)
        : core.ed25519.sign(seed, message),
    signingKey: (seed) => core.ed25519.signingKey(seed),
    verify(publicKey, message, signature, engine) {
      if (!accepts({ publicKey, message, signature }, engine))
        throw new OotoError('OOTO_CRYPTO_SIGNATURE', 'peer', 'the Ed25519 signature is not valid');
    },
    verifyBatch(items) {
      const alone = (item: SignedMessage) =>
        items.length < LEAST_BATCH || verifiesInHardware(item.message.length, 'auto');
      const refused = items.flatMap((item, i) => (alone(item) && !accepts(item) ? [i] : []));
      const together = items.flatMap((item, i) => (alone(item) ? [] : [i]));
      if (together.length === 0) return refused;
      const batch = together.map((i) => items[i]);
      const coefficients = random.bytes(COEFFICIENT_BYTES * batch.length);
      for (const place of core.ed25519.findRefused(batch, coefficients)) refused.push(together[place]);
      return refused.sort((a, b) => a - b);
    },
    admitKey(publicKey) {
      if (!core.ed25519.acceptsKey(publicKey))
        throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'not an Ed25519 public key of the mesh', {
          hint: 'A key is 32 bytes, canonical, a point of the curve and not of small order.',
        });
    },
  };
}

/** The platform's accept, worth something only together with our checks on the bytes. */
function hardwareAccepts(core: Core, hardware: Hardware, item: SignedMessage): boolean {
  const { publicKey, message, signature } = item;
  return (
    signature.length === SIGNATURE_BYTES &&
    isCanonicalPoint(signature.subarray(0, KEY_BYTES)) &&
    isBelowOrder(signature.subarray(KEY_BYTES)) &&
    core.ed25519.acceptsKey(publicKey) &&
    hardware.ed25519Verify!(publicKey, message, signature)
  );
}

/** Whether an encoder would write these bytes: y below p = 2^255 − 19, and no sign where x is 0 (y = ±1). */
function isCanonicalPoint(bytes: Uint8Array): boolean {
  const high = bytes[KEY_BYTES - 1] & 0x7f;
  const inner = bytes.subarray(1, KEY_BYTES - 1);
  const signed = bytes[KEY_BYTES - 1] >= 0x80;
  if (high === 0x7f && inner.every((byte) => byte === 0xff))
    return bytes[0] < 0xed && !(signed && bytes[0] === 0xec);
  return !(signed && high === 0 && bytes[0] === 1 && inner.every((byte) => byte === 0));
}

/** Whether the 32 little-endian bytes are below L. */
function isBelowOrder(scalar: Uint8Array): boolean {
  for (let i = 0; i < KEY_BYTES; i++) {
    const byte = scalar[KEY_BYTES - 1 - i];
    if (byte !== ORDER[i]) return byte < ORDER[i];
  }
  return false;
}
