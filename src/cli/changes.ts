/**
 * Changes of the authority in an operator's words. What flows through here: the kind and the options of `ooto authority
 * propose` become the change that they stand for; an option that is missing, or belongs to another kind, is refused, so
 * that nobody approves less than was meant.
 */
import type { Change } from '../authority/action.ts';
import type { Founder } from '../authority/genesis.ts';
import { OotoError } from '../base/errors.ts';
import { unhex } from '../base/hex.ts';
import { readFounder } from './set-up-commands.ts';

/** Options of `ooto authority propose` that belong to a kind. */
export interface ChangeOptions {
  text?: string;
  id?: string;
  key?: string;
  reason?: string;
  epoch?: string;
  threshold?: string;
  /** Files that `ooto authority init --json` printed. */
  founder?: string[];
  lost?: string;
  bundle?: string;
  overlap?: string;
  /** Names of members that are left. */
  members?: string[];
  since?: string;
}

const HOUR_MS = 3_600_000;

type OptionName = keyof ChangeOptions;
type Words = Required<ChangeOptions>;

interface Form {
  options: readonly OptionName[];
  change(words: Words): Change | Promise<Change>;
}

const RESCUE: Form = {
  options: ['bundle', 'members', 'threshold', 'since', 'overlap'],
  change: ({ bundle, members, threshold, since, overlap }) => ({
    kind: 'rescue',
    parameters: {
      version: count('bundle', bundle),
      members,
      threshold: count('threshold', threshold),
      since: moment('since', since),
      overlapMs: count('overlap', overlap) * HOUR_MS,
    },
  }),
};

/** Kinds that members perform; a kind that is not here cannot be proposed. */
const FORMS: Readonly<Record<string, Form>> = {
  note: { options: ['text'], change: ({ text }) => ({ kind: 'note', parameters: { text } }) },
  'revoke-node': {
    options: ['id', 'reason'],
    change: ({ id, reason }) => ({ kind: 'revoke-node', parameters: { id, reason } }),
  },
  'revoke-key': {
    options: ['key', 'reason'],
    change: ({ key, reason }) => ({ kind: 'revoke-key', parameters: { key: readDigest(key), reason } }),
  },
  refresh: {
    options: ['epoch'],
    change: ({ epoch }) => ({ kind: 'refresh', parameters: { epoch: count('epoch', epoch) } }),
  },
  reshare: {
    options: ['epoch', 'threshold', 'founder'],
    change: async ({ epoch, threshold, founder }) => ({
      kind: 'reshare',
      parameters: {
        epoch: count('epoch', epoch),
        threshold: count('threshold', threshold),
        members: await Promise.all(founder.map(readFounderFile)),
      },
    }),
  },
  repair: {
    options: ['epoch', 'lost'],
    change: ({ epoch, lost }) => ({
      kind: 'repair',
      parameters: { epoch: count('epoch', epoch), member: lost },
    }),
  },
  rotate: {
    options: ['bundle', 'overlap'],
    change: ({ bundle, overlap }) => ({
      kind: 'rotate',
      parameters: { version: count('bundle', bundle), overlapMs: count('overlap', overlap) * HOUR_MS },
    }),
  },
  rescue: RESCUE,
};

export const PROPOSABLE = Object.keys(FORMS);

/** @throws OOTO_CLI_USAGE (caller). */
export async function readChange(kind: string, given: ChangeOptions): Promise<Change> {
  const form = Object.hasOwn(FORMS, kind) ? FORMS[kind] : undefined;
  if (!form) throw misused(`no action is called ${kind}`, `actions: ${PROPOSABLE.join(', ')}`);
  const names = (Object.keys(given) as OptionName[]).filter((name) => given[name] !== undefined);
  for (const name of form.options)
    if (!names.includes(name)) throw misused(`${kind} needs --${name}`, `it takes ${listed(form)}`);
  for (const name of names)
    if (!form.options.includes(name)) throw misused(`${kind} has no --${name}`, `it takes ${listed(form)}`);
  return form.change(given as Words);
}

/** 32 bytes as hexadecimal digits. @throws OOTO_CLI_USAGE (caller). */
function readDigest(text: string): Uint8Array {
  if (/^[0-9a-f]{64}$/.test(text)) return unhex(text);
  throw misused('a key is named by its SHA-256, 64 hexadecimal digits');
}

async function readFounderFile(file: string): Promise<Founder> {
  return (await readFounder(file)).founder;
}

function count(name: OptionName, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw misused(`--${name} is a whole number`);
}

/** Milliseconds since 1970. */
function moment(name: OptionName, text: string): number {
  const time = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isSafeInteger(time) && time >= 0) return time;
  throw misused(`--${name} is a time such as 2026-01-31T12:00:00Z`);
}

function listed({ options }: Form): string {
  return options.map((name) => `--${name}`).join(', ');
}

function misused(message: string, hint?: string): OotoError {
  return new OotoError('OOTO_CLI_USAGE', 'caller', message, hint === undefined ? {} : { hint });
}
