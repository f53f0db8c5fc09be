/**
 * A day of one channel in virtual time: 1,440 changes of epoch under traffic both ways and with delegations renewed
 * as they are in life. No nonce is used twice under a key, and nothing is kept of what is past.
 */
import { utf8 } from '../../../src/base/bytes.ts';
import type { OwnCredential } from '../../../src/channel/credential.ts';
import { delegationMessage, encodeDelegation } from '../../../src/channel/delegation.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { is, ok } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { retainedBytes } from '../../support/heap.ts';
import { makeParty, Pair, type Party, type Side, START, seededRandom } from '../../support/network.ts';
import { NonceAudit } from '../../support/nonce-audit.ts';
import { suite } from '../../support/suite.ts';

const test = suite('a day of a channel', { timeout: 120_000 });
const MINUTE = 60_000;
const DELEGATION_MS = 10 * MINUTE;
const CHANGES = 1_440;
/** What half a day may leave behind, once everything is compiled: less than the objects of its epochs. */
const GROWTH_BYTES = 512 * 1024;

/** The next delegation of a party, to a new message key. */
function renewed(pair: Pair, party: Party): OwnCredential {
  const messageKey = Ed25519SigningKey.generate(pair.crypto);
  const delegation = {
    ...party.delegation,
    messageKey: messageKey.publicKey,
    notBefore: pair.now.wall,
    notAfter: pair.now.wall + DELEGATION_MS,
  };
  const encoded = encodeDelegation(delegation, party.identity.sign(delegationMessage(delegation)));
  return { ...party.own, delegation: encoded, messageKey };
}

function watchedPair(audit: NonceAudit): Pair {
  const crypto = audit.watch(testCrypto(seededRandom('a day')));
  const delegation = { notAfter: START.wall + DELEGATION_MS };
  return Pair.established({
    both: { crypto },
    parties: () => ({
      alice: makeParty(crypto, 'alice', { delegation }),
      bob: makeParty(crypto, 'bob', { delegation }),
    }),
  });
}

/** One minute of life; the number of messages differs from minute to minute. */
function minute(pair: Pair, i: number): void {
  pair.advance(MINUTE);
  for (const side of ['initiator', 'responder'] as const)
    for (let n = 0; n < (i % 3) + 1; n++) pair[side].send(utf8(`${side} ${i} ${n}`));
  pair.run();
  if (i % 8 === 7) {
    pair.initiator.renewCredential(renewed(pair, pair.alice));
    pair.responder.renewCredential(renewed(pair, pair.bob));
    pair.run();
  }
}

function arrived(pair: Pair, side: Side): number {
  const messages = pair.takeMessages(side).length;
  pair.events[side] = [];
  return messages;
}

test('1,440 epochs: no key takes a nonce twice, and memory stays flat', () => {
  const audit = new NonceAudit(16 * CHANGES);
  const pair = watchedPair(audit);
  let [messages, kept] = [0, 0];
  for (let i = 0; i < CHANGES; i++) {
    minute(pair, i);
    messages += arrived(pair, 'initiator') + arrived(pair, 'responder');
    if (i === CHANGES / 2) kept = retainedBytes();
  }
  const growth = retainedBytes() - kept;
  is(pair.closedBy('initiator') ?? pair.closedBy('responder'), undefined);
  is(pair.initiator.status.epoch, CHANGES);
  is(pair.responder.status.epoch, CHANGES);
  is(messages, 2 * 2 * CHANGES);
  is(audit.repeats.join(), '');
  ok(audit.everyKeyIsNew(), 'a key was used by two ciphers');
  ok(audit.keys >= 2 * CHANGES, `${audit.keys} keys`);
  ok(audit.uses >= messages / 3 + 4 * CHANGES, `${audit.uses} uses`);
  ok(growth < GROWTH_BYTES, `${growth} bytes more are kept than after half a day`);
});
