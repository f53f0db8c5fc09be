/**
 * Signatures of all channels of a node, checked together. What flows through here: channels hand in what is to be
 * checked; once the input at hand was taken in, all of it is checked as one batch, and each channel gets its own
 * answer. A bad signature is found among the others and harms the channel that it came over alone.
 */
import type { Crypto } from '../crypto/crypto.ts';
import type { SignatureJob } from './incoming.ts';
import { refusedBatches } from './signed-batch.ts';

/** Takes the places of the signatures that are not good. */
export type JobAnswer = (refused: readonly number[]) => void;

export class SignatureVerifier {
  readonly #crypto: Crypto;
  readonly #soon: (callback: () => void) => void;
  #waiting: { readonly job: SignatureJob; readonly answer: JobAnswer }[] = [];

  /** @param soon calls back once the input at hand was taken in, before anything else is waited for */
  constructor(crypto: Crypto, soon: (callback: () => void) => void) {
    this.#crypto = crypto;
    this.#soon = soon;
  }

  submit(job: SignatureJob, answer: JobAnswer): void {
    this.#waiting.push({ job, answer });
    if (this.#waiting.length === 1) this.#soon(() => this.#check());
  }

  #check(): void {
    const jobs = this.#waiting;
    this.#waiting = [];
    const refused = refusedBatches(
      this.#crypto,
      jobs.flatMap(({ job }) => job.checks),
    );
    let from = 0;
    for (const { job, answer } of jobs) {
      const to = from + job.checks.length;
      answer(refused.filter((place) => place >= from && place < to).map((place) => place - from));
      from = to;
    }
  }
}
