/**
 * Two hosts of datagram channels and the network between them, in virtual time and with a seed. What flows through
 * here: every datagram takes its time, is lost, doubled or overtaken by chance; both hosts are woken when they ask for
 * it. The same seed gives the same run.
 */
import type { DatagramChannel } from '../../src/channel/datagram/channel.ts';
import type { DatagramEvent } from '../../src/channel/datagram/channel-options.ts';
import {
  DatagramHost,
  type DatagramHostOptions,
  type OutgoingDatagram,
} from '../../src/channel/datagram/host.ts';
import { delegationMessage, encodeDelegation } from '../../src/channel/delegation.ts';
import type { Moment } from '../../src/channel/limits.ts';
import type { Crypto } from '../../src/crypto/crypto.ts';
import { Ed25519SigningKey } from '../../src/envelope/keys.ts';
import { testCrypto } from './crypto.ts';
import {
  later,
  MESH_ID,
  makeParty,
  type Party,
  type Side,
  START,
  seededRandom,
  verifierOf,
} from './network.ts';
import { mulberry32 } from './weather.ts';

export interface DatagramFaults {
  lose?: number;
  double?: number;
  /** Least and greatest time on the way: what is longer on the way is overtaken. */
  delayMs?: readonly [number, number];
}

export interface DatagramPairOptions {
  seed?: string;
  faults?: DatagramFaults;
  crypto?: Crypto;
  both?: Partial<DatagramHostOptions>;
  initiator?: Partial<DatagramHostOptions>;
  responder?: Partial<DatagramHostOptions>;
  parties?: (crypto: Crypto) => { alice: Party; bob: Party };
}

export const ADDRESS: Record<Side, string> = { initiator: '192.0.2.1:1111', responder: '192.0.2.2:2222' };
const SIDES = ['initiator', 'responder'] as const;

/** The party with a delegation to a new message key, from now on. */
export function withNextDelegation(crypto: Crypto, party: Party, now: Moment, lifeMs: number): Party {
  const messageKey = Ed25519SigningKey.generate(crypto);
  const delegation = {
    ...party.delegation,
    messageKey: messageKey.publicKey,
    notBefore: Math.floor(now.wall),
    notAfter: Math.floor(now.wall) + lifeMs,
  };
  const encoded = encodeDelegation(delegation, party.identity.sign(delegationMessage(delegation)));
  return { ...party, delegation, own: { ...party.own, delegation: encoded, messageKey } };
}

/** Alice dials bob. */
export class DatagramPair {
  readonly crypto: Crypto;
  alice: Party;
  bob: Party;
  readonly hosts: Record<Side, DatagramHost>;
  readonly events: Record<Side, DatagramEvent[]> = { initiator: [], responder: [] };
  readonly sent: Record<Side, Uint8Array[]> = { initiator: [], responder: [] };
  /** The newest channel of each side. */
  initiator!: DatagramChannel;
  responder!: DatagramChannel;
  now: Moment = START;
  faults: DatagramFaults;
  /** May change, drop or multiply what a side sends. */
  tamper: (datagram: OutgoingDatagram, from: Side) => readonly OutgoingDatagram[] = (datagram) => [datagram];
  /** Where a side's datagrams come from. */
  readonly from: Record<Side, string> = { ...ADDRESS };
  keepsSent = false;
  readonly #chance: () => number;
  #flying: { at: number; order: number; to: Side; bytes: Uint8Array; from: string }[] = [];
  #order = 0;

