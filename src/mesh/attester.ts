/**
 * How this node shows what it is. What flows through here: challenges come from all its channels; at tier
 * `software` each is answered at once; with a TPM they wait in one queue, and while one quote is under way the next
 * gathers, so that a slow TPM makes one quote for as many verifiers as ask. A TPM that is lost is tried again until
 * whoever asked has given up: the node goes on, and is attested again when the TPM is back.
 */
import {
  answerChallenges,
  answerWithTpm,
  ChallengeTree,
  MAX_CHALLENGES,
  type SoftwareClaims,
} from '../attest/evidence.ts';
import { pcrDigest } from '../attest/tpm/pcr.ts';
import type { TpmPolicy, TpmProof } from '../attest/tpm-proof.ts';
import type { TpmKeys } from '../authority/device.ts';
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Tier } from '../cert/tier.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { SigningKey } from '../envelope/keys.ts';
import type { Clock, Logger, Tpm, TpmKey, TpmStatement } from '../ports.ts';
import { pause } from './patience.ts';

/** Between two tries at a TPM that does not answer. */
const TRY_AGAIN_MS = 500;
/** A challenge that is older has been given up by whoever asked. */
const GIVE_UP_MS = 30_000;
/** Registers that change between quote and reading are read again. */
const MOST_READINGS = 4;
const DIGEST_BYTES = 32;

/** Answers challenges on channels: at once, or when a TPM has spoken. */
export interface Attester {
  answer(leaf: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** The TPM of this node, and the keys that it has made there. */
export interface NodeTpm {
  readonly tpm: Tpm;
  /** As requests and drafts name them. */
  readonly keys: TpmKeys;
  readonly attestationKey: TpmKey;
  readonly identityKey: TpmKey;
  /** Of the identity key by the attestation key; see `certificationData`. */
  readonly certification: TpmStatement;
  /** The firmware's event log, where the machine has one. */
  readLog(): Promise<Uint8Array | null>;
}

/** What a channel's evidence is made of. */
export interface AttesterOptions {
  crypto: Crypto;
  /** What this node says of its software, now. */
  claims(): SoftwareClaims;
  /** The key that the channels' delegation names. */
  messageKey: SigningKey;
}

/** Every tier but `measured`: that of the certificate. */
export function softwareAttester({
  crypto,
  claims,
  messageKey,
  tier = 'software',
}: AttesterOptions & { tier?: Exclude<Tier, 'measured'> }): Attester {
  return {
    answer(leaf) {
      const [evidence] = answerChallenges(crypto, claims(), [leaf], messageKey, tier);
      return evidence;
    },
  };
}

export interface TpmAttesterOptions extends AttesterOptions {
  node: NodeTpm;
  policy: TpmPolicy;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

interface Waiting {
  readonly leaf: Uint8Array;
  /** Monotonic. */
  readonly since: number;
  resolve(evidence: Uint8Array): void;
  reject(reason: unknown): void;
}

/** Tier `measured`. */
export class TpmAttester implements Attester {
  readonly #options: TpmAttesterOptions;
  #waiting: Waiting[] = [];
  #isBusy = false;

  constructor(options: TpmAttesterOptions) {
    this.#options = options;
  }

  answer(leaf: Uint8Array): Promise<Uint8Array> {
    const answered = new Promise<Uint8Array>((resolve, reject) => {
      this.#waiting.push({ leaf, since: this.#options.clock.monotonic(), resolve, reject });
    });
    if (!this.#isBusy) void this.#work();
    return answered;
  }

  async #work(): Promise<void> {
    const { clock, logger, signal } = this.#options;
    this.#isBusy = true;
    while (this.#waiting.length > 0 && !signal.aborted) {
      const asked = this.#waiting.splice(0, MAX_CHALLENGES);
      try {
        await this.#answerAll(asked);
      } catch (error) {
        logger.log('warn', 'the TPM gave no evidence', { error, challenges: asked.length });
        this.#putBack(asked, error);
        await pause(clock, TRY_AGAIN_MS, signal).catch(() => {});
      }
    }
    this.#isBusy = false;
  }

  async #answerAll(asked: readonly Waiting[]): Promise<void> {
    const { crypto, node, policy, claims, messageKey } = this.#options;
    const challenges = new ChallengeTree(
      crypto,
      asked.map(({ leaf }) => leaf),
    );
    const proof = await proveByTpm(crypto, node, policy, challenges.root);
    const evidence = answerWithTpm(challenges, claims(), proof, messageKey);
    asked.forEach(({ resolve }, i) => {
      resolve(evidence[i]);
    });
  }

  #putBack(asked: readonly Waiting[], reason: unknown): void {
    const oldest = this.#options.clock.monotonic() - GIVE_UP_MS;
    for (const late of asked) if (late.since <= oldest) late.reject(reason);
    this.#waiting.unshift(...asked.filter(({ since }) => since > oldest));
  }
}

/** A quote with this qualifying data, and everything that goes with it. @throws what the TPM's port throws. */
export async function proveByTpm(
  crypto: Crypto,
  { tpm, keys, attestationKey, identityKey, certification, readLog }: NodeTpm,
  { registers }: TpmPolicy,
  qualifyingData: Uint8Array,
): Promise<TpmProof> {
  const { quote, values } = await quoteAndRead(crypto, tpm, { attestationKey, registers, qualifyingData });
  return {
    attestationKey: keys.attestationKey,
    identityKey: identityKey.publicArea,
    certification,
    quote,
    values: [...values].map(([register, value]) => ({ register, value })),
    log: await readLog(),
  };
}

/** The values that the quote is over: nothing else would be believed. */
async function quoteAndRead(
  crypto: Crypto,
  tpm: Tpm,
  asked: { attestationKey: TpmKey; registers: readonly number[]; qualifyingData: Uint8Array },
) {
  const { attestationKey, registers, qualifyingData } = asked;
  for (let i = 0; i < MOST_READINGS; i++) {
    const quote = await tpm.quote(attestationKey, qualifyingData, registers);
    const values = await tpm.readRegisters(registers);
    if (equal(quote.attest.subarray(-DIGEST_BYTES), pcrDigest(crypto, values))) return { quote, values };
  }
  throw new OotoError(
    'OOTO_MESH_UNATTESTED',
    'environment',
    'the registers change faster than they are read',
  );
}
