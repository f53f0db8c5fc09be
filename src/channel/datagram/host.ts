/**
 * All datagram channels behind one socket, as a machine without I/O. What flows through here: each datagram goes to
 * the channel whose index it names, or to the doorstep; strangers get a share of each turn and no more; handshakes that
 * are not finished are bounded in number and bytes, the oldest giving way; what the channels want sent is collected, and so are the channels in which something
 * happened. A peer that begins anew takes the place of its session before.
 */
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { CredentialKind, CredentialVerifier, OwnCredential } from '../credential.ts';
import type { NonceAudit } from '../epoch.ts';
import type { ExportRequest } from '../exporter.ts';
import type { Moment } from '../limits.ts';
import { badOptions, DEFAULT_EXPORTS } from '../options.ts';
import { MESH_ID_BYTES } from '../preamble.ts';
import { type Berth, DatagramChannel } from './channel.ts';
import type { DatagramChannelOptions } from './channel-options.ts';
import { Doorstep } from './doorstep.ts';
import {
  type DatagramLimits,
  DEFAULT_DATAGRAM_LIMITS,
  LEAST_SENT_DATAGRAM_BYTES,
  MOST_MESSAGE_BYTES,
} from './limits.ts';
import {
  DATAGRAM,
  encodeCookie,
  HELLO_BYTES,
  LEAST_DATAGRAM_BYTES,
  MOST_DATAGRAM_BYTES,
  PIECE_OVERHEAD_BYTES,
  readFirst,
  readHello,
  receiverOf,
  typeOf,
} from './packet.ts';

export interface DatagramHostOptions {
  readonly crypto: Crypto;
  /** 32 bytes. */
  readonly meshId: Uint8Array;
  /** What this node shows now; asked for at every handshake. */
  readonly own: () => OwnCredential;
  readonly verifier: CredentialVerifier;
  /** Kinds of peers to talk to; members alone unless said. */
  readonly accept?: readonly CredentialKind[];
  /** Whether strangers may begin a handshake; yes unless said. */
  readonly listens?: boolean;
  readonly limits?: Partial<DatagramLimits>;
  readonly exports?: readonly ExportRequest[];
  /** Whether the owner takes signature jobs and settles them. */
  readonly defersSignatures?: boolean;
  readonly onNonce?: NonceAudit;
}

export interface OutgoingDatagram {
  readonly bytes: Uint8Array;
  readonly to: string;
}

export const MOST_HALF_OPEN = 1_024;
/** What handshakes that are not finished may hold of the peers' pieces, all together. */
export const MOST_HELD_BYTES = 8 * 2 ** 20;
/**
 * What strangers get of one turn of the event loop: so many cookies, and one first message worked on. A turn is short
 * where nothing else is to do, so that little is refused; where peers keep the node busy they come first.
 */
export const MOST_COOKIES_A_TURN = 8;
const NEVER = Number.POSITIVE_INFINITY;

export class DatagramHost {
  readonly #options: DatagramHostOptions;
  readonly #limits: DatagramLimits;
  readonly #doorstep: Doorstep;
  readonly #berth: Berth;
  readonly #channels = new Set<DatagramChannel>();
  readonly #byIndex = new Map<number, DatagramChannel>();
  /** By address and the initiator's index, in the order of their beginning. */
  readonly #halfOpen = new Map<string, DatagramChannel>();
  /** Peers that dialled, by id, and what is known of such channels. */
  readonly #guests = new Map<string, DatagramChannel>();
  readonly #names = new Map<DatagramChannel, { halfOpen: string; id?: string }>();
  /** Since the last turn. */
  readonly #touched = new Set<DatagramChannel>();
  /** Whose first message is whole and waits for its turn, in order. */
  readonly #knocking = new Set<DatagramChannel>();
  #cookies = 0;
  #output: OutgoingDatagram[] = [];
  #accepted: DatagramChannel[] = [];
  /** Nothing is due before; may be early. */
  #soonest = NEVER;
  #refused = 0;

