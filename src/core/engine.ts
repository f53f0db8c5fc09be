/**
 * One running instance of the core. What flows through here: the bytes of a WebAssembly module become an
 * instance with fixed memory; two views, `input` and `output`, are made once and stay valid for its life. The
 * wrappers beside this file write into `input`, call an export with numbers, and read `output`. A bounds
 * assertion that fails inside the core arrives as an OotoError. This is the only file that knows the loader.
 */
import { instantiateSync } from '@assemblyscript/loader';
import { OotoError } from '../base/errors.ts';

/** The functions of the core, raw: numbers in, a number or nothing out. One block per file of `assembly/`. */
export interface CoreExports {
  // memory
  inputAddress(): number;
  outputAddress(): number;
  wipeInput(length: number): void;
  wipeOutput(length: number): void;
  // gcm
  gcmSetKey(slot: number): void;
  gcmWipeKey(slot: number): void;
  gcmSeal(slot: number, aadLength: number, length: number): void;
  gcmOpen(slot: number, aadLength: number, length: number): number;
  gcmBegin(slot: number): void;
  gcmAddAad(length: number): void;
  gcmSealPiece(length: number): void;
  gcmOpenPiece(length: number): void;
  gcmFinishSeal(): void;
  gcmFinishOpen(): number;
  // gcm-many
  gcmSealMany(slot: number, count: number): void;
  gcmOpenMany(slot: number, count: number): number;
  // record
  recordFrame(): void;
  recordUnframe(bytes: number): number;
  recordSeal(slot: number, count: number): number;
  recordOpen(slot: number, count: number, bytes: number): number;
  // salted-leaves
  saltedLeaves(count: number, bytes: number, most: number): number;
  // sha256
  sha256Hash(length: number): void;
  sha256Start(): void;
  sha256Update(length: number): void;
  sha256Finish(): void;
  sha256Many(count: number): void;
  // merkle
  merkleStart(): void;
  merkleAppend(count: number): void;
  merkleAppendHashes(count: number): void;
  merkleFinish(): void;
  merkleNode(): void;
  // chain
  chainAppend(count: number): void;
  chainAppendHashes(count: number): void;
  chainAppendBatch(count: number): void;
  // sha512
  sha512Start(): void;
  sha512Update(length: number): void;
  sha512Finish(): void;
  // ed25519
  ed25519PublicKey(): void;
  ed25519Prepare(): void;
  ed25519SignStart(prepared: number): void;
  ed25519SignCommit(): void;
  ed25519SignFinish(): void;
  ed25519Wipe(): void;
  ed25519AdmitKey(): number;
  ed25519VerifyStart(): void;
  ed25519VerifyFinish(): number;
  ed25519BatchStart(): void;
  ed25519BatchAdd(): number;
  ed25519BatchFinish(): void;
  // group25519
  groupScalarMultiplyAdd(): void;
  groupScalarInvert(): void;
  groupScalarReduce(): void;
  groupScalarAdmit(): number;
  groupBaseMultiply(): void;
  groupMultiply(): number;
  groupAdd(): number;
  groupSum(count: number): number;
  groupAdmit(): number;
  // x25519
  x25519Multiply(): number;
  x25519PublicKey(): void;
  // mlkem
  mlkemExpandSeed(): void;
  mlkemKeygen(): void;
  mlkemEncaps(): number;
  mlkemDecaps(): number;
}

export interface Engine {
  readonly exports: CoreExports;
  /** Written by the host before a call; `AREA_BYTES` long. */
  readonly input: Uint8Array;
  /** Read by the host after a call; `AREA_BYTES` long. */
  readonly output: Uint8Array;
  /** The whole linear memory, for the test that looks for secrets left behind. */
  readonly memory: Uint8Array;
}

/** Compiles and instantiates synchronously; about two milliseconds. @throws OOTO_CORE_MODULE (environment). */
export function startEngine(wasm: Uint8Array): Engine {
  const { instance, exports } = instantiate(wasm);
  // The loader's own functions re-spread their arguments on each call; the instance's are the bare ones.
  const raw = instance.exports as unknown as CoreExports & { AREA_BYTES: WebAssembly.Global };
  const { buffer } = exports.memory as WebAssembly.Memory;
  const areaBytes = raw.AREA_BYTES.value as number;
  return {
    exports: raw,
    input: new Uint8Array(buffer, raw.inputAddress(), areaBytes),
    output: new Uint8Array(buffer, raw.outputAddress(), areaBytes),
    memory: new Uint8Array(buffer),
  };
}

function instantiate(wasm: Uint8Array): ReturnType<typeof instantiateSync> {
  let text = (_pointer: number): string => 'at start-up';
  const abort = (message: number, file: number, line: number, column: number): never => {
    throw new OotoError(
      'OOTO_CORE_ASSERTION',
      'local',
      `the core refused: ${text(message)} (${text(file)}:${line}:${column})`,
    );
  };
  try {
    const started = instantiateSync(wasm as Uint8Array<ArrayBuffer>, { env: { abort } });
    text = (pointer) => started.exports.__getString(pointer);
    return started;
  } catch (cause) {
    throw new OotoError('OOTO_CORE_MODULE', 'environment', 'the WebAssembly core cannot be started', {
      hint: 'The core needs WebAssembly SIMD; use Node 20.19 or newer or a current browser, and a complete build.',
      cause,
    });
  }
}
