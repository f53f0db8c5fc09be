/**
 * Two channels and the wire between them, in memory, with a seed. What flows through here: a party has keys, a
 * delegation and a verifier that accepts exactly the parties it is told of; a link moves bytes from one channel
 * to the other, cut in pieces if wanted, and lets a test change them on the way.
 */
import { createHash } from 'node:crypto';
import { readU32be, utf8, utf8Decode } from '../../src/base/bytes.ts';
import { OotoError } from '../../src/base/errors.ts';
import { Channel, type ChannelEvent, type ChannelOptions } from '../../src/channel/channel.ts';
import type { CredentialKind, CredentialVerifier, OwnCredential } from '../../src/channel/credential.ts';
import { type Delegation, delegationMessage, encodeDelegation } from '../../src/channel/delegation.ts';
import type { Moment } from '../../src/channel/limits.ts';
import type { Crypto, RecordFrame } from '../../src/crypto/crypto.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import type { Random } from '../../src/ports.ts';
import { testCrypto } from './crypto.ts';

/** Repeatable bytes: SHA-256 of seed and counter. Never two equal draws. */
export function seededRandom(seed: string): Random {
  let counter = 0;
  return {
    bytes(length) {
      const parts: Buffer[] = [];
      for (let size = 0; size < length; size += 32)
        parts.push(createHash('sha256').update(`${seed}/${counter++}`).digest());
      return new Uint8Array(Buffer.concat(parts).subarray(0, length));
    },
  };
}

export const START: Moment = { wall: 1_800_000_000_000, monotonic: 1_000 };

export function later(moment: Moment, ms: number): Moment {
  return { wall: moment.wall + ms, monotonic: moment.monotonic + ms };
}

export interface Party {
  readonly name: string;
  readonly identity: Ed25519SigningKey;
  readonly own: OwnCredential;
  readonly subject: Uint8Array;
  readonly delegation: Delegation;
}

export interface PartyOptions {
  kind?: CredentialKind;
  /** Members of the delegation to replace before it is signed. */
  delegation?: Partial<Delegation>;
}

export const MESH_ID = new Uint8Array(32).fill(0x4d);

/** A party whose credential is its name, and whose delegation is good unless told otherwise. */
export function makeParty(crypto: Crypto, name: string, options: PartyOptions = {}): Party {
  const identity = Ed25519SigningKey.generate(crypto);
  const messageKey = Ed25519SigningKey.generate(crypto);
  const noiseStatic = crypto.random.bytes(32);
  const id = `spiffe://test/node/${name}`;
  const subject = crypto.sha256(utf8(id));
  const delegation: Delegation = {
    meshId: MESH_ID,
    subject,
    messageKey: messageKey.publicKey,
    noiseStatic: crypto.x25519.publicKey(noiseStatic),
    notBefore: START.wall - 60_000,
    notAfter: START.wall + 3_600_000,
    ...options.delegation,
  };
  const own: OwnCredential = {
    kind: options.kind ?? 'member',
    id,
    credential: utf8(name),
    delegation: encodeDelegation(delegation, identity.sign(delegationMessage(delegation))),
    noiseStatic,
    messageKey,
  };
  return { name, identity, own, subject, delegation };
}

/** Accepts the credentials of these parties. */
export function verifierOf(...parties: readonly Party[]): CredentialVerifier {
  return (presented) => {
    const party = parties.find(({ name }) => name === utf8Decode(presented.credential));
    if (!party) throw new OotoError('OOTO_TEST_UNKNOWN_PARTY', 'peer', 'nobody knows this party');
    return {
      id: party.own.id,
      kind: party.own.kind,
      identityKey: { algorithm: 'ed25519', bytes: party.identity.publicKey },
      subject: party.subject,
      notAfter: START.wall + 48 * 3_600_000,
    };
  };
}

/** The frames that bytes of the wire consist of, length prefixes included. */
export function framesOf(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += frames[frames.length - 1].length)
    frames.push(bytes.subarray(at, at + 4 + readU32be(bytes, at)));
  return frames;
}

/** Lets a test change the records of a peer that has the keys: a liar inside the channel. */
export function rogueCrypto(crypto: Crypto, change: (record: RecordFrame) => RecordFrame[]): Crypto {
  return {
    ...crypto,
    recordCipher(key) {
      const cipher = crypto.recordCipher(key);
      return { ...cipher, seal: (records) => cipher.seal(records.flatMap(change)) };
    },
  };
}

