/**
 * What is secret in each operation of the core, and what of it is public by specification. What flows through here:
 * a table with an entry for every family of exports; each entry brings its inputs, says which bytes are secret, and
 * calls its exports with so many public shapes (lengths, counts, right and wrong tags) that every instruction runs.
 * Lengths, counts, slots, nonces, ciphertexts, tags and public keys are public. Keys, seeds, scalars, plaintexts and
 * every byte that is hashed are secret.
 */
import { createHash } from 'node:crypto';
import type { Leak, Publication } from './machine.ts';
import type { Scene } from './scene.ts';

export interface Operation {
  name: string;
  run(scene: Scene): void;
  /** Bytes outside of the two areas that may depend on secrets afterwards: prepared keys, results that are public. */
  keeps?: number;
}

const TAG = 16;
const IV = 12;
const SLOT = 3;
const SCHEDULE_AND_TABLES = 15 * 16 + 8 * 256;

/** Whether two tags are the same is what opening tells: one question for each message, of all sixteen bytes. */
function tagComparison(messages = 1): Publication {
  let branches = 0;
  return ({ kind, made }) =>
    made === 'v128.any_true' && (kind === 'result' || (kind === 'branch' && ++branches <= messages));
}

/** RFC 7748 section 6.1: that the shared secret is zero may be told, and ends the handshake. */
const zeroSharedSecret = ({ kind }: Leak): boolean => kind === 'result';

/** Around the borders of blocks, of groups of blocks and of the keystream window. */
const TEXT_LENGTHS = [0, 1, 15, 16, 17, 33, 64, 65, 96, 130, 300, 4079, 4080, 4081, 4200];
const HASH_LENGTHS = [0, 1, 23, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 300];

function setKey(scene: Scene): void {
  scene.secret('key', 0, 32);
  scene.call('gcmSetKey', [SLOT]);
}

/** The ciphertext is in the output: seals `length` secret bytes. */
function seal(scene: Scene, iv: Uint8Array, aad: Uint8Array, length: number): Uint8Array {
  scene.public(0, Uint8Array.from([...iv, ...aad]));
  scene.secret('plaintext', IV + aad.length, length);
  scene.call('gcmSeal', [SLOT, aad.length, length]);
  return scene.read(length + TAG);
}

function altered(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 0x40 : byte));
}

function gcm(scene: Scene): void {
  setKey(scene);
  for (const [i, length] of TEXT_LENGTHS.entries()) {
    const aad = scene.random([0, 13, 16, 70][i % 4]);
    const iv = scene.random(IV);
    const sealed = seal(scene, iv, aad, length);
    for (const message of [sealed, altered(sealed, length + 3)]) {
      scene.public(0, Uint8Array.from([...iv, ...aad, ...message]));
      scene.call('gcmOpen', [SLOT, aad.length, length], tagComparison());
    }
  }
  scene.call('gcmWipeKey', [SLOT]);
}

function gcmPieces(scene: Scene): void {
  setKey(scene);
  const begin = (): void => {
    scene.public(0, new Uint8Array(IV).fill(7));
    scene.call('gcmBegin', [SLOT]);
    scene.public(0, scene.random(48));
    scene.call('gcmAddAad', [32]);
    scene.call('gcmAddAad', [5]);
  };
  begin();
  scene.secret('plaintext', 0, 4200);
  scene.call('gcmSealPiece', [4160]);
  scene.call('gcmSealPiece', [9]);
  scene.call('gcmFinishSeal');
  begin();
  scene.public(0, scene.random(100));
  scene.call('gcmOpenPiece', [99]);
  scene.call('gcmFinishOpen', [], tagComparison());
  scene.call('gcmWipeKey', [SLOT]);
}

/** Of each length, with its additional data: few, and enough for two groups of the keystream window. */
const MANY: readonly (readonly [length: number, aad: number])[][] = [
  [
    [64, 13],
    [3, 0],
  ],
  [
    [0, 13],
    [64, 13],
    [2000, 0],
    [49, 40],
    [4080, 16],
    [96, 5],
  ],
];

function gcmMany(scene: Scene): void {
  setKey(scene);
  for (const messages of MANY) gcmManyOf(scene, messages);
  scene.call('gcmWipeKey', [SLOT]);
}

