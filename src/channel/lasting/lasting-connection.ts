/**
 * A connection that outlives the connections under it. What flows through here: a link writes records and reads bytes
 * as on any other; what it wrote is kept until the peer has it. When the connection below ends, the link waits while
 * another one is dialled, or comes in by {@link Resumptions}; then the stream goes on where it stopped. Reading and
 * changing over happen in one place, {@link LastingConnection.incoming}, so that no byte of an old connection can be
 * taken for one of the new.
 */
import { isOotoError, OotoError } from '../../base/errors.ts';
import type { Clock, Connection } from '../../ports.ts';
import { BackOff, type BackOffLimits, isMendable } from './back-off.ts';
import { Bell, Carrier } from './carrier.ts';
import type { KeptMemory } from './kept-memory.ts';
import { Migration, type MigrationOptions } from './migration.ts';
import { Opening } from './opening.ts';
import {
  MAX_RESUMPTION_BYTES,
  RESUMPTION_MS,
  type Resume,
  type ResumptionAnswer,
  type ResumptionAttempt,
} from './resumption.ts';
import type { Resumptions } from './resumptions.ts';
import { Retained } from './retained.ts';

const KIB = 1024;

export interface LastingLimits {
  /** Beyond so many bytes that the peer does not have yet, a writer waits; more than 1 MiB, or it waits for no reason. */
  waitBytes: number;
  /** Beyond so many they are let go: the channel ends with its connection, until the peer has what was let go. */
  mostBytes: number;
  /** The same as `waitBytes` while the peer has not said whether it lasts ... */
  undecidedBytes: number;
  /** ... for which a writer waits so long; then nothing is kept any more. */
  undecidedMs: number;
  /** Between looks at whether anything authentic came; three in vain, and the connection is given up. */
  lookMs: number;
  /** A peer that ends so many connections in a row without an answer does not know the session any more. */
  refusals: number;
  backOff: Partial<BackOffLimits>;
}

export const DEFAULT_LASTING: Readonly<LastingLimits> = {
  waitBytes: 4 * KIB * KIB,
  // One message of the longest, and what a writer does not wait for.
  mostBytes: 20 * KIB * KIB,
  undecidedBytes: KIB * KIB,
  undecidedMs: 5_000,
  lookMs: 10_000,
  refusals: 8,
  backOff: { firstMs: 250, ceilingMs: 5_000 },
};

const LOOKS_IN_VAIN = 3;
/** So long a connection is read after this side has ended the channel, for the peer to take the end and do the same. */
const LINGER_MS = 5_000;

export interface LastingOptions extends Omit<MigrationOptions, 'retained'> {
  /** The first one, on which the handshake goes. */
  readonly connection: Connection;
  readonly clock: Clock;
  /** Where the peer can be dialled; without, its next connection is waited for. */
  readonly dial?: ((signal: AbortSignal) => Promise<Connection>) | undefined;
  /** Where the peer's next connection comes in, if it can. */
  readonly resumptions?: Resumptions | undefined;
  readonly limits?: Partial<LastingLimits> | undefined;
  /** Bounds what all sessions that share it keep together. */
  readonly memory?: KeptMemory | undefined;
  /** Told when a connection is lost, and when another carries the channel on. */
  readonly onChange?: (change: 'parted' | 'resumed') => void;
}

/** A connection that is about to take over. */
interface Next {
  readonly by: ResumptionAttempt | ResumptionAnswer;
  /** Records that the peer has. */
  readonly received: number;
  readonly connection: Connection;
  /** What goes out first. */
  readonly confirmation?: Uint8Array;
}

export class LastingConnection implements Connection {
  readonly incoming: AsyncIterable<Uint8Array>;
  readonly #options: LastingOptions;
  readonly #limits: LastingLimits;
  readonly #migration: Migration;
  readonly #retained: Retained;
  readonly #backOff: BackOff;
  readonly #bell = new Bell();
  readonly #room = new Bell();
  readonly #ended = new AbortController();
  #carrier: Carrier | undefined;
  #next: Next | undefined;
  #attempting: Opening | undefined;
  #redialling = false;
  #cancelLook = () => {};
  #cancelPatience: (() => void) | undefined;
  #registeredEpoch = -1;
  /** Nothing is kept any more, whatever the peer says: the session ends with its connection. */
  #isGivenUp = false;