/** Limits of sides that are silent while they have nothing to say, and bear it. */
export const WITHOUT_LIFE_SIGNS = {
  keepAliveMs: Number.POSITIVE_INFINITY,
  silenceMs: Number.POSITIVE_INFINITY,
};

export interface PairOptions {
  seed?: string;
  /** Changes to either side's options. */
  initiator?: Partial<ChannelOptions>;
  responder?: Partial<ChannelOptions>;
  both?: Partial<ChannelOptions>;
  parties?: (crypto: Crypto) => { alice: Party; bob: Party };
}

export type Side = 'initiator' | 'responder';

/** May change, drop or multiply what a side sends. */
export type Tamper = (bytes: Uint8Array, from: Side) => readonly Uint8Array[];

/** Two channels and what they said. The clock moves only by {@link Pair.advance}. */
export class Pair {
  readonly crypto: Crypto;
  readonly alice: Party;
  readonly bob: Party;
  readonly initiator: Channel;
  readonly responder: Channel;
  readonly events: Record<Side, ChannelEvent[]> = { initiator: [], responder: [] };
  now: Moment = START;
  tamper: Tamper = (bytes) => [bytes];

  constructor(options: PairOptions = {}) {
    this.crypto = testCrypto(seededRandom(options.seed ?? 'pair'));
    const parties = options.parties?.(this.crypto) ?? {
      alice: makeParty(this.crypto, 'alice'),
      bob: makeParty(this.crypto, 'bob'),
    };
    this.alice = parties.alice;
    this.bob = parties.bob;
    const common = {
      crypto: this.crypto,
      meshId: MESH_ID,
      verifier: verifierOf(this.alice, this.bob),
      ...options.both,
    };
    this.initiator = new Channel({
      ...common,
      role: 'initiator',
      own: this.alice.own,
      expectedId: this.bob.own.id,
      ...options.initiator,
    });
    this.responder = new Channel({ ...common, role: 'responder', own: this.bob.own, ...options.responder });
  }

  /** Both sides of an established channel. */
  static established(options: PairOptions = {}): Pair {
    const pair = new Pair(options);
    pair.start();
    pair.run();
    return pair;
  }

  start(): void {
    this.initiator.start(this.now);
    this.responder.start(this.now);
  }

  /** Moves bytes until nobody has any left. */
  run(): void {
    for (let turns = 0; turns < 1000; turns++) {
      const moved = this.move('initiator') + this.move('responder');
      if (moved === 0) return;
    }
    throw new Error('the channels never fall silent');
  }

  /** Moves what one side has to say; returns the number of bytes. */
  move(from: Side): number {
    const bytes = this[from].flush(this.now);
    this.collect(from);
    if (bytes.length === 0) return 0;
    for (const part of this.tamper(bytes, from)) this.inject(from, part);
    return bytes.length;
  }

  /** Gives bytes to the other side as if `from` had sent them. */
  inject(from: Side, bytes: Uint8Array): void {
    const to = from === 'initiator' ? 'responder' : 'initiator';
    if (this[to].state !== 'closed') this[to].receive(bytes, this.now);
    this.collect(to);
  }

  /** Moves the clock and ticks both sides. */
  advance(ms: number): void {
    this.now = later(this.now, ms);
    for (const side of ['initiator', 'responder'] as const) {
      this[side].tick(this.now);
      this.collect(side);
    }
  }

  /** Messages that a side received since the last call. */
  takeMessages(side: Side): Uint8Array[] {
    const messages = this.events[side].flatMap((event) => (event.type === 'message' ? [event.message] : []));
    this.events[side] = this.events[side].filter((event) => event.type !== 'message');
    return messages;
  }

  /** Code of the error that closed a side, `clean` for an agreed end, undefined while it is open. */
  closedBy(side: Side): string | undefined {
    const closed = this.events[side].find((event) => event.type === 'closed');
    if (!closed) return undefined;
    return closed.type === 'closed' && closed.error ? closed.error.code : 'clean';
  }

  /** Takes up what happened at a side. */
  collect(side: Side): void {
    this.events[side].push(...this[side].takeEvents());
  }
}
