/**
 * T5 in the memory of a whole process. What flows through here: the test starts itself as a program in which two
 * channels run through epochs and end; every secret that passes the primitives is told to the test, masked so that
 * telling leaves no copy; then all memory of the program that can be written is searched for each of them. The program
 * has so much young space that nothing is moved while it works: copies that a garbage collector makes are the limit
 * that docs/protocol.md states.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { equal as equalBytes } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import type { Crypto } from '../../../src/crypto/crypto.ts';
import { is, ok } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { Pair } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const FLAG = '--channels-that-end';
const MASK = 0xa5;
const SECRET_BYTES = 32;
const NEEDLE_BYTES = 16;
const PIECE_BYTES = 4 * 2 ** 20;
const TOLD = 3;
const NODE_OPTIONS = ['--min-semi-space-size=128', '--max-semi-space-size=128', '--expose-gc', '--trace-gc'];

if (process.argv.includes(FLAG)) live(process.argv.includes('--forgetful'));
else declareTests();

function declareTests(): void {
  const test = suite('secrets in the memory of a process', { timeout: 600_000 });
  if (!existsSync('/proc/self/mem')) {
    test.unavailable('memory of a process', 'there is no /proc');
    return;
  }
  test('control: a key that is not overwritten is found', async () => {
    const { secrets, found } = await search('--forgetful');
    ok(secrets > 100, `${secrets} secrets`);
    ok(found.length > 0);
  });
  test('T5: of channels that have ended no key, secret or exported value is left anywhere', async () => {
    const { secrets, found } = await search();
    ok(secrets > 100, `${secrets} secrets`);
    is(found.join(', '), '');
  });
}

/** Names of secrets that are still in the memory of the program, and how many there were. */
async function search(...flags: string[]): Promise<{ secrets: number; found: string[] }> {
  const args = [...NODE_OPTIONS, process.argv[1], FLAG, ...flags];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
  try {
    const told = await allTold(child);
    const found = told.filter(needleIn(child.pid!)).map(({ name }) => name);
    return { secrets: told.length, found };
  } finally {
    child.stdin!.end();
  }
}

interface Secret {
  readonly name: string;
  readonly needle: Buffer;
}

/** Lines `name masked-hex`, up to one that says it is done. */
async function allTold(child: ChildProcess): Promise<Secret[]> {
  let text = '';
  let log = '';
  child.stdout!.on('data', (chunk) => {
    log += chunk;
  });
  for await (const chunk of child.stdio[TOLD] as NodeJS.ReadableStream) {
    text += chunk;
    if (text.endsWith('done\n')) break;
  }
  const collections = log.split('\n').filter((line) => /Scavenge|Mark-Compact/.test(line));
  is(collections.filter((line) => !line.includes('testing; GC')).length, 0, log);
  const secrets = new Map<string, Secret>();
  for (const line of text.split('\n')) {
    const [name, masked] = line.split('\t');
    if (!masked) continue;
    const bytes = Buffer.from(masked, 'hex').map((byte) => byte ^ MASK);
    secrets.set(masked, { name, needle: Buffer.from(bytes.subarray(0, NEEDLE_BYTES)) });
  }
  return [...secrets.values()];
}

/** Whether a secret stands anywhere in what the process can write to. */
function needleIn(pid: number): (secret: Secret) => boolean {
  const pieces = [...writablePieces(pid)];
  return ({ needle }) => pieces.some((piece) => piece.includes(needle));
}

function* writablePieces(pid: number): Generator<Buffer> {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (!to) continue;
      const end = Number.parseInt(to, 16);
      for (let at = Number.parseInt(from, 16); at < end; at += PIECE_BYTES) {
        const piece = Buffer.alloc(Math.min(PIECE_BYTES + NEEDLE_BYTES, end - at));
        if (readInto(memory, piece, at) && piece.some((byte) => byte !== 0)) yield piece;
      }
    }
  } finally {
    closeSync(memory);
  }
}

function readInto(memory: number, piece: Buffer, at: number): boolean {
  try {
    return readSync(memory, piece, 0, piece.length, at) > 0;
  } catch {
    return false;
  }
}

/** The program: channels that live through epochs, with small messages and large ones, and end. */
function live(isForgetful: boolean): void {
  const plain = testCrypto();
  const parties: Uint8Array[] = [];
  const tell = (name: string, secret: Uint8Array) => {
    if (secret.length < SECRET_BYTES || parties.some((own) => equalBytes(own, secret))) return;
    writeSync(TOLD, `${name}\t${hex(secret.map((byte) => byte ^ MASK))}\n`);
  };
  const crypto = telling(plain, tell);
  const kept: Uint8Array[] = [];
  if (isForgetful) {
    const { recordCipher } = crypto;
    (crypto as { recordCipher: Crypto['recordCipher'] }).recordCipher = (key) => {
      kept.push(key.slice());
      return recordCipher(key);
    };
  }
  const pair = new Pair({ both: { crypto } });
  parties.push(pair.alice.own.noiseStatic, pair.bob.own.noiseStatic);
  pair.start();
  pair.run();
  for (let epoch = 0; epoch < 4; epoch++) {
    for (const length of [100, 100_000]) {
      pair.initiator.send(new Uint8Array(length));
      pair.responder.send(new Uint8Array(length));
      pair.run();
    }
    pair.initiator.renewEpoch();
    pair.run();
  }
  is(pair.initiator.status.epoch, 4);
  pair.initiator.close(pair.now);
  pair.run();
  is(pair.responder.state, 'closed');
  // Objects of the platform's ciphers hold their keys until they are collected.
  (globalThis as unknown as { gc(): void }).gc();
  setTimeout(() => {
    writeSync(TOLD, 'done\n');
    process.stdin.on('end', () => process.exit(kept.length > 1_000 ? 1 : 0)).resume();
  }, 100);
}

/** A Crypto that tells every secret that its primitives are given or give. */
function telling(crypto: Crypto, tell: (name: string, secret: Uint8Array) => void): Crypto {
  const told = (name: string, secret: Uint8Array) => {
    tell(name, secret);
    return secret;
  };
  return {
    ...crypto,
    hmac256: (key, ...parts) => told('HMAC', crypto.hmac256(key, ...parts)),
    hkdf256Expand: (prk, info, length) =>
      told('expanded', crypto.hkdf256Expand(told('exporter secret', prk), info, length)),
    recordCipher: (key) => crypto.recordCipher(told('record key', key)),
    keystream: (key) => crypto.keystream(told('salt key', key)),
    x25519: {
      ...crypto.x25519,
      sharedSecret: (scalar, point) =>
        told('DH', crypto.x25519.sharedSecret(told('ephemeral', scalar), point)),
    },
    mlkem768: {
      keygen(seed) {
        const pair = crypto.mlkem768.keygen(told('KEM seed', seed));
        tell('decapsulation key', pair.dk);
        return pair;
      },
      encaps(ek, coins) {
        const result = crypto.mlkem768.encaps(ek, told('coins', coins));
        tell('encapsulated', result.k);
        return result;
      },
      decaps: (dk, c) => told('decapsulated', crypto.mlkem768.decaps(dk, c)),
    },
  };
}
