/**
 * Messages of the main thread on their way into one channel. What flows through here: bundles in order; their messages
 * are sent while the connection takes them, and each bundle that was sent is said to be; at the end all that waits is
 * sent at once, before the channel closes.
 */
import type { SecureChannel } from '../streams/secure-channel.ts';
import { messagesOf } from './bundle.ts';

export class Outlet {
  readonly #channel: SecureChannel;
  readonly #sent: (bytes: number) => void;
  readonly #waiting: Uint8Array[] = [];
  #isSending = false;
  #isClosing = false;
  #hasFailed = false;
  #goOn = () => {};

  constructor(channel: SecureChannel, sent: (bytes: number) => void) {
    this.#channel = channel;
    this.#sent = sent;
  }

  take(bundle: Uint8Array): void {
    if (this.#hasFailed) return;
    this.#waiting.push(bundle);
    void this.#send();
  }

  /** Sends what waits, whether or not the connection takes it now, and closes the channel. */
  close(): void {
    this.#isClosing = true;
    this.#goOn();
    void this.#send();
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      for (let bundle = this.#waiting.shift(); bundle; bundle = this.#waiting.shift()) {
        for (const message of messagesOf(bundle))
          if (!this.#channel.send(message) && !this.#isClosing) await this.#drained();
        this.#sent(bundle.length);
      }
    } catch {
      // The channel has ended, and has said so; or it does now, for no message is left out in silence.
      this.#waiting.length = 0;
      this.#hasFailed = true;
    }
    this.#isSending = false;
    if (this.#isClosing || this.#hasFailed) void this.#channel.close();
  }

  #drained(): Promise<void> {
    return Promise.race([
      this.#channel.drained(),
      new Promise<void>((resolve) => {
        this.#goOn = resolve;
      }),
    ]);
  }
}
