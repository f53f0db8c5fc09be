/**
 * Two ends of a link that outlives its connections, in memory. What flows through here: every dial makes a pair of
 * connections and gives one to the other side's door; a test cuts a wire at a byte, makes it deaf, or takes an end.
 */
import { utf8, utf8Decode } from '../../src/base/bytes.ts';
import { OotoError } from '../../src/base/errors.ts';
import { Channel, type ChannelOptions } from '../../src/channel/channel.ts';
import type { LastingLimits } from '../../src/channel/lasting/lasting-connection.ts';
import { type LastingLink, openLastingLink } from '../../src/channel/lasting/lasting-link.ts';
import { Resumptions } from '../../src/channel/lasting/resumptions.ts';
import { Link, type LinkOptions } from '../../src/channel/link.ts';
import { SignatureVerifier } from '../../src/channel/signature-verifier.ts';
import type { Connection } from '../../src/ports.ts';
import { testCrypto } from './crypto.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryConnection } from './memory-transport.ts';
import { MESH_ID, makeParty, type Side, seededRandom, verifierOf } from './network.ts';

export const SIDES = ['initiator', 'responder'] as const;
export const otherSide = (side: Side): Side => (side === 'initiator' ? 'responder' : 'initiator');

export interface LastingPairOptions {
  seed?: string;
  /** Sides that dial when the connection is lost; the initiator unless said. */
  dials?: readonly Side[];
  limits?: Partial<LastingLimits>;
  channel?: Partial<ChannelOptions>;
  /** A side that keeps nothing. */
  plain?: Side;
  /** Told of every new wire, the end of whoever dialled first. */
  onWire?: (wire: Wire, index: number) => void;
}

/** A pair of connections by the side whose end it is. */
export type Wire = Record<Side, MemoryConnection>;

export class LastingPair {
  readonly crypto;
  readonly clock = new ManualClock();
  readonly wires: Wire[] = [];
  readonly heard: Record<Side, string[]> = { initiator: [], responder: [] };
  readonly said: Record<Side, string[]> = { initiator: [], responder: [] };
  readonly changes: Record<Side, string[]> = { initiator: [], responder: [] };
  readonly ended: Partial<Record<Side, string>> = {};
  readonly doors: Record<Side, Resumptions>;
  readonly ends: Record<Side, LastingLink>;
  /** While true, dials fail. */
  isDark = false;
  readonly #options: LastingPairOptions;

  constructor(options: LastingPairOptions = {}) {
    this.#options = options;
    this.crypto = testCrypto(seededRandom(options.seed ?? 'lasting'));
    const parties = { initiator: makeParty(this.crypto, 'alice'), responder: makeParty(this.crypto, 'bob') };
    this.doors = {
      initiator: new Resumptions(this.clock, MESH_ID),
      responder: new Resumptions(this.clock, MESH_ID),
    };
    const wire = this.#wire('initiator');
    const verifier = new SignatureVerifier(this.crypto, queueMicrotask);
    const open = (side: Side) => {
      const dials = (options.dials ?? ['initiator']).includes(side);
      const channel: ChannelOptions = {
        crypto: this.crypto,
        meshId: MESH_ID,
        verifier: verifierOf(parties.initiator, parties.responder),
        defersSignatures: true,
        role: side,
        own: parties[side].own,
        ...(side === 'initiator' ? { expectedId: parties.responder.own.id } : {}),
        ...options.channel,
      };
      const common = { connection: wire[side], clock: this.clock, verifier };
      const end =
        options.plain === side
          ? plainLink(channel, common)
          : openLastingLink({
              channel,
              ...common,
              resumptions: this.doors[side],
              ...(dials ? { dial: async () => this.dial(side) } : {}),
              ...(options.limits ? { limits: options.limits } : {}),
              onChange: (change) => void this.changes[side].push(change),
            });
      end.link.onMessage = (message) => void this.heard[side].push(utf8Decode(message));
      void end.link.closed.then((error) => {
        this.ended[side] = error?.code ?? 'clean';
      });
      return end;
    };
    const responder = open('responder');
    this.ends = { responder, initiator: open('initiator') };
  }

  static async established(options?: LastingPairOptions): Promise<LastingPair> {
    const pair = new LastingPair(options);
    await pair.clock.until(() => SIDES.every((side) => pair.ends[side].link.channel.isLasting), 5_000, 10);
    return pair;
  }

  get wire(): Wire {
    return this.wires[this.wires.length - 1];
  }

  say(side: Side, text: string): void {
    this.said[side].push(text);
    this.ends[side].link.send(utf8(text));
  }

  /** Everything that was said is heard, once and in order, and both ends stand. */
  isWhole(): boolean {
    return SIDES.every((side) => {
      const [said, heard] = [this.said[otherSide(side)], this.heard[side]];
      return heard.length === said.length && heard.every((text, i) => text === said[i]);
    });
  }

  dial(from: Side): Connection {
    if (this.isDark) throw new OotoError('OOTO_TRANSPORT_UNREACHABLE', 'environment', 'it is dark');
    const wire = this.#wire(from);
    void this.knock(otherSide(from), wire[otherSide(from)]);
    return wire[from];
  }

  /** A connection comes in at a side's door. */
  async knock(side: Side, connection: Connection): Promise<void> {
    const other = await this.doors[side].sift(connection).catch(() => undefined);
    other?.close();
  }

  close(): void {
    for (const side of SIDES) this.ends[side].link.close();
  }

  #wire(from: Side): Wire {
    const [near, far] = MemoryConnection.pair();
    const wire = (
      from === 'initiator' ? { initiator: near, responder: far } : { initiator: far, responder: near }
    ) as Wire;
    this.wires.push(wire);
    this.#options.onWire?.(wire, this.wires.length - 1);
    return wire;
  }
}

function plainLink(channel: ChannelOptions, options: Omit<LinkOptions, 'channel'>): LastingLink {
  return { link: new Link({ ...options, channel: new Channel(channel) }), connection: undefined as never };
}

/** Lets so many bytes through, and cuts the wire in the midst of what comes then. */
export function cutAfter(connection: MemoryConnection, bytes: number): void {
  const write = connection.write.bind(connection);
  let left = bytes;
  connection.write = async (chunk) => {
    if (chunk.length <= left) {
      left -= chunk.length;
      return write(chunk);
    }
    const last = write(chunk.subarray(0, left)).catch(() => {});
    left = -1;
    connection.close();
    await last;
    throw new OotoError('OOTO_TRANSPORT_CLOSED', 'environment', 'the wire is cut');
  };
}

/** Nothing gets through any more, and nobody is told. */
export function deafen(wire: Wire): void {
  for (const side of SIDES) wire[side].write = async () => {};
}
