/**
 * `ooto attack`. What flows through here: the attacker of a folder makes the attacks it is told to, one after the
 * other, each over a connection of its own; for each it says from which address it came, what it saw of the
 * victim, and whether it got through. Whether it was refused is for the victim's own log to say.
 */

import { readNodeId } from '../../authority/certification.ts';
import { isOotoError, OotoError } from '../../base/errors.ts';
import type { Attack } from './attack.ts';
import { Attacker, type Target } from './attacker.ts';
import { CATALOGUE } from './catalogue.ts';

export interface Attempt {
  name: string;
  /** Who was attacked (SPIFFE id), and from which address, in order; none when the attacker reached nobody. */
  connections: { victim: string; from: string }[];
  /** Whether the attacker got what it wanted. */
  through: boolean;
  /** What the attacker saw of its end: a code, else the error's words. */
  seen: string | null;
}

export interface AttackReport {
  schema: 'ooto.attack/1';
  attempts: Attempt[];
}

export interface AttackOptions {
  folder: string;
  names: readonly string[];
  /** `<SPIFFE id>=<address>` each. */
  targets: readonly string[];
  signal: AbortSignal;
}

/** @throws OOTO_CLI_USAGE (caller) for an attack or a target that is none, and what joining throws. */
export async function runAttacks({ folder, names, targets, signal }: AttackOptions): Promise<AttackReport> {
  const attacks = names.map(attackNamed);
  const victims = targets.map(readTarget);
  const attacker = await Attacker.open(folder, signal);
  try {
    const attempts: Attempt[] = [];
    for (const attack of attacks) attempts.push(await attempt(attacker, attack, victims));
    return { schema: 'ooto.attack/1', attempts };
  } finally {
    await attacker.close();
  }
}

async function attempt(attacker: Attacker, attack: Attack, victims: readonly Target[]): Promise<Attempt> {
  attacker.line.forget();
  const outcome = await attack.run(attacker, victimOf(attack, victims)).then(
    () => ({ through: true, seen: null }),
    (error: unknown) => ({ through: false, seen: isOotoError(error) ? error.code : String(error) }),
  );
  const { dialled, newest } = attacker.line;
  const connections = dialled.flatMap(({ dialled: to, localAddress: from }) => {
    const victim = victims.find(({ address }) => address === to)?.id;
    return victim && from ? [{ victim, from }] : [];
  });
  newest?.close();
  return { name: attack.name, connections, ...outcome };
}

function attackNamed(name: string): Attack {
  const attack = CATALOGUE.find((candidate) => candidate.name === name);
  if (attack) return attack;
  throw new OotoError('OOTO_CLI_USAGE', 'caller', `there is no attack called ${name}`, {
    hint: `there are ${CATALOGUE.map((known) => known.name).join(', ')}`,
  });
}

/** The first target of the role that the attack is meant for. */
function victimOf({ name, victim }: Attack, victims: readonly Target[]): Target {
  const target = victims.find(({ id }) => readNodeId(id).role === victim);
  if (target) return target;
  throw new OotoError('OOTO_CLI_USAGE', 'caller', `${name} attacks a ${victim}, and no target is one`);
}

function readTarget(text: string): Target {
  const [id, address, ...more] = text.split('=');
  if (address === undefined || more.length > 0)
    throw new OotoError('OOTO_CLI_USAGE', 'caller', 'a target is written <SPIFFE id>=<address>');
  readNodeId(id);
  return { id, address };
}
