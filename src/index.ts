/** The door for every platform: what needs neither Node nor a browser. */
export { type Fault, isOotoError, OotoError } from './base/errors.ts';
export { type Core, instantiateCore } from './core/index.ts';
export * from './crypto/index.ts';
