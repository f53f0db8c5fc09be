/**
 * Channels that others open. What flows through here: connections arrive and begin handshakes, as many as strangers may;
 * whoever has shown who it is becomes a channel, which answers requests from its first message on and is handed to
 * whoever iterates.
 */
import { OotoError } from '../../base/errors.ts';
import type { Connection, Listener } from '../../ports.ts';
import type { CookieGuard } from '../cookie.ts';
import type { Link } from '../link.ts';
import { StandingChannels } from '../standing-channels.ts';
import type { RequestHandler } from '../streams/requests.ts';
import type { SecureChannel } from '../streams/secure-channel.ts';

/** What stands half open: whoever is closed here has not shown who it is. */
export interface HalfOpen {
  close(reason: OotoError): void;
}

/** What strangers may take before they have shown who they are. */
export interface Admission {
  guardFor(remoteAddress: string, admitted: () => void): CookieGuard;
  opened(stranger: HalfOpen): void;
  admitted(stranger: HalfOpen): void;
  settled(stranger: HalfOpen): void;
}

export interface ChannelListenerOptions {
  readonly listener: Listener;
  readonly admission: Admission;
  /** The connection, unless it carries a session on that stands already. */
  readonly sift: (connection: Connection) => Promise<Connection | undefined>;
  readonly open: (
    connection: Connection,
    handlers: Map<string, RequestHandler>,
    cookies: CookieGuard,
  ) => Promise<{ link: Link; channel: SecureChannel }>;
}

const MOST_CHANNELS = 4_096;

/** Iterate it for the channels as they come. Events: none; a channel that fails tells its own reader. */
export class ChannelListener implements AsyncIterable<SecureChannel>, AsyncDisposable {
  readonly #options: ChannelListenerOptions;
  readonly #handlers = new Map<string, RequestHandler>();
  readonly #channels = new StandingChannels<SecureChannel>();
  readonly #accepting: Promise<void>;
  #connections = 0;

  constructor(options: ChannelListenerOptions) {
    this.#options = options;
    this.#accepting = this.#acceptAll();
  }

  /** Where others dial. */
  get address(): string {
    return this.#options.listener.address;
  }

  /** The channels that stand. */
  get channels(): readonly SecureChannel[] {
    return this.#channels.all;
  }

  /** Resolves once no more channels are taken. */
  get closed(): Promise<void> {
    return this.#accepting;
  }

  /**
   * Answers requests for `method` on all channels of this listener from now on.
   * @throws OOTO_STREAM_HANDLER (caller) if it has a handler.
   */
  handle(method: string, handler: RequestHandler): void {
    if (this.#handlers.has(method))
      throw new OotoError('OOTO_STREAM_HANDLER', 'caller', `"${method}" has a handler already`);
    this.#handlers.set(method, handler);
  }

  /** Takes no more channels, and ends those that stand. */
  async close(): Promise<void> {
    await this.#channels.close();
    await this.#options.listener.close();
    await this.#accepting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Channels as they come, each once; those that have ended before somebody asked are left out. */
  [Symbol.asyncIterator](): AsyncGenerator<SecureChannel> {
    return this.#channels[Symbol.asyncIterator]();
  }

  async #acceptAll(): Promise<void> {
    for await (const connection of this.#options.listener.connections) void this.#accept(connection);
    this.#channels.end();
  }

  async #accept(connection: Connection): Promise<void> {
    if (this.#channels.isEnded || this.#connections >= MOST_CHANNELS) {
      connection.close();
      return;
    }
    this.#connections++;
    try {
      await this.#take(connection);
    } catch {
      // Whoever dialled sees the connection end, and nothing else.
      connection.close();
    } finally {
      this.#connections--;
    }
  }

  /** Resolves when the channel has ended. */
  async #take(arrived: Connection): Promise<void> {
    const { admission, sift, open } = this.#options;
    const connection = await sift(arrived);
    if (!connection) return;
    let opened: { link: Link; channel: SecureChannel } | undefined;
    const stranger: HalfOpen = {
      close(reason) {
        opened?.link.channel.fail(reason);
        opened?.link.close();
      },
    };
    const cookies = admission.guardFor(connection.remoteAddress, () => admission.admitted(stranger));
    const { link, channel } = await open(connection, this.#handlers, cookies);
    opened = { link, channel };
    admission.opened(stranger);
    try {
      await link.established;
    } finally {
      admission.settled(stranger);
    }
    this.#channels.add(channel);
    await link.closed;
  }
}
