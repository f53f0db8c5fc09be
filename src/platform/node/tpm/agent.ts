/**
 * The agent: the one process that loads the TPM's libraries. What flows through here: requests come one after the
 * other over standard input, each becomes a task of the connection, and its answer goes to standard output. All
 * of it blocks on purpose: there is nothing else to do meanwhile, and the node watches the time. A connection that is lost is
 * made anew; what may be repeated is repeated once.
 */
import { concat } from '../../../base/bytes.ts';
import { isOotoError, OotoError } from '../../../base/errors.ts';
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
import { TpmConnection } from './connection.ts';
import { keyMessage, sealedMessage, takeKey, takeRegisters, takeSealed } from './messages.ts';
import { REGISTERS, UNIQUE_BYTES } from './templates.ts';
import { openLibraries } from './tss.ts';

const HASH_BYTES = 32;
const MAX_QUALIFYING_BYTES = 64;
const MAX_RANDOM_BYTES = 32;
const MAX_CREDENTIAL_BYTES = 1024;
const MAX_SECRET_BYTES = 128;

type Task = (tpm: TpmConnection, request: Message) => Message;

const TASKS: Readonly<Record<string, Task>> = {
  info: (tpm) => tpm.info(),
  endorsement: (tpm, request) => ({
    ...tpm.endorsement('algorithm' in request ? takeAlgorithm(request) : undefined),
  }),
  createAttestationKey: (tpm, request) => keyMessage(tpm.createAttestationKey(uniqueOf(request))),
  createIdentityKey: (tpm, request) =>
    keyMessage(tpm.createIdentityKey(uniqueOf(request), takeRegisters(request, 'registers'))),
  certify: (tpm, request) => {
    const [key, attestationKey] = [takeKey(request, 'key'), takeKey(request, 'attestationKey')];
    return { ...tpm.certify(key, attestationKey, qualifyingDataOf(request)) };
  },
  quote: (tpm, request) => {
    const attestationKey = takeKey(request, 'attestationKey');
    return { ...tpm.quote(attestationKey, qualifyingDataOf(request), takeRegisters(request, 'registers')) };
  },
  sign: (tpm, request) => ({
    signature: tpm.sign(takeKey(request, 'key'), takeBytes(request, 'digest', HASH_BYTES, HASH_BYTES)),
  }),
  activateCredential: (tpm, request) => {
    const algorithm = takeAlgorithm(request);
    const credential = takeBytes(request, 'credential', MAX_CREDENTIAL_BYTES);
    const encryptedSeed = takeBytes(request, 'encryptedSeed', MAX_CREDENTIAL_BYTES);
    const sealed = { algorithm, credential, encryptedSeed } as const;
    return { secret: tpm.activateCredential(takeKey(request, 'attestationKey'), sealed) };
  },
  readRegisters: (tpm, request) => ({ values: tpm.readRegisters(takeRegisters(request, 'registers')) }),
  extendRegister: (tpm, request) => {
    const register = takeInteger(request, 'register', REGISTERS - 1);
    tpm.extendRegister(register, takeBytes(request, 'digest', HASH_BYTES, HASH_BYTES));
    return {};
  },
  seal: (tpm, request) => {
    const secret = takeBytes(request, 'secret', MAX_SECRET_BYTES);
    return sealedMessage(tpm.seal(secret, takeRegisters(request, 'registers')));
  },
  unseal: (tpm, request) => ({ secret: tpm.unseal(takeSealed(request, 'sealed')) }),
  random: (tpm, request) => ({ bytes: tpm.random(takeInteger(request, 'length', MAX_RANDOM_BYTES)) }),
};
/** Where requests come from and answers go; both block, which spares each request some turns of an event loop. */
export interface AgentWire {
  /** Fills `into` from its beginning with what there is; 0 at the end. */
  read(into: Uint8Array): number;
  /** Writes all of it. */
  write(bytes: Uint8Array): void;
}

