/**
 * Mutual attestation as a session drives it. What flows through here: the machine's messages to the peer, the
 * peer's into the machine; a challenge that wants evidence is given to this node's attester, which answers at once or
 * when its TPM has; out comes whether both sides are satisfied, and when the machine wants to be called again.
 */

import type { AppraisalPolicy, Verdict } from '../attest/appraisal.ts';
import { Attestation, type AttestationOptions } from '../attest/attestation.ts';
import type { ExpectedTpm } from '../attest/tpm-proof.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Channel } from '../channel/channel.ts';
import type { Moment } from '../channel/limits.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Attester } from './attester.ts';
import type { TpmClocks } from './tpm-clocks.ts';

/** The newest evidence and the one before it. */
const EVIDENCE_KEPT = 2;

export interface SessionAttestationOptions extends Omit<AttestationOptions, 'binding'> {
  crypto: Crypto;
  channel: Channel;
  attester: Attester;
  /** The TPM that the peer enrolled with, and where what was seen of it is remembered. */
  tpm?: { keys: Omit<ExpectedTpm, 'clock'>; clocks: TpmClocks } | undefined;
}

export class SessionAttestation {
  readonly #options: SessionAttestationOptions;
  readonly #machine: Attestation;
  readonly #accepted: string[] = [];
  #shown: Verdict | undefined;
  #given: Uint8Array | undefined;
  /**
   * Evidence that came later than it was asked for: whoever drives this calls `make` when it can send, and sends what
   * it returns; what it throws ends the session.
   */
  deliver: (make: () => Uint8Array[]) => void = () => {};

  constructor(options: SessionAttestationOptions) {
    const { crypto, channel, tpm, peer } = options;
    this.#options = options;
    const expected = tpm?.clocks.expected(tpm.keys, () => this.#shown?.tpm?.clock);
    this.#machine = new Attestation(crypto, {
      ...options,
      peer: { ...peer, ...(expected ? { tpm: expected } : {}) },
      binding: {
        epoch: () => channel.status.epoch,
        exporter: (epoch) => channel.export('attestation-exporter', undefined, epoch),
      },
    });
  }

  /** Whether the peer has been attested, and this node by the peer's asking. */
  get isSatisfied(): boolean {
    return this.#machine.isSatisfied;
  }

  /** What the peer has shown last. */
  get shown(): Verdict | undefined {
    return this.#shown;
  }

  /** SHA-256 of the evidence that this node gave last. @throws OOTO_MESH_UNATTESTED (local) before it gave any. */
  get given(): Uint8Array {
    if (this.#given) return this.#given;
    throw new OotoError(
      'OOTO_MESH_UNATTESTED',
      'local',
      'this node has given no evidence on this channel yet',
    );
  }

  /** Whether evidence of this digest (SHA-256) was accepted from the peer, now or one interval ago. */
  hasAccepted(digest: Uint8Array): boolean {
    return this.#accepted.includes(hex(digest));
  }

  /** Monotonic milliseconds at which {@link tick} has something to do. */
  get deadline(): number {
    return this.#machine.deadline;
  }

  start(now: Moment): Uint8Array[] {
    return [...this.#machine.start(now), ...this.#answers()];
  }

  /** @throws OOTO_ATTEST_* (peer) when the peer is not acceptable. */
  receive(message: Uint8Array, now: Moment): Uint8Array[] {
    this.#machine.receive(message, now);
    return this.#answers();
  }

  /** @throws OOTO_ATTEST_TIMEOUT, OOTO_ATTEST_LAPSED (peer). */
  tick(now: Moment): Uint8Array[] {
    return [...this.#machine.tick(now), ...this.#answers()];
  }

  /** Has the peer attest again as soon as it may be asked, at the next {@link tick}. */
  renew(): void {
    this.#machine.renew();
  }

  /** Judges by this from now on, and asks anew for what it judges. */
  adoptPolicy(policy: AppraisalPolicy): void {
    if (this.#machine.state !== 'ended') this.#machine.adoptPolicy(policy);
  }

  #answers(): Uint8Array[] {
    const messages: Uint8Array[] = [];
    for (const event of this.#machine.takeEvents()) {
      if (event.type === 'attested') this.#accept(event.verdict);
      else messages.push(...this.#answer(event));
    }
    return messages;
  }

  #accept(verdict: Verdict): void {
    this.#accepted.push(hex(verdict.evidenceDigest));
    this.#accepted.splice(0, this.#accepted.length - EVIDENCE_KEPT);
    this.#shown = verdict;
    const { tpm } = this.#options;
    if (tpm && verdict.tpm) tpm.clocks.keep(tpm.keys.attestationKey, verdict.tpm.clock);
  }

  /** What can be given at once; the rest is delivered. Without evidence the peer's patience ends the session. */
  #answer({ id, leaf }: { id: number; leaf: Uint8Array }): Uint8Array[] {
    const made = this.#options.attester.answer(leaf);
    if (made instanceof Uint8Array) return [this.#give(id, made)];
    made.then(
      (evidence) => this.deliver(() => [this.#give(id, evidence)]),
      () => {},
    );
    return [];
  }

  #give(id: number, evidence: Uint8Array): Uint8Array {
    this.#given = this.#options.crypto.sha256(evidence);
    return this.#machine.answer(id, evidence);
  }
}
