/**
 * Verification of a run of frames of one node. What flows through here, in order: each frame is held to the
 * credential in force, the signatures of all are checked as one batch, then each frame is followed. The run ends at
 * the first refusal, which is kept; what was followed before it stands. Runs of many nodes share one batch.
 */
import { equal } from '../base/bytes.ts';
import { isOotoError, type OotoError } from '../base/errors.ts';
import type { Crypto, Ed25519Item } from '../crypto/crypto.ts';
import type { ChainState, Earlier } from './chain-state.ts';
import type { ChainStore } from './chain-store.ts';
import { type CredentialJudge, type Grant, grantOf, judgeCredential, shown } from './credential.ts';
import { damaged, refusal } from './errors.ts';
import { type Frame, type Statement, statementBytes } from './frame.ts';

/** Frames of one node that are to be followed from `state` on. */
export interface Run {
  /** Moves as far as frames are good. */
  state: ChainState;
  frames: readonly Frame[];
  earlier: Earlier;
}

export interface Followed {
  /** The frames that were followed. */
  frames: readonly Frame[];
  /** Why the next one was not; undefined when all were. */
  refusal?: OotoError;
}

/** A frame with the grant it claims, its signature not yet checked. */
interface Claimed {
  frame: Frame;
  grant: Grant;
}

/** The beginning of a run whose credentials are good, and why it ends where it does. */
interface Claims {
  claimed: Claimed[];
  refusal?: OotoError;
}

/** Follows all runs; each result stands at the place of its run. */
export function followRuns(crypto: Crypto, judge: CredentialJudge, runs: readonly Run[]): Followed[] {
  const claims = runs.map((run) => claimsOf(crypto, judge, run));
  const all = claims.flatMap(({ claimed }) => claimed);
  const forged = new Set(crypto.ed25519.verifyBatch(all.map(signedItem)).map((index) => all[index].frame));
  return runs.map((run, i) => followRun(run, claims[i], forged));
}

/**
 * Follows a stored chain to its end; `use` sees each frame that was followed.
 * @throws OOTO_TELEMETRY_STORE (environment) at the first frame that is missing or was altered.
 */
export function followStored(
  crypto: Crypto,
  judge: CredentialJudge,
  state: ChainState,
  store: ChainStore,
  use: (frame: Frame) => void = () => {},
): void {
  const earlier = (sequence: number) => store.statement(sequence);
  for (const frames of store.pages()) {
    const [followed] = followRuns(crypto, judge, [{ state, frames, earlier }]);
    followed.frames.forEach(use);
    if (followed.refusal)
      throw damaged(
        state.node,
        `frame ${state.sequence} is refused: ${followed.refusal.message}`,
        followed.refusal,
      );
  }
}

function claimsOf(crypto: Crypto, judge: CredentialJudge, { state, frames, earlier }: Run): Claims {
  const claimed: Claimed[] = [];
  const within = new Map<number, Claimed>();
  let inForce = state.grant;
  for (const frame of frames) {
    const { sequence } = frame.body;
    const taken = within.get(sequence);
    const passed = sequence < state.sequence + claimed.length;
    try {
      inForce = passed
        ? grantOfPassed(crypto, judge, frame, taken ? shown(taken) : earlier(sequence))
        : grantOf(crypto, judge, frame, inForce);
    } catch (error) {
      return { claimed, refusal: asRefusal(error) };
    }
    claimed.push({ frame, grant: inForce });
    within.set(sequence, { frame, grant: inForce });
    if (passed) break;
  }
  return { claimed };
}

/** A frame whose number was taken: the same again is a replay, another is held to the credential of its time. */
function grantOfPassed(
  crypto: Crypto,
  judge: CredentialJudge,
  frame: Frame,
  taken: Statement | undefined,
): Grant {
  const { node, sequence, time } = frame.body;
  if (!taken || equal(statementBytes(taken), statementBytes(frame)))
    throw refusal('OOTO_TELEMETRY_REPLAY', node, `frame ${sequence} came again`);
  const then = taken.credential && judgeCredential(crypto, judge, taken.credential, { node, time });
  return grantOf(crypto, judge, frame, frame.credential ? undefined : then);
}

function followRun(
  { state, earlier }: Run,
  { claimed, refusal: last }: Claims,
  forged: ReadonlySet<Frame>,
): Followed {
  const frames: Frame[] = [];
  const followed = new Map<number, Statement>();
  for (const { frame, grant } of claimed) {
    try {
      if (forged.has(frame))
        throw refusal(
          'OOTO_TELEMETRY_SIGNATURE',
          state.node,
          'a statement altered, or signed by another key',
        );
      state.follow(frame, grant, (sequence) => followed.get(sequence) ?? earlier(sequence));
    } catch (error) {
      return { frames, refusal: asRefusal(error) };
    }
    frames.push(frame);
    followed.set(frame.body.sequence, shown({ frame, grant }));
  }
  return last ? { frames, refusal: last } : { frames };
}

function signedItem({ frame, grant }: Claimed): Ed25519Item {
  return { publicKey: grant.publicKey, message: statementBytes(frame), signature: frame.signature };
}

/** A defect of this program must not pass for a refusal. */
function asRefusal(error: unknown): OotoError {
  if (isOotoError(error)) return error;
  throw error;
}
