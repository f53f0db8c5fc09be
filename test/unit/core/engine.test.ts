/** The boundary of the core: declared exports are the real ones, and failed assertions arrive as errors. */
import type { CoreExports } from '../../../src/core/engine.ts';
import { startEngine } from '../../../src/core/engine.ts';
import { equal, is, throwsCode } from '../../support/assert.ts';
import { coreBytes, testCores } from '../../support/core.ts';
import { suite } from '../../support/suite.ts';

/** Every declared function with its number of parameters; the compiler holds this table to the interface. */
const DECLARED: { [Name in keyof CoreExports]: Parameters<CoreExports[Name]>['length'] } = {
  inputAddress: 0,
  outputAddress: 0,
  wipeInput: 1,
  wipeOutput: 1,
  gcmSetKey: 1,
  gcmWipeKey: 1,
  gcmSeal: 3,
  gcmOpen: 3,
  gcmBegin: 1,
  gcmAddAad: 1,
  gcmSealPiece: 1,
  gcmOpenPiece: 1,
  gcmFinishSeal: 0,
  gcmFinishOpen: 0,
  gcmSealMany: 2,
  gcmOpenMany: 2,
  recordFrame: 0,
  recordUnframe: 1,
  recordSeal: 2,
  recordOpen: 3,
  saltedLeaves: 3,
  sha256Hash: 1,
  sha256Start: 0,
  sha256Update: 1,
  sha256Finish: 0,
  sha256Many: 1,
  merkleStart: 0,
  merkleAppend: 1,
  merkleAppendHashes: 1,
  merkleFinish: 0,
  merkleNode: 0,
  chainAppend: 1,
  chainAppendHashes: 1,
  chainAppendBatch: 1,
  sha512Start: 0,
  sha512Update: 1,
  sha512Finish: 0,
  ed25519PublicKey: 0,
  ed25519Prepare: 0,
  ed25519SignStart: 1,
  ed25519SignCommit: 0,
  ed25519SignFinish: 0,
  ed25519Wipe: 0,
  ed25519AdmitKey: 0,
  ed25519VerifyStart: 0,
  ed25519VerifyFinish: 0,
  ed25519BatchStart: 0,
  ed25519BatchAdd: 0,
  ed25519BatchFinish: 0,
  groupScalarMultiplyAdd: 0,
  groupScalarInvert: 0,
  groupScalarReduce: 0,
  groupScalarAdmit: 0,
  groupBaseMultiply: 0,
  groupMultiply: 0,
  groupAdd: 0,
  groupSum: 1,
  groupAdmit: 0,
  x25519Multiply: 0,
  x25519PublicKey: 0,
  mlkemExpandSeed: 0,
  mlkemKeygen: 0,
  mlkemEncaps: 0,
  mlkemDecaps: 0,
};

const test = suite('core engine');

for (const { name, core } of testCores())
  test(`${name}: the exports are exactly the declared ones`, () => {
    const exported = Object.entries(core.engine.exports)
      .filter(([, value]) => typeof value === 'function')
      .map(([key, value]) => [key, value.length]);
    equal(Object.fromEntries(exported), DECLARED);
  });

test('the areas lie apart and inside memory', () => {
  const { input, output, memory } = startEngine(coreBytes());
  is(input.buffer, memory.buffer);
  is(input.length, output.length);
  is(Math.abs(input.byteOffset - output.byteOffset) >= input.length, true);
});

test('an assertion of the core names its place', () => {
  const { exports } = startEngine(coreBytes());
  const error = throwsCode(() => exports.wipeInput(-1), 'OOTO_CORE_ASSERTION');
  is(error.message.includes('length outside the input area'), true);
  is(error.message.includes('memory.ts'), true);
});

test('bytes that are no module are refused', () => {
  throwsCode(() => startEngine(Uint8Array.of(0, 1, 2)), 'OOTO_CORE_MODULE');
});
