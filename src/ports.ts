/**
 * The ports: what this project needs of the world, as types alone. Rooms above take these as arguments; the
 * adapters in `platform/` implement them; tests give seeded ones. No port call is ever made by a protocol
 * machine: machines take bytes, time and results, and return bytes, events and jobs.
 */

/** Wall clock and monotonic clock, both in milliseconds. Validity is judged by both (see the mesh head). */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z; may jump. */
  now(): number;
  /** Milliseconds since some fixed moment; never runs backwards. */
  monotonic(): number;
  /** Calls `callback` once after `ms`; returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void;
  /** Calls `callback` once the input at hand was taken in; absent where the platform cannot tell when that is. */
  soon?(callback: () => void): void;
}

/** A source of cryptographically secure bytes. */
export interface Random {
  bytes(length: number): Uint8Array;
}

/** One ordered, reliable byte connection. */
/** Takes what arrives on a connection, as it arrives. */
export interface Receiver {
  /** A chunk, whose memory is the connection's again when this returns: others may be read into it. */
  take(chunk: Uint8Array): void;
  /** The peer has ended, or the connection broke. */
  end(): void;
}

export interface Connection {
  /** For people and rate limits, for example `127.0.0.1:4710`. Never an identity. */
  readonly remoteAddress: string;
  /** This end, as the other side sees it where nothing lies between; absent where the platform does not tell. */
  readonly localAddress?: string | undefined;
  /** Chunks as they arrive; ends when the peer ends or the connection breaks. */
  readonly incoming: AsyncIterable<Uint8Array>;
  /**
   * Gives what was not read from `incoming`, and all that comes from now on, to `receiver` at once, with no promise and
   * no new memory for each chunk. Absent where there is nothing to gain.
   */
  receive?(receiver: Receiver): void;
  /**
   * Resolves when more may be written without growing the queue. Rejects when the connection is gone. The bytes are
   * the connection's until it calls `onTaken`, which it need not do.
   */
  write(bytes: Uint8Array, onTaken?: () => void): Promise<void>;
  /** Closes both directions; idempotent. */
  close(): void;
}

export interface Listener {
  /** The address others dial. */
  readonly address: string;
  readonly connections: AsyncIterable<Connection>;
  close(): Promise<void>;
}

export interface Transport {
  dial(address: string, options?: { signal?: AbortSignal }): Promise<Connection>;
  listen(address: string): Promise<Listener>;
}

/** What a socket for datagrams has done so far. */
export interface DatagramCounts {
  received: number;
  sent: number;
  /** Given to `send`, and not sent: too much waited already, or the system refused. */
  dropped: number;
}

