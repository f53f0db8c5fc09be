/** What the suite asks of every rival: links that carry whole messages between two processes. */

/** One end of a connection. */
export interface Link {
  /** Called with each message, in order, as it is delivered. */
  onMessage: (message: Uint8Array) => void;
  onEnd: () => void;
  /** Queues a message; false when the caller had better wait for {@link drained}. */
  send(message: Uint8Array): boolean;
  /** Brackets what is sent in one turn, for rivals that gather by hand. */
  begin(): void;
  end(): void;
  drained(): Promise<void>;
  close(): void;
  /** Where keys are changed on the way: how often they were, and how to do it now. */
  epoch?(): number;
  renewEpoch?(): void;
}

export interface Rival {
  readonly name: string;
  /** Accepts at a free port of the loopback, and says which. */
  listen(accept: (link: Link) => void): Promise<{ port: number; close(): void }>;
  /** Resolves once messages may be sent. */
  dial(port: number): Promise<Link>;
}
