/**
 * Evidence that a log contradicts itself. What flows through here: two notes signed by the same log, and, when
 * their sizes differ, a proof that the larger tree begins with another root than the smaller note says. Whoever
 * knows the log's key can judge it without asking anybody.
 */
import { concat, equal, lengthPrefixed, u16be, utf8, utf8Decode } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CheckpointPolicy, verifyCheckpoint } from './checkpoint.ts';
import { MAX_NOTE_BYTES } from './note.ts';
import { HASH_BYTES, MAX_PROOF_HASHES, verifyConsistency } from './proof.ts';

export interface ForkEvidence {
  /** Checkpoint notes; the size of the first is at most that of the second. */
  readonly first: string;
  readonly second: string;
  /** The root that the tree of the second has at the size of the first; that of the second, for equal sizes. */
  readonly prefixRoot: Uint8Array;
  /** Proof that leads from `prefixRoot` to the root of the second; empty for equal sizes. */
  readonly proof: readonly Uint8Array[];
}

/** A log showed two heads that cannot both be true. */
export class ForkError extends OotoError {
  readonly evidence: ForkEvidence;

  constructor(origin: string, evidence: ForkEvidence) {
    super('OOTO_LOG_FORK', 'peer', `${origin} signed two heads that contradict each other`, {
      culprits: [origin],
      hint: 'keep the evidence, show it to the operators, and stop trusting this log',
    });
    this.evidence = evidence;
  }
}

const LABEL = utf8('ooto/1 log-fork\0');

/**
 * Judges evidence on its own; returns when the log did contradict itself.
 * @throws OOTO_LOG_EVIDENCE (peer) when it shows nothing, or the errors of {@link verifyCheckpoint}.
 */
export function verifyForkEvidence(
  crypto: Crypto,
  evidence: ForkEvidence,
  policy: Pick<CheckpointPolicy, 'origin' | 'keys'>,
): void {
  const { origin, keys } = policy;
  const first = verifyCheckpoint(crypto, evidence.first, { origin, keys });
  const second = verifyCheckpoint(crypto, evidence.second, { origin, keys });
  const { prefixRoot, proof } = evidence;
  verifyConsistency(crypto, {
    size1: first.size,
    root1: prefixRoot,
    size2: second.size,
    root2: second.root,
    proof,
  });
  if (equal(first.root, prefixRoot))
    throw new OotoError('OOTO_LOG_EVIDENCE', 'peer', 'these heads do not contradict each other');
}

/** Canonical bytes. */
export function encodeForkEvidence({ first, second, prefixRoot, proof }: ForkEvidence): Uint8Array {
  return concat(
    LABEL,
    lengthPrefixed(utf8(first)),
    lengthPrefixed(utf8(second)),
    prefixRoot,
    u16be(proof.length),
    ...proof,
  );
}

/** Reads evidence strictly; {@link verifyForkEvidence} judges it. @throws OOTO_LOG_EVIDENCE or OOTO_BASE_ errors. */
export function decodeForkEvidence(bytes: Uint8Array): ForkEvidence {
  const reader = new ByteReader(bytes);
  if (!equal(reader.bytes(LABEL.length), LABEL))
    throw new OotoError('OOTO_LOG_EVIDENCE', 'peer', 'these bytes are no evidence of a fork');
  const first = utf8Decode(reader.prefixed(MAX_NOTE_BYTES));
  const second = utf8Decode(reader.prefixed(MAX_NOTE_BYTES));
  const prefixRoot = reader.bytes(HASH_BYTES);
  const count = reader.u16();
  if (count > MAX_PROOF_HASHES)
    throw new OotoError('OOTO_LOG_EVIDENCE', 'peer', `a proof of ${count} hashes`);
  const proof = Array.from({ length: count }, () => reader.bytes(HASH_BYTES));
  reader.end();
  return { first, second, prefixRoot, proof };
}
