/** The exports of the core, by room of the specification they come from. */

export * from './chain';
export * from './ed25519';
export * from './gcm';
export * from './gcm-many';
export * from './group25519';
export { AREA_BYTES, inputAddress, outputAddress, wipeInput, wipeOutput } from './memory';
export * from './merkle';
export * from './mlkem';
export * from './record';
export { SALTED_ITEM_BYTES, saltedLeaves } from './salted-leaves';
export * from './sha256';
export * from './sha512';
export * from './x25519';
