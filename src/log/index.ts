/** The log room: transparency logs, their checkpoints, witnesses, proofs and readers. */
export {
  type Checkpoint,
  type CheckpointPolicy,
  type Cosigned,
  formatCheckpoint,
  parseCheckpoint,
  type VerifiedCheckpoint,
  verifyCheckpoint,
} from './checkpoint.ts';
export { cosign, cosignatureTime, cosignTree, type TreeHead } from './cosignature.ts';
export { decodeBundle, encodeBundle, MAX_ENTRY_BYTES } from './entry-bundle.ts';
export { type ExportedLog, encodeExport, exportLog, verifyExportedLog } from './export.ts';
export {
  decodeForkEvidence,
  encodeForkEvidence,
  ForkError,
  type ForkEvidence,
  verifyForkEvidence,
} from './fork.ts';
export { Log, type LogHead, type LogOptions, type StagedLog } from './log.ts';
export { type FollowedLog, LogFollower } from './log-follower.ts';
export { type LogAddition, type LogJudgement, LogWriter } from './log-writer.ts';
export {
  formatNote,
  formatVerifierKey,
  type Note,
  type NoteKey,
  type NoteSignature,
  type NoteSigner,
  type NoteType,
  parseNote,
  parseNoteSignature,
  parseVerifierKey,
} from './note.ts';
export { type ConsistencyClaim, type InclusionClaim, verifyConsistency, verifyInclusion } from './proof.ts';
export { parseTilePath, type TileAddress, tilePath } from './tile.ts';
export {
  bundlesOf,
  consistencyFromTiles,
  missingResource,
  type ProvenEntry,
  type TiledLog,
  TileReader,
} from './tile-reader.ts';
export { answerReader } from './tile-service.ts';
export { type TileSource, TileTree } from './tile-tree.ts';
export {
  type EntryProof,
  formatEntryProof,
  type JudgedEntry,
  parseEntryProof,
  verifyEntryProof,
} from './tlog-proof.ts';
export { advanceView, restoreView } from './view.ts';
export { type StagedCosignature, Witness, type WitnessOptions } from './witness.ts';
export { askWitness, readWitnessAnswer, type WitnessAnswer, type WitnessAsked } from './witness-client.ts';
export { formatWitnessRequest, parseWitnessRequest, type WitnessRequest } from './witness-request.ts';
export { answerWitness, type WitnessServiceOptions } from './witness-service.ts';
