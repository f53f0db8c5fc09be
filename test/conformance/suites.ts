/** All suites, in the order in which they are run. */
import { aesGcm } from './aes-gcm.ts';
import { cocktail } from './cocktail.ts';
import { eventLogs } from './event-log.ts';
import { frost } from './frost.ts';
import { hkdf, hmac } from './keyed-hash.ts';
import { consistency, inclusion } from './merkle.ts';
import { mlkem768 } from './mlkem768.ts';
import { cacophony, hybrid } from './noise.ts';
import { djb, ecdsaP256, ed25519, speccheck } from './signatures.ts';
import { spiffe, spiffeBundles } from './spiffe.ts';
import type { Suite } from './vector.ts';
import { x25519 } from './x25519.ts';

export const SUITES: readonly Suite[] = [
  aesGcm,
  hmac,
  hkdf,
  x25519,
  mlkem768,
  ed25519,
  speccheck,
  djb,
  ecdsaP256,
  cacophony,
  hybrid,
  frost,
  cocktail,
  inclusion,
  consistency,
  eventLogs,
  spiffe,
  spiffeBundles,
];
