/**
 * Handshake patterns as data (Noise revision 34, sections 7 and 18, and the deferred patterns of appendix 18.1).
 * What flows through here: a name such as `XXpsk3` or `NNhfs+psk0`; its base row is read from the table, then
 * each modifier in turn edits the token lists.
 */
import { OotoError } from '../base/errors.ts';

export type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'psk' | 'e1' | 'ekem1';

export interface HandshakePattern {
  readonly name: string;
  /** Whether the initiator's static key is known to the responder before the first message. */
  readonly initiatorKnown: boolean;
  /** Whether the responder's static key is known to the initiator before the first message. */
  readonly responderKnown: boolean;
  /** Messages alternate and begin with the initiator's. */
  readonly messages: readonly (readonly Token[])[];
  /** A pattern with one message: only the initiator may send after it. */
  readonly oneWay: boolean;
  readonly pskCount: number;
  readonly hybrid: boolean;
}

/** `i` and `r` before the bar: pre-messages `-> s` and `<- s`. Messages are separated by commas. */
const TABLE: Readonly<Record<string, string>> = {
  N: 'r | e es',
  K: 'ir | e es ss',
  X: 'r | e es s ss',
  NN: '| e, e ee',
  NK: 'r | e es, e ee',
  NX: '| e, e ee s es',
  KN: 'i | e, e ee se',
  KK: 'ir | e es ss, e ee se',
  KX: 'i | e, e ee se s es',
  XN: '| e, e ee, s se',
  XK: 'r | e es, e ee, s se',
  XX: '| e, e ee s es, s se',
  IN: '| e s, e ee se',
  IK: 'r | e es s ss, e ee se',
  IX: '| e s, e ee se s es',
  NK1: 'r | e, e ee es',
  NX1: '| e, e ee s, es',
  X1N: '| e, e ee, s, se',
  X1K: 'r | e es, e ee, s, se',
  XK1: 'r | e, e ee es, s se',
  X1K1: 'r | e, e ee es, s, se',
  X1X: '| e, e ee s es, s, se',
  XX1: '| e, e ee s, es s se',
  X1X1: '| e, e ee s, es s, se',
  K1N: 'i | e, e ee, se',
  K1K: 'ir | e es, e ee, se',
  KK1: 'ir | e, e ee se es',
  K1K1: 'ir | e, e ee es, se',
  K1X: 'i | e, e ee s es, se',
  KX1: 'i | e, e ee se s, es',
  K1X1: 'i | e, e ee s, se es',
  I1N: '| e s, e ee, se',
  I1K: 'r | e es s, e ee, se',
  IK1: 'r | e s, e ee se es',
  I1K1: 'r | e s, e ee es, se',
  I1X: '| e s, e ee s es, se',
  IX1: '| e s, e ee se s, es',
  I1X1: '| e s, e ee s, se es',
};

/** Names of the patterns without modifiers. */
export const BASE_PATTERNS: readonly string[] = Object.keys(TABLE);

const NAME = /^([NKXI]1?(?:[NKX]1?)?)((?:psk[0-9]|hfs)(?:\+(?:psk[0-9]|hfs))*)?$/;
const DH_TOKENS: readonly Token[] = ['ee', 'es', 'se', 'ss'];

/**
 * The pattern with this name, modifiers included.
 * @throws OOTO_NOISE_PATTERN (caller) for a name that the table and the modifiers do not give.
 */
export function handshakePattern(name: string): HandshakePattern {
  const match = NAME.exec(name);
  if (!match || !Object.hasOwn(TABLE, match[1])) throw unknown(name);
  const modifiers = match[2]?.split('+') ?? [];
  if (new Set(modifiers).size !== modifiers.length) throw unknown(name);
  const [known, rows] = TABLE[match[1]].split('|');
  const messages = rows.split(',').map((row) => row.trim().split(' ') as Token[]);
  for (const modifier of modifiers) applyModifier(messages, modifier, name);
  return {
    name,
    initiatorKnown: known.includes('i'),
    responderKnown: known.includes('r'),
    messages,
    oneWay: messages.length === 1,
    pskCount: modifiers.filter((modifier) => modifier.startsWith('psk')).length,
    hybrid: modifiers.includes('hfs'),
  };
}

function applyModifier(messages: Token[][], modifier: string, name: string): void {
  if (modifier === 'hfs') applyHybrid(messages, name);
  else applyPsk(messages, Number(modifier.slice(3)), name);
}

/** Section 9.4: `psk0` begins the first message, `pskN` ends message N. */
function applyPsk(messages: Token[][], position: number, name: string): void {
  if (position > messages.length) throw unknown(name);
  if (position === 0) messages[0].unshift('psk');
  else messages[position - 1].push('psk');
}

/**
 * Hybrid forward secrecy (noise_hfs_spec): `e1` follows the first `e`, or the first DH after it in that message,
 * so that the key travels encrypted where it can; `ekem1` follows the first `ee`.
 */
function applyHybrid(messages: Token[][], name: string): void {
  const agreeing = messages.find((message) => message.includes('ee'));
  if (!agreeing) throw unknown(name);
  const [first] = messages;
  const dh = first.findIndex((token) => DH_TOKENS.includes(token));
  first.splice((dh === -1 ? first.indexOf('e') : dh) + 1, 0, 'e1');
  agreeing.splice(agreeing.indexOf('ee') + 1, 0, 'ekem1');
}

function unknown(name: string): OotoError {
  return new OotoError('OOTO_NOISE_PATTERN', 'caller', `no handshake pattern is called ${name}`, {
    hint: 'patterns are named as in the Noise specification, for example XX, NNpsk0 or XXhfs',
  });
}