const CHUNK_BYTES = 64 * 1024;
/** Done twice these would have another effect than once. */
const ONCE: readonly string[] = ['extendRegister'];

/**
 * Serves the TPM at `tcti` (such as `device:/dev/tpmrm0`) until `requests` end.
 * @throws OOTO_TPM_LIBRARY (environment) when the libraries cannot be loaded; OOTO_AGENT_MESSAGE (local).
 */
export function serveTpm(tcti: string, codec: Codec, wire: AgentWire): void {
  process.env.TSS2_LOG = 'all+none';
  loadLibraries();
  const agent = new Agent(tcti);
  const chunk = new Uint8Array(CHUNK_BYTES);
  let received: Uint8Array = new Uint8Array(0);
  try {
    for (let length = wire.read(chunk); length > 0; length = wire.read(chunk)) {
      received = concat(received, chunk.subarray(0, length));
      for (let next = unframe(codec, received); next; next = unframe(codec, received)) {
        received = received.subarray(next.taken);
        wire.write(frame(codec, agent.answer(next.message)));
      }
    }
  } finally {
    agent.close();
  }
}

function loadLibraries(): void {
  try {
    openLibraries();
  } catch (cause) {
    throw new OotoError(
      'OOTO_TPM_LIBRARY',
      'environment',
      `the TPM libraries cannot be loaded: ${String(cause)}`,
      {
        cause,
        hint: 'apt-get install libtss2-esys-3.0.2-0 libtss2-tctildr0 (Debian 12), or tpm2-tss of your system',
      },
    );
  }
}

class Agent {
  readonly #tcti: string;
  #tpm: TpmConnection | undefined;
  #connections = 0;

  constructor(tcti: string) {
    this.#tcti = tcti;
  }

  answer(request: Message): Message {
    try {
      const value = this.#perform(request);
      return { ok: true, connections: this.#connections, value };
    } catch (error) {
      if (!isOotoError(error)) throw error;
      const { code, message, hint = '' } = error;
      return { ok: false, connections: this.#connections, code, message, hint };
    }
  }

  close(): void {
    this.#tpm?.[Symbol.dispose]();
    this.#tpm = undefined;
  }

  #perform(request: Message): Message {
    const name = takeText(request, 'task');
    if (!Object.hasOwn(TASKS, name)) throw misfit(`a task ${name}`);
    try {
      return this.#attempt(name, request);
    } catch (error) {
      if (ONCE.includes(name) || !this.#mended(error)) throw error;
      return this.#attempt(name, request);
    }
  }

  #attempt(name: string, request: Message): Message {
    if (this.#tpm === undefined) {
      this.#tpm = new TpmConnection(this.#tcti);
      this.#connections++;
    }
    try {
      return TASKS[name](this.#tpm, request);
    } catch (error) {
      if (isOotoError(error, 'OOTO_TPM_CONNECTION')) this.close();
      throw error;
    }
  }

  /** Whether what made a task fail has been put right: the connection is dropped, or the TPM emptied. */
  #mended(error: unknown): boolean {
    if (isOotoError(error, 'OOTO_TPM_CONNECTION')) return this.#connections > 0;
    if (!isOotoError(error, 'OOTO_TPM_FULL') || this.#tpm === undefined) return false;
    this.#tpm.flushAll();
    return true;
  }
}

function takeAlgorithm(request: Message): 'p256' | 'rsa2048' {
  const algorithm = takeText(request, 'algorithm');
  if (algorithm === 'p256' || algorithm === 'rsa2048') return algorithm;
  throw misfit('an algorithm that no endorsement key has');
}

function uniqueOf(request: Message): Uint8Array {
  return takeBytes(request, 'unique', UNIQUE_BYTES, UNIQUE_BYTES);
}

function qualifyingDataOf(request: Message): Uint8Array {
  return takeBytes(request, 'qualifyingData', MAX_QUALIFYING_BYTES);
}
