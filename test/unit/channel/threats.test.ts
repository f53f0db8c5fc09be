/**
 * The table of threats is held to the sources: every threat that concerns channels has a row, every row's test and
 * guard stand where the row says. What flows through here: the table; and the few tests of it that had no other place.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { u32be } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import {
  delegationMessage,
  encodeDelegation,
  readDelegation,
  verifyDelegation,
} from '../../../src/channel/delegation.ts';
import { epochPrologue } from '../../../src/channel/epoch-change.ts';
import { LABELS, label } from '../../../src/envelope/labels.ts';
import { equal, is, ok, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { makeParty, Pair, START } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';
import { ELSEWHERE, THREATS } from '../../threats/table.ts';

const test = suite('threats to channels');
const read = (file: string) => readFileSync(file, 'utf8');

test('every threat has a row here or a place elsewhere', () => {
  const all = Array.from({ length: 36 }, (_, i) => `T${i + 1}`);
  const here = new Set(THREATS.map(({ threat }) => threat.split(' ')[0]));
  equal(
    all.filter((threat) => here.has(threat) === threat in ELSEWHERE),
    [],
  );
});

test('every row’s test stands in its file, once', () => {
  for (const { test: named, what } of THREATS) {
    const written = named.written ?? named.title;
    const count = read(named.file).split(written).length - 1;
    is(count, 1, `${what}: ${named.file} has "${written}" ${count} times`);
  }
});

test('every row’s guard stands in its file, once, and is no longer there when taken away', () => {
  for (const { guard, what } of THREATS) {
    const count = read(guard.file).split(guard.lines).length - 1;
    is(count, 1, `${what}: the guard stands ${count} times in ${guard.file}`);
    ok(!guard.without.includes(guard.lines), what);
  }
});

test('T11: a delegation to a message key of small order is refused by the delegation itself', () => {
  const crypto = testCrypto();
  const messageKey = new Uint8Array(32).with(0, 1);
  const { identity, subject, delegation } = makeParty(crypto, 'alice', { delegation: { messageKey } });
  const statement = readDelegation(
    encodeDelegation(delegation, identity.sign(delegationMessage(delegation))),
  );
  const context = {
    meshId: delegation.meshId,
    noiseStatic: delegation.noiseStatic,
    identityKey: { algorithm: 'ed25519' as const, bytes: identity.publicKey },
    subject,
    identityNotAfter: delegation.notAfter,
    wall: START.wall,
  };
  throwsCode(() => verifyDelegation(crypto, statement, context), 'OOTO_CRYPTO_KEY');
});

test('T16: two ids never stand for two others in the prologue of an epoch', () => {
  const epoch = { hash: new Uint8Array(32), number: 1 };
  const encoded = (initiatorId: string, responderId: string) =>
    hex(epochPrologue({ initiatorId, responderId }, epoch));
  fc.assert(
    fc.property(fc.string({ maxLength: 8 }), fc.nat({ max: 8 }), fc.nat({ max: 8 }), (text, a, b) => {
      const cut = (at: number): [string, string] => [text.slice(0, at), text.slice(at)];
      const [one, other] = [cut(a), cut(b)];
      is(encoded(...one) === encoded(...other), one[0] === other[0]);
    }),
  );
});

test('T16: what message keys sign begins with labels of which none begins another', () => {
  const encoded = LABELS.map((kind) => hex(label(kind)));
  for (const one of encoded)
    for (const other of encoded) ok(one === other || !one.startsWith(other), `${one} ${other}`);
});

test('T35: a stranger’s first frame is refused at its length when no first message has it', () => {
  for (const [length, code] of [
    [1283, undefined],
    [1284, 'OOTO_CHANNEL_FRAME'],
    [65_000, 'OOTO_CHANNEL_FRAME'],
  ] as const) {
    const pair = new Pair();
    pair.start();
    pair.inject('initiator', u32be(length));
    is(pair.closedBy('responder'), code);
  }
});
