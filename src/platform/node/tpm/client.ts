/**
 * The TPM as a node sees it: behind the agent's process, which alone loads foreign code. What flows through here:
 * calls wait in line; each becomes one request over the pipe and has a deadline; an agent that is late, dies or says
 * nonsense is killed, and the next call starts another. What is known of the TPM is told to whoever listens.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { concat } from '../../../base/bytes.ts';
import { OotoError } from '../../../base/errors.ts';
import type { Clock, Random, Tpm, TpmState, TpmStatement } from '../../../ports.ts';
import {
  type Codec,
  frame,
  type Message,
  misfit,
  takeBytes,
  takeInteger,
  takeText,
  unframe,
} from '../agent-messages.ts';
import { nodeClock } from '../clock.ts';
import { keyMessage, sealedMessage, takeKey, takeSealed } from './messages.ts';
import { UNIQUE_BYTES } from './templates.ts';

export interface TpmClientOptions {
  /** Program and arguments of the agent, such as `['node', 'cli.js', 'tpm-agent', '--tcti', 'device:/dev/tpmrm0']`. */
  readonly agent: readonly string[];
  readonly codec: Codec;
  readonly random: Random;
  readonly clock?: Clock;
  /** For one task; making a key may take ten times as long. */
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 5_000;
const SLOW_TASKS: readonly string[] = [
  'endorsement',
  'createAttestationKey',
  'createIdentityKey',
  'activateCredential',
  'seal',
  'unseal',
];
const SLOWER = 10;
const STOP_GRACE_MS = 1_000;
const MAX_STRUCTURE_BYTES = 16 * 1024;
const NUMBER_BYTES = 32;
const MAX_LAST_WORDS = 2_000;

/** Starts nothing yet: the first call does. */
export function tpmClient(options: TpmClientOptions): Tpm {
  const agent = new AgentProcess(options);
  const { random } = options;
  const ask = (task: string, request: Message = {}) => agent.ask(task, request);
  const unique = () => ({ unique: random.bytes(UNIQUE_BYTES) });
  return {
    get state() {
      return agent.state;
    },
    onState: (listener) => void agent.listeners.push(listener),
    async info() {
      const answer = await ask('info');
      return { manufacturer: takeText(answer, 'manufacturer'), firmware: takeText(answer, 'firmware') };
    },
    async endorsement(algorithm) {
      const answer = await ask('endorsement', algorithm === undefined ? {} : { algorithm });
      const publicArea = takeBytes(answer, 'publicArea', MAX_STRUCTURE_BYTES);
      const part = (name: 'certificate' | 'chain') =>
        name in answer ? { [name]: takeBytes(answer, name, MAX_STRUCTURE_BYTES) } : {};
      return { publicArea, ...part('certificate'), ...part('chain') };
    },
    async createAttestationKey() {
      return takeKey({ key: await ask('createAttestationKey', unique()) }, 'key');
    },
    async createIdentityKey(registers) {
      const request = { ...unique(), registers: ascending(registers) };
      return takeKey({ key: await ask('createIdentityKey', request) }, 'key');
    },
    async certify(key, attestationKey, qualifyingData) {
      const keys = { key: keyMessage(key), attestationKey: keyMessage(attestationKey) };
      return statementOf(await ask('certify', { ...keys, qualifyingData }));
    },
    async quote(attestationKey, qualifyingData, registers) {
      const request = { attestationKey: keyMessage(attestationKey), qualifyingData };
      return statementOf(await ask('quote', { ...request, registers: ascending(registers) }));
    },
    async sign(key, digest) {
      const answer = await ask('sign', { key: keyMessage(key), digest });
      return fixedSignature(takeBytes(answer, 'signature', MAX_STRUCTURE_BYTES));
    },
    async activateCredential(attestationKey, { algorithm, credential, encryptedSeed }) {
      const request = { attestationKey: keyMessage(attestationKey), algorithm, credential, encryptedSeed };
      return takeBytes(await ask('activateCredential', request), 'secret', MAX_STRUCTURE_BYTES);
    },
    async readRegisters(registers) {
      const asked = ascending(registers);
      const { values } = await ask('readRegisters', { registers: asked });
      if (!Array.isArray(values) || values.length !== asked.length) throw misfit('values are missing');
      return new Map(
        asked.map((i, at) => [i, takeBytes({ value: values[at] }, 'value', NUMBER_BYTES, NUMBER_BYTES)]),
      );
    },
    async extendRegister(register, digest) {
      await ask('extendRegister', { register, digest });
    },
    async seal(secret, registers) {
      const sealed = await ask('seal', { secret, registers: ascending(registers) });
      return takeSealed({ sealed }, 'sealed');
    },
    async unseal(sealed) {
      return takeBytes(await ask('unseal', { sealed: sealedMessage(sealed) }), 'secret', MAX_STRUCTURE_BYTES);
    },
    async random(length) {
      return takeBytes(await ask('random', { length }), 'bytes', length, length);
    },
    close: () => agent.close(),
  };
}

