/**
 * The clear preamble of a first message: `u16be version ‖ mesh id ‖ cookie`. All of it is the prologue of the
 * handshake, so both sides agree on every byte of it or the handshake fails. It has one length, with a cookie or
 * without, and offers no choice: a version has exactly one suite.
 */
import { concat, equal, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { ByteReader } from '../base/reader.ts';

/** Version 1 is `Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256` and the records described in docs/protocol.md. */
export const PROTOCOL_VERSION = 1;
export const MESH_ID_BYTES = 32;
export const COOKIE_BYTES = 32;
export const PREAMBLE_BYTES = 2 + MESH_ID_BYTES + COOKIE_BYTES;
/** Stands where no cookie is given. */
export const NO_COOKIE: Uint8Array = new Uint8Array(COOKIE_BYTES);

export function encodePreamble(meshId: Uint8Array, cookie: Uint8Array): Uint8Array {
  return concat(u16be(PROTOCOL_VERSION), meshId, cookie);
}

/**
 * The cookie of a preamble for this mesh.
 * @throws OOTO_CHANNEL_VERSION, OOTO_CHANNEL_MESH (peer); OOTO_BASE_SHORT (peer).
 */
export function readPreamble(preamble: Uint8Array, meshId: Uint8Array): Uint8Array {
  const reader = new ByteReader(preamble);
  const version = reader.u16();
  if (version !== PROTOCOL_VERSION)
    throw new OotoError('OOTO_CHANNEL_VERSION', 'peer', `the peer speaks version ${version}`, {
      hint: `this software speaks version ${PROTOCOL_VERSION} only`,
    });
  const theirs = reader.bytes(MESH_ID_BYTES);
  if (!equal(theirs, meshId))
    throw new OotoError('OOTO_CHANNEL_MESH', 'peer', `the peer dialled mesh ${hex(theirs)}`, {
      hint: 'it holds the address of a node of another mesh',
    });
  const cookie = reader.bytes(COOKIE_BYTES);
  reader.end();
  return cookie;
}
