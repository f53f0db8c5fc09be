/** Attacks from the network on a channel between two honest ends: a record is altered, or sent again, on its way. */
import { type Attacker, PATIENCE_MS, type Target } from './attacker.ts';

const TAG_BYTES = 16;

/** One bit of the next record's ciphertext is turned over. */
export async function alterRecord(attacker: Attacker, target: Target): Promise<unknown> {
  const session = await attacker.approach(target);
  const { newest } = attacker.line;
  if (newest) newest.bend = turnLastBit;
  return session.request('node.ping', null, { timeoutMs: PATIENCE_MS });
}

/** A record that the victim has answered comes a second time; it got through if the channel goes on. */
export async function replayRecord(attacker: Attacker, target: Target): Promise<unknown> {
  const session = await attacker.approach(target);
  await session.request('node.ping', null, { timeoutMs: PATIENCE_MS });
  await attacker.line.newest?.repeat();
  return session.request('node.ping', null, { timeoutMs: PATIENCE_MS });
}

/** The last byte before the tag is ciphertext. */
export function turnLastBit(record: Uint8Array): Uint8Array {
  const altered = record.slice();
  altered[altered.length - TAG_BYTES - 1] ^= 1;
  return altered;
}
