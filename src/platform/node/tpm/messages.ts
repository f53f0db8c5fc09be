/**
 * What a node and the TPM's agent say to each other, beyond bytes and numbers. What flows through here: registers, keys and
 * sealed secrets go into messages, and are taken out of them with their limits.
 */
import type { SealedSecret, TpmKey } from '../../../ports.ts';
import { type Message, misfit, takeBytes } from '../agent-messages.ts';
import { REGISTERS, UNIQUE_BYTES } from './templates.ts';

const MAX_PUBLIC_AREA_BYTES = 1024;

/** Registers, ascending; none only where `least` is 0. */
export function takeRegisters(message: Message, name: string, least = 1): number[] {
  const value = message[name];
  const ascend =
    Array.isArray(value) &&
    value.length >= least &&
    value.every((i, at) => Number.isInteger(i) && i >= 0 && i < REGISTERS && (at === 0 || i > value[at - 1]));
  if (ascend) return value;
  throw misfit(`${name} are not registers in ascending order`);
}

export function takeKey(message: Message, name: string): TpmKey {
  const value = message[name];
  if (typeof value !== 'object' || value === null) throw misfit(`${name} is no key`);
  const key = value as Message;
  return {
    publicArea: takeBytes(key, 'publicArea', MAX_PUBLIC_AREA_BYTES, 64),
    unique: takeBytes(key, 'unique', UNIQUE_BYTES, UNIQUE_BYTES),
    registers: takeRegisters(key, 'registers', 0),
  };
}

export function takeSealed(message: Message, name: string): SealedSecret {
  const value = message[name];
  if (typeof value !== 'object' || value === null) throw misfit(`${name} is no sealed secret`);
  const sealed = value as Message;
  return {
    parent: takeBytes(sealed, 'parent', MAX_PUBLIC_AREA_BYTES),
    publicArea: takeBytes(sealed, 'publicArea', MAX_PUBLIC_AREA_BYTES),
    privateArea: takeBytes(sealed, 'privateArea', MAX_PUBLIC_AREA_BYTES),
    registers: takeRegisters(sealed, 'registers'),
  };
}

export function sealedMessage({ parent, publicArea, privateArea, registers }: SealedSecret): Message {
  return { parent, publicArea, privateArea, registers: [...registers] };
}

export function keyMessage({ publicArea, unique, registers }: TpmKey): Message {
  return { publicArea, unique, registers: [...registers] };
}
