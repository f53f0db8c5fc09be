/**
 * A day of a datagram channel in virtual time, in bad weather, with delegations renewed as they are in life: no nonce
 * twice under a key, over epochs, new handshakes and restarts, and nothing kept of what is past.
 */
import { utf8 } from '../../../../src/base/bytes.ts';
import { is, ok } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { DatagramPair, withNextDelegation } from '../../../support/datagram-network.ts';
import { retainedBytes } from '../../../support/heap.ts';
import { makeParty, type Side, START, seededRandom } from '../../../support/network.ts';
import { NonceAudit } from '../../../support/nonce-audit.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('a day of a datagram channel', { timeout: 120_000 });
const MINUTE = 60_000;
const MINUTES = 1_440;
const DELEGATION_MS = 10 * MINUTE;
const GROWTH_BYTES = 2 ** 20;
const SIDES: readonly Side[] = ['initiator', 'responder'];

test('1,440 minutes: no key takes a nonce twice, epochs and sessions go on, and memory stays flat', () => {
  const audit = new NonceAudit(40 * MINUTES);
  const crypto = audit.watch(testCrypto(seededRandom('a day of datagrams')));
  const delegation = { notAfter: START.wall + DELEGATION_MS };
  const pair = DatagramPair.established({
    crypto,
    parties: () => ({
      alice: makeParty(crypto, 'alice', { delegation }),
      bob: makeParty(crypto, 'bob', { delegation }),
    }),
  });
  pair.faults = { lose: 0.1, double: 0.1, delayMs: [1, 200] };
  let [sent, heard, sessions, epochs, lost, kept] = [0, 0, 1, 0, 0, 0];
  for (let minute = 0; minute < MINUTES; minute++) {
    for (const side of SIDES)
      if (pair[side].state === 'established') {
        pair.send(side, utf8(`${side} ${minute}`));
        sent++;
      }
    pair.run(MINUTE);
    if (minute % 8 === 7)
      for (const party of ['alice', 'bob'] as const)
        pair[party] = withNextDelegation(crypto, pair[party], pair.now, DELEGATION_MS);
    for (const side of SIDES) heard += pair.takeMessages(side).length;
    const { initiator } = pair.events;
    sessions += initiator.filter(({ type }) => type === 'established').length;
    epochs += initiator.filter(({ type }) => type === 'epoch').length;
    lost += initiator.filter(({ type }) => type === 'lost').length;
    for (const side of SIDES) pair.events[side] = [];
    if (minute === MINUTES / 2) kept = retainedBytes();
  }
  const growth = retainedBytes() - kept;
  const what = `${sent} sent, ${heard} heard, ${sessions} sessions, ${epochs} epochs, ${lost} lost`;
  is(audit.repeats.join(), '');
  ok(audit.everyKeyIsNew(), 'a key was used by two ciphers');
  ok(sessions >= MINUTES / 10 && sessions + epochs >= MINUTES, what);
  is(lost, 0, what);
  ok(sent >= 1.99 * MINUTES && heard >= 0.85 * sent && heard <= sent, what);
  ok(growth < GROWTH_BYTES, `${growth} bytes more are kept than after half a day`);
  for (const host of Object.values(pair.hosts)) ok(host.status.channels <= 1 && host.status.indexes <= 2);
});