/** One agent at a time, and one request at a time to it. */
class AgentProcess {
  readonly listeners: ((state: TpmState) => void)[] = [];
  readonly #options: TpmClientOptions;
  readonly #clock: Clock;
  #child: ChildProcess | undefined;
  #line: Promise<unknown> = Promise.resolve();
  #state: TpmState = { reach: 'unknown', connections: 0 };
  /** Connections that earlier agents have made. */
  #earlier = 0;
  #closed = false;

  constructor(options: TpmClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? nodeClock();
  }

  get state(): TpmState {
    return this.#state;
  }

  /** The value that the agent answers with; the deadline counts from the request's turn. */
  ask(task: string, request: Message): Promise<Message> {
    const turn = this.#line.then(() => this.#exchange(task, request));
    this.#line = turn.catch(() => {});
    return turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (!child) return;
    const cancel = this.#clock.after(STOP_GRACE_MS, () => child.kill('SIGKILL'));
    child.stdin?.end();
    await new Promise((ended) => child.once('close', ended));
    cancel();
  }

  async #exchange(task: string, request: Message): Promise<Message> {
    if (this.#closed) throw new OotoError('OOTO_TPM_CLOSED', 'caller', 'the TPM has been closed');
    const { codec, deadlineMs = DEADLINE_MS } = this.#options;
    const child = this.#running();
    const answered = conversation(child, codec);
    const late = deadlineMs * (SLOW_TASKS.includes(task) ? SLOWER : 1);
    const cancel = this.#clock.after(late, () => answered.fail(timeout(task, late)));
    try {
      child.stdin?.write(frame(codec, { ...request, task }));
      return this.#judge(await answered.answer);
    } catch (error) {
      this.#lost(error);
      throw error;
    } finally {
      cancel();
      answered.end();
    }
  }

  #judge(answer: Message): Message {
    const connections = this.#earlier + takeInteger(answer, 'connections', Number.MAX_SAFE_INTEGER);
    if (answer.ok === true) {
      this.#change({ reach: 'answering', connections });
      return answer.value as Message;
    }
    this.#state = { ...this.#state, connections };
    const hint = takeText(answer, 'hint');
    throw new OotoError(
      takeText(answer, 'code'),
      'environment',
      takeText(answer, 'message'),
      hint ? { hint } : {},
    );
  }

  /** A TPM that refuses still answers; whoever does not is given up, and so is its agent. */
  #lost(error: unknown): void {
    const code = error instanceof OotoError ? error.code : 'OOTO_TPM_AGENT';
    const { connections } = this.#state;
    if (AGENT_LOST.includes(code)) this.#abandon();
    if (AGENT_LOST.includes(code) || TPM_LOST.includes(code))
      this.#change({ reach: 'lost', connections, code });
    else this.#change({ reach: 'answering', connections });
  }

  #abandon(): void {
    this.#earlier = this.#state.connections;
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  #change(state: TpmState): void {
    const { reach, connections, code } = this.#state;
    this.#state = state;
    if (reach === state.reach && connections === state.connections && code === state.code) return;
    for (const listener of this.listeners) listener(state);
  }

  #running(): ChildProcess {
    if (this.#child) return this.#child;
    const [program, ...words] = this.#options.agent;
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.on('error', () => {});
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      lastWords.set(child, ((lastWords.get(child) ?? '') + text).slice(-MAX_LAST_WORDS));
    });
    child.on('error', () => {});
    child.once('close', () => {
      if (this.#child === child) this.#abandon();
    });
    this.#child = child;
    return child;
  }
}