  /** @throws OOTO_CHANNEL_OPTIONS (caller) for limits or a mesh id out of range. */
  constructor(options: DatagramHostOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_DATAGRAM_LIMITS, ...options.limits };
    requireSound(options, this.#limits);
    this.#doorstep = new Doorstep(options.crypto, options.meshId);
    this.#berth = {
      bind: (channel) => this.#bind(channel),
      free: (index) => this.#byIndex.delete(index),
      send: (bytes, to) => this.#output.push({ bytes, to }),
    };
  }

  get status() {
    return {
      ...this.#doorstep.status,
      channels: this.#channels.size,
      halfOpen: this.#halfOpen.size,
      heldBytes: this.#heldBytes,
      indexes: this.#byIndex.size,
      /** Datagrams that belong to no channel and are no beginning of one. */
      refused: this.#refused,
    };
  }

  /**
   * Begins a channel.
   * @throws OOTO_CHANNEL_OPTIONS (caller) without the id of whom is dialled, unless this node enrols.
   */
  dial(address: string, expectedId: string | undefined, now: Moment): DatagramChannel {
    if (expectedId === undefined && this.#options.own().kind !== 'enrol')
      throw badOptions('an initiator must say whom it dials');
    const options = this.#channelOptions('initiator', expectedId);
    const channel = DatagramChannel.dialled(options, this.#berth, address, now);
    this.#channels.add(channel);
    this.#touch(channel);
    return channel;
  }

  /**
   * Takes one datagram, whose bytes are the host's from now on; {@link turn} follows when all at hand were taken. Never
   * throws for what a peer did.
   */
  receive(datagram: Uint8Array, from: string, now: Moment): void {
    const { length } = datagram;
    if (length < LEAST_DATAGRAM_BYTES || length > MOST_DATAGRAM_BYTES) return void this.#refuse();
    const index = receiverOf(datagram);
    if (index === 0) return void this.#meet(datagram, from, now);
    const channel = this.#byIndex.get(index);
    if (!channel) return void this.#refuse();
    channel.receive(datagram, from, now);
    this.#touch(channel);
  }

  /** The channel has something to send, or was asked for something. */
  touch(channel: DatagramChannel): void {
    this.#touch(channel);
  }

  /** Whether {@link serveStrangers} has work for another turn. */
  get hasKnocking(): boolean {
    return this.#knocking.size > 0;
  }

  /** Call it once in a turn of the event loop, before {@link turn}: one first message is worked on. */
  serveStrangers(now: Moment): void {
    this.#cookies = 0;
    for (const channel of this.#knocking) {
      this.#knocking.delete(channel);
      if (!channel.awaitsAnswer) continue;
      channel.answer(now);
      this.#touch(channel);
      return;
    }
  }

  /** All that was at hand is taken: signatures are checked or given out, and what waits is sealed. */
  turn(now: Moment): void {
    if (this.#halfOpen.size > 0) this.#holdBound(now);
    for (const channel of this.#touched) {
      channel.finishTurn(now);
      channel.flush(now);
      this.#look(channel, now);
    }
  }

  /** Channels in which something happened since the last call. */
  takeTouched(): DatagramChannel[] {
    const touched = [...this.#touched];
    this.#touched.clear();
    return touched;
  }

  /** Channels that peers began, once they are established. */
  takeAccepted(): DatagramChannel[] {
    const accepted = this.#accepted;
    this.#accepted = [];
    return accepted;
  }

  /** For the wire, in order. */
  takeOutput(): OutgoingDatagram[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  /** Monotonic milliseconds at which {@link tick} is next needed; perhaps too early; infinite when never. */
  deadline(): number {
    return this.#soonest;
  }

  /** Does what is due; {@link turn} follows. */
  tick(now: Moment): void {
    if (now.monotonic < this.#soonest) return;
    this.#soonest = NEVER;
    for (const channel of this.#channels) {
      if (channel.deadline() <= now.monotonic) {
        channel.tick(now);
        this.#touch(channel);
      }
      this.#expect(channel);
    }
  }

  /** Ends all channels. */
  close(now: Moment): void {
    for (const channel of this.#channels) {
      channel.close(now);
      this.#touch(channel);
    }
  }

  get #heldBytes(): number {
    let bytes = 0;
    for (const channel of this.#halfOpen.values()) bytes += channel.heldBytes;
    return bytes;
  }

  #refuse(): void {
    this.#refused++;
  }

  #meet(datagram: Uint8Array, from: string, now: Moment): void {
    const type = typeOf(datagram);
    const { length } = datagram;
    if (this.#options.listens === false) return void this.#refuse();
    if (type === DATAGRAM.hello && length === HELLO_BYTES) this.#greet(datagram, from, now.monotonic);
    else if (type === DATAGRAM.first && length > PIECE_OVERHEAD_BYTES.first) this.#admit(datagram, from, now);
    else this.#refuse();
  }

  /** No state, no Diffie-Hellman, no KEM: one MAC. */
  #greet(datagram: Uint8Array, from: string, now: number): void {
    const { sender, preamble } = readHello(datagram);
    if (sender === 0 || !this.#doorstep.isOurs(preamble)) return void this.#refuse();
    if (this.#cookies >= MOST_COOKIES_A_TURN) return void this.#refuse();
    this.#cookies++;
    this.#output.push({ bytes: encodeCookie(sender, this.#doorstep.cookieFor(from, now)), to: from });
  }

  #admit(datagram: Uint8Array, from: string, now: Moment): void {
    const { sender, preamble, piece } = readFirst(datagram);
    if (sender === 0 || !this.#doorstep.isOurs(preamble)) return void this.#refuse();
    if (!this.#doorstep.knows(from, preamble, now.monotonic)) return void this.#refuse();
    const name = `${from}/${sender}`;
    const channel = this.#halfOpen.get(name) ?? this.#accept(name, { sender, preamble }, from, now);
    if (!channel) return void this.#refuse();
    channel.receiveFirst({ sender, preamble }, piece, now);
    if (channel.awaitsAnswer) this.#knocking.add(channel);
    this.#touch(channel);
  }

  #accept(
    name: string,
    introduction: { sender: number; preamble: Uint8Array },
    from: string,
    now: Moment,
  ): DatagramChannel | undefined {
    if (this.#guests.size >= this.#limits.guests) return undefined;
    if (!this.#doorstep.admits(from, now.monotonic)) return undefined;
    const options = this.#channelOptions('responder', undefined);
    const channel = DatagramChannel.accepted(options, this.#berth, from, introduction, now);
    this.#channels.add(channel);
    this.#halfOpen.set(name, channel);
    this.#names.set(channel, { halfOpen: name });
    return channel;
  }

  #holdBound(now: Moment): void {
    while (this.#halfOpen.size > MOST_HALF_OPEN || this.#heldBytes > MOST_HELD_BYTES) {
      const [[name, oldest]] = this.#halfOpen;
      this.#halfOpen.delete(name);
      oldest.fail(
        new OotoError('OOTO_CHANNEL_HALF_OPEN', 'peer', 'too many newer handshakes are half open', {
          hint: 'the node is under load; dial again',
        }),
        now,
      );
      this.#touch(oldest);
    }
  }

  #touch(channel: DatagramChannel): void {
    this.#touched.add(channel);
    this.#expect(channel);
  }

  #expect(channel: DatagramChannel): void {
    this.#soonest = Math.min(this.#soonest, channel.deadline());
  }

  /** What became of a channel. */
  #look(channel: DatagramChannel, now: Moment): void {
    this.#expect(channel);
    if (channel.role === 'responder') this.#lookAtGuest(channel, now);
    if (channel.state === 'closed') this.#channels.delete(channel);
  }

  #lookAtGuest(channel: DatagramChannel, now: Moment): void {
    const names = this.#names.get(channel);
    if (channel.state === 'handshake' || !names) return;
    if (this.#halfOpen.get(names.halfOpen) === channel) this.#halfOpen.delete(names.halfOpen);
    if (channel.state === 'established' && names.id === undefined) this.#welcome(channel, now);
    if (channel.state !== 'closed') return;
    this.#names.delete(channel);
    if (names.id !== undefined && this.#guests.get(names.id) === channel) this.#guests.delete(names.id);
  }

  #welcome(channel: DatagramChannel, now: Moment): void {
    const { id } = channel.peer!.identity;
    const before = this.#guests.get(id);
    this.#guests.set(id, channel);
    this.#names.set(channel, { ...this.#names.get(channel)!, id });
    this.#accepted.push(channel);
    if (!before) return;
    before.fail(new OotoError('OOTO_CHANNEL_REPLACED', 'peer', `${id} began a new session`), now);
    this.#touched.add(before);
  }

  #bind(channel: DatagramChannel): number {
    const { random } = this.#options.crypto;
    for (;;) {
      const index = receiverOf(random.bytes(4));
      if (index === 0 || this.#byIndex.has(index)) continue;
      this.#byIndex.set(index, channel);
      return index;
    }
  }

  #channelOptions(role: 'initiator' | 'responder', expectedId: string | undefined): DatagramChannelOptions {
    const {
      accept = ['member'],
      exports = DEFAULT_EXPORTS,
      defersSignatures = false,
      onNonce,
    } = this.#options;
    const { crypto, meshId, own, verifier } = this.#options;
    const limits = this.#limits;
    return {
      crypto,
      role,
      meshId,
      own,
      verifier,
      expectedId,
      accept,
      limits,
      exports,
      defersSignatures,
      onNonce,
    };
  }
}

function requireSound(
  { meshId }: DatagramHostOptions,
  { datagramBytes, messageBytes }: DatagramLimits,
): void {
  if (meshId.length !== MESH_ID_BYTES) throw badOptions('a mesh id has 32 bytes');
  if (datagramBytes < LEAST_SENT_DATAGRAM_BYTES || datagramBytes > MOST_DATAGRAM_BYTES)
    throw badOptions(`a datagram has ${LEAST_SENT_DATAGRAM_BYTES} to ${MOST_DATAGRAM_BYTES} bytes`);
  if (messageBytes > MOST_MESSAGE_BYTES)
    throw badOptions(`a message has at most ${MOST_MESSAGE_BYTES} bytes`);
}