/** One bound socket for datagrams, which keep their borders and may be lost, doubled and overtaken. */
export interface DatagramSocket extends AsyncDisposable {
  /** Where it is bound, for example `127.0.0.1:4710`. */
  readonly address: string;
  readonly counts: Readonly<DatagramCounts>;
  /** Sets who takes what arrives, each in memory of its own. The sender's address is no identity. */
  onDatagram(listener: (datagram: Uint8Array, from: string) => void): void;
  /** Hands a datagram to the system at once; false when it was dropped. */
  send(datagram: Uint8Array, to: string): boolean;
  /** Whether so much waits to be sent that more would be dropped. */
  readonly isFull: boolean;
  /**
   * Gives datagrams of this address room of their own, so that a flood of others does not crowd them out. Only a favour:
   * where the system has no such thing, or enough have it, nothing happens.
   */
  keepApart(address: string): void;
  /** The address needs no room of its own any more. */
  letGo(address: string): void;
  /** The address with its host's name resolved. */
  resolve(address: string, options?: { signal?: AbortSignal }): Promise<string>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Keys are text of at most 500 bytes; order is that of their UTF-8 bytes. */
export interface StoreEntry {
  key: string;
  value: Uint8Array;
}

export type StoreChange = { put: string; value: Uint8Array } | { delete: string };

/**
 * Durable, ordered, transactional storage of one node. The engine gives durability and order, never trust:
 * whoever reads verifies.
 */
export interface Store {
  get(key: string): Uint8Array | undefined;
  /** Entries with `from <= key < to`, in order. */
  range(from: string, to: string, options?: { limit?: number; reverse?: boolean }): StoreEntry[];
  /** All changes or none; resolves once they would survive a crash of the process and of the machine. */
  commit(changes: readonly StoreChange[]): Promise<void>;
  close(): Promise<void>;
}

/** Scratch space on disk for what is too large for memory; gone once closed, and after a crash. */
export interface Spool {
  /** Appends all of `bytes`; resolves to the offset at which they begin. */
  append(bytes: Uint8Array): Promise<number>;
  /** Fills `into` from `offset` on; resolves to how many bytes there were. */
  read(offset: number, into: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** Signed membership records of a mesh, by node id; hostile by assumption. */
export interface Registry {
  publish(id: string, record: Uint8Array): Promise<void>;
  records(): Promise<Uint8Array[]>;
}

/** Primitives that the platform does in hardware, synchronously. Each is absent where it cannot be had. */
export interface Hardware {
  /** Returns ciphertext followed by the 16-byte tag. */
  aes256gcmSeal?(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Returns the plaintext, or undefined when the tag does not match; `into` is wiped then, or not touched. */
  aes256gcmOpen?(
    key: Uint8Array,
    iv: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined;
  /** Gives the memory of an array back at once, of which nobody needs anything: it and all views of it are empty then. */
  giveBack?(bytes: Uint8Array): void;
  /** A large array with whatever its memory holds: it was given back before, where some was. */
  memory?(length: number): Uint8Array;
  /** `ciphertext ‖ tag` to `to` from `at` on. */
  aes256gcmSealInto?(
    key: Uint8Array,
    iv: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    to: Uint8Array,
    at: number,
  ): void;
  /** `text` with the key stream that begins at the 16-byte `counterBlock`, in a new array. */
  aes256ctr?(key: Uint8Array, counterBlock: Uint8Array, text: Uint8Array): Uint8Array;
  sha256?(message: Uint8Array): Uint8Array;
  /** The digest to `to` from `at` on: without an array of its own it costs a third where messages are short. */
  sha256Into?(message: Uint8Array, to: Uint8Array, at: number): void;
  sha512?(message: Uint8Array): Uint8Array;
  /** Whether the platform's own rule accepts; the mesh's rule is applied by the caller. */
  ed25519Verify?(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  ed25519Sign?(seed: Uint8Array, message: Uint8Array): Uint8Array;
  p256Verify?(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
    encoding: 'der' | 'p1363',
  ): boolean;
}

/** Holder of an identity key; signing may take hundreds of milliseconds (TPM) and happens through jobs only. */
export interface Signer {
  readonly algorithm: 'ed25519' | 'p256';
  /** Ed25519: 32 bytes. P-256: 65 bytes, uncompressed. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array, options?: { signal?: AbortSignal }): Promise<Uint8Array>;
}

/** The authenticator of a platform (WebAuthn); the user is asked each time. What it is worth is judged elsewhere. */
export interface Authenticator {
  /** Makes a credential that stays in it, with its maker's attestation over this challenge (32 bytes). */
  register(challenge: Uint8Array): Promise<{ attestationObject: Uint8Array; clientData: Uint8Array }>;
  /** Has the credential sign this challenge. */
  sign(
    credentialId: Uint8Array,
    challenge: Uint8Array,
  ): Promise<{
    credentialId: Uint8Array;
    authenticatorData: Uint8Array;
    clientData: Uint8Array;
    signature: Uint8Array;
  }>;
}

/** A key that a TPM derives anew from its template whenever it is needed: nothing here is secret. */
export interface TpmKey {
  /** TPMT_PUBLIC. */
  readonly publicArea: Uint8Array;
  /** 32 bytes that make the key unlike every other of this TPM. */
  readonly unique: Uint8Array;
  /** Of an identity key, the registers that its policy names; of an attestation key none. */
  readonly registers: readonly number[];
}

/** A statement that a TPM made and signed. */
export interface TpmStatement {
  /** TPMS_ATTEST. */
  readonly attest: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
}

/** A secret that one TPM gives back while its registers hold certain values. Nothing here is secret. */
export interface SealedSecret {
  /** TPMT_PUBLIC of the storage key that sealed it. */
  readonly parent: Uint8Array;
  /** TPMT_PUBLIC, and what TPM2B_PRIVATE holds. */
  readonly publicArea: Uint8Array;
  readonly privateArea: Uint8Array;
  readonly registers: readonly number[];
}

/** How a TPM is, as far as is known. */
export interface TpmState {
  /** `unknown` before the first answer; `lost` from a failure until the next answer. */
  readonly reach: 'unknown' | 'answering' | 'lost';
  /** Rises whenever the TPM was reached anew: it may have restarted, its registers with it. */
  readonly connections: number;
  /** Code of the failure, while lost. */
  readonly code?: string | undefined;
}

/**
 * A TPM 2.0, one command at a time. Every call ends within its deadline, and may be repeated after any failure.
 * @throws OOTO_TPM_TIMEOUT, _CONNECTION, _UNREACHABLE, _AGENT and what a TPM refuses for (environment).
 */
export interface Tpm {
  readonly state: TpmState;
  /** Calls `listener` whenever the state has changed. */
  onState(listener: (state: TpmState) => void): void;
  info(): Promise<{ manufacturer: string; firmware: string }>;
  /**
   * The public area of the endorsement key, its certificate (DER, perhaps padded) where the TPM has one, and those of its
   * vendor's authorities, one after the other. Without `algorithm` the key is that which has a certificate.
   */
  endorsement(algorithm?: 'p256' | 'rsa2048'): Promise<{
    publicArea: Uint8Array;
    certificate?: Uint8Array;
    chain?: Uint8Array;
  }>;
  createAttestationKey(): Promise<TpmKey>;
  /** A P-256 key that signs only while these registers hold what they hold now. */
  createIdentityKey(registers: readonly number[]): Promise<TpmKey>;
  /** TPM2_Certify of `key` by `attestationKey`. */
  certify(key: TpmKey, attestationKey: TpmKey, qualifyingData: Uint8Array): Promise<TpmStatement>;
  /** TPM2_Quote over registers of the SHA-256 bank. */
  quote(
    attestationKey: TpmKey,
    qualifyingData: Uint8Array,
    registers: readonly number[],
  ): Promise<TpmStatement>;
  /** ECDSA over a SHA-256 digest: r ‖ s, 64 bytes. */
  sign(key: TpmKey, digest: Uint8Array): Promise<Uint8Array>;
  /** The secret of a credential for the endorsement key of this algorithm and this attestation key. */
  activateCredential(
    attestationKey: TpmKey,
    sealed: { algorithm: 'p256' | 'rsa2048'; credential: Uint8Array; encryptedSeed: Uint8Array },
  ): Promise<Uint8Array>;
  /** SHA-256 values by register. */
  readRegisters(registers: readonly number[]): Promise<Map<number, Uint8Array>>;
  extendRegister(register: number, digest: Uint8Array): Promise<void>;
  /** Seals 1 to 128 bytes to what these registers hold now. Never the only copy: boards die and firmware is updated. */
  seal(secret: Uint8Array, registers: readonly number[]): Promise<SealedSecret>;
  /** The secret, while the registers hold what they held. */
  unseal(sealed: SealedSecret): Promise<Uint8Array>;
  random(length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Limits of one sandboxed execution. */
export interface SandboxLimits {
  /** Bytes of linear memory at most. */
  memoryBytes: number;
  /** Wall-clock milliseconds at most. */
  timeMs: number;
  /** Bytes of output at most. */
  outputBytes: number;
}

export interface SandboxResult {
  exitCode: number;
  stdout: Uint8Array;
  stderr: Uint8Array;
}

/** One end of the way between two threads: what is posted arrives once, in order, as a structured clone. */
export interface ThreadPort {
  /** The memory of `given` changes hands: it is empty here afterwards. */
  post(message: unknown, given?: readonly Uint8Array[]): void;
  /** Sets who takes what arrives; nothing is lost before. */
  onMessage(listener: (message: unknown) => void): void;
}

/** A thread that was started here. */
export interface Thread extends ThreadPort {
  /** Resolves when the thread has ended and all it posted has arrived, with what it failed by if it did. */
  readonly ended: Promise<unknown>;
  /** Ends it at once, whatever it does. */
  terminate(): Promise<void>;
}

/** Runs a WASI preview 1 module with no file system, no network and no clock of the host. */
export interface Worker {
  run(
    module: Uint8Array,
    options: {
      arguments: readonly string[];
      stdin: Uint8Array;
      limits: SandboxLimits;
      /** 32 bytes from which the module's random numbers follow, so that runs are repeatable; zeros if absent. */
      seed?: Uint8Array;
      signal?: AbortSignal;
    },
  ): Promise<SandboxResult>;
  close(): Promise<void>;
}

/** One request over plain HTTP, read whole within a limit. */
export interface HttpRequest {
  readonly method: string;
  /** As it came, without the query; begins with a slash. */
  readonly path: string;
  readonly body: Uint8Array;
  /** For rate limits. Never an identity. */
  readonly remoteAddress: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/** Sends one request to an address that an operator gave; redirects are refused, and so are answers that are too long. */
export interface HttpClient {
  post(url: string, body: Uint8Array, options?: { signal?: AbortSignal }): Promise<HttpResponse>;
}

/** Reads what an address that an operator gave answers with, on the same terms. */
export interface HttpReader {
  get(url: string, options: { mostBytes: number; signal?: AbortSignal }): Promise<HttpResponse>;
}

/** A store that somebody else may be writing: each call sees one state, whole commits and nothing but. */
export type StoreReader = Pick<Store, 'get' | 'range' | 'close'>;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Structured log; never given a secret. Field names are listed in docs/operations.md. */
export interface Logger {
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}