function gcmManyOf(scene: Scene, messages: (typeof MANY)[number]): void {
  const u32 = (value: number): number[] => [value & 255, value >> 8, 0, 0];
  const descriptors = Uint8Array.from(
    messages.flatMap(([length, aad], i) => [...u32(length), ...u32(aad), ...scene.random(IV), i, 0, 0, 0]),
  );
  const lay = (write: (at: number, length: number) => number): void => {
    scene.public(0, descriptors);
    let at = descriptors.length;
    for (const [length, aad] of messages) {
      scene.public(at, new Uint8Array(aad).fill(9));
      at += aad + write(at + aad, length);
    }
  };
  lay((at, length) => {
    scene.secret('plaintext', at, length);
    return length;
  });
  scene.call('gcmSealMany', [SLOT, messages.length]);
  const sealed = scene.read(messages.reduce((sum, [length]) => sum + length + TAG, 0));
  for (const message of [sealed, altered(sealed, 20), altered(sealed, sealed.length - 1)]) {
    let from = 0;
    lay((at, length) => {
      scene.public(at, message.subarray(from, from + length + TAG));
      from += length + TAG;
      return length + TAG;
    });
    scene.call('gcmOpenMany', [SLOT, messages.length], tagComparison(messages.length));
  }
}

function descriptor(length: number, counter: number): number[] {
  return [length & 255, length >> 8, 0, 0, 23, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, counter, 1, 0, 0, 0, 0, 0, 0];
}

function records(scene: Scene): void {
  setKey(scene);
  for (const lengths of [
    [64, 3],
    [0, 4300, 40, 3, 2000, 2000, 64, 16],
  ])
    recordsOf(scene, lengths);
  scene.call('gcmWipeKey', [SLOT]);
}

function recordsOf(scene: Scene, lengths: readonly number[]): void {
  scene.public(0, Uint8Array.from(lengths.flatMap((length, i) => descriptor(length, i))));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  scene.secret('plaintext', 24 * lengths.length, total);
  const bytes = scene.call('recordSeal', [SLOT, lengths.length])!;
  const frames = scene.read(bytes);
  const broken = [
    frames,
    altered(frames, 18),
    altered(frames, bytes - 1),
    altered(frames, bytes >> 1),
    altered(frames, 2),
  ];
  for (const message of broken) {
    scene.public(0, message);
    scene.call('recordOpen', [SLOT, lengths.length, bytes], tagComparison(lengths.length));
  }
  scene.public(0, frames);
  scene.call('recordOpen', [SLOT, lengths.length, bytes - 1], tagComparison(lengths.length));
  scene.call('recordOpen', [SLOT, lengths.length + 1, bytes], tagComparison(lengths.length));
  scene.call('recordOpen', [SLOT, lengths.length - 1, bytes], tagComparison(lengths.length));
}

function framing(scene: Scene): void {
  scene.public(0, Uint8Array.from(descriptor(100, 9)));
  scene.call('recordFrame');
  scene.public(0, scene.read(17));
  for (const bytes of [133, 132, 20]) scene.call('recordUnframe', [bytes]);
}

function sha256(scene: Scene): void {
  for (const length of HASH_LENGTHS) {
    scene.secret('message', 0, length);
    scene.call('sha256Hash', [length]);
  }
  scene.call('sha256Start');
  for (const length of HASH_LENGTHS) {
    scene.secret('message', 0, length);
    scene.call('sha256Update', [length]);
  }
  scene.call('sha256Finish');
}

/** Lengths, public, then secret messages back to back. */
function list(scene: Scene, at: number, lengths: readonly number[]): void {
  scene.public(at, new Uint8Array(Uint32Array.from(lengths).buffer));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  scene.secret('messages', at + 4 * lengths.length, total);
}

function sha256Many(scene: Scene): void {
  for (const lengths of [
    [],
    [5],
    [64, 300],
    HASH_LENGTHS,
    [300, 1, 1, 1, 1, 1, 200],
    [64, 64, 64, 64, 64, 64, 64],
    [65, 65, 65, 65, 128, 128, 128, 128, 128, 1, 2],
  ]) {
    list(scene, 0, lengths);
    scene.call('sha256Many', [lengths.length]);
  }
}

/** Salts and messages are secret; the headers between them, which say their lengths, are not. */
function saltedLeaves(scene: Scene): void {
  for (const lengths of [[0], [47, 64, 64, 64, 64, 200, 5], [1000, 1025, 3, 38, 39, 1024], HASH_LENGTHS]) {
    scene.secret('salts', 0, 16 * lengths.length);
    let at = 16 * lengths.length;
    for (const length of lengths) {
      scene.public(at, Uint8Array.of(0, 0, length >> 8, length & 255));
      scene.secret('message', at + 4, length);
      at += 4 + length;
    }
    scene.call('saltedLeaves', [lengths.length, at - 16 * lengths.length, 1024]);
  }
}

