/**
 * Invites that are being claimed. What flows through here: before a member gives its nonce to a request that spends an
 * invite, it keeps the invite for that request, in memory and for a short while; others wait. Without that, members
 * would bind one invite to several requests at once, each for ever, and none would have enough. It decides who goes
 * first and nothing else: what is bound for good is in the member's store.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';

/** From a member's nonce to the application that answers it; a TPM takes seconds. */
export const RESERVATION_MS = 15_000;

interface Reservation {
  readonly requestDigest: Uint8Array;
  coordinator: string;
  readonly until: number;
}

export class Reservations {
  readonly #reservations = new Map<string, Reservation>();

  /**
   * Keeps what lies under `key` for this request; asked again by the same request, for no longer than at first.
   * @throws OOTO_AUTHORITY_INVITE_BUSY (environment) while it is kept for another.
   */
  take(
    key: string,
    { requestDigest, coordinator, now }: { requestDigest: Uint8Array; coordinator: string; now: number },
  ): void {
    for (const [other, { until }] of this.#reservations) if (until <= now) this.#reservations.delete(other);
    this.requireFree(key, requestDigest, now);
    const kept = this.#reservations.get(key);
    if (kept) kept.coordinator = coordinator;
    else this.#reservations.set(key, { requestDigest, coordinator, until: now + RESERVATION_MS });
  }

  /** @throws OOTO_AUTHORITY_INVITE_BUSY (environment) while it is kept for another request. */
  requireFree(key: string, requestDigest: Uint8Array, now: number): void {
    const kept = this.#reservations.get(key);
    if (!kept || kept.until <= now || equal(kept.requestDigest, requestDigest)) return;
    throw new OotoError(
      'OOTO_AUTHORITY_INVITE_BUSY',
      'environment',
      'the invite is being spent on another request',
      {
        hint: 'try again in a while; who has spent it then, has it',
      },
    );
  }

  /** The coordinator that asked for this request gives up for now. */
  release(requestDigest: Uint8Array, coordinator: string): void {
    for (const [key, kept] of this.#reservations)
      if (kept.coordinator === coordinator && equal(kept.requestDigest, requestDigest))
        this.#reservations.delete(key);
  }
}
