/**
 * The one error of the project. What flows through here: a room finds that something is wrong, says what
 * (a stable code), whose fault it is, and what to do about it; callers branch on `code`, people read
 * `message` and `hint`. Nothing of it ever travels to a peer: the network sees one undifferentiated failure.
 */

/** Who has to act: the remote side, this machine's program, the calling code, or the surroundings (disk, network, TPM). */
export type Fault = 'peer' | 'local' | 'caller' | 'environment';

export interface OotoErrorOptions {
  /** What the reader can do about it, one sentence. */
  hint?: string;
  /** Identifiers of the parties that caused a multi-party protocol to fail. */
  culprits?: readonly string[];
  /** The error underneath. */
  cause?: unknown;
}

/** An error with a stable `code` (`OOTO_<ROOM>_<WHAT>`) and the party at fault. */
export class OotoError extends Error {
  override readonly name = 'OotoError';
  readonly code: string;
  readonly fault: Fault;
  readonly hint: string | undefined;
  readonly culprits: readonly string[];

  constructor(code: string, fault: Fault, message: string, options: OotoErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.fault = fault;
    this.hint = options.hint;
    this.culprits = options.culprits ?? [];
  }
}

/** Whether `error` is an {@link OotoError}, optionally one with exactly this code. */
export function isOotoError(error: unknown, code?: string): error is OotoError {
  return error instanceof OotoError && (code === undefined || error.code === code);
}
