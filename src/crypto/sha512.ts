/**
 * SHA-512 with a choice of engine. What flows through here: short messages go to the core, long ones to the
 * platform's hardware from the measured crossover on.
 */
import type { Core } from '../core/index.ts';
import type { Hardware } from '../ports.ts';
import { CROSSOVERS, usesHardware } from './crossover.ts';
import type { Crypto } from './crypto.ts';

export function createSha512({ core, hardware }: { core: Core; hardware: Hardware }): Crypto['sha512'] {
  return (message) =>
    usesHardware(hardware.sha512 !== undefined, 'auto', message.length, CROSSOVERS.sha512)
      ? hardware.sha512!(message)
      : core.sha512.hash(message);
}