function merkle(scene: Scene): void {
  scene.call('merkleStart');
  scene.call('merkleFinish');
  scene.call('merkleStart');
  for (const lengths of [HASH_LENGTHS, [1], [7, 8]]) {
    list(scene, 0, lengths);
    scene.call('merkleAppend', [lengths.length]);
  }
  scene.secret('leaf hashes', 0, 11 * 32);
  scene.call('merkleAppendHashes', [11]);
  scene.call('merkleFinish');
  scene.secret('nodes', 0, 64);
  scene.call('merkleNode');
}

function chain(scene: Scene): void {
  scene.secret('head', 0, 32);
  list(scene, 32, HASH_LENGTHS);
  scene.call('chainAppend', [HASH_LENGTHS.length]);
  scene.secret('head and leaf hashes', 0, 32 * 6);
  scene.call('chainAppendHashes', [5]);
  scene.call('merkleStart');
  list(scene, 0, HASH_LENGTHS);
  scene.call('merkleAppend', [HASH_LENGTHS.length]);
  scene.secret('head', 0, 32);
  scene.call('chainAppendBatch', [HASH_LENGTHS.length]);
}

function sha512(scene: Scene): void {
  for (const length of HASH_LENGTHS) {
    scene.call('sha512Start');
    for (const part of [length, 0, length + 70]) {
      scene.secret('message', 0, part);
      scene.call('sha512Update', [part]);
    }
    scene.call('sha512Finish');
  }
}

function ed25519Keys(scene: Scene): void {
  scene.secret('seed', 0, 32);
  scene.call('ed25519PublicKey');
  scene.secret('seed', 0, 32);
  scene.call('ed25519Prepare');
}

function ed25519Sign(scene: Scene): void {
  for (const prepared of [0, 1]) {
    scene.secret(prepared ? 'expanded key' : 'seed', 0, prepared ? 96 : 32);
    scene.call('ed25519SignStart', [prepared]);
    for (const step of ['ed25519SignCommit', 'ed25519SignFinish']) {
      scene.secret('message', 0, 150);
      scene.call('sha512Update', [150]);
      scene.call(step);
    }
  }
  scene.call('ed25519Wipe');
}

/** Encodings that fail one after the other: y not below p, not on the curve, zero x with a sign, small order; then a key. */
function ed25519AdmitKey(scene: Scene): void {
  const [base, one, minusOne] = [0x58, 1, 0xec].map((first) => Uint8Array.of(first, ...new Uint8Array(31)));
  base.fill(0x66, 1);
  const offCurve = [2, 7].map((y) => Uint8Array.of(y, ...new Uint8Array(31)));
  minusOne.fill(0xff, 1);
  minusOne[31] = 0x7f;
  const others = [3, 9].map((y) => Uint8Array.of(y, ...new Uint8Array(31)));
  const signed = one.with(31, 0x80);
  const flipped = base.with(31, 0xe6);
  for (const encoding of [
    new Uint8Array(32).fill(255),
    minusOne.with(0, 0xed),
    ...offCurve,
    signed,
    minusOne,
    base,
    flipped,
    base,
    ...others,
  ]) {
    scene.public(0, encoding);
    scene.call('ed25519AdmitKey');
  }
}

/** A point that is none, then the base point. */
function group25519(scene: Scene): void {
  scene.secret('scalars', 0, 96);
  scene.call('groupScalarMultiplyAdd');
  scene.secret('scalar', 0, 32);
  scene.call('groupScalarInvert');
  scene.secret('digest', 0, 64);
  scene.call('groupScalarReduce');
  scene.secret('scalar', 0, 32);
  scene.call('groupBaseMultiply');
  const base = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 0x58 : 0x66));
  for (const point of [base.with(0, 2).fill(0, 1), base]) {
    scene.secret('scalar', 0, 32);
    scene.public(32, point);
    scene.call('groupMultiply');
  }
}

function x25519(scene: Scene): void {
  for (const point of [scene.random(32), new Uint8Array(32), new Uint8Array(32).fill(255)]) {
    scene.secret('scalar', 0, 32);
    scene.public(32, point);
    scene.call('x25519Multiply', [], zeroSharedSecret);
  }
  scene.secret('scalar', 0, 32);
  scene.call('x25519PublicKey');
}

/** Seeds of matrices with an entry that needs a fourth block: one that is made alone, two that are made in pairs. */
const UNLUCKY_RHOS = [
  'a3f13072c9d761b198ad5d660943116b3b65efacc09417a0ca031f288c501f67',
  'd62f53f5b76edac08872dbcb399d6115b7e226483a94a3a3ff5db96823ee0f20',
].map((rho) => Uint8Array.from(Buffer.from(rho, 'hex')));

