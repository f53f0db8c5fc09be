/**
 * One signature by the group key. What flows through here: the coordinator machine names members and bytes, `ask`
 * carries them over channels, answers and refusals go back into the machine, its deadline is kept by the clock;
 * out comes a signature that verifies, or the error that names who was missing or lied.
 */
import type { Crypto } from '../../crypto/crypto.ts';
import type { Clock } from '../../ports.ts';
import {
  type Outgoing,
  type PassedOver,
  type PublicPackage,
  SigningCoordinator,
} from '../../threshold/index.ts';

export interface GroupSignatureOptions {
  crypto: Crypto;
  clock: Clock;
  publicPackage: PublicPackage;
  /** 32 bytes, never used before; the members have approved `message` under it. */
  session: Uint8Array;
  message: Uint8Array;
  /** Names of the members that approved. */
  candidates: readonly string[];
  /** Carries one message to a member and its answer back. */
  ask(member: string, bytes: Uint8Array): Promise<Uint8Array>;
  /** Told once, when it is over, of everybody who was passed over: the others may have been enough. */
  passedOver?(members: ReadonlyMap<string, PassedOver>): void;
}

/** @throws OOTO_THRESHOLD_TOO_FEW, OOTO_THRESHOLD_BAD_SHARE (peer) with culprits. */
export function signWithGroup(options: GroupSignatureOptions): Promise<Uint8Array> {
  const { clock, ask, passedOver = () => {} } = options;
  const coordinator = new SigningCoordinator(options);
  const signed = new Promise<Uint8Array>((resolve, reject) => {
    let cancelTimer = () => {};
    const advance = (step: (now: number) => Outgoing[]) => {
      cancelTimer();
      try {
        for (const message of step(clock.monotonic())) carry(message);
      } catch (error) {
        reject(error);
        return;
      }
      if (coordinator.signature) resolve(coordinator.signature);
      else if (coordinator.deadline !== undefined)
        cancelTimer = clock.after(Math.max(0, coordinator.deadline - clock.monotonic()), () =>
          advance((now) => coordinator.tick(now)),
        );
    };
    const carry = ({ to, bytes }: Outgoing) => {
      ask(to, bytes).then(
        (answer) => advance((now) => coordinator.receive(to, answer, now)),
        () => advance((now) => coordinator.refused(to, now)),
      );
    };
    advance((now) => coordinator.start(now));
  });
  return signed.finally(() => passedOver(coordinator.passedOver));
}
