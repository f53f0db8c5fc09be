/**
 * SHA-256 with a choice of engine. What flows through here: one message goes to the core below the crossover and
 * to the platform's hardware from there on; of many messages the short ones share the core's four lanes and the
 * long ones go to the hardware one by one.
 */
import { concat } from '../base/bytes.ts';
import { DIGEST_BYTES, requireRoom } from '../core/digest.ts';
import type { Core } from '../core/index.ts';
import type { Hardware } from '../ports.ts';
import { CROSSOVERS, usesHardware } from './crossover.ts';
import type { Crypto } from './crypto.ts';

interface Engines {
  core: Core;
  hardware: Hardware;
}

export function createSha256(engines: Engines): Pick<Crypto, 'sha256' | 'sha256Many' | 'sha256ManyInto'> {
  const { core, hardware } = engines;
  return {
    sha256: (message, engine) =>
      usesHardware(hardware.sha256 !== undefined, engine, message.length, CROSSOVERS.sha256)
        ? hardware.sha256!(message)
        : core.sha256.hash(message),
    sha256Many: (messages) => hashMany(engines, messages),
    sha256ManyInto: (messages, digests) => hashManyInto(engines, messages, digests),
  };
}

/** The digests of `messages`, each behind the byte `prefix` where one is given. */
export function hashMany(
  { core, hardware }: Engines,
  messages: readonly Uint8Array[],
  prefix?: number,
): Uint8Array[] {
  const crossover = prefix === undefined ? CROSSOVERS.sha256Many : CROSSOVERS.sha256Leaf;
  if (!someAreLong(hardware, messages, crossover)) return core.sha256.many(messages, prefix);
  const before = prefix === undefined ? undefined : Uint8Array.of(prefix);
  const isShort = ({ length }: Uint8Array) => length < crossover;
  const short = core.sha256.many(messages.filter(isShort), prefix);
  let next = 0;
  return messages.map((message) =>
    isShort(message) ? short[next++] : hardware.sha256!(before ? concat(before, message) : message),
  );
}

/** The digests one after the other. @throws OOTO_CORE_DIGEST (caller) unless `row` has 32 bytes for each. */
function hashManyInto({ core, hardware }: Engines, messages: readonly Uint8Array[], row: Uint8Array): void {
  const crossover = CROSSOVERS.sha256Many;
  if (!hardware.sha256Into || !someAreLong(hardware, messages, crossover)) {
    core.sha256.manyInto(messages, row);
    return;
  }
  requireRoom(row, messages.length);
  const short = core.sha256.many(messages.filter(({ length }) => length < crossover));
  let next = 0;
  for (let i = 0; i < messages.length; i++) {
    if (messages[i].length < crossover) row.set(short[next++], i * DIGEST_BYTES);
    else hardware.sha256Into(messages[i], row, i * DIGEST_BYTES);
  }
}

/** Lays digests one after the other. @throws OOTO_CORE_DIGEST (caller) unless `row` has 32 bytes for each. */
export function writeRow(digests: readonly Uint8Array[], row: Uint8Array): void {
  requireRoom(row, digests.length);
  for (let i = 0; i < digests.length; i++) row.set(digests[i], i * DIGEST_BYTES);
}

/** Whether the hardware is there and one of the messages is worth its call. */
export function someAreLong(
  hardware: Hardware,
  messages: readonly Uint8Array[],
  crossover: number = CROSSOVERS.sha256Leaf,
): boolean {
  return hardware.sha256 !== undefined && messages.some(({ length }) => length >= crossover);
}