  constructor(options: DatagramPairOptions = {}) {
    const seed = options.seed ?? 'datagrams';
    this.crypto = options.crypto ?? testCrypto(seededRandom(seed));
    this.faults = options.faults ?? {};
    this.#chance = mulberry32(
      [...seed].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), 7),
    );
    const parties = options.parties?.(this.crypto) ?? {
      alice: makeParty(this.crypto, 'alice'),
      bob: makeParty(this.crypto, 'bob'),
    };
    this.alice = parties.alice;
    this.bob = parties.bob;
    const common = {
      ...{ crypto: this.crypto, meshId: MESH_ID, verifier: verifierOf(this.alice, this.bob) },
      ...options.both,
    };
    this.hosts = {
      initiator: new DatagramHost({ ...common, own: () => this.alice.own, ...options.initiator }),
      responder: new DatagramHost({ ...common, own: () => this.bob.own, ...options.responder }),
    };
  }

  static established(options: DatagramPairOptions = {}): DatagramPair {
    const pair = new DatagramPair(options);
    pair.dial();
    pair.until(
      () => pair.responder?.state === 'established' && pair.initiator.state === 'established',
      60_000,
    );
    return pair;
  }

  dial(expectedId = this.bob.own.id): DatagramChannel {
    this.initiator = this.hosts.initiator.dial(ADDRESS.responder, expectedId, this.now);
    this.turn('initiator');
    return this.initiator;
  }

  /** Lets a side seal what waits, and sends it. */
  turn(side: Side): void {
    const host = this.hosts[side];
    host.serveStrangers(this.now);
    host.turn(this.now);
    for (const channel of host.takeTouched()) this.events[side].push(...channel.takeEvents());
    for (const channel of host.takeAccepted()) {
      if (side === 'responder') this.responder = channel;
      this.events[side].push(...channel.takeEvents());
    }
    for (const datagram of host.takeOutput()) {
      if (this.keepsSent) this.sent[side].push(datagram.bytes.slice());
      for (const tampered of this.tamper(datagram, side)) this.#launch(tampered, side);
    }
  }

  send(side: Side, message: Uint8Array): void {
    this[side].send(message);
    this.hosts[side].touch(this[side]);
  }

  /** Gives bytes to a side as if they had come from `from`. */
  inject(
    to: Side,
    bytes: Uint8Array,
    from = this.from[to === 'initiator' ? 'responder' : 'initiator'],
  ): void {
    this.hosts[to].receive(bytes.slice(), from, this.now);
    this.turn(to);
  }

  /** Lets everything happen that does within `ms`. */
  run(ms: number): void {
    const end = this.now.monotonic + ms;
    for (const side of SIDES) this.turn(side);
    for (let next = this.#next(); next <= end; next = this.#next()) this.#step(next);
    this.now = later(this.now, end - this.now.monotonic);
  }

  until(condition: () => boolean, limitMs: number): void {
    const end = this.now.monotonic + limitMs;
    for (const side of SIDES) this.turn(side);
    while (!condition()) {
      const next = this.#next();
      if (next > end) throw new Error(`what was awaited did not come about within ${limitMs} ms`);
      this.#step(next);
    }
  }

  /** Messages that a side received since the last call. */
  takeMessages(side: Side): Uint8Array[] {
    const messages = this.events[side].flatMap((event) => (event.type === 'message' ? [event.message] : []));
    this.events[side] = this.events[side].filter((event) => event.type !== 'message');
    return messages;
  }

  /** Code of the error that closed the last channel of a side, `clean` for an agreed end. */
  closedBy(side: Side): string | undefined {
    const closed = this.events[side].findLast((event) => event.type === 'closed');
    if (closed?.type !== 'closed') return undefined;
    return closed.error ? closed.error.code : 'clean';
  }

  #launch({ bytes, to }: OutgoingDatagram, from: Side): void {
    const { lose = 0, double = 0, delayMs = [10, 10] } = this.faults;
    const side =
      to === this.from.initiator ? 'initiator' : to === this.from.responder ? 'responder' : undefined;
    if (!side || this.#chance() < lose) return;
    const copies = this.#chance() < double ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const at = this.now.monotonic + delayMs[0] + this.#chance() * (delayMs[1] - delayMs[0]);
      this.#flying.push({ at, order: this.#order++, to: side, bytes: bytes.slice(), from: this.from[from] });
    }
  }

  #next(): number {
    const times = SIDES.map((side) => this.hosts[side].deadline());
    for (const { at } of this.#flying) times.push(at);
    return Math.max(this.now.monotonic, Math.min(...times));
  }

  #step(next: number): void {
    this.now = later(this.now, next - this.now.monotonic);
    const due = this.#flying.filter(({ at }) => at <= next).sort((a, b) => a.at - b.at || a.order - b.order);
    this.#flying = this.#flying.filter(({ at }) => at > next);
    for (const { to, bytes, from } of due) {
      this.hosts[to].receive(bytes, from, this.now);
      this.turn(to);
    }
    for (const side of SIDES) {
      this.hosts[side].tick(this.now);
      this.turn(side);
    }
  }
}