const AGENT_LOST = ['OOTO_TPM_TIMEOUT', 'OOTO_TPM_AGENT', 'OOTO_AGENT_MESSAGE'];
const TPM_LOST = ['OOTO_TPM_CONNECTION', 'OOTO_TPM_UNREACHABLE', 'OOTO_TPM_FAILURE', 'OOTO_TPM_NOT_STARTED'];
/** The end of what an agent wrote to standard error. */
const lastWords = new WeakMap<ChildProcess, string>();

/** Waits for one answer of the child, or for its end. */
function conversation(child: ChildProcess, codec: Codec) {
  let received: Uint8Array = new Uint8Array(0);
  let resolve!: (answer: Message) => void;
  let fail!: (reason: unknown) => void;
  const answer = new Promise<Message>((fulfil, reject) => {
    [resolve, fail] = [fulfil, reject];
  });
  const onData = (chunk: Uint8Array) => {
    received = concat(received, chunk);
    try {
      const read = unframe(codec, received);
      if (!read) return;
      if (read.taken !== received.length) throw misfit('more than one answer');
      resolve(read.message);
    } catch (error) {
      fail(error instanceof OotoError && error.code === 'OOTO_AGENT_MESSAGE' ? error : misfit(String(error)));
    }
  };
  const onClose = () => fail(agentEnded(child));
  const onError = (cause: unknown) => fail(agentEnded(child, cause));
  child.stdout?.on('data', onData);
  child.on('close', onClose).on('error', onError);
  const end = () => {
    child.stdout?.off('data', onData);
    child.off('close', onClose).off('error', onError);
  };
  return { answer, fail, end };
}

function agentEnded(child: ChildProcess, cause?: unknown): OotoError {
  const end = child.signalCode ?? child.exitCode ?? String(cause);
  const words = lastWords.get(child) ?? '';
  const message = `the TPM agent has ended (${end}) ${words}`.trim();
  return new OotoError('OOTO_TPM_AGENT', 'environment', message, {
    cause,
    hint: 'ooto doctor says what is missing',
  });
}

function timeout(task: string, ms: number): OotoError {
  return new OotoError('OOTO_TPM_TIMEOUT', 'environment', `the TPM has not answered ${task} within ${ms} ms`);
}

function ascending(registers: readonly number[]): number[] {
  return [...registers].sort((a, b) => a - b);
}

function statementOf(answer: Message): TpmStatement {
  const attest = takeBytes(answer, 'attest', MAX_STRUCTURE_BYTES);
  return { attest, signature: takeBytes(answer, 'signature', MAX_STRUCTURE_BYTES) };
}

/** r ‖ s of a TPMT_SIGNATURE, which leaves leading zeros out. */
function fixedSignature(wire: Uint8Array): Uint8Array {
  const fixed = new Uint8Array(2 * NUMBER_BYTES);
  let at = 4;
  for (const end of [NUMBER_BYTES, 2 * NUMBER_BYTES]) {
    const length = (wire[at] << 8) | wire[at + 1];
    const number = wire.subarray(at + 2, at + 2 + length);
    if (number.length !== length || length > NUMBER_BYTES) throw misfit('a signature of another size');
    fixed.set(number, end - length);
    at += 2 + length;
  }
  return fixed;
}
