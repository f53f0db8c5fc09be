/**
 * The committee: who holds shares of the group key, and how many of them must act together. What flows through
 * here: a list of members is checked once, when it is admitted; everything else in this room takes an admitted
 * committee and binds what it says to the committee's digest.
 */
import { concat, equal, lengthPrefixed, u16be, u32be, utf8, utf8Decode } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { LABELS } from './labels.ts';

export interface CommitteeMember {
  /** FROST identifier, 1 to 65535; kept for life, also when others leave. */
  readonly identifier: number;
  /** The name that the authenticated channel gives, for example a SPIFFE id. */
  readonly name: string;
  /** Static key for key generation alone: an element of the group (32 bytes). */
  readonly publicKey: Uint8Array;
}

export interface Committee {
  /** Rises by one with every change of members or shares; members sign in the newest alone. */
  readonly epoch: number;
  /** How many members must sign; more than half of all. */
  readonly threshold: number;
  /** In rising order of identifier. */
  readonly members: readonly CommitteeMember[];
}

export const MAX_MEMBERS = 64;
const MAX_NAME_BYTES = 512;
const KEY_BYTES = 32;

/**
 * Checks a committee: t of n with 2 <= t <= n and 2t > n, members in order, nobody twice, no identifier zero.
 * @throws OOTO_THRESHOLD_COMMITTEE (caller) naming what is wrong.
 */
export function admitCommittee(crypto: Crypto, committee: Committee): Committee {
  const { epoch, threshold, members } = committee;
  const require = (holds: boolean, otherwise: string) => {
    if (!holds) throw new OotoError('OOTO_THRESHOLD_COMMITTEE', 'caller', `no committee: ${otherwise}`);
  };
  require(isWithin(epoch, 0, 0xffffffff), `epoch ${epoch}`);
  require(members.length <= MAX_MEMBERS, `${members.length} members, at most ${MAX_MEMBERS} may be`);
  require(isWithin(threshold, 2, members.length), `threshold ${threshold} of ${members.length}`);
  require(2 * threshold >
    members.length, `threshold ${threshold} is not more than half of ${members.length}`);
  let before = 0;
  for (const { identifier, name, publicKey } of members) {
    require(isWithin(identifier, 1, 0xffff), `identifier ${identifier}`);
    require(identifier > before, `identifier ${identifier} after ${before}`);
    require(isWithin(utf8(name).length, 1, MAX_NAME_BYTES), `a name of ${utf8(name).length} bytes`);
    crypto.edwards25519.admitElement(publicKey);
    before = identifier;
  }
  require(new Set(members.map((m) => m.name)).size === members.length, 'a name stands twice');
  require(new Set(members.map((m) => hex(m.publicKey))).size === members.length, 'a key stands twice');
  return committee;
}

/** The member of this name. @throws OOTO_THRESHOLD_MEMBER (peer) when there is none. */
export function memberNamed(committee: Committee, name: string): CommitteeMember {
  const member = committee.members.find((candidate) => candidate.name === name);
  if (!member) throw new OotoError('OOTO_THRESHOLD_MEMBER', 'peer', `${name} is not of the committee`);
  return member;
}

/** All members but this one. */
export function othersThan(committee: Committee, name: string): CommitteeMember[] {
  return committee.members.filter((member) => member.name !== name);
}

/** Canonical bytes of a committee. */
export function encodeCommittee({ epoch, threshold, members }: Committee): Uint8Array {
  return concat(
    LABELS.committee,
    u32be(epoch),
    u16be(threshold),
    u16be(members.length),
    ...members.flatMap((m) => [u16be(m.identifier), lengthPrefixed(utf8(m.name)), m.publicKey]),
  );
}

/** Reads a committee that stands inside a longer message; the caller admits it. */
export function readCommittee(reader: ByteReader): Committee {
  requireLabel(reader, LABELS.committee);
  const epoch = reader.u32();
  const threshold = reader.u16();
  const count = reader.u16();
  if (count > MAX_MEMBERS)
    throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `a committee of ${count} members`);
  const members = Array.from({ length: count }, () => ({
    identifier: reader.u16(),
    name: utf8Decode(reader.prefixed(MAX_NAME_BYTES)),
    publicKey: reader.bytes(KEY_BYTES),
  }));
  return { epoch, threshold, members };
}

/** Takes a label off a message. @throws OOTO_THRESHOLD_ENCODING (peer) when another stands there. */
export function requireLabel(reader: ByteReader, label: Uint8Array): void {
  if (!equal(reader.bytes(label.length), label))
    throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', 'these bytes are of another kind');
}

/** SHA-256 of the canonical bytes. */
export function committeeDigest(crypto: Crypto, committee: Committee): Uint8Array {
  return crypto.sha256(encodeCommittee(committee));
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
