/**
 * An identity key in a PKCS#11 token, behind the `Signer` port. What flows through here: the agent's process is started
 * and opens the key; messages are hashed here, digests go to the agent one after the other, signatures come back. An
 * agent that is late or dies is killed, and the next signature starts another.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { concat, equal } from '../../../base/bytes.ts';
import { OotoError } from '../../../base/errors.ts';
import type { Clock, Signer } from '../../../ports.ts';
import { type Codec, frame, type Message, takeBytes, takeText, unframe } from '../agent-messages.ts';
import { nodeClock } from '../clock.ts';
import type { TokenOptions } from './token.ts';

export interface TokenSignerOptions extends TokenOptions {
  /** Program and arguments of the agent, such as `['node', 'cli.js', 'pkcs11-agent']`. */
  readonly agent: readonly string[];
  readonly codec: Codec;
  sha256(message: Uint8Array): Uint8Array;
  readonly clock?: Clock;
  readonly deadlineMs?: number;
}

export interface TokenSigner extends Signer {
  close(): void;
}

const DEADLINE_MS = 10_000;
const POINT_BYTES = 65;
const SIGNATURE_BYTES = 64;

/**
 * Opens the key, which is made if the token has none of that label. Its tier is for attestation to say.
 * @throws OOTO_PKCS11_* (environment).
 */
export async function tokenSigner(options: TokenSignerOptions): Promise<TokenSigner> {
  const process = new TokenProcess(options);
  const publicKey = await process.open();
  return {
    algorithm: 'p256',
    publicKey,
    async sign(message, { signal } = {}) {
      signal?.throwIfAborted();
      return process.sign(options.sha256(message), publicKey);
    },
    close: () => process.close(),
  };
}

class TokenProcess {
  readonly #options: TokenSignerOptions;
  readonly #clock: Clock;
  #child: ChildProcess | undefined;
  #line: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: TokenSignerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? nodeClock();
  }

  open(): Promise<Uint8Array> {
    return this.#inTurn(() => this.#open());
  }

  sign(digest: Uint8Array, expected: Uint8Array): Promise<Uint8Array> {
    return this.#inTurn(async () => {
      if (!this.#child && !equal(await this.#open(), expected))
        throw new OotoError(
          'OOTO_PKCS11_KEY',
          'environment',
          'the token has another key under this label now',
        );
      return takeBytes(
        await this.#ask({ task: 'sign', digest }),
        'signature',
        SIGNATURE_BYTES,
        SIGNATURE_BYTES,
      );
    });
  }

  close(): void {
    this.#closed = true;
    this.#abandon();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#line.then(work);
    this.#line = turn.catch(() => {});
    return turn;
  }

  async #open(): Promise<Uint8Array> {
    if (this.#closed) throw new OotoError('OOTO_PKCS11_CLOSED', 'caller', 'the token has been closed');
    const [program, ...words] = this.#options.agent;
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin?.on('error', () => {});
    child.on('error', () => {});
    child.once('close', () => {
      if (this.#child === child) this.#child = undefined;
    });
    this.#child = child;
    const { module, token, pin, key } = this.#options;
    try {
      return takeBytes(
        await this.#ask({ task: 'open', module, token, pin, key }),
        'publicKey',
        POINT_BYTES,
        POINT_BYTES,
      );
    } catch (error) {
      this.#abandon();
      throw error;
    }
  }

  async #ask(request: Message): Promise<Message> {
    const child = this.#child as ChildProcess;
    const { codec, deadlineMs = DEADLINE_MS } = this.#options;
    const answer = nextMessage(child, codec, (late) => this.#clock.after(deadlineMs, late));
    child.stdin?.write(frame(codec, request));
    try {
      return judge(await answer);
    } catch (error) {
      if (error instanceof OotoError && LOST.includes(error.code)) this.#abandon();
      throw error;
    }
  }

  #abandon(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }
}

const LOST: readonly string[] = [
  'OOTO_PKCS11_AGENT',
  'OOTO_PKCS11_TIMEOUT',
  'OOTO_PKCS11_GONE',
  'OOTO_AGENT_MESSAGE',
];

function judge(answer: Message): Message {
  if (answer.ok === true) return answer.value as Message;
  const hint = takeText(answer, 'hint');
  const [code, message] = [takeText(answer, 'code'), takeText(answer, 'message')];
  throw new OotoError(code, 'environment', message, hint ? { hint } : {});
}

function nextMessage(
  child: ChildProcess,
  codec: Codec,
  after: (late: () => void) => () => void,
): Promise<Message> {
  return new Promise<Message>((resolve, reject) => {
    let received: Uint8Array = new Uint8Array(0);
    const settle = (finish: () => void) => {
      cancel();
      child.stdout?.off('data', take);
      child.off('close', gone).off('error', gone);
      finish();
    };
    const take = (chunk: Uint8Array) => {
      try {
        received = concat(received, chunk);
        const next = unframe(codec, received);
        if (next) settle(() => resolve(next.message));
      } catch (error) {
        settle(() => reject(error));
      }
    };
    const gone = () =>
      settle(() =>
        reject(new OotoError('OOTO_PKCS11_AGENT', 'environment', 'the agent of the token has ended')),
      );
    const cancel = after(() =>
      settle(() =>
        reject(new OotoError('OOTO_PKCS11_TIMEOUT', 'environment', 'the token has not answered in time')),
      ),
    );
    child.stdout?.on('data', take);
    child.once('close', gone).once('error', gone);
  });
}