  constructor(options: LastingOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LASTING, ...options.limits };
    const { crypto, memory } = options;
    const { mostBytes } = this.#limits;
    const spent = (bytes: Uint8Array) => crypto.giveBack(bytes);
    this.#retained = new Retained({ mostBytes, memory, spent });
    this.#migration = new Migration({ ...options, retained: this.#retained });
    this.#backOff = new BackOff(options.crypto.random, this.#limits.backOff);
    this.#carrier = new Carrier(options.connection);
    this.incoming = this.#read();
    this.#look(0, 0);
  }

  get remoteAddress(): string {
    return (this.#carrier?.connection ?? this.#options.connection).remoteAddress;
  }

  get localAddress(): string | undefined {
    return this.#carrier?.connection.localAddress;
  }

  /** Memory that is held for the peer. */
  get keptBytes(): number {
    return this.#retained.bytes;
  }

  /** Resolves when more may be written: while the peer lacks little of what was. Rejects when nothing carries it on. */
  async write(bytes: Uint8Array, onTaken?: () => void): Promise<void> {
    if (this.#ended.signal.aborted) throw closed();
    const taken = this.#keeps ? this.#retained.push(bytes) : onTaken;
    const carrier = this.#carrier;
    await carrier?.connection.write(bytes, taken).catch(() => this.#lose(carrier));
    if (!this.#hasRoom) this.#expectDecision();
    while (!this.#hasRoom) await this.#room.rung();
  }

  /**
   * Where this side has ended the channel, the connection goes when the peer has: what the peer says meanwhile, of what it
   * has, would reset a connection that nobody reads, and what is still on its way to the peer with it.
   */
  close(): void {
    const { channel } = this.#options;
    const carrier = this.#carrier;
    if (carrier && channel.isLasting && channel.hasEndedHere && !this.#ended.signal.aborted) {
      this.#carrier = undefined;
      this.#linger(carrier);
    }
    this.#end();
  }

  /** Lets go of the connection and resumes over another, for example because this machine's network has changed. */
  move(): void {
    if (this.#carrier && this.#isPossible) this.#lose(this.#carrier);
  }

  /**
   * A peer resumes this session over a connection that came in.
   * @throws OOTO_CHANNEL_RESUMPTION, OOTO_CHANNEL_TRUNCATED, OOTO_CHANNEL_FRAME (peer): the session goes on as it was.
   */
  async take(resume: Resume, epoch: number, opening: Opening): Promise<void> {
    this.#requirePossible();
    using answer = this.#migration.answer(resume, epoch);
    await opening.connection.write(answer.frame);
    answer.requireConfirmed(await opening.frame(MAX_RESUMPTION_BYTES));
    this.#requirePossible();
    this.#offer({ by: answer, received: resume.received, connection: opening.handOn() });
  }

  #linger(carrier: Carrier): void {
    const cancel = this.#options.clock.after(LINGER_MS, () => carrier.connection.close());
    const read = () => {
      carrier.take();
      if (!carrier.isOver) carrier.ask(read);
      else {
        cancel();
        carrier.connection.close();
      }
    };
    read();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    while (!this.#ended.signal.aborted) {
      this.#settle();
      this.#changeOver();
      const chunk = this.#carrier?.take();
      if (chunk) yield chunk;
      else if (this.#carrier?.isOver) this.#lose(this.#carrier);
      else {
        this.#carrier?.ask(() => this.#bell.ring());
        await this.#bell.rung();
      }
    }
  }

  /** A session may end while somebody resumes it: nobody would read, or close, what is handed over then. */
  #requirePossible(): void {
    if (this.#ended.signal.aborted || !this.#isPossible)
      throw new OotoError('OOTO_CHANNEL_RESUMPTION', 'peer', 'nothing to resume');
  }

  /** Whether the peer may ask for what is written; until its first record nobody knows. */
  get #keeps(): boolean {
    return !this.#isGivenUp && this.#options.channel.peerLasts !== false;
  }

  get #isPossible(): boolean {
    return !this.#isGivenUp && this.#migration.isPossible;
  }

  get #hasRoom(): boolean {
    const { channel } = this.#options;
    if (this.#ended.signal.aborted || channel.state === 'closed') return true;
    if (this.#carrier === undefined) return false;
    const { waitBytes, undecidedBytes } = this.#limits;
    return !this.#keeps || this.#retained.bytes <= (channel.isLasting ? waitBytes : undecidedBytes);
  }

  /** A writer waits for the peer's first record, but not for ever. */
  #expectDecision(): void {
    const { clock, channel } = this.#options;
    if (channel.peerLasts !== undefined) return;
    this.#cancelPatience ??= clock.after(this.#limits.undecidedMs, () => {
      if (channel.peerLasts === undefined) this.#giveUp();
    });
  }

  #giveUp(): void {
    this.#isGivenUp = true;
    this.#retained.letGo();
    this.#options.resumptions?.remove(this);
    this.#room.ring();
  }

  /** What came was taken: what the peer has is let go, and whoever waits to write is told. */
  #settle(): void {
    this.#migration.settle();
    if (!this.#keeps && !this.#isGivenUp) this.#giveUp();
    if (this.#hasRoom) this.#room.ring();
    const { resumptions, channel } = this.#options;
    if (!resumptions || !this.#isPossible) return;
    const { epoch } = channel.status;
    if (epoch === this.#registeredEpoch) return;
    this.#registeredEpoch = epoch;
    resumptions.register(this, this.#migration.locator(epoch), epoch);
  }

  /** The connection is of no more use. */
  #lose(carrier: Carrier): void {
    if (this.#carrier !== carrier) return;
    carrier.connection.close();
    this.#carrier = undefined;
    if (!this.#isPossible) {
      this.#end();
      return;
    }
    this.#options.onChange?.('parted');
    this.#bell.ring();
    void this.#redial();
  }

  #offer(next: Next): void {
    this.#next?.connection.close();
    this.#next = next;
    this.#bell.ring();
  }

  #changeOver(): void {
    const next = this.#next;
    if (!next) return;
    this.#next = undefined;
    try {
      const missing = this.#migration.switchTo(next.by, next.received);
      this.#carrier?.connection.close();
      if (this.#attempting && this.#attempting.connection !== next.connection) this.#attempting.close();
      this.#carrier = new Carrier(next.connection);
      this.#sendAgain(this.#carrier, next.confirmation ? [next.confirmation, ...missing] : missing);
      this.#options.onChange?.('resumed');
      if (this.#hasRoom) this.#room.ring();
    } catch (error) {
      next.connection.close();
      if (isOotoError(error) && error.fault === 'environment') this.#end(error);
      else if (!this.#carrier) void this.#redial();
    }
  }

  #sendAgain(carrier: Carrier, frames: readonly Uint8Array[]): void {
    for (const frame of frames) carrier.connection.write(frame).catch(() => this.#lose(carrier));
  }

  /** Dials until something carries the channel on, or nothing can. */
  async #redial(): Promise<void> {
    const { dial } = this.#options;
    if (!dial || this.#redialling) return;
    this.#redialling = true;
    for (let refusals = 0; !this.#carrier && !this.#next && !this.#ended.signal.aborted; ) {
      await this.#pause(this.#backOff.next());
      if (this.#carrier || this.#next || !this.#isPossible) break;
      try {
        await this.#attempt(dial);
      } catch (error) {
        if (isOotoError(error, 'OOTO_CHANNEL_TRUNCATED')) refusals++;
        if (refusals >= this.#limits.refusals || !isMendable(error)) this.#end(asOotoError(error));
      }
    }
    this.#redialling = false;
  }

  async #attempt(dial: NonNullable<LastingOptions['dial']>): Promise<void> {
    const { clock } = this.#options;
    const connection = await dial(this.#ended.signal);
    const opening = new Opening(connection, clock, RESUMPTION_MS);
    if (this.#carrier || this.#next || !this.#isPossible) return opening.close();
    using attempt = this.#migration.begin();
    this.#attempting = opening;
    try {
      await connection.write(attempt.frame);
      const { received, confirmation } = attempt.complete(await opening.frame(MAX_RESUMPTION_BYTES));
      this.#offer({ by: attempt, received, connection: opening.handOn(), confirmation });
    } catch (error) {
      opening.close();
      throw error;
    } finally {
      this.#attempting = undefined;
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#ended;
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, () => done());
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** A connection of which nothing authentic comes is of no use, whatever else it brings. */
  #look(received: number, inVain: number): void {
    this.#cancelLook = this.#options.clock.after(this.#limits.lookMs, () => {
      const { recordsReceived } = this.#options.channel.status;
      const isInVain = this.#carrier !== undefined && recordsReceived === received;
      const looks = isInVain && this.#isPossible ? inVain + 1 : 0;
      if (looks >= LOOKS_IN_VAIN && this.#carrier) this.#lose(this.#carrier);
      this.#look(recordsReceived, looks >= LOOKS_IN_VAIN ? 0 : looks);
    });
  }

  #end(error?: OotoError): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    if (error) this.#options.channel.fail(error);
    this.#cancelLook();
    this.#cancelPatience?.();
    this.#options.resumptions?.remove(this);
    for (const connection of [this.#carrier?.connection, this.#next?.connection, this.#attempting])
      connection?.close();
    this.#retained.letGo();
    this.#room.ring();
    this.#bell.ring();
  }
}

function closed(): OotoError {
  return new OotoError('OOTO_TRANSPORT_CLOSED', 'environment', 'nothing carries the channel any more');
}

function asOotoError(cause: unknown): OotoError {
  if (isOotoError(cause)) return cause;
  return new OotoError('OOTO_CHANNEL_INTERNAL', 'local', 'resuming failed unexpectedly', { cause });
}
