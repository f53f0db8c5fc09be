/**
 * Mutual attestation as a session drives it. What flows through here: the machine's messages to the peer, the
 * peer's into the machine; a challenge that wants evidence is answered with this node's own; out comes whether
 * both sides are satisfied, and when the machine wants to be called again.
 */
import { Attestation, type AttestationOptions } from '../attest/attestation.ts';
import { answerChallenges, type SoftwareClaims } from '../attest/evidence.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Channel } from '../channel/channel.ts';
import type { Moment } from '../channel/limits.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { SigningKey } from '../envelope/keys.ts';

/** The newest evidence and the one before it. */
const EVIDENCE_KEPT = 2;

export interface SessionAttestationOptions extends Omit<AttestationOptions, 'binding'> {
  crypto: Crypto;
  channel: Channel;
  /** What this node says of its software, now. */
  claims(): SoftwareClaims;
  /** The key that this channel's delegation names. */
  messageKey: SigningKey;
}

export class SessionAttestation {
  readonly #options: SessionAttestationOptions;
  readonly #machine: Attestation;
  readonly #accepted: string[] = [];
  #given: Uint8Array | undefined;

  constructor(options: SessionAttestationOptions) {
    const { crypto, channel } = options;
    this.#options = options;
    this.#machine = new Attestation(crypto, {
      ...options,
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

  #answers(): Uint8Array[] {
    const { crypto, claims, messageKey } = this.#options;
    const messages: Uint8Array[] = [];
    for (const event of this.#machine.takeEvents()) {
      if (event.type === 'attested') {
        this.#accepted.push(hex(event.verdict.evidenceDigest));
        this.#accepted.splice(0, this.#accepted.length - EVIDENCE_KEPT);
        continue;
      }
      const [evidence] = answerChallenges(crypto, claims(), [event.leaf], messageKey);
      this.#given = crypto.sha256(evidence);
      messages.push(this.#machine.answer(event.id, evidence));
    }
    return messages;
  }
}
