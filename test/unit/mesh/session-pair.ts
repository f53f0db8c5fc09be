/** Two sessions over a connection in memory, and what their nodes were told. */
import type { OotoError } from '../../../src/base/errors.ts';
import { Channel, type ChannelOptions } from '../../../src/channel/channel.ts';
import { SignatureVerifier } from '../../../src/channel/signature-verifier.ts';
import type { CborValue } from '../../../src/envelope/cbor.ts';
import type { SessionAttestation } from '../../../src/mesh/attestation.ts';
import { Session, type SessionHandlers } from '../../../src/mesh/session.ts';
import { testCrypto } from '../../support/crypto.ts';
import { ManualClock, settled } from '../../support/manual-clock.ts';
import { MemoryConnection } from '../../support/memory-transport.ts';
import { MESH_ID, makeParty, type Party, seededRandom, verifierOf } from '../../support/network.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';

export type Answer = (operation: string, body: CborValue) => Promise<CborValue>;

export interface Side {
  session: Session;
  party: Party;
  connection: MemoryConnection;
  logger: RecordingLogger;
  ready: boolean;
  ended: OotoError[];
  answer: Answer;
}

export interface PairOptions {
  attestation?: (side: 'initiator' | 'responder') => SessionAttestation | undefined;
  channel?: Partial<ChannelOptions>;
}

export class SessionPair {
  readonly crypto = testCrypto(seededRandom('sessions'));
  readonly clock = new ManualClock();
  readonly initiator: Side;
  readonly responder: Side;

  constructor(options: PairOptions = {}) {
    const [alice, bob] = [makeParty(this.crypto, 'alice'), makeParty(this.crypto, 'bob')];
    const [left, right] = MemoryConnection.pair('alice:1', 'bob:1');
    const verifier = verifierOf(alice, bob);
    this.initiator = this.#side('initiator', alice, left, { ...options, verifier, expectedId: bob.own.id });
    this.responder = this.#side('responder', bob, right, { ...options, verifier });
  }

  static async established(options: PairOptions = {}): Promise<SessionPair> {
    const pair = new SessionPair(options);
    await settled();
    return pair;
  }

  /** The initiator's raw channel, for what no session would send. */
  rawSend(from: Side, message: Uint8Array): Promise<void> {
    from.session.channel.send(message);
    const moment = { wall: this.clock.now(), monotonic: this.clock.monotonic() };
    return from.connection.write(from.session.channel.flush(moment));
  }

  #side(
    role: 'initiator' | 'responder',
    party: Party,
    connection: MemoryConnection,
    options: PairOptions & Pick<ChannelOptions, 'verifier'> & { expectedId?: string },
  ): Side {
    const { crypto, clock } = this;
    const { verifier, expectedId } = options;
    const side = {
      party,
      connection,
      logger: new RecordingLogger(),
      ready: false,
      ended: [],
    } as unknown as Side;
    side.answer = async (_, body) => body;
    const handlers: SessionHandlers = {
      authenticated: () => options.attestation?.(role),
      ready: () => {
        side.ready = true;
      },
      answer: (_, operation, body) => side.answer(operation, body),
      ended: (_, reason) => side.ended.push(reason),
    };
    const channel = new Channel({
      ...{ crypto, role, meshId: MESH_ID, own: party.own, verifier, expectedId },
      ...options.channel,
    });
    side.session = new Session({
      ...{ meshId: MESH_ID, connection, channel, clock, logger: side.logger, handlers },
      verifier: new SignatureVerifier(crypto, queueMicrotask),
    });
    return side;
  }
}

/** Fails the test process when a promise is left rejected: what a peer sends must never end a node. */
export function watchUnhandled(): { readonly reasons: unknown[]; stop(): void } {
  const reasons: unknown[] = [];
  const note = (reason: unknown) => reasons.push(reason);
  process.on('unhandledRejection', note);
  return { reasons, stop: () => process.off('unhandledRejection', note) };
}
