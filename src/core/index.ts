/** The core as typed objects, one per family of primitives, over one instance of the WebAssembly module. */
import { type CoreAes256Gcm, createCoreAes256Gcm } from './aes256gcm.ts';
import { type CoreAes256GcmMany, createCoreAes256GcmMany } from './aes256gcm-many.ts';
import { type CoreChain, createCoreChain } from './chain.ts';
import { type CoreEd25519, createCoreEd25519 } from './ed25519.ts';
import { type Engine, startEngine } from './engine.ts';
import { type CoreGroup25519, createCoreGroup25519 } from './group25519.ts';
import { KeySlots } from './key-slots.ts';
import { type CoreMerkle, createCoreMerkle } from './merkle.ts';
import { type CoreMlKem768, createCoreMlKem768 } from './mlkem768.ts';
import { type CoreRecord, createCoreRecord } from './record.ts';
import { type CoreSaltedLeaves, createCoreSaltedLeaves } from './salted-leaves.ts';
import { type CoreSha256, createCoreSha256 } from './sha256.ts';
import { type CoreSha512, createCoreSha512 } from './sha512.ts';
import { type CoreX25519, createCoreX25519 } from './x25519.ts';

export interface Core {
  readonly engine: Engine;
  readonly keys: KeySlots;
  readonly aes256gcm: CoreAes256Gcm;
  readonly aes256gcmMany: CoreAes256GcmMany;
  readonly record: CoreRecord;
  readonly saltedLeaves: CoreSaltedLeaves;
  readonly sha256: CoreSha256;
  readonly merkle: CoreMerkle;
  readonly chain: CoreChain;
  readonly sha512: CoreSha512;
  readonly ed25519: CoreEd25519;
  readonly group25519: CoreGroup25519;
  readonly x25519: CoreX25519;
  readonly mlkem768: CoreMlKem768;
}

/**
 * Starts the core from the bytes of `core.wasm` or `core-relaxed.wasm`.
 * @throws OOTO_CORE_MODULE (environment) when the platform cannot run it.
 */
export function instantiateCore(wasm: Uint8Array): Core {
  const engine = startEngine(wasm);
  const keys = new KeySlots(engine);
  const aes256gcm = createCoreAes256Gcm(engine, keys);
  const aes256gcmMany = createCoreAes256GcmMany(engine, keys, aes256gcm);
  const record = createCoreRecord(engine, keys);
  const saltedLeaves = createCoreSaltedLeaves(engine);
  const sha256 = createCoreSha256(engine);
  const merkle = createCoreMerkle(engine, sha256);
  const chain = createCoreChain(engine, sha256, merkle);
  const sha512 = createCoreSha512(engine);
  const ed25519 = createCoreEd25519(engine);
  const group25519 = createCoreGroup25519(engine);
  const x25519 = createCoreX25519(engine);
  const mlkem768 = createCoreMlKem768(engine);
  const hashes = { sha256, merkle, chain, sha512 };
  const ciphers = { aes256gcm, aes256gcmMany, record };
  return { engine, keys, ...ciphers, saltedLeaves, ...hashes, ed25519, group25519, x25519, mlkem768 };
}
