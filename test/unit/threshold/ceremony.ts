/** Members in one process: what the machines of this room say is carried between them, and may be tampered with. */
import type { Crypto } from '../../../src/crypto/crypto.ts';
import {
  type Committee,
  type GeneratedKey,
  KeyGeneration,
  KeyGenerationKey,
  type Outgoing,
  type PendingKey,
  type ResharedKey,
  Resharing,
  type ResharingPlan,
  type SecretShare,
  SigningCoordinator,
  SigningMember,
} from '../../../src/threshold/index.ts';
import { testCrypto } from '../../support/crypto.ts';

export const crypto: Crypto = testCrypto();
export const SESSION = new Uint8Array(32).fill(7);

/** What happens to a message on its way; nothing means that it is lost. */
export type Tamper = (from: string, message: Outgoing) => Outgoing | undefined;

const seedOf = (identifier: number) => new Uint8Array(32).fill(identifier);

export function generationKeyOf(identifier: number): KeyGenerationKey {
  return KeyGenerationKey.fromSeed(crypto, seedOf(identifier));
}

export function committeeOf(threshold: number, count: number): Committee {
  const members = Array.from({ length: count }, (_, i) => ({
    identifier: i + 1,
    name: `member-${i + 1}`,
    publicKey: generationKeyOf(i + 1).publicKey,
  }));
  return { epoch: 1, threshold, members };
}

export function machinesOf(committee: Committee, deadline?: number): Map<string, KeyGeneration> {
  return new Map(
    committee.members.map(({ identifier, name }) => {
      const key = generationKeyOf(identifier);
      const options = { crypto, committee, session: SESSION, name, key };
      return [name, new KeyGeneration(deadline === undefined ? options : { ...options, deadline })];
    }),
  );
}

/** What all ceremonies of this room have in common. */
export interface Machine {
  start(): Outgoing[];
  receive(from: string, bytes: Uint8Array): Outgoing[];
}

/** Runs a ceremony to its end; errors of members are returned by name. */
export function generate(
  machines: ReadonlyMap<string, Machine>,
  tamper: Tamper = (_, m) => m,
): Map<string, Error> {
  const errors = new Map<string, Error>();
  const queue: { from: string; message: Outgoing }[] = [];
  const send = (from: string, messages: Outgoing[]) =>
    queue.push(...messages.map((message) => ({ from, message })));
  for (const [name, machine] of machines) send(name, machine.start());
  for (let next = queue.shift(); next; next = queue.shift()) {
    const message = tamper(next.from, next.message);
    const receiver = message && machines.get(message.to);
    if (!message || !receiver || errors.has(message.to)) continue;
    try {
      send(message.to, receiver.receive(next.from, message.bytes));
    } catch (error) {
      errors.set(message.to, error as Error);
    }
  }
  return errors;
}

const keys = new Map<string, Map<string, GeneratedKey>>();

/** The keys of an honest t-of-n run; the same for every test of a process. */
export function keysOf(threshold: number, count: number): Map<string, GeneratedKey> {
  const known = keys.get(`${threshold}/${count}`);
  if (known) return known;
  const machines = machinesOf(committeeOf(threshold, count));
  const errors = generate(machines);
  if (errors.size > 0) throw [...errors.values()][0];
  const made = new Map([...machines].map(([name, machine]) => [name, machine.result!]));
  keys.set(`${threshold}/${count}`, made);
  return made;
}

export function sharesOf(made: ReadonlyMap<string, PendingKey>): Map<string, SecretShare> {
  return new Map([...made].map(([name, { secretShare }]) => [name, secretShare]));
}

/** A member called `member-<identifier>` for each. */
export function committeeAt(epoch: number, threshold: number, identifiers: readonly number[]): Committee {
  const members = identifiers.map((identifier) => ({
    identifier,
    name: `member-${identifier}`,
    publicKey: generationKeyOf(identifier).publicKey,
  }));
  return { epoch, threshold, members };
}

/** One machine for each old and new member of the plan that has a part in it. */
export function resharingOf(
  plan: ResharingPlan,
  shares: ReadonlyMap<string, SecretShare>,
  options: { crypto?: Crypto; deadline?: number } = {},
): Map<string, Resharing> {
  const identifiers = new Set([...plan.dealers, ...plan.next.members.map((member) => member.identifier)]);
  return new Map(
    [...identifiers].map((identifier) => {
      const name = `member-${identifier}`;
      const secretShare = plan.dealers.includes(identifier) ? shares.get(name) : undefined;
      const key = generationKeyOf(identifier);
      return [name, new Resharing({ crypto, ...options, plan, name, key, secretShare })];
    }),
  );
}

/** The shares of an honest resharing. */
export function reshared(
  plan: ResharingPlan,
  shares: ReadonlyMap<string, SecretShare>,
): Map<string, ResharedKey> {
  const machines = resharingOf(plan, shares);
  for (const error of generate(machines).values()) throw error;
  return new Map(plan.next.members.map(({ name }) => [name, machines.get(name)!.reshared!]));
}

/** Members that have approved `message`; they share the secret shares of {@link keysOf}, so are not disposed of. */
export function approving(
  made: ReadonlyMap<string, PendingKey>,
  message: Uint8Array,
  session = SESSION,
): Map<string, SigningMember> {
  return new Map(
    [...made].map(([name, { publicPackage, secretShare }]) => {
      const member = new SigningMember({ crypto, publicPackage, secretShare });
      member.approve({ session, message, coordinator: 'coordinator' }, 0);
      return [name, member];
    }),
  );
}

export type Answer = (name: string, request: Uint8Array, answer: Uint8Array) => Uint8Array | undefined;

/** Carries requests and answers until nothing moves; the silent are passed over by the clock. */
export function runSigning(
  coordinator: SigningCoordinator,
  members: Map<string, SigningMember>,
  tamper: Answer = (_, __, answer) => answer,
): Uint8Array | undefined {
  let now = 0;
  let queue = coordinator.start(now);
  while (queue.length > 0) {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const answer = members.get(next.to)?.receive('coordinator', next.bytes, now);
      const sent = answer && tamper(next.to, next.bytes, answer);
      if (sent) queue.push(...coordinator.receive(next.to, sent, now));
    }
    if (coordinator.deadline === undefined) break;
    now = coordinator.deadline;
    queue = coordinator.tick(now);
  }
  return coordinator.signature;
}

export function coordinatorOf(
  made: ReadonlyMap<string, PendingKey>,
  message: Uint8Array,
  candidates?: string[],
): SigningCoordinator {
  const { publicPackage } = [...made.values()][0];
  const options = { crypto, publicPackage, session: SESSION, message };
  return new SigningCoordinator(candidates ? { ...options, candidates } : options);
}
