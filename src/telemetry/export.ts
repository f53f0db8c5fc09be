/**
 * A node's chain as one file for third parties. What flows through here: all frames, one after the other, behind a
 * label and their number; a verifier reads them strictly, judges the credentials at the time of each frame, and
 * follows the chain from its first frame to the checkpoint that ends it: no byte of the file goes unjudged.
 */
import { concat, equal, lengthPrefixed, u32be, utf8, utf8Decode } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { ChainPosition } from './chain.ts';
import { ChainState } from './chain-state.ts';
import type { CredentialJudge } from './credential.ts';
import { refusal } from './errors.ts';
import { followRuns } from './follower.ts';
import { type Checkpoint, decodeFrame, type Frame, MAX_FRAME_BYTES } from './frame.ts';

const LABEL = utf8('ooto/1 telemetry-export\0');
const MAX_FRAMES = 1 << 20;
const MAX_NODE_BYTES = 2048;

/** The frames of `node`, of which the last has to be a checkpoint: those behind it are left out. */
export function exportTelemetry(node: string, frames: Iterable<Uint8Array>): Uint8Array {
  const all = [...frames];
  while (all.length > 0 && decodeFrame(all.at(-1)!, node).kind !== 'checkpoint') all.pop();
  if (all.length === 0)
    throw new OotoError('OOTO_TELEMETRY_EXPORT', 'caller', `the chain of ${node} has no checkpoint yet`);
  return concat(LABEL, lengthPrefixed(utf8(node)), u32be(all.length), ...all.map(lengthPrefixed));
}

export interface TelemetryVerification {
  judge: CredentialJudge;
  /** What is known of this chain from elsewhere (a collector, a witness): a shorter file is refused. */
  anchor?: ChainPosition;
}

export interface VerifiedTelemetry {
  node: string;
  /** The checkpoint that ends the file. */
  checkpoint: Checkpoint;
  /** How often the node has started. */
  boots: number;
  checkpoints: number;
  /** All records, in order. */
  records: Uint8Array[];
}

/**
 * Judges an exported chain in full.
 * @throws OOTO_TELEMETRY_EXPORT (peer) for bytes of another form; OOTO_TELEMETRY_TRUNCATED (peer) when it does not end with a
 * checkpoint or is shorter than the anchor; every other code of {@link REFUSALS} for the frame at fault; OOTO_BASE_
 * errors for cut or trailing bytes.
 */
export function verifyTelemetry(
  crypto: Crypto,
  bytes: Uint8Array,
  { judge, anchor }: TelemetryVerification,
): VerifiedTelemetry {
  const { node, frames } = readExport(bytes);
  const state = new ChainState(crypto, node);
  const earlier = () => undefined;
  const [{ refusal: why }] = followRuns(crypto, judge, [{ state, frames, earlier }]);
  if (why) throw why;
  if (anchor) requireAnchor(state, frames, anchor);
  const last = frames.at(-1);
  if (last?.kind !== 'checkpoint')
    throw refusal('OOTO_TELEMETRY_TRUNCATED', node, 'the file does not end with a checkpoint');
  return {
    node,
    checkpoint: last.body,
    boots: state.boots,
    checkpoints: frames.filter(({ kind }) => kind === 'checkpoint').length,
    records: frames.flatMap((frame) => (frame.kind === 'link' ? frame.records : [])),
  };
}

function readExport(bytes: Uint8Array): { node: string; frames: Frame[] } {
  const reader = new ByteReader(bytes);
  if (!equal(reader.bytes(LABEL.length), LABEL)) throw notAsExported('these bytes are no exported chain');
  const node = utf8Decode(reader.prefixed(MAX_NODE_BYTES));
  const count = reader.u32();
  if (count > MAX_FRAMES) throw notAsExported(`${count} frames`);
  const frames: Frame[] = [];
  while (frames.length < count) frames.push(decodeFrame(reader.prefixed(MAX_FRAME_BYTES), node));
  reader.end();
  return { node, frames };
}

function requireAnchor(state: ChainState, frames: readonly Frame[], { sequence, head }: ChainPosition): void {
  const known = sequence === 0 || equal(frames[sequence - 1]?.body.head ?? new Uint8Array(), head);
  if (sequence > state.sequence || !known)
    throw refusal(
      'OOTO_TELEMETRY_TRUNCATED',
      state.node,
      'the file does not hold what is known of this chain',
    );
}

function notAsExported(why: string): OotoError {
  return new OotoError('OOTO_TELEMETRY_EXPORT', 'peer', `not an exported chain: ${why}`);
}