function mlkemKeygen(scene: Scene): void {
  scene.secret('d', 0, 32);
  scene.call('mlkemExpandSeed');
  // The first half of what comes out is ρ, which goes into the public key: from here on it is public.
  const expanded = scene.read(64);
  for (const rho of [expanded.subarray(0, 32), ...UNLUCKY_RHOS]) {
    scene.public(0, rho);
    scene.secret('σ', 32, expanded.subarray(32));
    scene.secret('z', 64, 32);
    scene.call('mlkemKeygen');
  }
}

/** A key of any content, which is as good as another here: only that coefficients are below q matters. */
function encapsulationKey(scene: Scene, rho: Uint8Array): Uint8Array {
  return Uint8Array.from([
    ...scene.random(1152).map((byte, i) => (i % 3 === 0 ? byte : byte & 0x77)),
    ...rho,
  ]);
}

function mlkemEncaps(scene: Scene): void {
  for (const rho of UNLUCKY_RHOS) {
    const ek = encapsulationKey(scene, rho);
    for (const key of [ek, ek.with(0, 0xff).with(1, 0xff)]) {
      scene.public(0, key);
      scene.secret('m', key.length, 32);
      scene.call('mlkemEncaps');
    }
  }
}

/** What is made again from the decrypted message is secret, and so is whether it is the ciphertext. */
function mlkemDecaps(scene: Scene): void {
  for (const rho of UNLUCKY_RHOS) {
    const ek = encapsulationKey(scene, rho);
    const hash = Uint8Array.from(createHash('sha3-256').update(ek).digest());
    for (const held of [hash, altered(hash, 31)]) {
      scene.secret('s', 0, 1152);
      scene.public(1152, Uint8Array.from([...ek, ...held]));
      scene.secret('z', 2368, 32);
      scene.public(2400, scene.random(1088));
      scene.call('mlkemDecaps');
    }
  }
}

function areas(scene: Scene): void {
  scene.secret('anything', 0, 100);
  for (const length of [100, 5000]) {
    scene.call('wipeInput', [length]);
    scene.call('wipeOutput', [length]);
  }
}

export const OPERATIONS: readonly Operation[] = [
  { name: 'areas', run: areas },
  { name: 'AES-256-GCM key', run: setKey, keeps: SCHEDULE_AND_TABLES },
  { name: 'AES-256-GCM', run: gcm },
  { name: 'AES-256-GCM of many', run: gcmMany },
  { name: 'AES-256-GCM in pieces', run: gcmPieces },
  { name: 'records', run: records },
  { name: 'framing', run: framing },
  { name: 'SHA-256', run: sha256 },
  { name: 'SHA-256 of many', run: sha256Many },
  { name: 'salted leaves', run: saltedLeaves },
  { name: 'Merkle tree', run: merkle },
  { name: 'hash chain', run: chain },
  { name: 'SHA-512', run: sha512 },
  { name: 'Ed25519 keys', run: ed25519Keys, keeps: 32 },
  { name: 'Ed25519 signing', run: ed25519Sign, keeps: 32 + 64 },
  { name: 'Ed25519 keys of others', run: ed25519AdmitKey },
  { name: 'the group of Ed25519', run: group25519 },
  { name: 'X25519', run: x25519 },
  { name: 'ML-KEM-768 key generation', run: mlkemKeygen },
  { name: 'ML-KEM-768 encapsulation', run: mlkemEncaps },
  { name: 'ML-KEM-768 decapsulation', run: mlkemDecaps },
];

/**
 * Exports into which nothing secret goes, with the reason. They are not run: whatever they do with their inputs
 * tells what is known.
 */
export const PUBLIC_EXPORTS: Readonly<Record<string, string>> = {
  inputAddress: 'a constant',
  outputAddress: 'a constant',
  ed25519AdmitKey: 'public keys',
  ed25519VerifyStart: 'public keys and signatures',
  ed25519VerifyFinish: 'public keys, signatures and their messages',
  ed25519BatchStart: 'no input',
  ed25519BatchAdd: 'as for one signature; the coefficients are of no use to anybody once the batch is judged',
  ed25519BatchFinish: 'what was added',
  groupScalarAdmit: 'scalars that are published, such as those of a signature',
  groupAdd: 'elements, which are published',
  groupSum: 'published scalars and elements',
  groupAdmit: 'elements, which are published',
};
